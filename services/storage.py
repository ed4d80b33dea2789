"""Where photos lie: a folder, written so that what was acknowledged survives a power cut."""

import errno
import fcntl
import hashlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from models.errors import DiskFull, TooLarge

IN_USE = "in-use.lock"
FULL = (errno.ENOSPC, errno.EDQUOT)
HEAD_BYTES = 64  # enough to tell what kind of picture it is


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

    def __init__(self, store: "FolderStore", limit: int):
        self.store = store
        self.limit = limit
        self.size = 0
        self.head = b""
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
        self.store.put(self.path, "originals", self.sha256)

    def close(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class FolderStore:
    """Originals and their previews, each under the SHA-256 of the original."""

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

    def path(self, kind: str, sha256: str) -> Path:
        suffix = "" if kind == "originals" else ".jpg"
        return self.root / kind / sha256[:2] / f"{sha256}{suffix}"

    def draft(self) -> Path:
        """A name for what is being made; what a kill leaves there is collected."""
        return self.drafts / secrets.token_hex(16)

    def put(self, draft: Path, kind: str, sha256: str) -> None:
        """Give a file that is synced its name, durably: rename, then fsync the folder."""
        target = self.path(kind, sha256)
        self._make(target.parent)
        os.replace(draft, target)
        sync_folder(target.parent)

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
