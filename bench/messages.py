"""The bytes of every request, made before the clock starts."""

import csv
import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.clients import HOST, Request
from bench.pictures import Picture

BASE = "/api/v1"
UNITS = Path(__file__).parent.parent / "services" / "demo" / "demo_units.csv"
SPREAD_DEG = 0.03  # some 3 km around a commune's centre: inside it, near its borders, and across them
TYPES = ("illegal_logging", "forest_clearing", "forest_fire", "wildlife", "encroachment", "illegal_transport")


def get(path: str, token: str) -> Request:
    return (_head("GET", path, token),)


def post_json(path: str, token: str, body: dict[str, Any]) -> Request:
    content = json.dumps(body, ensure_ascii=False).encode()
    return (_head("POST", path, token, "application/json", len(content)) + content,)


def post_packed(path: str, token: str, body: dict[str, Any]) -> Request:
    """JSON as phones send it over a thin line: in UTF-8, without spaces, gzipped."""
    content = gzip.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0)
    head = _head("POST", path, token, "application/json\r\nContent-Encoding: gzip", len(content))
    return (head, content)


def batch(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """What a phone brings back from a walk, for POST /sync."""
    operations = [
        {"id": str(uuid4()), "kind": "incident.create", "device_time": report["found_at"], "body": report}
        for report in reports
    ]
    return {"device_time": datetime.now(UTC).isoformat(), "operations": operations}


def post_photo(incident: UUID, token: str, picture: Picture, number: int) -> Request:
    head = _head("POST", f"/incidents/{incident}/photos", token, "image/jpeg", picture.size)
    return (head + picture.own_part(number), picture.common_part)


def _head(method: str, path: str, token: str, content_type: str = "", size: int = 0) -> bytes:
    lines = [
        f"{method} {BASE}{path} HTTP/1.1",
        f"Host: {HOST}",
        "Accept-Encoding: gzip",  # as phones and browsers ask
        f"Authorization: Bearer {token}",
    ]
    if content_type:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {size}"]
    return "\r\n".join([*lines, "", ""]).encode()


@cache
def centres() -> tuple[tuple[float, float], ...]:
    """Latitude and longitude of the centre of every commune of the demo that has one."""
    with open(UNITS, encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "commune" and row["centre_lat"]]
    return tuple(sorted({(float(row["centre_lat"]), float(row["centre_lon"])) for row in rows}))


def reports(seed: int) -> Iterator[dict[str, Any]]:
    """Reports without end, each with a new id: the same places and types for the same seed."""
    dice = random.Random(seed)
    while True:
        for lat, lon in dice.sample(centres(), len(centres())):
            found_at = datetime.now(UTC) - timedelta(minutes=dice.randint(5, 600))
            yield {
                "id": str(uuid4()),
                "type": dice.choice(TYPES),
                "found_at": found_at.isoformat(),
                "location": {
                    "lat": round(lat + dice.uniform(-SPREAD_DEG, SPREAD_DEG), 6),
                    "lon": round(lon + dice.uniform(-SPREAD_DEG, SPREAD_DEG), 6),
                    "accuracy_m": dice.choice((8.0, 15.0, 40.0)),
                    "source": "gps",
                    "captured_at": found_at.isoformat(),
                },
                "description": "Phát hiện gốc nghiến mới chặt gần mốc giáp ranh, gỗ đã kéo về phía suối.",
                "severity": "medium",
                "source": "patrol",
                "channel": "app",
                "damage": {"area_m2": dice.randint(100, 20_000), "trees": dice.randint(1, 40)},
            }
