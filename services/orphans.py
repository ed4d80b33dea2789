"""The photo store against the database: files that belong to no row, and rows whose file is gone or changed."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from models.base import db
from models.photos import Photo
from models.uploads import Upload
from services.storage import FolderStore
from services.uploads import FOLDER, abandoned

# An upload stands for a moment between its rename and its commit: what is younger than this is never an orphan.
LEAST_AGE = timedelta(days=1)
LEFTOVER_AGE = timedelta(days=1)  # an upload or a draft that nobody writes to any more
ORPHAN_AGE = timedelta(days=7)
PAGE = 500

_LEFTOVER = re.compile(r"[0-9a-f]{32}")
_ASIDE = re.compile(r"(originals|thumb|view)-([0-9a-f]{64})")
_FILES = {
    "originals": re.compile(r"([0-9a-f]{64})"),
    "thumb": re.compile(r"([0-9a-f]{64})\.jpg"),
    "view": re.compile(r"([0-9a-f]{64})\.jpg"),
}


@dataclass(frozen=True)
class Orphan:
    """A file that no row knows. `kind`: leftovers, originals, thumb or view."""

    kind: str
    path: Path
    size: int  # bytes
    sha256: str | None = None


@dataclass
class Collected:
    leftovers: int = 0
    originals: int = 0
    thumb: int = 0
    view: int = 0
    bytes: int = 0

    def add(self, orphan: Orphan) -> None:
        setattr(self, orphan.kind, getattr(self, orphan.kind) + 1)
        self.bytes += orphan.size


@dataclass(frozen=True)
class Damaged:
    """A row that says stored, and a file that is gone or is no longer what was sent."""

    photo_id: str
    incident: str  # its number
    sha256: str
    gone: bool


def collect_orphans(store: FolderStore, older_than: timedelta = ORPHAN_AGE) -> Collected:
    """Remove what belongs to nothing and is older than that (a day at least); how many files and bytes."""
    removed = Collected()
    put_back(store)
    for orphan in orphans(store, older_than):
        if remove(store, orphan, older_than):
            removed.add(orphan)
    return removed


def collect(app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    """The job of each day."""
    collect_orphans(app.extensions["photo_store"])
    return lambda: Upload.expire(PAGE)


def orphans(store: FolderStore, older_than: timedelta = ORPHAN_AGE) -> Iterator[Orphan]:
    """Leftovers of uploads and previews that were cut off, then originals and previews without a row."""
    for path, size in [*_files(store.incoming, LEFTOVER_AGE), *_files(store.drafts, LEFTOVER_AGE)]:
        if _LEFTOVER.fullmatch(path.name):
            yield Orphan("leftovers", path, size)
    sizes = dict(_files(store.root / FOLDER, LEFTOVER_AGE)) if (store.root / FOLDER).is_dir() else {}
    yield from (Orphan("leftovers", path, sizes[path]) for path in abandoned(list(sizes)))
    for kind, pattern in _FILES.items():
        for folder in _folders(store.root / kind):
            old = [(path, size) for path, size in _files(folder, older_than) if pattern.fullmatch(path.name)]
            for page in (old[at : at + PAGE] for at in range(0, len(old), PAGE)):
                hashes = [path.stem for path, _ in page]
                known = Photo.known_hashes(hashes) | Upload.waiting_hashes(hashes)
                db.session.rollback()
                yield from (Orphan(kind, path, size, path.stem) for path, size in page if path.stem not in known)


def remove(store: FolderStore, orphan: Orphan, older_than: timedelta = ORPHAN_AGE) -> bool:
    """Delete an orphan, unless the same photo came again since it was looked at; whether it is gone.

    Nothing deletes a file only if it is still the old one. So it is moved aside first, and looked at there.
    """
    if orphan.sha256 is None:
        orphan.path.unlink(missing_ok=True)
        return True
    aside = store.drafts / f"{orphan.kind}-{orphan.sha256}"
    with suppress(FileNotFoundError):  # another collection was here
        os.rename(orphan.path, aside)
        if aside.stat().st_mtime <= _before(older_than):
            aside.unlink()
            return True
        _put_back(store, orphan.kind, orphan.sha256, aside)
    return False


def put_back(store: FolderStore) -> None:
    """Whatever a collection had moved aside when it was killed."""
    for path in list(store.drafts.iterdir()):
        if found := _ASIDE.fullmatch(path.name):
            with suppress(FileNotFoundError):
                _put_back(store, found[1], found[2], path)


def _put_back(store: FolderStore, kind: str, sha256: str, aside: Path) -> None:
    if store.path(kind, sha256).exists():
        aside.unlink()
    else:
        store.put(aside, kind, sha256)


def _before(age: timedelta) -> float:
    return time.time() - max(age, LEAST_AGE).total_seconds()


def _folders(above: Path) -> list[Path]:
    """Never through a symbolic link: it may lead out of the store."""
    if above.is_symlink() or not above.is_dir():
        return []
    with os.scandir(above) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def _files(folder: Path, older_than: timedelta) -> list[tuple[Path, int]]:
    before, found = _before(older_than), []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                facts = entry.stat(follow_symlinks=False)
                if facts.st_mtime < before:
                    found.append((Path(entry.path), facts.st_size))
    return sorted(found)


def damaged(store: FolderStore) -> Iterator[Damaged]:
    """Every stored photo whose original is gone, or whose bytes no longer give its hash. Reads them all."""
    after, looked_at = None, ("", False, False)
    while page := Photo.stored_after(after, PAGE):
        db.session.rollback()
        for sha256, id, number in page:
            if sha256 != looked_at[0]:
                looked_at = (sha256, *_look_at(store.path("originals", sha256), sha256))
            _, gone, changed = looked_at
            if gone or changed:
                yield Damaged(str(id), number, sha256, gone)
        after = page[-1][:2]


def _look_at(path: Path, sha256: str) -> tuple[bool, bool]:
    """Whether the file is gone, and whether it changed."""
    try:
        with open(path, "rb") as file:
            return False, hashlib.file_digest(file, "sha256").hexdigest() != sha256
    except FileNotFoundError:
        return True, False
    except OSError:  # there, but not readable: damaged all the same
        return False, True
