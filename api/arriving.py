"""A body in the pieces in which it comes: what came before a cut is handed out, and every pause is noticed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Request
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import NoMoreData

from api.incoming import CHUNK, SILENCE_S, connection

PAUSE_S = 0.1


class Watched:
    """The connection of the server, which would wait for the next byte for as long as it takes.

    Whenever nothing came for a moment, `watch` may raise.
    """

    def __init__(self, socket: Any, watch: Callable[[], None]):
        self._socket, self._watch = socket, watch

    def recv(self, size: int) -> bytes:
        silent_since = time.monotonic()
        while True:
            try:
                return self._socket.recv(size)
            except TimeoutError:
                self._watch()
                if time.monotonic() - silent_since > SILENCE_S:
                    raise


def pieces(request: Request, watch: Callable[[], None]) -> Iterator[bytes]:
    """Each as soon as it is here: of 64 KiB that trickle in, nothing may be lost with a connection that is cut.

    Raises what a broken connection raises (api/incoming.py), TimeoutError for a silent one, and whatever `watch`
    raises. Other servers than ours, and tests, hand out larger pieces.
    """
    body = request.environ["wsgi.input"]
    reader = getattr(body, "reader", None)
    server_request = getattr(connection, "request", None)
    if server_request is None or not isinstance(reader, LengthReader | ChunkedReader):
        yield from iter(lambda: body.read(CHUNK), b"")
        return
    with watched(server_request.unreader, watch):
        yield from (of_length(reader) if isinstance(reader, LengthReader) else in_chunks(reader))


@contextmanager
def watched(unreader: Any, watch: Callable[[], None]) -> Iterator[None]:
    socket = unreader.sock
    socket.settimeout(PAUSE_S)
    unreader.sock = Watched(socket, watch)
    try:
        yield
    finally:
        unreader.sock = socket
        socket.settimeout(SILENCE_S)


def of_length(reader: Any) -> Iterator[bytes]:
    while reader.length:
        came = reader.unreader.read(None, read_ahead=min(reader.length, CHUNK))
        if not came:
            raise NoMoreData()
        piece, following = came[: reader.length], came[reader.length :]
        reader.unreader.unread(following)  # the next request of the same connection
        reader.length -= len(piece)
        yield piece


def in_chunks(reader: Any) -> Iterator[bytes]:
    yield from reader.parser
    reader.parser = None
