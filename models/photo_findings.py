"""What the claims of a photo's file say against the report it was sent for."""

import json
import re
from datetime import UTC, datetime, timezone
from functools import cache
from typing import Any

from models.clock import local, local_zone
from models.findings import Finding
from models.geometry import distance_m
from models.incident_types import INCIDENT_TYPES
from models.limits import accuracy_m, limit
from models.vocabulary import CATALOGUE

# Only for who may read the claims they are made from.
OF_CLAIMS = {"exif_time", "exif_place", "editing_software"}


def judged(photo: Any, incident: Any) -> list[Finding]:
    claims = photo.exif or {}
    return [*_time(claims, photo, incident), *_place(claims, incident), *_software(claims)]


def _time(claims: dict[str, Any], photo: Any, incident: Any) -> list[Finding]:
    """Seconds by which the file's time lies outside what the phone said: negative, earlier.

    A photo without a time of its own was taken between the finding and its arrival.
    """
    taken_at = claimed_time(claims)
    if taken_at is None:
        return []
    said = [photo.captured_at] if photo.captured_at else [incident.found_at, photo.stored_at or incident.received_at]
    off_s = (taken_at - min(max(taken_at, min(said)), max(said))).total_seconds()
    if abs(off_s) <= limit("exif_time_off_s", local(incident.received_at).date()):
        return []
    return [{"check": "exif_time", "value": round(off_s)}]


def claimed_time(claims: dict[str, Any]) -> datetime | None:
    """The moment at which a file says it was made; by the local clock where it names no offset."""
    try:
        moment = datetime.strptime(claims["taken_at"][:19], "%Y:%m:%d %H:%M:%S")
        return moment.replace(tzinfo=_offset(claims.get("offset") or "")).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _offset(text: str) -> Any:
    """Of "+07:00"; the local time zone for anything else."""
    try:
        offset = datetime.strptime(text, "%z").utcoffset()
    except ValueError:
        offset = None
    return local_zone() if offset is None else timezone(offset)


def _place(claims: dict[str, Any], incident: Any) -> list[Finding]:
    """Metres between the file's place and the report's, beyond how well that is known."""
    if "lat" not in claims or "lon" not in claims:
        return []
    day = local(incident.received_at).date()
    apart_m = distance_m(claims["lat"], claims["lon"], incident.lat, incident.lon)
    most_m = limit("exif_place_off_fire_m" if INCIDENT_TYPES[incident.type].is_fire else "exif_place_off_m", day)
    if apart_m <= most_m + accuracy_m(incident.location.get("accuracy_m"), day):
        return []
    return [{"check": "exif_place", "value": round(apart_m)}]


def _software(claims: dict[str, Any]) -> list[Finding]:
    software = claims.get("software") or ""
    return [{"check": "editing_software", "value": software}] if _editors().search(software) else []


@cache
def _editors() -> re.Pattern[str]:
    """Programs that people change pictures with, where a word of the text begins with their name."""
    known = json.loads((CATALOGUE / "editing_software.json").read_text("utf-8"))
    return re.compile(r"(?<![^\W_])(?:" + "|".join(map(re.escape, known)) + ")", re.IGNORECASE)
