"""Envelopes: the queue of one phone, sealed, brought by another; and the answer, sealed for its owner.

Each session has a key, derived from the audit key and told over a connection of its own. AES-256-GCM with the header
as associated data: who carries an envelope can neither read nor change it, nor take anything out of it.
"""

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.base import db
from models.devices import Session
from models.errors import DomainError, TooLarge
from models.signing import bytes_of, key_of, text_of

PURPOSE = "courier:1"
QUEUE, ANSWER = b"GRE1", b"GRA1"  # begin the header; the key of each way is its own
SESSION, NONCE, LENGTH = 16, 12, 4  # bytes
HEADER = len(QUEUE) + SESSION + NONCE
STEP = 512  # sealed sizes are rounded up, so that they tell little


class EnvelopeUnreadable(DomainError):
    code = "envelope_unreadable"
    vi = "Phong bì này bị cắt, bị sửa, hoặc không do máy chủ này cấp khóa; hãy giữ lại và nhận một phong bì mới."
    en = "This envelope was cut or changed, or its key is not of this server; keep it, and take a new one."


class SenderSignedOut(DomainError):
    code = "sender_signed_out"
    vi = "Máy của người gửi đã bị đăng xuất; người gửi phải đăng nhập lại rồi tự gửi."
    en = "The sender's phone was signed out; they must sign in again and send it themselves."


class EnvelopeTooOld(DomainError):
    code = "envelope_too_old"
    vi = "Phiên đăng nhập của người gửi đã quá hạn; người gửi phải đăng nhập lại rồi tự gửi."
    en = "The sender's session has lapsed; they must sign in again and send it themselves."


def courier_key(session_id: UUID) -> bytes:
    return key_of(PURPOSE, session_id.bytes)


@dataclass(frozen=True)
class Envelope:
    """One that was opened: it came whole from the phone of that session."""

    session_id: UUID
    nonce: bytes
    packed: bytes  # the batch as gzip JSON

    @classmethod
    def open(cls, text: str) -> "Envelope":
        """Raises EnvelopeUnreadable."""
        try:
            whole = bytes_of(text)
            header, sealed = whole[:HEADER], whole[HEADER:]
            if not header.startswith(QUEUE):
                raise ValueError
            session_id = UUID(bytes=header[len(QUEUE) : -NONCE])
            content = _cipher(session_id, QUEUE).decrypt(header[-NONCE:], sealed, header)
        except (ValueError, InvalidTag) as error:
            raise EnvelopeUnreadable() from error
        length = int.from_bytes(content[:LENGTH])
        return cls(session_id, header[-NONCE:], content[LENGTH : LENGTH + length])

    def sender(self) -> Session:
        """Whose phone sealed it. Raises SenderSignedOut, EnvelopeTooOld."""
        session = db.session.get(Session, self.session_id)
        if session is None or session.revoked_at or session.user.disabled_at:
            raise SenderSignedOut()
        if session.lapsed:
            raise EnvelopeTooOld()
        return session

    def content(self, limit: int) -> bytes:
        """What was sealed. Raises TooLarge, ValueError."""
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            content = member.decompress(self.packed, limit + 1)
        except zlib.error as error:
            raise ValueError from error
        if len(content) > limit:
            raise TooLarge(limit=f"{limit >> 10} KiB")
        return content

    def answer(self, content: bytes) -> str:
        """An answer to this envelope that its owner alone can read; its header says to which."""
        packed = zlib.compress(content, wbits=16 + zlib.MAX_WBITS)
        padded = len(packed).to_bytes(LENGTH) + packed
        padded += bytes(-len(padded) % STEP)
        nonce = secrets.token_bytes(NONCE)
        header = ANSWER + self.session_id.bytes + self.nonce + nonce
        sealed = _cipher(self.session_id, ANSWER).encrypt(nonce, padded, header)
        return text_of(header + sealed)


def _cipher(session_id: UUID, way: bytes) -> AESGCM:
    return AESGCM(hmac.new(courier_key(session_id), way, hashlib.sha256).digest())
