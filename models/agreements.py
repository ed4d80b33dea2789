"""Cooperation agreements as routing needs them: parties, dates, buffers."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Json, Record, db, in_force
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
    arbiter_unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))  # decides where parties disagree
    chairs: Mapped[list[Any]] = mapped_column(
        Json, default=list, server_default="[]"
    )  # [{"from": day, "unit_id": of a party}]

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
    arbiter: UUID | None = None
    chairs: tuple[tuple[date, int], ...] = ()  # from when which party, the latest first

    def chair_on(self, day: date) -> int | None:
        """The position of the party in the chair; before the first date, and with no rotation, nobody."""
        return next((position for since, position in self.chairs if since <= day), None)

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
    return [_accord(a, day, lineages) for a in agreements]


def _accord(agreement: Agreement, day: date, lineages: Lineages) -> Accord:
    position = {str(party.unit_id): at for at, party in enumerate(agreement.parties)}
    chairs = [(date.fromisoformat(c["from"]), position[c["unit_id"]]) for c in agreement.chairs]
    arbiter = agreement.arbiter_unit_id
    return Accord(
        agreement.id,
        agreement.signed_on,
        tuple(frozenset(lineages.on(p.unit_id, day)) for p in agreement.parties),
        agreement.buffer_m,
        agreement.fire_buffer_m,
        min(lineages.on(arbiter, day), default=arbiter) if arbiter else None,
        tuple(sorted(chairs, reverse=True)),
    )
