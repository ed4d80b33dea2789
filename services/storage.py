"""Where photos lie: a folder, written so that what was acknowledged survives a power cut, or a bucket (s3_storage.py)."""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from models.errors import Busy, DiskFull, TooLarge
from services.stored_files import ORIGINALS, SUFFIX, Lying, files, folders, hash_of, name_of

IN_USE = "in-use.lock"
FULL = (errno.ENOSPC, errno.EDQUOT)
HEAD_BYTES = 64  # enough to tell what kind of picture it is
# An upload stands for a moment between its name and its commit: nothing younger than this is ever removed.
LEAST_AGE = timedelta(days=1)

_ASIDE = re.compile(rf"({'|'.join(SUFFIX)})-([0-9a-f]{{64}})")


class StoreAway(Busy):
    """The bucket cannot be reached, or does not take what it is given. `said` is for whoever runs the server."""

    code = "store_away"
    vi = "Kho ảnh tạm thời không dùng được, hãy thử lại sau."
    en = "The photo store is away; try again later."

    def __init__(self, said: str = ""):
        super().__init__()
        self.said = said or self.vi


def sync_folder(folder: Path) -> None:
    """A new name is durable only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(file: BinaryIO, chunk: bytes) -> None:
    """To an unbuffered file. Raises DiskFull."""
    rest = memoryview(chunk)
    try:
        while rest:  # near the end of a disk, less is written than was asked
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise DiskFull() if error.errno in FULL else error from error


class Incoming:
    """A file on its way in: hashed as it is written, gone again unless it is kept."""

    def __init__(self, store: "Store", limit: int):
        self.store = store
        self.limit = limit
        self.size = 0
        self.head = b""
        self.stored = False  # whether it lies in the store, or waits here for it
        self._hash = hashlib.sha256()
        self.path = store.incoming / secrets.token_hex(16)
        self._file: BinaryIO = open(self.path, "xb", buffering=0)  # noqa: SIM115  closed by keep() or close()

    def write(self, chunk: bytes) -> int:
        self.size += len(chunk)
        if self.size > self.limit:
            raise TooLarge(limit=f"{self.limit >> 20} MiB")
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(chunk[:HEAD_BYTES])
        self._hash.update(chunk)
        write_all(self._file, chunk)
        return len(chunk)

    def seek(self, *_: int) -> int:  # the form parser rewinds what it wrote; nothing here reads it back
        return 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def keep(self) -> None:
        """On disk under its hash, durably. Also if it is there already: whoever brought it may not have come to sync
        its name yet, and its new date keeps it from being collected before the commit."""
        os.fsync(self._file.fileno())
        self._file.close()
        self.stored = self.store.put(self.path, ORIGINALS, self.sha256)

    def close(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class Store(ABC):
    """Originals and their previews, each under the SHA-256 of the original. `root` is a folder of this machine, where
    what arrives and what is being made is written first."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.incoming = self.root / "incoming"
        self.drafts = self.root / "drafts"
        self._durable = {self.root} if self.root.is_dir() else set()
        self._make(self.incoming)
        self._make(self.drafts)

    def note_in_use(self) -> BinaryIO:
        """Hold what comes back as long as this process works on the store: nothing is restored into it meanwhile."""
        lock = open(self.root / IN_USE, "ab")  # noqa: SIM115
        fcntl.flock(lock, fcntl.LOCK_SH)
        return lock

    def draft(self) -> Path:
        """A name for what is being made; what a kill leaves there is collected."""
        return self.drafts / secrets.token_hex(16)

    def receive(self, limit: int) -> Incoming:
        try:
            return Incoming(self, limit)
        except OSError as error:
            raise DiskFull() if error.errno in FULL else error from error

    def _make(self, folder: Path) -> None:
        """A folder that is there after a power cut: its name is synced in the one above, which may be new as well.

        Once in each process, even if it exists: whoever made it may not have come to sync it.
        """
        if folder in self._durable and folder.is_dir():
            return
        above = folder.parent
        if self.root in folder.parents or not above.is_dir():
            self._make(above)
        folder.mkdir(exist_ok=True)
        sync_folder(above)
        self._durable.add(folder)

    @abstractmethod
    def put(self, draft: Path, kind: str, sha256: str) -> bool:
        """Take in a file that is synced. False: it is an original, kept safe here, and waits for its place in the
        store (`finish`). Raises StoreAway for what can be made again."""

    @abstractmethod
    def bring(self, draft: Path, kind: str, sha256: str) -> None:
        """Take in a file that is synced, however long it takes. Raises StoreAway; the file is left then."""

    @abstractmethod
    def finish(self, sha256: str) -> bool:
        """Bring an original that waits here to its place; whether it lies there now, whole. Raises StoreAway."""

    @abstractmethod
    def open(self, kind: str, sha256: str) -> BinaryIO:
        """Its bytes, to be read at leisure. Raises FileNotFoundError, StoreAway."""

    @abstractmethod
    def local(self, kind: str, sha256: str) -> AbstractContextManager[Path]:
        """A file of this machine with its bytes, for another process to read. Raises FileNotFoundError, StoreAway."""

    @abstractmethod
    def exists(self, kind: str, sha256: str) -> bool: ...

    @abstractmethod
    def link(self, kind: str, sha256: str) -> str | None:
        """An address, good for a few minutes, from which anybody may fetch a preview, if the store has such."""

    @abstractmethod
    def pages(self, kind: str, before: float, size: int) -> Iterator[list[Lying]]:
        """What lies there since before that time (seconds since 1970), so many at a time."""

    def waiting(self, before: float, size: int) -> Iterator[list[Lying]]:
        """The originals that wait here for their place in the store since before that time."""
        return iter(())

    @abstractmethod
    def delete(self, kind: str, sha256: str) -> None: ...

    @abstractmethod
    def discard(self, kind: str, sha256: str, before: float) -> bool:
        """Remove it, unless it came again since that time; whether it is gone. Nothing deletes a file only if it is
        still the old one, so it is moved aside first, and looked at there."""

    @abstractmethod
    def put_back(self, known: Callable[[list[str]], set[str]]) -> None:
        """Mend what a `discard` moved aside and should not have: it was killed, or a row names the photo now."""

    @abstractmethod
    def keep_aside(self, name: str, strange: Iterable[str]) -> None:
        """Before a restore: these originals, which the backup does not hold, a second time under that name."""

    @abstractmethod
    def forget_aside(self, name: str) -> None: ...

    @abstractmethod
    def leave_aside(self, name: str, strange: Iterable[str]) -> None:
        """After a restore: they lie under that name alone."""

    def trouble(self) -> str | None:
        """Why nothing can be brought there now, in one sentence for whoever runs the server."""
        return None


class FolderStore(Store):
    def path(self, kind: str, sha256: str) -> Path:
        return self.root / name_of(kind, sha256)

    def put(self, draft: Path, kind: str, sha256: str) -> bool:
        """Give the file its name, durably: rename, then fsync the folder."""
        target = self.path(kind, sha256)
        self._make(target.parent)
        os.replace(draft, target)
        sync_folder(target.parent)
        return True

    def bring(self, draft: Path, kind: str, sha256: str) -> None:
        self.put(draft, kind, sha256)

    def finish(self, sha256: str) -> bool:
        """One that waited for a bucket, in a backup that is restored into a folder."""
        return self.exists(ORIGINALS, sha256)

    def open(self, kind: str, sha256: str) -> BinaryIO:
        return self.path(kind, sha256).open("rb")

    @contextmanager
    def local(self, kind: str, sha256: str) -> Iterator[Path]:
        path = self.path(kind, sha256)
        os.stat(path)
        yield path

    def exists(self, kind: str, sha256: str) -> bool:
        return self.path(kind, sha256).is_file()

    def link(self, kind: str, sha256: str) -> str | None:
        return None

    def pages(self, kind: str, before: float, size: int) -> Iterator[list[Lying]]:
        for folder in folders(self.root / kind):
            found = ((hash_of(kind, name), weight) for name, weight in files(folder, before))
            old = [Lying(sha256, weight) for sha256, weight in found if sha256]
            yield from (old[at : at + size] for at in range(0, len(old), size))

    def delete(self, kind: str, sha256: str) -> None:
        self.path(kind, sha256).unlink(missing_ok=True)

    def discard(self, kind: str, sha256: str, before: float) -> bool:
        aside = self.drafts / f"{kind}-{sha256}"
        with suppress(FileNotFoundError):  # another collection was here
            os.rename(self.path(kind, sha256), aside)
            if aside.stat().st_mtime <= min(before, time.time() - LEAST_AGE.total_seconds()):
                aside.unlink()
                return True
            self._put_back(kind, sha256, aside)
        return False

    def put_back(self, known: Callable[[list[str]], set[str]]) -> None:
        for path in list(self.drafts.iterdir()):
            if found := _ASIDE.fullmatch(path.name):
                with suppress(FileNotFoundError):
                    self._put_back(found[1], found[2], path)

    def _put_back(self, kind: str, sha256: str, aside: Path) -> None:
        if self.exists(kind, sha256):
            aside.unlink()
        else:
            self.put(aside, kind, sha256)

    def keep_aside(self, name: str, strange: Iterable[str]) -> None:
        """All of them: as second links they take no room."""
        for path in (self.root / ORIGINALS).glob("*/*"):
            link = self.root / name / ORIGINALS / path.parent.name / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)

    def forget_aside(self, name: str) -> None:
        shutil.rmtree(self.root / name, ignore_errors=True)

    def leave_aside(self, name: str, strange: Iterable[str]) -> None:
        for sha256 in strange:
            self.delete(ORIGINALS, sha256)
        for kind in SUFFIX.keys() - {ORIGINALS}:
            if (self.root / kind).exists():
                os.replace(self.root / kind, self.root / name / kind)


def store_at(address: str | Path, spool: Path) -> Store:
    """The store that PHOTO_STORE names: s3://bucket/prefix, with a folder for what is on its way, or a folder."""
    if str(address).startswith("s3://"):
        from services.s3_storage import S3Store  # with its library, which nobody else has to load

        return S3Store(str(address), spool)
    return FolderStore(Path(address))
