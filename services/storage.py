"""Where photos lie: a folder, written so that what was acknowledged survives a power cut."""

import hashlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from models.errors import DiskFull, TooLarge

FULL = (28, 122)  # ENOSPC, EDQUOT


def sync_folder(folder: Path) -> None:
    """A new name is durable only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        if len(self.head) < 32:
            self.head += bytes(chunk[:32])
        self._hash.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise DiskFull() if error.errno in FULL else error from error
        return len(chunk)

    def seek(self, *_: int) -> int:  # the form parser rewinds what it wrote; nothing here reads it back
        return 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def keep(self) -> None:
        """On disk under its hash, durably: fsync, rename, fsync the folder."""
        target = self.store.path("originals", self.sha256)
        os.fsync(self._file.fileno())
        self._file.close()
        if target.exists():
            self.path.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.path, target)
        sync_folder(target.parent)

    def close(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class FolderStore:
    """Originals and their previews, each under the SHA-256 of the original."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.incoming = self.root / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True)

    def path(self, kind: str, sha256: str) -> Path:
        suffix = "" if kind == "originals" else ".jpg"
        return self.root / kind / sha256[:2] / f"{sha256}{suffix}"

    def receive(self, limit: int) -> Incoming:
        try:
            return Incoming(self, limit)
        except OSError as error:
            raise DiskFull() if error.errno in FULL else error from error
