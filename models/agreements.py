"""Cooperation agreements: parties, dates, buffers, who decides, what is aimed at; and what routing needs of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship

from models.base import Json, Record, db, in_force
from models.organisations import Organisation
from models.units import Lineages, Unit


class Agreement(Record):
    """Never edited in place: a change is a new version, which takes the place of the one before from its first day."""

    __tablename__ = "agreements"
    kind = "agreement"  # as the subject of events

    name: Mapped[str]
    number: Mapped[str | None]  # of the document, as "12/BB-HT"
    signed_on: Mapped[date]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("agreements.id"), unique=True)
    fields: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")  # of cooperation, in words
    buffer_m: Mapped[float | None]  # null: the default of the rules
    fire_buffer_m: Mapped[float | None]
    clocks: Mapped[dict[str, Any]] = mapped_column(
        Json, default=dict, server_default="{}"
    )  # by step, as in limits.json
    arbiter_unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))  # decides where parties disagree
    chairs: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")  # [{from, unit_id of a party}]
    briefing_every_months: Mapped[int | None]
    targets: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")  # [{kind, per_year}]
    content_sha256: Mapped[str | None]  # of the request that entered it

    parties: Mapped[list["Party"]] = relationship(cascade="all, delete-orphan", order_by="Party.position")

    @classmethod
    def in_force(cls, on: date) -> Any:
        """Those that hold on a day: a version holds until the next one does."""
        later = aliased(cls)
        begun = db.or_(later.valid_from.is_(None), later.valid_from <= on)
        replaced = db.exists().where(later.replaces_id == cls.id, begun)
        return (
            db.select(cls)
            .where(in_force(cls, on), ~replaced)
            .options(db.selectinload(cls.parties))
            .order_by(cls.signed_on.desc(), cls.id)
        )


class Party(Record):
    """A unit of any level, or an organisation with what it covers."""

    __tablename__ = "agreement_parties"
    __table_args__ = (
        UniqueConstraint("agreement_id", "unit_id"),
        UniqueConstraint("agreement_id", "organisation_id"),
        CheckConstraint("(unit_id IS NULL) <> (organisation_id IS NULL)", "one_party"),
    )

    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreements.id"), index=True)
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"))
    position: Mapped[int]

    unit: Mapped[Unit | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()

    def units_on(self, day: date, lineages: Lineages, coverages: dict[UUID, list[UUID]]) -> list[UUID]:
        """What it stands for on a day: itself, its successors, or what the organisation covers."""
        if self.unit_id:
            return lineages.on(self.unit_id, day)
        return coverages.get(self.organisation_id, [])  # type: ignore[arg-type]


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
    clocks: Mapping[str, Any] = field(default_factory=dict, hash=False)  # by step, as in limits.json

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


def accords_on(day: date, lineages: Lineages, coverages: dict[UUID, list[UUID]]) -> list[Accord]:
    """Agreements in force on a day, the newest signed first. `coverages`: units by organisation on that day."""
    return [accord_of(a, day, lineages, coverages) for a in db.session.scalars(Agreement.in_force(day))]


def accord_of(agreement: Agreement, day: date, lineages: Lineages, coverages: dict[UUID, list[UUID]]) -> Accord:
    """One agreement as it stands on a day."""
    position = {str(party.unit_id): at for at, party in enumerate(agreement.parties)}
    chairs = [(date.fromisoformat(chair["from"]), position[chair["unit_id"]]) for chair in agreement.chairs]
    arbiter = agreement.arbiter_unit_id
    return Accord(
        agreement.id,
        agreement.signed_on,
        tuple(frozenset(party.units_on(day, lineages, coverages)) for party in agreement.parties),
        agreement.buffer_m,
        agreement.fire_buffer_m,
        min(lineages.on(arbiter, day)) if arbiter else None,
        tuple(sorted(chairs, reverse=True)),
        agreement.clocks,
    )
