"""The request: its body unpacked on the way and bounded, uploaded files going straight into the photo store."""

import io
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from flask import Request
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import ClientDisconnected, UnsupportedMediaType
from werkzeug.utils import cached_property

from models.errors import Busy, CutShort, NotGzip, TooLarge
from services.photos import LARGEST_BYTES
from services.storage import Incoming, Store

# What reading a body raises when the phone is gone in the middle; the last two come of a body sent in chunks.
BROKEN_OFF = (ClientDisconnected, ConnectionError, NoMoreData, ParseException)
GZIP = ("gzip", "x-gzip")
CHUNK = 64 << 10
SILENCE_S = 60  # a client that sends nothing for so long has gone
UPLOADS_AT_ONCE = 48  # of the 64 threads of a process: slow phones never hold them all

_uploads = threading.BoundedSemaphore(UPLOADS_AT_ONCE)
connection = threading.local()  # `.request`: the server's own request of this thread, set by api/server.py


@contextmanager
def one_upload() -> Iterator[None]:
    """A place among the bodies being streamed in. Raises Busy at once when all are taken."""
    if not _uploads.acquire(blocking=False):
        hang_up()
        raise Busy()
    try:
        yield
    finally:
        _uploads.release()


def hang_up() -> None:
    """Close the connection after the answer, instead of waiting for the rest of a body that nobody reads."""
    if server_request := getattr(connection, "request", None):
        server_request.force_close()


class Unpacked(io.RawIOBase):
    """A gzip body as what is in it, never more than `limit` bytes, whatever the few that were sent claim to hold.

    Raises TooLarge, CutShort when its end is missing, NotGzip when it is something else.
    """

    def __init__(self, packed: IO[bytes], limit: int | None):
        self._packed, self._limit, self._size = packed, limit, 0
        self._rest = b""
        self._member = _member()
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if not self._rest:
                self._rest = self._packed.read(CHUNK)
                if not self._rest:
                    return self._end()
            if self._member.eof:  # a gzip file may be several in a row
                self._member = _member()
            self._begun = True
            try:
                piece = self._member.decompress(self._rest, len(buffer))
            except zlib.error as error:
                raise NotGzip() from error
            self._rest = self._member.unused_data or self._member.unconsumed_tail
            if piece:
                return self._take(piece, buffer)

    def _take(self, piece: bytes, buffer: Any) -> int:
        self._size += len(piece)
        if self._limit is not None and self._size > self._limit:
            raise TooLarge(limit=f"{self._limit >> 10} KiB")
        buffer[: len(piece)] = piece
        return len(piece)

    def _end(self) -> int:
        if self._begun and not self._member.eof:
            raise CutShort()
        return 0


def _member() -> Any:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


class IncomingRequest(Request):
    photo_store: Store | None = None  # set by the routes that take photos

    @property
    def is_packed(self) -> bool:
        return self.headers.get("Content-Encoding", "").strip().lower() in GZIP

    @cached_property
    def stream(self) -> IO[bytes]:  # type: ignore[override]
        """The body after Content-Encoding. `max_content_length`, also of a single route, bounds both sides of it."""
        if socket := self.environ.get("gunicorn.socket"):
            socket.settimeout(SILENCE_S)
        raw = cast(IO[bytes], super().stream)
        if self.is_packed:
            return cast(IO[bytes], Unpacked(raw, self.max_content_length))
        if self.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
            raise UnsupportedMediaType()
        return raw

    def take_in(self) -> Incoming:
        """A new file in the store; whatever becomes of the request, `drop_incoming` clears what was not kept."""
        assert self.photo_store is not None
        self._taken = [*getattr(self, "_taken", []), self.photo_store.receive(LARGEST_BYTES)]
        return self._taken[-1]

    def drop_incoming(self) -> None:
        for incoming in getattr(self, "_taken", []):
            incoming.close()

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.photo_store is None:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        return cast(IO[bytes], cast(Any, self.take_in()))
