"""`flask doctor`: what is as it should be, what deserves a look, what must be mended."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from models.base import db, now
from models.clock import local, today
from models.database import wal_is_safe
from models.errors import NoBoundaries
from models.photos import PARTIAL, STORED, Photo, has_arrived
from models.reference import reference
from models.staffing import is_staffed
from models.subscriptions import count_failing
from models.vocabulary import vocabulary
from services.channels import available
from services.keys import is_open_to_others, key_files
from services.readiness import LEAST_FREE_BYTES, boundaries_part, database_part, store_part
from services.storage import StoreAway
from services.weaknesses import users_of_demo_password

GOOD, LOOK, MEND = "tốt", "xem", "sửa"
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
SCARCE_BYTES = 1 << 30
CLOCK_APART_S = 5.0
THIS_WAS_WRITTEN = 2026  # a clock that shows an earlier year is wrong
PHOTOS_LOOKED_FOR = 200


@dataclass(frozen=True)
class Finding:
    level: str
    subject: str
    detail: str


def examine(store: Any, home: Path, production: bool) -> list[Finding]:
    """Everything, the database first: without it the rest of what it holds is not asked."""
    database = database_part()
    found = [Finding(GOOD if database.ok else MEND, "Cơ sở dữ liệu", database.detail)]
    checks: list[Callable[[], Iterator[Finding]]] = [lambda: disk(store, home), lambda: keys(home), clock]
    if database.ok:
        checks += [journal, durability, boundaries, staffing, lambda: demo_password(production)]
        checks += [lambda: stored_photos(store), database_clock]
    for check in checks:
        try:
            found += check()
        except (SQLAlchemyError, OSError, StoreAway) as error:
            found.append(Finding(MEND, check.__name__, f"không kiểm tra được: {type(error).__name__}"))
    return found


def journal() -> Iterator[Finding]:
    if db.engine.dialect.name != "sqlite":
        return
    mode = db.session.scalar(db.text("PRAGMA journal_mode"))
    safe = "an toàn" if wal_is_safe() else "có lỗi với WAL nên không dùng WAL"
    yield Finding(GOOD, "SQLite", f"{sqlite3.sqlite_version} ({safe}), journal_mode = {mode}")


def durability() -> Iterator[Finding]:
    """What PostgreSQL must not be told to skip: an answered report has to survive a power cut."""
    if db.engine.dialect.name != "postgresql":
        return
    yield Finding(GOOD, "PostgreSQL", str(db.session.scalar(db.text("SHOW server_version"))))
    wanted = db.text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names) ORDER BY name")
    settings = {row.name: row.setting for row in db.session.execute(wanted, {"names": list(DURABLE)})}
    off = [f"{name} = {value}" for name, value in settings.items() if value == "off"]
    if off:
        yield Finding(MEND, "Độ bền", f"{', '.join(off)}: mất điện có thể mất báo cáo đã nhận")
    else:
        yield Finding(GOOD, "Độ bền", ", ".join(f"{name} = {value}" for name, value in settings.items()))


def boundaries() -> Iterator[Finding]:
    part = boundaries_part()
    yield Finding(GOOD if part.ok else MEND, "Ranh giới", part.detail)


def channels(config: Any) -> list[Finding]:
    """By which ways notices go out, and whether some receiver has not been reached for a while."""
    ready = available(config)
    said = ", ".join(
        f"{entry['vi']} {'✓' if entry['code'] in ready else '–'}" for entry in vocabulary()["subscription_kind"]
    )
    found = [Finding(GOOD, "Kênh báo tin", said)]
    try:
        failing = count_failing()
    except SQLAlchemyError:
        return found
    if failing:
        found.append(Finding(LOOK, "Kênh báo tin", f"{failing} đăng ký nhận tin đang lỗi hoặc đã ngừng vì lỗi"))
    return found


def staffing() -> Iterator[Finding]:
    """Communes in force today where nobody works with this system: their superiors lead."""
    known = reference()
    try:
        communes = [known.units[t.id] for t in known.index.territories]
    except NoBoundaries:
        return
    without = [u for u in communes if not is_staffed(u, known)]
    yield Finding(
        LOOK if without else GOOD, "Đơn vị", f"{len(without)}/{len(communes)} xã chưa có cán bộ trên hệ thống"
    )


def demo_password(production: bool) -> Iterator[Finding]:
    """Whether somebody can still sign in with the password that everybody knows."""
    if names := users_of_demo_password():
        yield Finding(MEND if production else LOOK, "Mật khẩu mẫu", f"còn dùng được, ví dụ {names[0]}")
        return
    yield Finding(GOOD, "Mật khẩu mẫu", "không dùng")


def disk(store: Any, home: Path) -> Iterator[Finding]:
    for subject, folder in (("Đĩa dữ liệu", home), ("Đĩa ảnh", store.root)):
        free = shutil.disk_usage(folder).free
        level = MEND if free < LEAST_FREE_BYTES else LOOK if free < SCARCE_BYTES else GOOD
        yield Finding(level, subject, f"còn trống {free / (1 << 30):.1f} GiB")
    if not (part := store_part(store)).ok:
        yield Finding(MEND, "Kho ảnh", part.detail)


def keys(home: Path) -> Iterator[Finding]:
    found = key_files(home)
    if open_to_others := [path.name for path in found if is_open_to_others(path)]:
        yield Finding(MEND, "Tệp khoá", f"người khác đọc được: {', '.join(open_to_others)} (chmod 600)")
    else:
        yield Finding(GOOD, "Tệp khoá", f"{len(found)} tệp, chỉ chủ sở hữu đọc được")


def clock() -> Iterator[Finding]:
    shown = f"{local(now()):%Y-%m-%d %H:%M:%S %z} ({os.environ.get('TZ_LOCAL') or 'Asia/Ho_Chi_Minh'})"
    yield Finding(GOOD if today().year >= THIS_WAS_WRITTEN else MEND, "Đồng hồ", shown)


def database_clock() -> Iterator[Finding]:
    if db.engine.dialect.name != "postgresql":
        return
    theirs: datetime = db.session.execute(db.text("SELECT clock_timestamp()")).scalar_one()
    apart_s = abs((theirs - now()).total_seconds())
    if apart_s > CLOCK_APART_S:
        yield Finding(LOOK, "Đồng hồ", f"máy cơ sở dữ liệu lệch {apart_s:.0f} giây")


def stored_photos(store: Any) -> Iterator[Finding]:
    """The photos stored last: each original must lie where its hash says."""
    newest = db.select(Photo.sha256).where(Photo.state == STORED).order_by(Photo.stored_at.desc())
    hashes = list(db.session.scalars(newest.limit(PHOTOS_LOOKED_FOR)))
    waiting = db.select(db.func.count()).select_from(Photo).where(has_arrived(), Photo.state == PARTIAL)
    if number := db.session.scalar(waiting):
        yield Finding(LOOK, "Ảnh chờ", f"{number} ảnh đã nhận còn chờ vào kho ảnh")
    db.session.rollback()
    missing = [h for h in hashes if not store.exists("originals", h)]
    if missing:
        yield Finding(MEND, "Ảnh gốc", f"thiếu {len(missing)}/{len(hashes)} ảnh mới nhất, ví dụ {missing[0][:12]}…")
    else:
        yield Finding(GOOD, "Ảnh gốc", f"đủ {len(hashes)} ảnh mới nhất")
