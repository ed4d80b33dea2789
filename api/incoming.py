"""The request, with uploaded files going straight into the photo store, hashed on the way."""

from typing import IO, Any, cast

from flask import Request

from services.photos import LARGEST_BYTES
from services.storage import FolderStore


class IncomingRequest(Request):
    photo_store: FolderStore | None = None  # set by the routes that take photos

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.photo_store is None:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        return cast(IO[bytes], cast(Any, self.photo_store.receive(LARGEST_BYTES)))
