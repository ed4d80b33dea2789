"""Photos in a bucket, created only where nothing lies; originals that it does not take now wait here for their place."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import obstore

from services.buckets import Bucket
from services.storage import LEAST_AGE, FolderStore, Store, StoreAway
from services.stored_files import ORIGINALS, SUFFIX, Lying, hash_of, is_whole, name_of

LINK_LASTS = timedelta(minutes=5)
ASIDE = "aside"
PAGE = 500

_ORIGINAL = {"Content-Type": "application/octet-stream", "Cache-Control": "private, no-store"}
_PREVIEW = {"Content-Type": "image/jpeg", "Cache-Control": "private, no-store"}

log = logging.getLogger(__name__)


class S3Store(Store):
    def __init__(self, address: str, spool: Path):
        super().__init__(spool)
        self.spool = FolderStore(self.root)  # of what waits
        self.bucket = Bucket(address)

    def put(self, draft: Path, kind: str, sha256: str) -> bool:
        try:
            self._bring(draft, kind, sha256, hasty=True)
        except StoreAway:
            if kind != ORIGINALS:
                raise
            return not self.spool.put(draft, kind, sha256)
        return True

    def bring(self, draft: Path, kind: str, sha256: str) -> None:
        self._bring(draft, kind, sha256, hasty=False)

    def _bring(self, draft: Path, kind: str, sha256: str, hasty: bool) -> None:
        with self.bucket.place(hasty):
            content = draft.read_bytes()
            if kind == ORIGINALS and hashlib.sha256(content).hexdigest() != sha256:
                raise OSError(f"{draft} is not what it was")
            self.bucket.create(name_of(kind, sha256), content, _ORIGINAL if kind == ORIGINALS else _PREVIEW, hasty)
        draft.unlink(missing_ok=True)

    def finish(self, sha256: str) -> bool:
        waits, name = self.spool.path(ORIGINALS, sha256), name_of(ORIGINALS, sha256)
        self.bucket.size(name)  # in haste: a dead one costs little time
        try:
            with waits.open("rb") as file:
                whole = is_whole(file, sha256)
            if whole:
                self.bring(waits, ORIGINALS, sha256)
                return True
            log.error("original %s was damaged while it waited", sha256)
            os.replace(waits, self.draft())
        except FileNotFoundError:
            pass  # killed after it was brought, before that was noted
        if self.bucket.size(name) is None:
            return False
        with self.open(ORIGINALS, sha256) as file:
            return is_whole(file, sha256)

    def open(self, kind: str, sha256: str) -> BinaryIO:
        """Fetched whole first, so that a slow reader does not keep the bucket waiting; gone once it is closed."""
        with self.local(kind, sha256) as path:
            return path.open("rb")

    @contextmanager
    def local(self, kind: str, sha256: str) -> Iterator[Path]:
        draft = self.draft()
        try:
            try:
                os.link(self.spool.path(kind, sha256), draft)
            except FileNotFoundError:
                self._fetch(name_of(kind, sha256), draft)
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _fetch(self, name: str, draft: Path) -> None:
        if self.bucket.size(name) is None:  # in haste, before anything is waited for
            raise FileNotFoundError(name)
        with draft.open("xb") as file, self.bucket.asking(hasty=False) as client:
            for chunk in obstore.get(client, name).stream(min_chunk_size=1 << 20):
                file.write(chunk)

    def exists(self, kind: str, sha256: str) -> bool:
        return self.spool.exists(kind, sha256) or self.bucket.size(name_of(kind, sha256)) is not None

    def link(self, kind: str, sha256: str) -> str | None:
        if kind == ORIGINALS:
            raise ValueError("an original is read through us alone, who write down each reading")
        with self.bucket.asking() as client:
            return obstore.sign(client, "GET", name_of(kind, sha256), LINK_LASTS)

    def pages(self, kind: str, before: float, size: int) -> Iterator[list[Lying]]:
        for page in self.bucket.listed(kind, before, size):
            found = ((hash_of(kind, name.rpartition("/")[2]), weight) for name, weight in page)
            yield [Lying(sha256, weight) for sha256, weight in found if sha256]
        yield from self.spool.pages(kind, before, size)

    def waiting(self, before: float, size: int) -> Iterator[list[Lying]]:
        return self.spool.pages(ORIGINALS, before, size)

    def delete(self, kind: str, sha256: str) -> None:
        self.spool.delete(kind, sha256)
        self._delete(name_of(kind, sha256))

    def _delete(self, name: str) -> None:
        with suppress(FileNotFoundError), self.bucket.asking() as client:
            obstore.delete(client, name)

    def discard(self, kind: str, sha256: str, before: float) -> bool:
        """A bucket moves nothing in one step: between our look and the end of the object somebody may find it there,
        and name it in a row. So a copy stays aside for a day."""
        gone = self.spool.discard(kind, sha256, before)
        name, before = name_of(kind, sha256), min(before, time.time() - LEAST_AGE.total_seconds())
        with suppress(FileNotFoundError), self.bucket.asking() as client:
            if obstore.head(client, name)["last_modified"].timestamp() > before:
                return False
            obstore.copy(client, name, f"{ASIDE}/{name}")
            obstore.delete(client, name)
            return True
        return gone

    def put_back(self, known: Callable[[list[str]], set[str]]) -> None:
        self.spool.put_back(known)
        over = time.time() - LEAST_AGE.total_seconds()
        for kind in SUFFIX:
            for page in self.bucket.listed(f"{ASIDE}/{kind}", float("inf"), PAGE):
                hashes = {name: hash_of(kind, name.rpartition("/")[2]) for name, _ in page}
                wanted = known([sha256 for sha256 in hashes.values() if sha256])
                for name, sha256 in hashes.items():
                    self._settle(name, sha256 in wanted, over)

    def _settle(self, aside: str, wanted: bool, over: float) -> None:
        with suppress(FileNotFoundError), self.bucket.asking() as client:
            if wanted:
                obstore.copy(client, aside, aside.removeprefix(f"{ASIDE}/"))
            elif obstore.head(client, aside)["last_modified"].timestamp() > over:
                return
            obstore.delete(client, aside)

    def keep_aside(self, name: str, strange: Iterable[str]) -> None:
        self.spool.keep_aside(name, strange)
        for sha256 in strange:
            original = name_of(ORIGINALS, sha256)
            with suppress(FileNotFoundError), self.bucket.asking(hasty=False) as client:
                obstore.copy(client, original, f"{name}/{original}")

    def forget_aside(self, name: str) -> None:
        self.spool.forget_aside(name)
        for page in self.bucket.listed(name, float("inf"), PAGE):
            for path, _ in page:
                self._delete(path)

    def leave_aside(self, name: str, strange: Iterable[str]) -> None:
        for sha256 in strange:
            self.delete(ORIGINALS, sha256)

    def trouble(self) -> str | None:
        return self.bucket.trouble()
