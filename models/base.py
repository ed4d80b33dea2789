"""The database handle, and what every table shares."""

import enum
import secrets
import time
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from typing import Any, Self, cast
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, DateTime, Enum, Integer, MetaData, Text, TypeDecorator
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, make_transient_to_detached, mapped_column, registry

from models.errors import IdConflict

# Named constraints, or SQLite migrations could not alter them.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# PostgreSQL counts in 64 bit; SQLite numbers a row by itself only when the type is INTEGER.
BigNumber = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator):
    """An aware UTC datetime. SQLite forgets time zones, so UTC is put back on reading."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bit of milliseconds, then 74 random bit, so new rows stand side by side."""
    stamp = (time.time_ns() // 1_000_000) & ((1 << 48) - 1)
    value = stamp << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


# Enums are stored as plain text, so a new status or role needs no migration.
TEXT_ENUM = Enum(enum.Enum, native_enum=False, length=40, values_callable=lambda e: [m.value for m in e])


class Base(DeclarativeBase):
    # On the registry, not on the class: Flask-SQLAlchemy copies the class (its issue 1361).
    registry = registry(
        metadata=MetaData(naming_convention=NAMES),
        type_annotation_map={
            datetime: UtcDateTime,
            enum.Enum: TEXT_ENUM,
            str: Text,
            dict[str, Any]: Json,
            list[Any]: Json,
        },
    )


# Answers are made before the commit, so what was written need not be read again after it.
db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False})


class Record(db.Model):  # type: ignore[name-defined]
    """Anything with an identity of its own."""

    __abstract__ = True

    # Phones choose the id while offline; the server only fills it in when they did not.
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=now)

    @classmethod
    def sent_before(cls, id: UUID | None, **same: Any) -> Self | None:
        """What was made under this id already: sent again with the same content it is the same thing.

        Raises IdConflict when something of `same` is another, or when no request made it.
        """
        known = db.session.get(cls, id) if id else None
        if known is None:
            return None
        unasked = "content_sha256" in same and cast(Any, known).content_sha256 is None
        if unasked or any(getattr(known, name) != value for name, value in same.items()):
            raise IdConflict()
        return known


@cache
def _insert(model: Any) -> Any:
    return model.__table__.insert()


def insert_new(*things: Any) -> None:
    """INSERT new objects just as they are, in the order given, and take them into the session.

    The unit of work, which sorts any graph of objects, costs more than all else that a report does; here the
    caller has set the foreign keys. None of the things may be in a session yet.
    """
    connection = db.session.connection()
    for kind, same in groupby(things, type):
        group, model = list(same), cast(Any, kind)
        rows = [{c.key: _value(thing, c) for c in model.__table__.columns if not _counts(c)} for thing in group]
        if model.__table__.autoincrement_column is None:
            connection.execute(_insert(model), rows if len(rows) > 1 else rows[0])
        else:  # the database numbers them
            for thing, row in zip(group, rows, strict=True):
                key = cast(Any, connection.execute(_insert(model), row).inserted_primary_key)
                setattr(thing, model.__table__.autoincrement_column.key, key[0])
    for thing in things:
        make_transient_to_detached(thing)
    db.session.add_all(things)


def _counts(column: Any) -> bool:
    return column is column.table.autoincrement_column


def _value(thing: Any, column: Any) -> Any:
    """What the object holds, else the default of its column, which the object then holds too."""
    kept = thing.__dict__
    if column.key not in kept:
        default = column.default
        setattr(thing, column.key, default and (default.arg(None) if default.is_callable else default.arg))
    return kept[column.key]


def upsert(table: Any) -> Any:
    """An INSERT that can say ON CONFLICT, in the words of the database at hand."""
    dialects: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return dialects[db.engine.dialect.name](table)


def in_force(thing: Any, on: date) -> Any:
    """The condition that a dated row (valid_from, valid_to, both inclusive, open when null) holds on a day."""
    return db.and_(
        db.or_(thing.valid_from.is_(None), thing.valid_from <= on),
        db.or_(thing.valid_to.is_(None), thing.valid_to >= on),
    )
