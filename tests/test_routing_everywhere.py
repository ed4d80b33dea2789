"""Random points over the real communes, with gaps and overlaps made on purpose: everywhere a lead, and the right one.

Some hundred points in `make test`, a million in `make soak`. What must come out is computed by shapely in another plane.
"""

import json
import random
import resource
import time
from collections import Counter
from functools import cache
from uuid import UUID

import numpy as np
import pyproj
import pytest
import shapely
import shapely.affinity

from models.boundaries import BoundaryIndex, Territory
from models.errors import OutsideTerritory
from models.routing import Place, route
from tests.damage.conftest import SOAK
from tests.squares import DAY, EDITION, accord, expected_shares, radius_of

POINTS, PARTS = (1_000_000, 20) if SOAK else (400, 1)
AT_ONCE = 5000  # points in memory
REACH_M, BUFFER_M, FIRE_BUFFER_M = 20_000, 1000, 3000
CLEAR_M = 0.5  # nearer than this to a line the two planes may differ on its side
SCALE = 0.002  # by how much lengths may differ in the plane of the test, up to 2° from its middle
TO_METRES = pyproj.Transformer.from_crs("EPSG:4326", "+proj=tmerc +lon_0=103.2 +k=1 +ellps=WGS84", always_xy=True)
M = 1 / 110_000  # of a degree, roughly a metre


def metres(points):
    return np.column_stack(TO_METRES.transform(points[:, 0], points[:, 1]))


@cache
def damaged(file):
    """The communes, every second of them shrunk, grown, pierced or moved, and two left out."""
    chance, made = random.Random(2025), []
    for number, feature in enumerate(json.loads(file.read_text("utf-8"))["features"], 1):
        polygon, known = shapely.geometry.shape(feature["geometry"]), feature["properties"]
        change = chance.choice(("none",) * 4 + ("shrink", "grow", "hole", "move"))
        if number in (20, 60):
            continue
        if change in ("shrink", "grow"):
            polygon = polygon.buffer(chance.uniform(40, 400) * (M if change == "grow" else -M))
        elif change == "hole":
            west, south, east, north = polygon.bounds
            middle = shapely.Point(chance.uniform(west, east), chance.uniform(south, north))
            polygon = polygon.difference(middle.buffer(chance.uniform(200, 900) * M))
        elif change == "move":
            polygon = shapely.affinity.translate(polygon, chance.uniform(-600, 600) * M, chance.uniform(-600, 600) * M)
        id, province = UUID(int=number), UUID(int=int(known["province_code"]))
        facts = {"id": str(id), "code": known["code"], "name": known["name"]}
        inside = polygon.representative_point()
        made.append(Territory(id, (province, id), facts, polygon, (inside.y, inside.x)))
    return BoundaryIndex(EDITION, 0.0, made)


class Ground:
    """The same ground as the test sees it: in metres, in one plane."""

    def __init__(self, index):
        self.index = index
        self.flat = shapely.transform([t.polygon for t in index.territories], metres)
        shapely.prepare(self.flat)
        self.tree = shapely.STRtree(self.flat)
        self.lines = shapely.STRtree(shapely.boundary(self.flat))
        self.corners = np.concatenate([shapely.get_coordinates(t.polygon) for t in index.territories])
        provinces = sorted({t.lineage[0] for t in index.territories})
        self.parties = set(provinces[:2])
        self.accords = [accord(*([p] for p in self.parties))]

    def places(self, count, chance):
        """Evenly over the ground and some 25 km around it, along all lines, and on corners to the last bit."""
        west, south, east, north = shapely.total_bounds([t.polygon for t in self.index.territories])
        anywhere = chance.uniform((west - 0.25, south - 0.25), (east + 0.25, north + 0.25), (count // 2, 2))
        corners = chance.choice(self.corners, count - len(anywhere))
        beside = corners + chance.normal(0, 600 * M, corners.shape)
        beside[::5] = corners[::5]
        points = np.concatenate([anywhere, beside])
        accuracies = chance.choice([1.0, 8.0, 40.0, 400.0, np.nan], len(points), p=[0.2, 0.4, 0.2, 0.1, 0.1])
        fires = chance.random(len(points)) < 0.3
        return points, [
            Place(lat, lon, None if np.isnan(a) else a, bool(fire), DAY)
            for (lon, lat), a, fire in zip(points.tolist(), accuracies.tolist(), fires, strict=True)
        ]

    def divides(self, one, other):
        """Whether the agreement covers their border: their provinces are its two parties."""
        return {one.territory.lineage[0], other.territory.lineage[0]} == self.parties

    def facts_of(self, points, reaches_m):
        """By point: how many communes hold it, how many are within reach, metres to the nearest line and commune."""
        spots = shapely.points(metres(points))
        holding = np.bincount(self.tree.query(spots, predicate="intersects")[0], minlength=len(spots))
        within = [
            np.bincount(self.tree.query(spots, predicate="dwithin", distance=reaches_m * f)[0], minlength=len(spots))
            for f in (1 - SCALE, 1 + SCALE)
        ]
        line_m, away_m = (self._nearest(tree, spots) for tree in (self.lines, self.tree))
        return holding, *within, line_m, away_m

    @staticmethod
    def _nearest(tree, spots):
        pairs, distances = tree.query_nearest(spots, return_distance=True, all_matches=False)
        found = np.zeros(len(spots))
        found[pairs[0]] = distances
        return found


def judge(ground, shuffled, points, places, seen):
    """Every decision against what the plane says; the message names the place."""
    radii = np.array([radius_of(p, ground.index) for p in places])
    buffers = np.array([FIRE_BUFFER_M if p.fire else BUFFER_M for p in places])
    holding, surely, perhaps, line_m, away_m = ground.facts_of(points, np.maximum(radii, buffers))
    for n, place in enumerate(places):
        try:
            decision = route(place, ground.index, ground.accords)
        except OutsideTerritory:
            assert away_m[n] > REACH_M * (1 - SCALE), (place, away_m[n])
            seen["outside"] += 1
            continue
        assert away_m[n] < REACH_M * (1 + SCALE), (place, away_m[n])
        shares, lead = [c.share for c in decision.candidates], decision.lead
        total = sum(shares)
        assert abs(total - 1) < 1e-9 or (total == 0 and decision.rule == "gap"), (place, shares)
        if decision.rule == "gap":
            assert holding[n] == 0 or line_m[n] < CLEAR_M, place
            assert abs(lead.distance_m - away_m[n]) <= CLEAR_M + SCALE * away_m[n], (place, lead.distance_m, away_m[n])
        else:
            assert lead.share >= max(shares) - 1e-6, (place, shares)
            assert holding[n] > 0 or line_m[n] < CLEAR_M, place
        if line_m[n] >= CLEAR_M:
            expected = {0: ("gap",), 1: ("near_border", "inside")}.get(int(holding[n]), ("overlap",))
            assert decision.rule in expected, (place, decision.rule, holding[n])
            assert sum(c.inside for c in decision.candidates) == holding[n], place
            assert decision.rule == "overlap" or all(
                c.offered == ground.divides(lead, c) for c in decision.candidates[1:]
            )
            if decision.rule in ("near_border", "inside"):
                alone = {"inside": surely[n] <= 1, "near_border": perhaps[n] > 1}
                assert alone[decision.rule], (place, decision.rule, surely[n], perhaps[n])
        if line_m[n] * (1 - SCALE) > radii[n] and holding[n] == 1:
            assert (lead.inside, lead.share) == (True, 1.0), place
        if not seen[decision.rule] % 50:  # what costs as much again as the decision, or a hundred times as much
            assert route(place, shuffled, ground.accords).facts == decision.facts, place
        if not seen[decision.rule] % 500:
            expected_of = expected_shares(place, ground.index, radii[n])
            assert all(abs(c.share - expected_of[c.id]) < 1e-6 for c in decision.candidates), place
        seen[decision.rule] += 1


@pytest.fixture
def ground(shared_data):
    return Ground(damaged(shared_data / "boundaries" / "communes_2025.geojson"))


@pytest.mark.parametrize("part", range(PARTS))
def test_no_point_of_the_real_ground_is_without_its_lead_however_bad_the_boundaries(ground, part):
    others = list(ground.index.territories)
    random.Random(part).shuffle(others)
    shuffled = BoundaryIndex(EDITION, 0.0, others)
    chance, seen, begun, left = np.random.default_rng(part), Counter(), time.monotonic(), POINTS // PARTS
    while left:
        points, places = ground.places(min(AT_ONCE, left), chance)
        judge(ground, shuffled, points, places, seen)
        left -= len(places)
    assert seen["overlap"] and seen["gap"] and seen["near_border"] and seen["inside"] and seen["outside"]
    took_s, peak = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{sum(seen.values())} points in {took_s:.0f} s, {peak} MiB at most: {dict(seen)}")
