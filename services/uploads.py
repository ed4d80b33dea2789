"""The bytes of uploads while they come in: one file each beside the store, written by one connection at a time."""

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from models.base import db
from models.errors import Busy, DiskFull, HashMismatch
from models.uploads import TakenOver, Upload
from services.photos import LARGEST_BYTES, check_original, check_size, kind_of
from services.storage import FULL, HEAD_BYTES, FolderStore, sync_folder, write_all

FOLDER = "partial"
TURN = ".turn"
PATIENCE_S = 5.0  # with whoever held the upload before and must still write down what came
GLANCE_S = 0.01
COPY_BYTES = 1 << 20
PAGE, AT_ONCE = 500, 50


class Partial:
    """The file of one upload, held by this connection alone.

    Who comes writes a token of its own into the file beside it, and waits for the lock on that. Who holds the lock
    looks at the token with every piece that comes, and several times a second when none does: it is no longer its
    own, so it writes down how far it came and lets go. The kernel takes the lock from a process that dies.
    """

    def __init__(self, store: FolderStore, id: UUID):
        self.store, self.id = store, id
        self.path, self.turn_path = path_of(store, id), path_of(store, id, TURN)
        self.size = 0
        self._file: BinaryIO | None = None
        self._token = secrets.token_bytes(16)
        self.path.parent.mkdir(exist_ok=True)
        self._turn = os.open(self.turn_path, os.O_RDWR | os.O_CREAT, 0o644)

    def take(self, insist: bool) -> None:
        """Raises TakenOver when somebody newer came meanwhile, Busy when whoever was before does not end.

        Who insists only asks how far it is: a part that was cut on its way may still be read after the question came.
        """
        os.pwrite(self._turn, self._token, 0)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if insist:
                    os.pwrite(self._turn, self._token, 0)
                self.check_is_ours()
                if time.monotonic() > until:
                    raise Busy() from None
            time.sleep(GLANCE_S)

    @property
    def is_ours(self) -> bool:
        return os.pread(self._turn, len(self._token), 0) == self._token

    def check_is_ours(self) -> None:
        if not self.is_ours:
            raise TakenOver()

    def resume(self, offset: int) -> int:
        """Open it where it is durable, whatever lies behind that dropped; 0 if the disk no longer has that much."""
        new = not self.path.exists()
        self._file = open(self.path, "xb" if new else "r+b", buffering=0)  # noqa: SIM115
        if new:
            sync_folder(self.path.parent)
            sync_folder(self.store.root)
        self.size = offset if self.holds(offset) else 0
        self.cut_back(self.size)
        return self.size

    def holds(self, size: int) -> bool:
        """Whether the disk still has so many bytes; after a restore it may not."""
        return not size or (self.path.exists() and self.path.stat().st_size >= size)

    def cut_back(self, size: int) -> None:
        assert self._file is not None
        self._file.truncate(size)
        self._file.seek(size)
        self.size = size

    def write(self, piece: bytes) -> None:
        assert self._file is not None
        try:
            write_all(self._file, piece)
        finally:
            self.size = self._file.tell()

    def sync(self) -> None:
        assert self._file is not None
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DiskFull() if error.errno in FULL else error from error

    def check_kind(self, length: int) -> None:
        """Refuse what is no photo and no voice note as soon as its first bytes are here. Raises NotAPicture, TooLarge."""
        with open(self.path, "rb") as file:
            check_size(kind_of(file.read(HEAD_BYTES)), length)

    def put(self, sha256: str | None) -> tuple[str, str]:
        """Its bytes into the store, as those of any photo; (sha256, media type). Raises HashMismatch.

        Copied, not renamed: should the transaction fail, the upload goes on from where it was, and what lies in the
        store under a hash is never written to again.
        """
        incoming = self.store.receive(LARGEST_BYTES)
        try:
            with open(self.path, "rb") as file:
                while piece := file.read(COPY_BYTES):
                    incoming.write(piece)
            if sha256 not in (None, incoming.sha256):
                raise HashMismatch()
            content_type = kind_of(incoming.head)
            check_original(self.path, content_type, incoming.size)
            incoming.keep()
        finally:
            incoming.close()
        return incoming.sha256, content_type

    def remove(self) -> None:
        for path in (self.path, self.turn_path):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        os.close(self._turn)


@contextmanager
def taken_over(store: FolderStore, id: UUID, insist: bool = False) -> Iterator[Partial]:
    """The file of an upload, ours alone: whoever wrote it until now has written down how far it came."""
    partial = Partial(store, id)
    try:
        partial.take(insist)
        yield partial
    finally:
        partial.close()


def path_of(store: FolderStore, id: UUID | str, suffix: str = "") -> Path:
    return store.root / FOLDER / f"{id}{suffix}"


def id_of(path: Path) -> UUID | None:
    """The upload that a file in the folder belongs to."""
    try:
        return UUID(path.name.removesuffix(TURN))
    except ValueError:
        return None


def abandoned(paths: list[Path]) -> list[Path]:
    """Those of the files whose upload is finished or given up."""
    ids = {path: id for path in paths if (id := id_of(path))}
    living: set[UUID] = set()
    wanted = list(set(ids.values()))
    for page in (wanted[at : at + PAGE] for at in range(0, len(wanted), PAGE)):
        living |= Upload.living(page)
        db.session.rollback()
    return [path for path, id in ids.items() if id not in living]


def attach(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    """The job of each minute: finished uploads join incidents that arrived without announcing them."""
    joining: list[UUID] = []
    after: UUID | None = None
    while len(joining) < AT_ONCE:
        more, after = Upload.met(after, AT_ONCE)
        db.session.rollback()
        joining += more
        if after is None:
            break

    def write() -> bool:
        Upload.attach_late(joining)
        return len(joining) >= AT_ONCE

    return write
