"""The ledger of places where the boundary is not agreed: each refusal of a lead at a border is kept, settled or not."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from models.assignments import BORDER_REASONS, Assignment, Joint, Part, State
from models.base import db
from models.incidents import Incident
from models.reference import reference
from models.users import Person
from models.visibility import Viewer

MOST = 2000  # cases; the newest


def ledger(user: Person) -> list[dict[str, Any]]:
    """By border: between whom, how often, since when, how many are still open, and each place, the newest first.

    Only cases this person may see count.
    """
    borders: dict[tuple[UUID, ...], list[dict[str, Any]]] = defaultdict(list)
    for incident in _disputed(user):
        borders[_between(incident)].append(_place(incident))
    units = reference().units
    found = [
        {
            "between": [units[id].facts for id in between],
            "count": len(places),
            "open": sum(place["state"] == "open" for place in places),
            "first_at": min(place["at"] for place in places),
            "last_at": max(place["at"] for place in places),
            "area_m2": sum(place["area_m2"] or 0 for place in places),
            "places": places,
        }
        for between, places in borders.items()
    ]
    return sorted(found, key=lambda border: (border["count"], border["last_at"]), reverse=True)


def _disputed(user: Person) -> list[Incident]:
    rows = db.select(Assignment.id).where(
        Assignment.incident_id == Incident.id,
        Assignment.role == Part.LEAD,
        Assignment.state == State.DECLINED,
        Assignment.reason.in_(BORDER_REASONS),
    )
    query = db.select(Incident).where(rows.exists(), Viewer.shows(Incident.id, user))
    shown = query.order_by(Incident.received_at.desc(), Incident.id).limit(MOST)
    return list(db.session.scalars(shown.options(db.selectinload(Incident.assignments))))


def _refusals(incident: Incident) -> list[Assignment]:
    return [
        row
        for row in incident.assignments
        if row.role == Part.LEAD and row.state == State.DECLINED and row.reason in BORDER_REASONS
    ]


def _between(incident: Incident) -> tuple[UUID, ...]:
    """Who refused first, and the other side: the nearest other candidate of the routing, in a fixed order."""
    first = _refusals(incident)[0].unit_id
    candidates = [UUID(c["unit"]["id"]) for c in incident.routing["candidates"]]
    others = [id for id in candidates if id != first]
    return tuple(sorted([first, *others[:1]]))


def _place(incident: Incident) -> dict[str, Any]:
    lead, refusals = incident.lead, _refusals(incident)
    is_open = lead.state == State.OFFERED or incident.joint_status in (Joint.DISPUTED, Joint.ESCALATED)
    damage = (incident.verified or {}).get("damage") or incident.damage or {}
    return {
        "incident_id": incident.id,
        "number": incident.number,
        "type": incident.type,
        "lat": incident.lat,
        "lon": incident.lon,
        "at": refusals[0].ended_at,
        "area_m2": damage.get("area_m2"),
        "refusals": [
            {"unit": row.unit.facts, "reason": row.reason, "text": row.text, "basis": row.basis, "at": row.ended_at}
            for row in refusals
        ],
        "state": "open" if is_open else "settled",
        "settled_by": None if is_open else lead.unit.facts,
        "settled_how": None if is_open else "arbitration" if lead.reason == "arbitration" else "accepted",
    }


def as_geojson(borders: list[dict[str, Any]]) -> dict[str, Any]:
    """Each place as a point, with its border's names and count."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [place["lon"], place["lat"]]},
            "properties": {name: value for name, value in place.items() if name not in ("lat", "lon")}
            | {"between": [unit["name"] for unit in border["between"]], "count": border["count"]},
        }
        for border in borders
        for place in border["places"]
    ]
    return {"type": "FeatureCollection", "features": features}
