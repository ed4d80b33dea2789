"""Receipts: proof, signed by the server, of what it took from a phone and where that stands in the log.

Phones keep and show them, and delete nothing before they hold one. Only the server that made them checks them:
so an HMAC with a key derived from the audit key is enough, and a receipt stays short.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from models.base import db
from models.errors import DomainError
from models.events import Event
from models.photos import STORED
from models.seals import Seal
from models.signing import content_of, signed

PURPOSE = "receipt:1"
PREFIX = "GR1."
FIXED = struct.Struct(">16s32sQ16sQQ16sB")  # incident, content, event, its hash, milliseconds, seal, its hash, number
PHOTO = struct.Struct(">8s?")
MOST_PHOTOS = 16  # keeps a receipt under 400 characters
HALF = 32  # of a hash, in hexadecimal digits: enough to recognise it


class NotGenuine(DomainError):
    code = "receipt_not_genuine"
    vi = "Máy chủ này không cấp biên nhận đó."
    en = "This server did not make that receipt."


class LogCut(DomainError):
    code = "log_cut"
    vi = "Biên nhận là thật, nhưng nhật ký không còn điều đã nhận: đuôi bị cắt, hoặc máy chủ chạy từ bản sao lưu cũ."
    en = "The receipt is genuine, but the log no longer holds it: its tail was cut, or an old backup is running."


@dataclass(frozen=True)
class Receipt:
    incident_id: UUID
    number: str
    content_sha256: str  # of what was sent: a report without its photos, or an action's body
    event: int  # its number in the log
    event_hash: str  # the first half
    received_at: datetime
    seal: int  # the latest when it was made; 0 before the first
    seal_hash: str  # the first half
    photos: tuple[tuple[str, bool], ...]  # first 16 digits of each hash, and whether its bytes are stored

    @classmethod
    def of(cls, incident: Any, content_sha256: str, event: Any, seal: Seal | None, photos: Any = ()) -> "Receipt":
        return cls(
            incident.id,
            incident.number,
            content_sha256,
            event.number,
            event.hash[:HALF],
            event.at,
            seal.number if seal else 0,
            seal.hash[:HALF] if seal else "0" * HALF,
            tuple((p.sha256[:16], p.state == STORED) for p in photos[:MOST_PHOTOS]),
        )

    @property
    def text(self) -> str:
        number = self.number.encode()
        fixed = FIXED.pack(
            self.incident_id.bytes,
            bytes.fromhex(self.content_sha256),
            self.event,
            bytes.fromhex(self.event_hash),
            round(self.received_at.timestamp() * 1000),
            self.seal,
            bytes.fromhex(self.seal_hash),
            len(number),
        )
        photos = b"".join(PHOTO.pack(bytes.fromhex(sha256), stored) for sha256, stored in self.photos)
        return PREFIX + signed(PURPOSE, fixed + number + photos)

    @classmethod
    def read(cls, text: str) -> "Receipt":
        """Raises NotGenuine."""
        content = content_of(PURPOSE, text.strip().removeprefix(PREFIX))
        if content is None:
            raise NotGenuine()
        incident, sent, event, event_hash, at, seal, seal_hash, length = FIXED.unpack(content[: FIXED.size])
        number, photos = content[FIXED.size :][:length], content[FIXED.size + length :]
        return cls(
            UUID(bytes=incident),
            number.decode(),
            sent.hex(),
            event,
            event_hash.hex(),
            datetime.fromtimestamp(at / 1000, UTC),
            seal,
            seal_hash.hex(),
            tuple((sha256.hex(), stored) for sha256, stored in PHOTO.iter_unpack(photos)),
        )

    def check_log(self) -> None:
        """Whether the log still holds the event and the seal. Raises LogCut."""
        event = db.session.execute(
            db.select(Event.hash, Event.subject_id).where(Event.number == self.event)
        ).one_or_none()
        if event is None or event.subject_id != self.incident_id or not event.hash.startswith(self.event_hash):
            raise LogCut()
        if self.seal:
            seal = db.session.scalar(db.select(Seal.hash).where(Seal.number == self.seal))
            if seal is None or not seal.startswith(self.seal_hash):
                raise LogCut()
