"""The photo store against the database: files that belong to no row, and rows whose file is gone or changed."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from models.base import db
from models.jobs import Job
from models.photos import Photo
from models.uploads import Upload
from services.storage import LEAST_AGE, Store
from services.stored_files import SUFFIX, files, is_whole, name_of
from services.uploads import FOLDER, abandoned

LEFTOVER_AGE = timedelta(days=1)  # an upload or a draft that nobody writes to any more
ORPHAN_AGE = timedelta(days=7)
PAGE = 500
MOST_ASKED = 5000  # at once, to be brought to the store

_LEFTOVER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Orphan:
    """A file that no row knows. `kind`: leftovers, originals, thumb or view; `name`: below the root of the store."""

    kind: str
    name: str
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


def collect_orphans(store: Store, older_than: timedelta = ORPHAN_AGE) -> Collected:
    """Remove what belongs to nothing and is older than that (a day at least); how many files and bytes."""
    removed = Collected()
    store.put_back(_known)
    for orphan in orphans(store, older_than):
        if remove(store, orphan, older_than):
            removed.add(orphan)
    if removed != Collected():
        store.put_back(_known)  # what was named while it was removed
    return removed


def collect(app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    """The job of each day. Photos that still wait for their place, though their job was lost, are brought there."""
    store: Store = app.extensions["photo_store"]
    collect_orphans(store)
    wait = [lying.sha256 for page in store.waiting(_before(LEAST_AGE), PAGE) for lying in page][:MOST_ASKED]
    wanted = [sha256 for at in range(0, len(wait), PAGE) for sha256 in sorted(_known(wait[at : at + PAGE]))]

    def write() -> bool:
        for sha256 in wanted:
            Job.ask("store", sha256)
        return Upload.expire(PAGE)

    return write


def orphans(store: Store, older_than: timedelta = ORPHAN_AGE) -> Iterator[Orphan]:
    """Leftovers of uploads and previews that were cut off, then originals and previews without a row."""
    for folder in (store.incoming, store.drafts):
        for name, size in files(folder, _before(LEFTOVER_AGE)):
            if _LEFTOVER.fullmatch(name):
                yield Orphan("leftovers", f"{folder.name}/{name}", size)
    yield from _abandoned(store.root / FOLDER)
    for kind in SUFFIX:
        for page in store.pages(kind, _before(older_than), PAGE):
            known = _known([lying.sha256 for lying in page])
            for lying in page:
                if lying.sha256 not in known:
                    yield Orphan(kind, name_of(kind, lying.sha256), lying.size, lying.sha256)


def _abandoned(folder: Path) -> Iterator[Orphan]:
    """Parts of uploads that are finished or given up."""
    if folder.is_dir():
        sizes = {folder / name: size for name, size in files(folder, _before(LEFTOVER_AGE))}
        for path in abandoned(list(sizes)):
            yield Orphan("leftovers", f"{folder.name}/{path.name}", sizes[path])


def remove(store: Store, orphan: Orphan, older_than: timedelta = ORPHAN_AGE) -> bool:
    """Delete an orphan, unless the same photo came again since it was looked at; whether it is gone."""
    if orphan.sha256 is None:
        (store.root / orphan.name).unlink(missing_ok=True)
        return True
    return store.discard(orphan.kind, orphan.sha256, _before(older_than))


def _known(hashes: list[str]) -> set[str]:
    known = Photo.known_hashes(hashes) | Upload.waiting_hashes(hashes)
    db.session.rollback()
    return known


def _before(age: timedelta) -> float:
    return time.time() - max(age, LEAST_AGE).total_seconds()


def damaged(store: Store) -> Iterator[Damaged]:
    """Every stored photo whose original is gone, or whose bytes no longer give its hash. Reads them all."""
    after, looked_at = None, ("", False, False)
    while page := Photo.stored_after(after, PAGE):
        db.session.rollback()
        for sha256, id, number in page:
            if sha256 != looked_at[0]:
                looked_at = (sha256, *_look_at(store, sha256))
            _, gone, changed = looked_at
            if gone or changed:
                yield Damaged(str(id), number, sha256, gone)
        after = page[-1][:2]


def _look_at(store: Store, sha256: str) -> tuple[bool, bool]:
    """Whether the file is gone, and whether it changed. Raises StoreAway."""
    try:
        with store.open("originals", sha256) as file:
            return False, not is_whole(file, sha256)
    except FileNotFoundError:
        return True, False
    except OSError:  # there, but not readable: damaged all the same
        return False, True
