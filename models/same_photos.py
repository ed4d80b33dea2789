"""Where else a photo was sent: the same bytes, or nearly the same picture, in another case."""

from typing import Any
from uuid import UUID

from models.base import db
from models.clock import today
from models.findings import names
from models.incidents import Incident
from models.likeness import Search
from models.limits import limit
from models.photos import PENDING, STORED, Photo

MOST_NEAR = 200  # of pictures that look alike, and of photos with one of these pictures


def search_for(likeness: str | None) -> Search:
    return Search(likeness, int(limit("similar_photo_bits", today())))


def elsewhere(photo: Photo, alike: dict[str, int]) -> dict[str, dict[UUID, int]]:
    """{check: {other case: in how many bits its picture differs}}, nearest first; `alike`: pictures like this one.

    Of two photos the later is marked, so that a case is not changed by what others send after it. The earlier one is
    marked only if it was looked at last and the later therefore knows nothing of it.
    """
    bits = {photo.sha256: 0} | dict(list(alike.items())[:MOST_NEAR])
    found: dict[str, dict[UUID, int]] = {"reused_photo": {}, "similar_photo": {}}
    rows = db.session.execute(_others(photo, list(bits))).all()
    for row in sorted(rows, key=lambda row: (bits[row.sha256], row.sha256 != photo.sha256)):
        later = (row.stored_at, row.id) > (photo.stored_at, photo.id)
        if later and (row.preview == PENDING or names(row.findings, photo.incident_id)):
            continue
        if row.sha256 == photo.sha256:
            found["reused_photo"][row.incident_id] = 0
        elif row.incident_id not in found["reused_photo"]:
            found["similar_photo"].setdefault(row.incident_id, bits[row.sha256])
    return found


def _others(photo: Photo, hashes: list[str]) -> Any:
    """Photos of other cases, oldest first; a case and its duplicates are one."""
    root = db.func.coalesce(Incident.duplicate_of, Incident.id)
    mine = db.select(root).where(Incident.id == photo.incident_id).scalar_subquery()
    columns = (Photo.id, Photo.incident_id, Photo.sha256, Photo.stored_at, Photo.preview, Photo.findings)
    others = db.select(*columns).join(Incident, Incident.id == Photo.incident_id).where(root != mine)
    known = others.where(Photo.sha256.in_(hashes), Photo.state == STORED)
    return known.order_by(Photo.stored_at, Photo.id).limit(MOST_NEAR)
