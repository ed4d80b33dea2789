"""Cooperation agreements as routing needs them: parties, dates, buffers."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db, in_force
from models.units import Lineages, Unit


class Agreement(Record):
    """Never edited in place: a change is a new row."""

    __tablename__ = "agreements"

    name: Mapped[str]
    signed_on: Mapped[date]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    buffer_m: Mapped[float | None]  # null: the default of the rules
    fire_buffer_m: Mapped[float | None]

    parties: Mapped[list["Party"]] = relationship(cascade="all, delete-orphan", order_by="Party.position")


class Party(Record):
    __tablename__ = "agreement_parties"
    __table_args__ = (UniqueConstraint("agreement_id", "unit_id"),)

    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreements.id"), index=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    position: Mapped[int]

    unit: Mapped[Unit] = relationship()


@dataclass(frozen=True)
class Accord:
    """An agreement on a day, its parties replaced by what stands in their place. Plain data for routing."""

    id: UUID
    signed_on: date
    parties: tuple[frozenset[UUID], ...]
    buffer_m: float | None = None
    fire_buffer_m: float | None = None

    def party_of(self, lineage: tuple[UUID, ...]) -> int | None:
        return next((i for i, units in enumerate(self.parties) if units.intersection(lineage)), None)

    def covers(self, one: tuple[UUID, ...], other: tuple[UUID, ...]) -> bool:
        """Whether a border between two units, given by their lineages, divides two of its parties."""
        first, second = self.party_of(one), self.party_of(other)
        return first is not None and second is not None and first != second

    def buffer(self, fire: bool) -> float | None:
        return self.fire_buffer_m if fire else self.buffer_m


def accords_on(day: date, lineages: Lineages) -> list[Accord]:
    """Agreements in force on a day, the newest signed first."""
    agreements = db.session.scalars(
        db.select(Agreement)
        .where(in_force(Agreement, day))
        .options(db.selectinload(Agreement.parties))
        .order_by(Agreement.signed_on.desc(), Agreement.id)
    ).all()
    return [
        Accord(
            a.id,
            a.signed_on,
            tuple(frozenset(lineages.on(p.unit_id, day)) for p in a.parties),
            a.buffer_m,
            a.fire_buffer_m,
        )
        for a in agreements
    ]
