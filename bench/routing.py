"""Routing decisions per second among all communes of the country."""

import gzip
import json
import os
import random
import statistics
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.figures import percentile

# Laid beside the checkout by those who work on the project; it is no part of it.
NATIONAL = Path(__file__).parent.parent.parent / "shared" / "data" / "boundaries" / "vietnam_communes_all.geojson.gz"
ON = date(2025, 7, 1)


def measure_routing(path: Path, points: int) -> dict[str, Any]:
    """Build the index, then decide for random points; a unit's edges are prepared when it is first near one."""
    from models.boundaries import BoundaryIndex

    begun = time.perf_counter()
    territories = _territories(path)
    read = time.perf_counter()
    before_mib = _resident_mib()
    started = time.perf_counter()
    index = BoundaryIndex({"id": "bench", "name": "bench", "valid_from": ON.isoformat()}, 160.0, territories)
    built = time.perf_counter()
    places = _places(territories, points)
    rules: Counter[str] = Counter()
    first = _decide(places, index, rules)
    again = _decide(places, index, Counter())
    return {
        "communes": len(territories),
        "read_s": round(read - begun, 2),
        "index_s": round(built - started, 3),
        "points": points,
        "first_time": first,
        "again": again,
        "rules": dict(sorted(rules.items())),
        "memory_mib": round(_resident_mib() - before_mib, 1),
    }


def _territories(path: Path) -> list[Any]:
    """As BoundaryIndex.build makes them of the database, of a file: its ids serve as unit ids."""
    import shapely

    from models.boundaries import Territory

    with gzip.open(path) as file:
        features = json.load(file)["features"]
    territories = []
    for feature in features:
        facts = feature["properties"]
        polygon = shapely.geometry.shape(feature["geometry"])
        inside = polygon.representative_point()
        lineage = tuple(UUID(int=facts[name]) for name in ("province_src", "district_src", "src_id"))
        unit = {
            "id": str(lineage[-1]),
            "code": facts["code"] or str(facts["src_id"]),
            "name": facts["name"],
            "level": "commune",
            "kind": "xã",
            "parent_id": str(lineage[-2]),
            "valid_from": None,
            "valid_to": None,
        }
        territories.append(Territory(lineage[-1], lineage, unit, polygon, (inside.y, inside.x)))
    return territories


def _places(territories: list[Any], count: int) -> list[Any]:
    """Random points of the country, as dense everywhere: communes are drawn by area, points within them evenly."""
    import shapely

    from models.routing import Place

    dice = random.Random(7)
    areas = [t.polygon.area for t in territories]
    places = []
    for territory in dice.choices(territories, areas, k=count):
        west, south, east, north = territory.polygon.bounds
        while True:
            lon, lat = dice.uniform(west, east), dice.uniform(south, north)
            if shapely.contains_xy(territory.polygon, lon, lat):
                break
        places.append(Place(lat, lon, dice.choice((8.0, 15.0, 40.0, None)), dice.random() < 0.3, ON))
    return places


def _decide(places: list[Any], index: Any, rules: Counter[str]) -> dict[str, float]:
    from models.routing import route

    times = []
    begun = time.perf_counter()
    for place in places:
        started = time.perf_counter()
        facts = route(place, index, ()).facts  # with its explanation, as it is stored
        times.append((time.perf_counter() - started) * 1000)
        rules[facts["rule"]] += 1
    return {
        "per_s": round(len(places) / (time.perf_counter() - begun), 1),
        "p50_ms": round(statistics.median(times), 2),
        "p99_ms": round(percentile(times, 0.99), 2),
    }


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
