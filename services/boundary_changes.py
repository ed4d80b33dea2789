"""What a unit gains and loses between two editions, in hectares, without the noise of digitising."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely

from models.boundaries import area_m2
from models.geometry import METRES_PER_DEGREE
from services.boundary_features import Feature

HECTARE_M2 = 10_000
# A piece smaller than this, or narrower on average, is the same line drawn twice, not ground that changed hands.
PIECE_M2 = 100.0
PIECE_WIDTH_M = 1.0


@dataclass
class Ground:
    """The polygon of a unit as an edition in force has it."""

    code: str
    name: str
    wkb: bytes
    area_m2: float

    @cached_property
    def polygon(self) -> Any:
        return shapely.normalize(shapely.from_wkb(self.wkb))

    @property
    def named(self) -> str:
        return f"{self.name} ({self.code})"


@dataclass
class Change:
    """One unit between two editions. Where it succeeds to others, `from_names` says to whom."""

    named: str
    from_names: list[str]
    before_ha: float
    after_ha: float
    gained_ha: float = 0.0
    lost_ha: float = 0.0

    @property
    def moved_ha(self) -> float:
        return self.gained_ha + self.lost_ha


def changes(features: list[Feature], before: list[list[tuple[Ground, bool]]]) -> list[Change]:
    """The units that stood before, those that change most first. `before`: each one's grounds, True: only a part of it.

    Of a unit that was divided, only what lies inside the successor counts as its ground before.
    """
    standing = [(f, grounds) for f, grounds in zip(features, before, strict=True) if grounds]
    new = np.array([f.polygon for f, _ in standing], dtype=object)
    old = np.array([_ground(f, grounds) for f, grounds in standing], dtype=object)
    found = []
    for feature, grounds in standing:
        names = [g.named for g, _ in grounds if g.named != feature.named]
        found.append(Change(feature.named, names, 0.0, feature.area_m2 / HECTARE_M2))
    for change, polygon, (_, grounds) in zip(found, old, standing, strict=True):
        whole = len(grounds) == 1 and not grounds[0][1]
        change.before_ha = (grounds[0][0].area_m2 if whole else area_m2(polygon)) / HECTARE_M2
    moved = np.flatnonzero(~shapely.equals_exact(new, old))
    for n, gained_ha in zip(moved, _pieces_ha(shapely.difference(new[moved], old[moved])), strict=True):
        found[n].gained_ha = gained_ha
    for n, lost_ha in zip(moved, _pieces_ha(shapely.difference(old[moved], new[moved])), strict=True):
        found[n].lost_ha = lost_ha
    return sorted(found, key=lambda change: -change.moved_ha)


def _ground(feature: Feature, grounds: list[tuple[Ground, bool]]) -> Any:
    if len(grounds) == 1 and not grounds[0][1]:
        return grounds[0][0].polygon
    return shapely.union_all(
        [shapely.intersection(g.polygon, feature.polygon) if part else g.polygon for g, part in grounds]
    )


def _pieces_ha(differences: Any) -> list[float]:
    """The area of each difference, its slivers left out."""
    pieces, owner = shapely.get_parts(differences, return_index=True)
    pieces, owner = pieces[~shapely.is_empty(pieces)], owner[~shapely.is_empty(pieces)]
    narrow = np.cos(np.radians(shapely.bounds(pieces)[:, 1]))
    # Good to a few per cent, and at once for all: only to tell slivers from ground.
    rough_m2 = shapely.area(pieces) * METRES_PER_DEGREE**2 * narrow
    length_m = np.maximum(shapely.length(pieces) * METRES_PER_DEGREE, 1e-9)
    ground = (rough_m2 >= PIECE_M2) & (2 * rough_m2 / length_m >= PIECE_WIDTH_M)
    found = [0.0] * len(differences)
    for n in np.flatnonzero(ground):
        found[owner[n]] += area_m2(pieces[n]) / HECTARE_M2
    return found
