"""A backup put back, whole or not at all: checked first, then placed beside what is there, switched over at the end."""

import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool

from models import Event, Incident, Unit, User
from models.base import db, now
from models.database import AFTER_RESTORE
from services import postgresql_copy
from services.archives import CHANGED, Archive
from services.backup import SQLITE_MEMBER, Say, count_rows
from services.bad_file import BadFile
from services.storage import IN_USE as STORE_IN_USE
from services.storage import Store, sync_folder
from services.stored_files import is_whole

IN_USE = (Unit, User, Incident, Event)  # an instance that holds any of these is not empty
RESTORING = ".restoring-"
PAGE = 1000
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
HASH = re.compile("[0-9a-f]{64}")
KEY = re.compile(r"[a-z]+\.key")


@dataclass
class Instance:
    """Where a backup is put, and how its database is opened and migrated."""

    home: Path
    store: Store
    knows_revision: Callable[[str], bool]
    migrate: Callable[[Connection, str], None]
    filling: Callable[[Engine], AbstractContextManager[Connection]]  # one transaction, committed at its end

    @property
    def sqlite_file(self) -> Path | None:
        url = db.engine.url
        return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def restore_backup(archive: Archive, instance: Instance, say: Say, replace: bool = False) -> str | None:
    """Put everything in place; where what was there before stands aside, if anything was."""
    kind = db.engine.dialect.name
    if (theirs := archive.manifest["database"]) != kind:
        raise BadFile(f"Bản sao lưu của {KINDS.get(theirs, theirs)} không khôi phục vào {KINDS[kind]} được.")
    if not instance.knows_revision(archive.manifest["revision"]):
        raise BadFile("Bản sao lưu do một phiên bản mới hơn tạo ra; hãy cập nhật trước khi khôi phục.")
    with nobody_running(instance.store):
        if said := instance.store.trouble():
            raise BadFile(said)
        used = in_use() or bool(strange_originals(archive, instance.store))
        if used and not replace:
            raise BadFile(
                "Nơi khôi phục không trống; thêm --replace để cất dữ liệu cũ sang một bên và thay bằng bản này."
            )
        stamp = now().strftime("%Y%m%d-%H%M%S")
        _put_in_place(archive, instance, say, stamp, used)
    return f"before-restore-{stamp}" if used else None


@contextmanager
def nobody_running(store: Store) -> Iterator[None]:
    """A server would go on writing into what is being replaced; two restores would, too."""
    with open(store.root / STORE_IN_USE, "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadFile("Máy chủ đang chạy; hãy dừng máy chủ trước khi khôi phục.") from None
        yield


def in_use() -> bool:
    """Whether the database holds anything. It is left alone when it holds something that is not ours."""
    url = db.engine.url
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return False
    with db.engine.connect() as connection:
        there = sa.inspect(connection).get_table_names()
        if there and "alembic_version" not in there:
            raise BadFile("Cơ sở dữ liệu này chứa dữ liệu của chương trình khác.")
        held = [m.__table__ for m in IN_USE if m.__table__.name in there]  # type: ignore[attr-defined]
        return any(connection.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first() for t in held)


def strange_originals(archive: Archive, store: Store) -> list[str]:
    """Originals in the store that are not part of the backup."""
    names = {name.rpartition("/")[2] for name in archive.names("photos")}
    pages = store.pages("originals", float("inf"), PAGE)
    return [lying.sha256 for page in pages for lying in page if lying.sha256 not in names]


def _put_in_place(archive: Archive, instance: Instance, say: Say, stamp: str, used: bool) -> None:
    """Until the database is switched over, all of it is undone when anything fails."""
    name, store = f"before-restore-{stamp}", instance.store
    strange = strange_originals(archive, store) if used else []
    with ExitStack() as undo:
        photos = _unpack_photos(archive, store, undo, say)
        engine = _unpack_database(archive, instance, undo, say)
        with instance.filling(engine) as connection:
            fill_database(connection, archive, instance, say, name if used else None)
            if used:
                undo.callback(store.forget_aside, name)
                store.keep_aside(name, strange)
            _place_photos(photos, store, undo)
            _place_keys(archive, instance.home, stamp, undo)
        if instance.sqlite_file:
            _switch_file(Path(str(engine.url.database)), instance.sqlite_file, name if used else None)
        undo.pop_all()
    sync_folder(instance.home)
    shutil.rmtree(photos)
    if used:
        store.leave_aside(name, strange)


def _unpack_photos(archive: Archive, store: Store, undo: ExitStack, say: Say) -> Path:
    """All originals in a folder of this machine, each under its hash and synced. Returns it."""
    for left in store.root.glob(f"{RESTORING}*"):
        shutil.rmtree(left)
    folder = store.root / f"{RESTORING}{os.getpid()}"
    folder.mkdir()
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    names = archive.names("photos")
    for number, name in enumerate(names, 1):
        sha256 = name.rpartition("/")[2]
        if not HASH.fullmatch(sha256) or archive.manifest["members"][name]["sha256"] != sha256:
            raise BadFile(f"{archive.path} {CHANGED} ({name})")
        write_synced(folder / sha256, archive.read(name))
        if number % 1000 == 0:
            say(f"Ảnh: {number}/{len(names)} …")
    sync_folder(folder)
    return folder


def write_synced(path: Path, chunks: Iterator[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())


def _unpack_database(archive: Archive, instance: Instance, undo: ExitStack, say: Say) -> Engine:
    """The database to fill: SQLite's new file beside the old one, PostgreSQL's own."""
    if not (final := instance.sqlite_file):
        return db.engine
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_staged(final)
    staged = final.with_name(f"{final.name}{RESTORING}{os.getpid()}")
    undo.callback(_remove_staged, final)
    say("Đang ghi cơ sở dữ liệu …")
    write_synced(staged, archive.read(SQLITE_MEMBER))
    return sa.create_engine(db.engine.url.set(database=str(staged)), poolclass=NullPool)


def _remove_staged(final: Path) -> None:
    for path in final.parent.glob(f"{final.name}{RESTORING}*"):
        path.unlink()


def fill_database(connection: Connection, archive: Archive, instance: Instance, say: Say, aside: str | None) -> None:
    """Rows as the backup counted them, then the tables of today. What was there goes aside, or, if empty, away."""
    revision = archive.manifest["revision"]
    if connection.dialect.name == "postgresql":
        there = bool(sa.inspect(connection).get_table_names())
        if there:
            postgresql_copy.move_aside(connection, aside or "before-restore")
        if there and not aside:
            postgresql_copy.drop_aside(connection, "before-restore")
        instance.migrate(connection, revision)
        postgresql_copy.copy_in(connection, archive, say)
    counted = count_rows(connection)
    if wrong := [name for name, rows in archive.manifest["tables"].items() if counted.get(name) != rows]:
        raise BadFile(f"Số dòng không khớp với bản sao lưu ở bảng: {', '.join(wrong)}.")
    instance.migrate(connection, "head")
    for note in AFTER_RESTORE:
        note(connection)


def _place_photos(staged: Path, store: Store, undo: ExitStack) -> None:
    """Under their hashes, read again from where they lie now."""
    for path in sorted(staged.iterdir()):
        if not store.exists("originals", path.name):
            undo.callback(store.delete, "originals", path.name)
        store.bring(path, "originals", path.name)
        with store.open("originals", path.name) as file:
            if not is_whole(file, path.name):
                raise BadFile(f"Ảnh {path.name} đọc lại từ kho ảnh không đúng; đĩa có thể bị hỏng.")


def _place_keys(archive: Archive, home: Path, stamp: str, undo: ExitStack) -> None:
    """The backup's keys, if it has any; those made when the commands first ran stand aside."""
    for name in archive.names("keys"):
        key = home / name.rpartition("/")[2]
        if not KEY.fullmatch(key.name):
            raise BadFile(f"{archive.path} {CHANGED} ({name})")
        draft = key.with_name(f"{key.name}{RESTORING}{os.getpid()}")
        undo.callback(draft.unlink, missing_ok=True)
        write_synced(draft, archive.read(name))
        if key.exists() and key.read_bytes() == draft.read_bytes():
            continue
        if key.exists():
            old = key.with_name(f"{key.name}.before-restore-{stamp}")
            os.link(key, old)
            undo.callback(os.replace, old, key)
        else:
            undo.callback(key.unlink, missing_ok=True)
        os.replace(draft, key)
        sync_folder(home)


def _switch_file(staged: Path, final: Path, aside: str | None) -> None:
    """One rename. A journal or log of the old file must be gone before: SQLite would play it into the new one."""
    db.session.remove()
    db.engine.dispose()
    if final.exists():
        with closing(sqlite3.connect(final)) as old:
            for mode in ("PERSIST", "DELETE"):  # only leaving a mode clears up after it
                old.execute(f"PRAGMA journal_mode = {mode}")
        if left := [name for name in ("journal", "wal") if Path(f"{final}-{name}").exists()]:
            raise BadFile(f"Cơ sở dữ liệu cũ đang được dùng ({', '.join(left)}).")
        if aside:
            os.link(final, f"{final}.{aside}")
    for left_over in staged.parent.glob(f"{staged.name}-*"):
        left_over.unlink()
    os.replace(staged, final)


def describe(manifest: dict[str, Any]) -> str:
    """One line on what a backup holds."""
    photos, tables = manifest["photos"], manifest["tables"]
    return (
        f"{KINDS[manifest['database']]}, lúc {manifest['made_at'][:19].replace('T', ' ')} UTC, "
        f"bản {manifest['revision']}: {tables['incidents']} vụ việc, {sum(tables.values())} dòng, "
        f"{photos['count'] - len(photos['missing']) - len(photos['damaged'])} ảnh"
    )
