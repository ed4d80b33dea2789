"""Stations, forest owners, border posts, police: bodies whose coverage runs across the tree of units."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db, in_force
from models.clock import today
from models.errors import NotFound
from models.units import Unit

RANGER_STATION = "ranger_station"
KINDS = (RANGER_STATION, "forest_owner", "border_post", "police", "other")


class Organisation(Record):
    __tablename__ = "organisations"
    __table_args__ = (CheckConstraint(f"kind IN {KINDS}", "known_kind"),)

    name: Mapped[str]
    kind: Mapped[str]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]

    coverage: Mapped[list["Coverage"]] = relationship(cascade="all, delete-orphan")

    @classmethod
    def find(cls, id: UUID) -> "Organisation":
        if (organisation := db.session.get(cls, id)) is None:
            raise NotFound()
        return organisation

    @classmethod
    def in_force(cls, at: date | None = None) -> Any:
        return (
            db.select(cls)
            .where(in_force(cls, at or today()))
            .options(db.selectinload(cls.coverage).joinedload(Coverage.unit))
        )


class Coverage(Record):
    """The units an organisation covers, each for a time."""

    __tablename__ = "coverages"
    __table_args__ = (UniqueConstraint("organisation_id", "unit_id", "valid_from"),)

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]

    unit: Mapped[Unit] = relationship()
