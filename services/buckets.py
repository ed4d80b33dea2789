"""A bucket of an S3 server as one process reaches it: made when needed, never waited for long, all failures StoreAway."""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store as Client

from models.base import now
from services.bad_file import BadFile
from services.storage import LEAST_AGE, StoreAway

CONNECT_S = 3.0
HASTE_S = 5.0  # is all that a phone waits for the bucket
PATIENCE_S = 60.0  # for the largest file over a slow line, when nobody waits
AWAY_S = 30.0  # after a failure nobody tries, nor waits, for so long
RENEWED = LEAST_AGE / 2
AT_ONCE = 4  # files held in memory by one process on their way to the bucket
PROBE = "probe"
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")

REFUSED = (
    "Kho ảnh S3 từ chối: khóa truy cập sai (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) hoặc không được phép đọc và ghi."
)
NO_BUCKET = "Kho ảnh S3 không có bucket này; xem lại PHOTO_STORE."
AWAY = "Chưa dùng được kho ảnh S3; xem lại mạng, AWS_ENDPOINT_URL và AWS_REGION."
FORKED = "Kho ảnh S3 đã được dùng trong tiến trình mẹ."

log = logging.getLogger(__name__)
# The library's threads do not live on in a child: whoever used it there would wait for ever.
_used_in: set[int] = set()


class Bucket:
    """`address` is s3://bucket/prefix; keys, region and endpoint are those of the usual AWS_* variables."""

    def __init__(self, address: str):
        parts = urlsplit(address)
        self.name, self.prefix = parts.netloc, parts.path.strip("/")
        if not self.name:
            raise BadFile("PHOTO_STORE: thiếu tên bucket, ví dụ s3://anh-giap-ranh/anh.")
        self._clients: dict[bool, Client] = {}
        self._away_until = float("-inf")
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._told: tuple[float, str | None] = (float("-inf"), None)

    def _client(self, hasty: bool) -> Client:
        if _used_in - {os.getpid()}:
            raise StoreAway(FORKED)
        _used_in.add(os.getpid())
        if hasty not in self._clients:
            self._clients[hasty] = Client(
                self.name,
                prefix=self.prefix or None,
                checksum_algorithm="SHA256",
                disable_bulk_delete=True,  # not every server that speaks S3 knows it
                client_options={
                    "allow_http": any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS),
                    "connect_timeout": timedelta(seconds=CONNECT_S),
                    "timeout": timedelta(seconds=HASTE_S if hasty else PATIENCE_S),
                },
                # A connection that was kept may be closed; all else is tried again by whoever asked, or by a job.
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=HASTE_S)},
            )
        return self._clients[hasty]

    @contextmanager
    def asking(self, hasty: bool = True) -> Iterator[Client]:
        """Whatever goes wrong is StoreAway, but for what is not there. After it nobody waits again for a while."""
        self.refuse_while_away()
        try:
            yield self._client(hasty)
        except (BaseError, ValueError) as error:
            log.warning("photo store: %s", str(error).splitlines()[0])
            refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
            raise self.away(REFUSED if refused else AWAY) from error

    def refuse_while_away(self) -> None:
        if time.monotonic() < self._away_until:
            raise StoreAway(AWAY)

    def away(self, said: str) -> StoreAway:
        self._away_until = time.monotonic() + AWAY_S
        return StoreAway(said)

    @contextmanager
    def place(self, hasty: bool) -> Iterator[None]:
        """One of the few that may hold a file in memory."""
        self.refuse_while_away()
        if not self._places.acquire(timeout=HASTE_S if hasty else PATIENCE_S):
            raise StoreAway(AWAY)
        try:
            yield
        finally:
            self._places.release()

    def create(self, name: str, content: bytes, attributes: dict[str, str], hasty: bool) -> None:
        """Create the object, or find that it is there already. One that lies there damaged is made good; one that has
        long lain there gets a new date, which keeps it from being collected before it is named in a row.

        The server checks the SHA-256 that is sent along; we check what it says of the object, or else read it back.
        """
        told: Any
        try:
            with self.asking(hasty) as client:
                try:
                    told = obstore.put(client, name, content, mode="create", attributes=attributes)
                except AlreadyExistsError:
                    if (age := same_since(client, name, content)) is not None and age < RENEWED:
                        return
                    told = obstore.put(
                        client, name, content, mode="overwrite", use_multipart=False, attributes=attributes
                    )
                if not holds(client, name, content, told["e_tag"]):
                    log.error("%s is not in the bucket as it was sent", name)
                    raise StoreAway(AWAY)
        except FileNotFoundError as error:  # not the object: the bucket
            raise self.away(NO_BUCKET) from error

    def size(self, name: str) -> int | None:
        with suppress(FileNotFoundError), self.asking() as client:
            return obstore.head(client, name)["size"]
        return None

    def listed(self, prefix: str, before: float, size: int) -> Iterator[list[tuple[str, int]]]:
        """Names and sizes of what was last written before that time, so many at once."""
        with self.asking(hasty=False) as client:
            found = obstore.list(client, prefix, chunk_size=size)
        while True:
            with self.asking(hasty=False):
                page = next(found, None)
            if page is None:
                return
            yield [(one["path"], one["size"]) for one in page if one["last_modified"].timestamp() < before]

    def trouble(self) -> str | None:
        """Why nothing can be written there now: tried in haste, known again for some seconds."""
        asked_at, said = self._told
        if time.monotonic() - asked_at > AWAY_S / 2:
            said = self._probe()
            self._told = (time.monotonic(), said)
        return said

    def _probe(self) -> str | None:
        self._away_until = float("-inf")
        try:
            with self.asking() as client:
                obstore.put(client, PROBE, b"Giap Ranh", use_multipart=False)
                obstore.get(client, PROBE).bytes()
        except StoreAway as error:
            return error.said
        except FileNotFoundError:
            return NO_BUCKET
        return None


def same_since(client: Client, name: str, content: bytes) -> timedelta | None:
    """The age of the object, if it is these bytes."""
    there = obstore.head(client, name)
    if there["size"] == len(content) and holds(client, name, content, there["e_tag"]):
        return now() - there["last_modified"]
    log.warning("%s in the bucket is not what it should be, and is replaced", name)
    return None


def holds(client: Client, name: str, content: bytes, e_tag: str | None) -> bool:
    """Whether the object is these bytes. An ETag is their MD5, unless the server encrypts with a key of its own."""
    if (e_tag or "").strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest():
        return True
    return bytes(obstore.get(client, name).bytes()) == content
