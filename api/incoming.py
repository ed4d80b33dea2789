"""The request, with uploaded files going straight into the photo store, hashed on the way."""

from typing import IO, Any, cast

from flask import Request
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import ClientDisconnected

from services.photos import LARGEST_BYTES
from services.storage import FolderStore, Incoming

# What reading a body raises when the phone is gone in the middle; the last two come of a body sent in chunks.
BROKEN_OFF = (ClientDisconnected, ConnectionError, NoMoreData, ParseException)


class IncomingRequest(Request):
    photo_store: FolderStore | None = None  # set by the routes that take photos

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
