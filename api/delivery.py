"""What one connection brings of an upload: on disk for good before it is said to be here, kept also when it is cut."""

import time
from contextlib import closing
from typing import Any

from flask import Request

from api.arriving import PAUSE_S, pieces
from api.incoming import BROKEN_OFF, hang_up, one_upload
from api.schemas.uploads import Expected
from api.transaction import one_turn
from models import Person, Upload
from models.errors import CutShort, DiskFull, HashMismatch, NotAPicture, TooLarge
from models.uploads import ChecksumMismatch, TakenOver, WrongOffset
from services import worker
from services.storage import HEAD_BYTES
from services.uploads import Partial

# How much may be sent again after the server was killed: each commit makes all writers wait a little.
COMMIT_BYTES = 1 << 20
COMMIT_S = 5.0


class Delivery:
    """`offset` is what is durable; the file may hold more, which counts once it is synced and committed."""

    def __init__(self, partial: Partial, upload: Any, user: Person, checksum: Expected | None):
        self.partial, self.upload, self.user, self.checksum = partial, upload, user, checksum
        self.offset, self.expires_at = upload.offset, upload.expires_at
        self.looked_at = upload.offset >= HEAD_BYTES  # whether it is a photo or a voice note at all
        self.committed_at = time.monotonic()

    def open(self) -> None:
        """Raises WrongOffset if the disk has lost what was here."""
        if self.partial.resume(self.offset) != self.offset:
            self._advance(0)
            raise WrongOffset(offset=0)

    def receive(self, request: Request) -> None:
        with one_upload():
            try:
                self._read(request)
            except (TakenOver, DiskFull):
                self._keep_what_came()
                raise
            except (*BROKEN_OFF, TimeoutError, CutShort) as error:
                self._keep_what_came()
                raise CutShort() from error
        self._check()
        self._settle()

    def _read(self, request: Request) -> None:
        arrived, until = 0, float("inf")
        with closing(pieces(request, self.partial.check_is_ours)) as coming:
            for piece in coming:
                self._take(piece)
                arrived += len(piece)
                if time.monotonic() > until:
                    raise TakenOver()
                if not self.partial.is_ours:  # what has already come is still read, or it would be sent again
                    until = min(until, time.monotonic() + PAUSE_S)
        if arrived < (request.content_length or 0):
            raise CutShort()

    def _take(self, piece: bytes) -> None:
        room = self.upload.length - self.partial.size
        if len(piece) > room:
            self.partial.cut_back(self.offset)
            raise TooLarge(limit=f"{self.upload.length} B")
        self.partial.write(piece)
        if self.checksum:
            self.checksum.update(piece)
        if not self.looked_at and self.partial.size >= HEAD_BYTES:
            self._look()
        due = self.partial.size - self.offset >= COMMIT_BYTES or time.monotonic() - self.committed_at >= COMMIT_S
        if due and not self.checksum and self.partial.size < self.upload.length:
            self._commit()

    def _look(self) -> None:
        """What can never become a photo is given up before the phone has paid for all of it."""
        try:
            self.partial.check_kind(self.upload.length)
        except (NotAPicture, TooLarge):
            self._give_up()
            raise
        self.looked_at = True

    def _check(self) -> None:
        if self.checksum:
            try:
                self.checksum.check()
            except ChecksumMismatch:
                self.partial.cut_back(self.offset)
                raise

    def _keep_what_came(self) -> None:
        """Of a cut connection; but a part with a checksum counts whole, or not at all."""
        hang_up()
        if self.checksum:
            self.partial.cut_back(self.offset)
        else:
            self._settle()

    def _settle(self) -> None:
        if self.partial.size == self.upload.length:
            self._finish()
        elif self.partial.size != self.offset:
            self._commit()

    def _commit(self) -> None:
        self.partial.sync()
        self._advance(self.partial.size)

    def _advance(self, offset: int) -> None:
        def write() -> None:
            upload = Upload.of(self.upload.id, self.user)
            upload.advance(offset, self.user)
            self.expires_at = upload.expires_at

        one_turn(write)
        self.offset, self.committed_at = offset, time.monotonic()

    def _finish(self) -> None:
        self.partial.sync()
        try:
            sha256, content_type = self.partial.put(self.upload.sha256)

            def write() -> None:
                upload = Upload.of(self.upload.id, self.user)
                upload.finish(sha256, content_type, self.user)
                self.expires_at = upload.expires_at

            one_turn(write)
        except HashMismatch:
            self.partial.cut_back(0)
            self._advance(0)
            raise
        except (NotAPicture, TooLarge):
            self._give_up()
            raise
        self.offset = self.upload.length
        self.partial.remove()
        worker.wake()

    def _give_up(self) -> None:
        one_turn(lambda: Upload.of(self.upload.id, self.user).give_up())
        self.partial.remove()
