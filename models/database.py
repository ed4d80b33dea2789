"""How the database is opened: durable, strict about foreign keys, and one writer at a time on SQLite."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, event

from models.base import db
from models.errors import Busy
from models.turns import FileTurn, Turn

BUSY_TIMEOUT_S = 5.0
BATCHES = 7201966  # of the lock that batches queue for
JOURNAL_BYTES = 4 << 20  # what a large transaction leaves of the journal
# Releases that fix a corruption of the write-ahead log present since 3.7.0.
WAL_IS_SAFE_FROM = ((3, 44, 6), (3, 50, 7), (3, 51, 3))

# Until when a writer waits (monotonic seconds); none for readers.
_writing: ContextVar[float | None] = ContextVar("writing", default=None)
# What a restored copy must forget or note before anybody uses it; called inside the transaction that restores.
AFTER_RESTORE: list[Callable[[Connection], None]] = []


@cache
def _turn(path: str | None) -> Turn | FileTurn:
    return FileTurn(path) if path else Turn()


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite may use the write-ahead log: a fixed release, or newer than the last of them."""
    return version >= WAL_IS_SAFE_FROM[-1] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in WAL_IS_SAFE_FROM
    )


@event.listens_for(Engine, "connect")
def open_sqlite(connection: Any, _record: Any) -> None:
    """The rollback journal is kept and its head zeroed and synced: as durable as deleting it, without the folder."""
    if not isinstance(connection, sqlite3.Connection):
        return
    # The driver's own transactions break savepoints and start writers too late; `begin` below starts them.
    connection.isolation_level = None
    journal, synchronous = ("WAL", "FULL") if wal_is_safe() else ("PERSIST", "EXTRA")
    for pragma in (
        f"busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
        f"journal_mode = {journal}",
        f"synchronous = {synchronous}",
        f"journal_size_limit = {JOURNAL_BYTES}",
        "foreign_keys = ON",
        "recursive_triggers = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


@event.listens_for(Engine, "begin")
def begin(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        until = _writing.get()
        _be_patient(connection, BUSY_TIMEOUT_S if until is None else until - time.monotonic())
        connection.exec_driver_sql("BEGIN" if until is None else "BEGIN IMMEDIATE")


def _be_patient(connection: Any, seconds: float) -> None:
    """How long this connection waits for the file: who has waited for a turn before has less left."""
    patience_ms = min(round(max(seconds, 0.0), 1), BUSY_TIMEOUT_S) * 1000
    if connection.info.get("patience_ms", BUSY_TIMEOUT_S * 1000) != patience_ms:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience_ms)}").close()
        connection.info["patience_ms"] = patience_ms


def queue_batches() -> None:
    """Batches go one after the other, in order, until each commits: two that count on several series of numbers would
    end up waiting for each other, again and again. SQLite has one writer anyway."""
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(db.text(f"SET LOCAL lock_timeout = '{int(BUSY_TIMEOUT_S * 1000)}ms'"))
        connection.execute(db.select(db.func.pg_advisory_xact_lock(BATCHES)))
        connection.execute(db.text("RESET lock_timeout"))


@contextmanager
def write_transaction(waited_s: float = 0.0) -> Iterator[None]:
    """Whatever is read inside is read by the writer itself, so it cannot change before the commit.

    SQLite has one writer: all others queue here, in order. Raises Busy when neither a turn nor the file is free in
    five seconds, those included that were waited before. What was not committed inside is rolled back.
    """
    db.session.rollback()
    db.session.info.pop("reference", None)  # what an answer may have been written from
    turn = _turn(db.engine.url.database) if db.engine.dialect.name == "sqlite" else None
    until = time.monotonic() + BUSY_TIMEOUT_S - waited_s
    if turn and not turn.acquire(timeout=BUSY_TIMEOUT_S - waited_s):
        raise Busy()
    token = _writing.set(until)
    try:
        yield
    finally:
        db.session.rollback()
        _writing.reset(token)
        if turn:
            turn.release()
