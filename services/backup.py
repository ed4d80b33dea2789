"""Everything an instance holds in one file, made while it runs: the database as of one moment, and all originals."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from models.base import db, now
from models.photos import Photo, has_arrived
from services import postgresql_copy, sqlite_copy
from services.archives import ArchiveWriter
from services.bad_file import BadFile
from services.storage import Store, sync_folder

Say = Callable[[str], None]
WORK = ".giap-ranh-backup-"  # folders of work beside the target
SQLITE_MEMBER = "database.sqlite"
LARGEST_ORIGINAL = 64 << 20  # far beyond what is ever taken; a file may have been damaged into anything
SAID_EVERY_S = 5


def make_backup(target: Path, store: Store, keys: list[Path], say: Say, replace: bool = False) -> dict[str, Any]:
    """Write the archive beside the target and give it its name once it is whole and on disk; its manifest."""
    if not target.parent.is_dir():
        raise BadFile(f"Không có thư mục {target.parent}.")
    _refuse_existing(target, replace)
    if said := store.trouble():  # not each photo after another
        raise BadFile(said)
    with work_folder(target.parent) as work, ArchiveWriter(work / "archive") as archive:
        save = _save_sqlite if db.engine.dialect.name == "sqlite" else _save_postgresql
        manifest, hashes = save(archive, work, say)
        manifest["photos"] = _add_photos(archive, store, hashes, say)
        manifest["keys"] = sorted(key.name for key in keys)
        for key in keys:
            archive.add(f"keys/{key.name}", key.read_bytes())
        archive.finish(manifest)
        _refuse_existing(target, replace)
        os.replace(work / "archive", target)
        sync_folder(target.parent)
    return manifest


def _refuse_existing(target: Path, replace: bool) -> None:
    if target.is_dir() or (target.exists() and not replace):
        raise BadFile(f"{target} đã có; hãy chọn tên khác, hoặc thêm --replace để thay.")


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder of our own, gone afterwards. What a killed run left is removed: nobody holds its lock any more."""
    with ExitStack() as mine:
        with _locked(beside):
            for left in beside.glob(f"{WORK}*"):
                with suppress(BlockingIOError, FileNotFoundError), _locked(left, fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)
            made = Path(tempfile.mkdtemp(prefix=WORK, dir=beside))
            mine.callback(shutil.rmtree, made, ignore_errors=True)
            mine.enter_context(_locked(made))
        yield made


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)


def _save_sqlite(archive: ArchiveWriter, work: Path, say: Say) -> tuple[dict[str, Any], list[str]]:
    copy = work / SQLITE_MEMBER
    made_at = now()
    say("Đang sao chép cơ sở dữ liệu …")
    held_ms = sqlite_copy.copy_sqlite(copy, say)
    engine = sa.create_engine(f"sqlite:///{copy}", poolclass=NullPool)
    with engine.connect() as connection:
        facts, hashes = _facts(connection), _stored(connection)
    size = copy.stat().st_size
    say(f"Đang nén cơ sở dữ liệu ({size >> 20} MiB) …")
    with open(copy, "rb") as file, archive.member(SQLITE_MEMBER) as write:
        while chunk := file.read(1 << 20):
            write(chunk)
    copy.unlink()
    return {"made_at": made_at.isoformat(), "database": "sqlite", "writers_waited_ms": round(held_ms)} | facts, hashes


def _save_postgresql(archive: ArchiveWriter, _work: Path, say: Say) -> tuple[dict[str, Any], list[str]]:
    db.session.rollback()
    with db.engine.connect() as pooled:
        connection = pooled.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        _wait_for_tables(connection, say)
        made_at = now()
        facts, hashes = _facts(connection), _stored(connection)
        facts |= postgresql_copy.copy_out(connection, archive, say)
        connection.rollback()
    return {"made_at": made_at.isoformat(), "database": "postgresql"} | facts, hashes


def _wait_for_tables(connection: Connection, say: Say) -> None:
    """Only somebody who changes the tables themselves keeps a reader out; the snapshot is taken after that."""
    until = time.monotonic() + sqlite_copy.PATIENCE_S
    names = [connection.dialect.identifier_preparer.quote(t.name) for t in db.metadata.sorted_tables]
    while True:
        try:
            there = [n for n in names if connection.scalar(sa.text("SELECT to_regclass(:n)"), {"n": n})]
            connection.rollback()
            if there:
                connection.execute(sa.text(f"LOCK TABLE {', '.join(there)} IN ACCESS SHARE MODE"))
            return
        except OperationalError as error:
            connection.rollback()
            if not isinstance(error.orig, LockNotAvailable):
                raise
            if time.monotonic() > until:
                raise BadFile("Cơ sở dữ liệu đang bị khóa để nâng cấp; chưa có bản sao lưu nào.") from None
            say("Cơ sở dữ liệu đang bận, đang chờ đến lượt …")


def _facts(connection: Connection) -> dict[str, Any]:
    """What the manifest says of the database."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        raise BadFile("Cơ sở dữ liệu chưa có bảng nào; không có gì để sao lưu.")
    return {
        "server_version": ".".join(map(str, connection.dialect.server_version_info or ())),
        "revision": revision,
        "tables": count_rows(connection),
        "last_seal": _last_seal(connection),
    }


def count_rows(connection: Connection) -> dict[str, int]:
    tables = [db.metadata.tables[name] for name in postgresql_copy.in_order(connection)]
    return {t.name: connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in tables}


def _last_seal(connection: Connection) -> dict[str, str] | None:
    """The newest seal over the events, if there are any: whoever holds a later one holds the younger history."""
    if not sa.inspect(connection).has_table("seals"):
        return None
    seals = sa.Table("seals", sa.MetaData(), autoload_with=connection)
    last = connection.execute(seals.select().order_by(*[c.desc() for c in seals.primary_key]).limit(1)).first()
    return {name: str(value) for name, value in last._asdict().items()} if last else None


def _stored(connection: Connection) -> list[str]:
    """The hashes of all originals that this moment's rows say have arrived."""
    return list(connection.scalars(sa.select(Photo.sha256).where(has_arrived()).distinct().order_by("sha256")))


def _add_photos(archive: ArchiveWriter, store: Store, hashes: list[str], say: Say) -> dict[str, Any]:
    """Each original under its hash. What is missing or damaged is named; damaged bytes are kept apart."""
    missing, damaged, size, said = [], {}, 0, time.monotonic()
    for number, sha256 in enumerate(hashes, 1):
        try:
            with store.open("originals", sha256) as file:
                content = file.read(LARGEST_ORIGINAL)
        except FileNotFoundError:
            missing.append(sha256)
            continue
        if (actual := hashlib.sha256(content).hexdigest()) == sha256:
            archive.add(f"photos/{sha256[:2]}/{sha256}", content, compressed=False)
        else:
            damaged[sha256] = actual
            archive.add(f"damaged/{sha256}", content, compressed=False)
        size += len(content)
        if time.monotonic() - said > SAID_EVERY_S:
            said = time.monotonic()
            say(f"Ảnh: {number}/{len(hashes)}, {size >> 20} MiB …")
    return {"count": len(hashes), "bytes": size, "missing": missing, "damaged": damaged}
