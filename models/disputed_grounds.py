"""Disputed grounds: polygons that more than one unit claims, as recorded; and what routing needs of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Json, Record, db
from models.clock import today
from models.drawn import as_geojson
from models.reference import PARTS, Reference, reference, unit_of
from models.units import KnownUnit

OPEN, SETTLED, REPLACED = STATUSES = ("open", "settled", "replaced")


class DisputedGround(Record):
    """Its polygon and its claimants never change: another polygon is another ground, which takes the place of it."""

    __tablename__ = "disputed_grounds"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", "known_status"),
        CheckConstraint("(status = 'open') = (ended_on IS NULL)", "open_until_it_ends"),
    )
    kind = "disputed_ground"  # as the subject of events

    name: Mapped[str]
    wkb: Mapped[bytes] = mapped_column(LargeBinary)  # WGS 84, longitude before latitude
    area_m2: Mapped[float]
    since: Mapped[date | None]  # null: nobody knows
    basis: Mapped[dict[str, Any] | None] = mapped_column(Json)
    note: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=OPEN)
    ended_on: Mapped[date | None]  # the first day on which it is open no more
    settlement: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {how, on, document}
    dialogues: Mapped[list[Any]] = mapped_column(Json, default=list)  # [{id, date, text, document}]
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("disputed_grounds.id"), unique=True)
    content_sha256: Mapped[str | None]  # of the request that entered it

    claimants: Mapped[list["Claimant"]] = relationship(cascade="all, delete-orphan", order_by="Claimant.position")

    @classmethod
    def open_on(cls, day: date) -> Any:
        """Those that are disputed on a day."""
        begun = db.or_(cls.since.is_(None), cls.since <= day)
        return db.select(cls).where(begun, db.or_(cls.ended_on.is_(None), cls.ended_on > day))

    @property
    def shape(self) -> Any:
        return shapely.from_wkb(self.wkb)

    @property
    def polygon(self) -> dict[str, Any]:
        return as_geojson(self.shape)

    def claims_on(self, day: date, known: Reference) -> tuple["Claim", ...]:
        """The claimants as what stands in their place; two that became one claim once."""
        found = dict.fromkeys(tuple(known.lineages.on(claimant.unit_id, day)) for claimant in self.claimants)
        return tuple(Claim(tuple(known.units[id] for id in standing)) for standing in found)

    def on(self, day: date, known: Any) -> "Ground":
        """As routing needs it."""
        shapely.prepare(polygon := self.shape)
        return Ground(self.id, polygon, self.claims_on(day, known))


class Claimant(Record):
    """A unit as it was called when the ground was recorded."""

    __tablename__ = "disputed_ground_claimants"
    __table_args__ = (UniqueConstraint("ground_id", "unit_id"),)

    ground_id: Mapped[UUID] = mapped_column(ForeignKey("disputed_grounds.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    position: Mapped[int]

    @property
    def unit(self) -> KnownUnit:
        return unit_of(self.unit_id)

    @property
    def today(self) -> list[KnownUnit]:
        return [unit_of(id) for id in reference().lineages.on(self.unit_id, today())]


PARTS.add(DisputedGround)


@dataclass(frozen=True)
class Claim:
    """What stands on a day in the place of one claimant."""

    units: tuple[KnownUnit, ...]

    @property
    def ids(self) -> frozenset[UUID]:
        return frozenset(unit.id for unit in self.units)

    def is_of(self, lineage: Iterable[UUID]) -> bool:
        """Whether a unit, given by its lineage, is the claimant or belongs to it."""
        return not self.ids.isdisjoint(lineage)


@dataclass(frozen=True)
class Ground:
    """A ground that is disputed on a day. Plain data for routing."""

    id: UUID
    polygon: Any
    claims: tuple[Claim, ...]

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        return self.polygon.bounds

    def holds(self, lat: float, lon: float) -> bool:
        west, south, east, north = self.box
        return west <= lon <= east and south <= lat <= north and bool(shapely.intersects_xy(self.polygon, lon, lat))

    def divides(self, one: tuple[UUID, ...], other: tuple[UUID, ...]) -> bool:
        """Whether two units, given by their lineages, stand on different sides of it."""
        return any(
            claim.is_of(one) and another.is_of(other) and not (claim.is_of(other) or another.is_of(one))
            for claim in self.claims
            for another in self.claims
        )


def grounds_on(day: date, known: Reference) -> list[Ground]:
    """Those open on the day that the reference data are of; kept with them."""
    if "disputed_grounds" not in known.more:
        known.more["disputed_grounds"] = _grounds_on(day, known)
    return known.more["disputed_grounds"]


def _grounds_on(day: date, known: Reference) -> list[Ground]:
    """In a fixed order. Where a reform put all claimants in one unit, nothing is left to claim."""
    query = DisputedGround.open_on(day).options(db.selectinload(DisputedGround.claimants)).order_by(DisputedGround.id)
    found = [ground.on(day, known) for ground in db.session.scalars(query)]
    return [ground for ground in found if len(ground.claims) > 1]
