"""What passing on changed, row by row, so that it can be given back the same day: each row as it was and as it became."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Table
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Json, Record, UtcDateTime, db, new_id, now
from models.reference import Revision


class Passing(Record):
    """One row of another table. `before` and `after` hold the columns that changed, and no words of people."""

    __tablename__ = "passings"
    __table_args__ = (Index("ix_passings_edition_id_holder", "edition_id", "holder", "row_id"),)

    edition_id: Mapped[UUID] = mapped_column(ForeignKey("editions.id"))
    holder: Mapped[str]  # the table
    row_id: Mapped[UUID]
    before: Mapped[dict[str, Any]] = mapped_column(Json)
    after: Mapped[dict[str, Any]] = mapped_column(Json)
    subject_id: Mapped[UUID]  # whose event says so: the case of an assignment, else the thing itself
    at: Mapped[datetime] = mapped_column(default=now)
    given_back_at: Mapped[datetime | None]

    @classmethod
    def standing(cls, edition_id: UUID, holder: str) -> list["Passing"]:
        """Those of an edition and a table that were not given back, the newest first."""
        own = db.and_(cls.edition_id == edition_id, cls.holder == holder, cls.given_back_at.is_(None))
        return list(db.session.scalars(db.select(cls).where(own).order_by(cls.at.desc(), cls.id.desc())))

    @classmethod
    def keep(cls, rows: Iterable[dict[str, Any]]) -> None:
        if made := list(rows):
            db.session.connection().execute(INSERT, made)


INSERT = Passing.__table__.insert()


def one_at_a_time() -> None:
    """Two who pass on at once go one after the other, and the second finds nothing left."""
    db.session.execute(db.select(Revision).where(Revision.name == "reference").with_for_update())
    db.session.info.pop("reference", None)  # what was remembered before may be what the other changed


def row_of(
    edition_id: UUID,
    holder: str,
    row_id: UUID,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    at: datetime,
    subject_id: UUID | None = None,
) -> dict[str, Any]:
    """A row to be kept, of the columns that changed."""
    return {
        "id": new_id(),
        "created_at": at,
        "edition_id": edition_id,
        "holder": holder,
        "row_id": row_id,
        "before": {name: as_json(value) for name, value in before.items()},
        "after": {name: as_json(value) for name, value in after.items()},
        "subject_id": subject_id or row_id,
        "at": at,
    }


def as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) or hasattr(value, "isoformat") else value


def from_json(table: Table, column: str, value: Any) -> Any:
    """A kept value as the column holds it."""
    kind = table.c[column].type
    if value is None:
        return None
    if isinstance(kind, db.Uuid):
        return UUID(value)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return kind.python_type.fromisoformat(value) if hasattr(kind.python_type, "fromisoformat") else value
