"""Border hotspots: a point with a radius or a stretch of border where two units keep an eye on the same ground."""

from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Json, Record, db, in_force
from models.clock import today
from models.drawn import as_geojson, from_geojson
from models.places import Area
from models.reference import Reference, reference
from models.units import KnownUnit

WITHIN, COMMUNES, PROVINCES = BORDER_KINDS = ("within", "between_communes", "between_provinces")


class Hotspot(Record):
    """Its place and its sides never change: what moves is another hotspot. Its sides are kept as they were called."""

    __tablename__ = "hotspots"
    __table_args__ = (
        CheckConstraint(
            "(lat IS NULL) = (lon IS NULL) AND (lat IS NULL) = (radius_m IS NULL)"
            " AND (lat IS NULL) <> (stretch IS NULL) AND (stretch IS NULL) = (corridor_m IS NULL)",
            "point_or_stretch",
        ),
        CheckConstraint("side_a_id <> side_b_id", "two_sides"),
    )
    kind = "hotspot"  # as the subject of events

    name: Mapped[str]
    side_a_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    side_b_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    lat: Mapped[float | None]  # degrees WGS 84
    lon: Mapped[float | None]
    radius_m: Mapped[float | None]
    stretch: Mapped[dict[str, Any] | None] = mapped_column(Json)  # a GeoJSON LineString
    corridor_m: Mapped[float | None]  # to either side of the stretch
    disputed: Mapped[bool] = mapped_column(default=False)
    agreement_id: Mapped[UUID | None] = mapped_column(ForeignKey("agreements.id"))
    note: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    content_sha256: Mapped[str | None]  # of the request that entered it

    # Counted for whoever reads it.
    incidents: int = 0
    incidents_since: date | None = None
    __allow_unmapped__ = True

    @classmethod
    def in_force(cls, on: date) -> Any:
        return db.select(cls).where(in_force(cls, on))

    @property
    def side_ids(self) -> tuple[UUID, UUID]:
        return self.side_a_id, self.side_b_id

    @cached_property
    def area(self) -> Area:
        if self.stretch:
            return Area(from_geojson(self.stretch), self.corridor_m or 0.0)
        return Area(shapely.Point(self.lon, self.lat), self.radius_m or 0.0)

    @property
    def geometry(self) -> dict[str, Any]:
        return as_geojson(self.area.shape)

    @property
    def sides(self) -> list[dict[str, KnownUnit]]:
        """Each as it was called when the hotspot was entered, and what stands there today."""
        known = reference()
        return [{"unit": known.units[id], "today": self._today(id, known)} for id in self.side_ids]

    @property
    def border_kind(self) -> str:
        """What its sides are to each other today: a reform may have put both in one commune, and it stays a hotspot."""
        one, other = (side["today"].lineage_ids for side in self.sides)
        if one[-1] in other or other[-1] in one:
            return WITHIN
        province = {id for id in (*one, *other) if reference().units[id].level == "province"}
        return PROVINCES if len(province) > 1 else COMMUNES

    def _today(self, id: UUID, known: Reference) -> KnownUnit:
        """Of a unit that was divided, the part nearest to this place."""
        standing = known.lineages.on(id, today())
        if len(standing) > 1 and known.boundaries:
            places = {t.id: t for t in known.boundaries.territories if t.id in standing}
            away = {id: shapely.distance(place.polygon, self.area.shape) for id, place in places.items()}
            standing = [min(standing, key=lambda id: (away.get(id, np.inf), id))]
        return known.units[standing[0]]
