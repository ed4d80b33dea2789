"""What the service needs to do its work, part by part: asked by /readyz and by `flask doctor`."""

import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from models.boundaries import Edition
from models.clock import today
from models.jobs import Job

MIGRATIONS = Path(__file__).parent.parent / "migrations"
LEAST_FREE_BYTES = 200 << 20
WORKER_LATE_S = 300


@dataclass(frozen=True)
class Part:
    ok: bool
    detail: str
    needed: bool = False  # without it no report can be taken


def parts_of(store: Any) -> dict[str, Part]:
    """Reports are taken without boundaries on file (the phone keeps them), without room for photos, without previews:
    only the database is needed."""
    return {
        "database": database_part(),
        "boundaries": boundaries_part(),
        "photo_store": store_part(store),
        "worker": worker_part(),
    }


@cache
def newest_migration() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def database_part() -> Part:
    """It answers, and its tables are those that the code knows."""
    newest = newest_migration()  # first: reading the scripts takes longer than anybody should hold a transaction
    try:
        revision = db.session.scalar(db.text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError as error:
        db.session.rollback()
        return Part(False, f"không đọc được: {type(error).__name__}", needed=True)
    name = db.engine.dialect.name
    if revision != newest:
        return Part(False, f"{name}: cấu trúc {revision}, cần {newest}: flask db upgrade", needed=True)
    return Part(True, f"{name}, cấu trúc {revision}", needed=True)


def boundaries_part() -> Part:
    try:
        edition = Edition.on(today())
    except SQLAlchemyError:
        db.session.rollback()
        return Part(False, "không đọc được")
    return Part(True, edition.name) if edition else Part(False, "chưa có bộ ranh giới nào có hiệu lực hôm nay")


def store_part(store: Any) -> Part:
    """Writable, with room for some more photos."""
    try:
        free = shutil.disk_usage(store.root).free
    except OSError as error:
        return Part(False, error.strerror or "không đọc được")
    if not os.access(store.incoming, os.W_OK | os.X_OK):
        return Part(False, "không ghi được")
    if said := store.trouble():
        return Part(False, said)
    return Part(free >= LEAST_FREE_BYTES, f"còn trống {free >> 20} MiB")


def worker_part() -> Part:
    """The work after the answers is done: what recurs each minute is not overdue."""
    try:
        late_s = Job.lateness_s("seal")
    except SQLAlchemyError:
        db.session.rollback()
        return Part(False, "không đọc được")
    if late_s is None:
        return Part(False, "chưa chạy lần nào")
    return Part(late_s < WORKER_LATE_S, "đang chạy" if late_s < WORKER_LATE_S else f"trễ {late_s / 60:.0f} phút")
