"""Editions of boundaries, and the index that routing reads: built once per edition and process."""

import threading
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db
from models.geometry import METRES_PER_DEGREE, Edges, TangentPlane
from models.units import Unit

SLIVER_M2 = 1.0  # a common area below this is digitising noise, not an overlap


class Edition(Record):
    """One set of boundaries from one source. Old editions stay; exactly one is in force on a day."""

    __tablename__ = "editions"
    kind = "edition"  # as the subject of events

    name: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str] = mapped_column(default="")
    licence: Mapped[str] = mapped_column(default="")
    legal_reference: Mapped[str] = mapped_column(default="")
    error_m: Mapped[float] = mapped_column(default=0.0)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    activated_at: Mapped[datetime | None]

    @classmethod
    def on(cls, day: date, besides: UUID | None = None) -> "Edition | None":
        """The edition in force on a day: the newest by date, then the one activated last; `besides`: as if that were
        not there."""
        held = cls.activated_by(day, besides).where(db.or_(cls.valid_to.is_(None), cls.valid_to >= day))
        return db.session.scalars(held.limit(1)).first()

    @classmethod
    def before(cls, day: date, besides: UUID | None = None) -> "Edition | None":
        """The one that an edition takes the place of, which may have been given a last day."""
        return db.session.scalars(cls.activated_by(day, besides).limit(1)).first()

    @classmethod
    def activated_by(cls, day: date, besides: UUID | None) -> Any:
        begun = db.select(cls).where(cls.activated_at.is_not(None), cls.valid_from <= day)
        if besides:
            begun = begun.where(cls.id != besides)
        return begun.order_by(cls.valid_from.desc(), cls.activated_at.desc())

    @property
    def facts(self) -> dict[str, Any]:
        return {"id": str(self.id), "name": self.name, "valid_from": self.valid_from.isoformat()}


class Boundary(Record):
    """The polygon of one unit in one edition."""

    __tablename__ = "boundaries"
    __table_args__ = (UniqueConstraint("edition_id", "unit_id"),)

    edition_id: Mapped[UUID] = mapped_column(ForeignKey("editions.id"), index=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    wkb: Mapped[bytes] = mapped_column(LargeBinary)  # WGS 84, longitude before latitude
    interior_lat: Mapped[float]
    interior_lon: Mapped[float]
    area_m2: Mapped[float]

    unit: Mapped[Unit] = relationship()


@dataclass
class Territory:
    """A unit and its polygon, ready for routing."""

    id: UUID
    lineage: tuple[UUID, ...]
    facts: dict[str, Any]
    polygon: Any
    interior: tuple[float, float]

    @cached_property
    def edges(self) -> Edges:
        return Edges.of(self.polygon)


class BoundaryIndex:
    """The communes of one edition, found by place. Immutable, so threads share it."""

    def __init__(self, edition: dict[str, Any], error_m: float, territories: list[Territory]):
        self.edition = edition
        self.error_m = error_m
        self.territories = territories
        self._tree = shapely.STRtree([t.polygon for t in territories])
        self._overlaps: dict[tuple[UUID, UUID], bool] = {}

    def near(self, lat: float, lon: float, radius_m: float) -> list[Territory]:
        """Those whose bounding box comes within the radius; a few too many, never too few."""
        up = radius_m / METRES_PER_DEGREE * 1.01
        across = up / max(0.01, float(np.cos(np.radians(min(89.0, abs(lat) + up)))))
        box = shapely.box(lon - across, lat - up, lon + across, lat + up)
        return [self.territories[i] for i in sorted(self._tree.query(box))]

    def neighbours(self, roots: frozenset[UUID], reach_m: float) -> list[Territory]:
        """The communes of these subtrees and those within reach of them, by bounding boxes."""
        own = [t for t in self.territories if not roots.isdisjoint(t.lineage)]
        found: dict[UUID, Territory] = {t.id: t for t in own}
        for territory in own:
            west, south, east, north = territory.polygon.bounds
            lat, lon = (south + north) / 2, (west + east) / 2
            half_m = max(north - south, east - west) / 2 * METRES_PER_DEGREE
            found |= {t.id: t for t in self.near(lat, lon, half_m + reach_m)}
        return list(found.values())

    def overlap(self, one: Territory, other: Territory) -> bool:
        """Whether two polygons have an area in common, not just a border."""
        first, second = sorted((one, other), key=lambda t: t.id)
        key = (first.id, second.id)
        if key not in self._overlaps:
            common = shapely.intersection(first.polygon, second.polygon)
            self._overlaps[key] = area_m2(common) > SLIVER_M2
        return self._overlaps[key]

    @classmethod
    def build(cls, edition: Edition) -> "BoundaryIndex":
        rows = db.session.execute(
            db.select(Boundary, Unit)
            .join(Unit, Boundary.unit_id == Unit.id)
            .where(Boundary.edition_id == edition.id, Unit.level == "commune")
            .order_by(Unit.id)
        ).all()
        polygons = shapely.from_wkb([boundary.wkb for boundary, _ in rows])
        return cls(
            edition.facts,
            edition.error_m,
            [
                Territory(u.id, u.lineage_ids, u.facts, polygon, (b.interior_lat, b.interior_lon))
                for (b, u), polygon in zip(rows, polygons, strict=True)
            ],
        )


_indexes: dict[tuple[UUID, datetime | None], BoundaryIndex] = {}
_building = threading.Lock()


def index_of(edition: Edition) -> BoundaryIndex:
    """The index of an edition, built at most once in this process for each activation of it."""
    key = (edition.id, edition.activated_at)
    if key not in _indexes:
        with _building:
            if key not in _indexes:
                for old in [k for k in _indexes if k[0] == edition.id]:
                    del _indexes[old]
                _indexes[key] = BoundaryIndex.build(edition)
    return _indexes[key]


def area_m2(geometry: Any) -> float:
    """Area of a polygon in longitude and latitude, in a plane that touches at its middle.

    For units of up to some 100 km across: the plane shrinks areas by less than 0.01 % at 50 km.
    """
    if geometry.is_empty:
        return 0.0
    lon_1, lat_1, lon_2, lat_2 = geometry.bounds
    return float(TangentPlane((lat_1 + lat_2) / 2, (lon_1 + lon_2) / 2).flat(geometry).area)
