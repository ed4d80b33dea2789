"""The ledger of places where the boundary is not agreed: each refusal of a lead at a border is kept, settled or not;
beside them the disputed grounds recorded between the same units, and the hotspots that both touch."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from models.assignments import BORDER_REASONS, HOLDS_LEAD, LEAD_DECLINED, Assignment, Joint, Part, State
from models.base import db
from models.clock import today
from models.disputed_grounds import OPEN, REPLACED, DisputedGround, Ground
from models.drawn import as_geojson
from models.entering_hotspots import hotspots_of
from models.hotspots import Hotspot
from models.incidents import Incident
from models.places import Area, cases_in
from models.recording_grounds import grounds_of
from models.reference import reference
from models.users import Person
from models.visibility import Viewer

MOST = 2000  # cases; the newest
MOST_LINKED = 100  # cases of one ground
SHOWN = ("id", "number", "type", "lat", "lon", "joint_status", "routing", "damage", "verified")
LED = ("incident_id", "unit_id", "state", "reason", "text", "basis", "ended_at")
Between = tuple[UUID, ...]


@dataclass
class Border:
    """What is not agreed between the same units, as they are today."""

    places: list[dict[str, Any]] = field(default_factory=list)
    grounds: list[dict[str, Any]] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)  # of its grounds

    def touched(self, hotspots: list[Hotspot]) -> list[Hotspot]:
        lats, lons = (np.array([place[name] for place in self.places]) for name in ("lat", "lon"))
        return [
            hotspot
            for hotspot in hotspots
            if hotspot.area.holds(lats, lons).any() or any(hotspot.area.touches(area) for area in self.areas)
        ]


def ledger(user: Person) -> list[dict[str, Any]]:
    """By border: between whom, how often, since when, how many are still open, and each place, the newest first; the
    recorded grounds and the hotspots they touch.

    Only cases, grounds and hotspots this person may see count.
    """
    borders: dict[Between, Border] = defaultdict(Border)
    for incident, leads in _disputed(user):
        refusals = [row for row in leads if row.state == State.DECLINED and row.reason in BORDER_REASONS]
        lead = next(row for row in leads if row.state in HOLDS_LEAD)
        borders[_between(incident, refusals[0])].places.append(_place(incident, lead, refusals))
    _add_grounds(borders, user)
    hotspots = hotspots_of(user)
    found = [_entry(between, border, hotspots) for between, border in borders.items()]
    return sorted(
        found, key=lambda entry: (entry["count"], str(entry["last_at"]), entry["grounds_area_m2"]), reverse=True
    )


def _entry(between: Between, border: Border, hotspots: list[Hotspot]) -> dict[str, Any]:
    places = border.places
    return {
        "between": [reference().units[id].facts for id in between],
        "count": len(places),
        "open": sum(place["state"] == "open" for place in places),
        "first_at": min((place["at"] for place in places), default=None),
        "last_at": max((place["at"] for place in places), default=None),
        "area_m2": sum(place["area_m2"] or 0 for place in places),
        "places": places,
        "grounds": border.grounds,
        "grounds_area_m2": sum(ground["area_m2"] for ground in border.grounds if ground["status"] == OPEN),
        "hotspots": [
            {"id": hotspot.id, "name": hotspot.name, "disputed": hotspot.disputed}
            for hotspot in border.touched(hotspots)
        ],
    }


def _disputed(user: Person) -> list[tuple[Any, list[Any]]]:
    """Cases with all who led or lead them, in that order. Plain rows: there may be thousands."""
    declined = db.select(Assignment.incident_id).where(db.text(LEAD_DECLINED), Assignment.reason.in_(BORDER_REASONS))
    columns = (getattr(Incident, name) for name in SHOWN)
    query = db.select(*columns).where(Incident.id.in_(declined), Viewer.shows(Incident.id, user))
    cases = db.session.execute(query.order_by(Incident.received_at.desc(), Incident.id).limit(MOST)).all()
    led = db.select(*(getattr(Assignment, name) for name in LED)).where(
        Assignment.role == Part.LEAD, Assignment.incident_id.in_([case.id for case in cases])
    )
    leads: dict[UUID, list[Any]] = defaultdict(list)
    for row in db.session.execute(led.order_by(Assignment.offered_at, Assignment.id)):
        leads[row.incident_id].append(row)
    return [(case, leads[case.id]) for case in cases]


def _between(incident: Any, refusal: Any) -> Between:
    """Who refused first, and the other side: the nearest other candidate of the routing, in a fixed order."""
    first = refusal.unit_id
    candidates = [UUID(c["unit"]["id"]) for c in incident.routing["candidates"]]
    others = [id for id in candidates if id != first]
    return _standing_today((first, *others[:1]))


def _standing_today(units: Between) -> Between:
    """As they are called today, in a fixed order; as they were, when a reform put them in one or divided one."""
    lineages, day = reference().lineages, today()
    standing = [lineages.on(id, day) for id in units]
    now = {found[0] for found in standing if len(found) == 1}
    return tuple(sorted(now if len(now) == len(units) else units))


def _place(incident: Any, lead: Any, refusals: list[Any]) -> dict[str, Any]:
    units = reference().units
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
            {
                "unit": units[row.unit_id].facts,
                "reason": row.reason,
                "text": row.text,
                "basis": row.basis,
                "at": row.ended_at,
            }
            for row in refusals
        ],
        "state": "open" if is_open else "settled",
        "settled_by": None if is_open else units[lead.unit_id].facts,
        "settled_how": None if is_open else "arbitration" if lead.reason == "arbitration" else "accepted",
    }


def _add_grounds(borders: dict[Between, Border], user: Person) -> None:
    """Each recorded ground under every border between its claimants; under one of its own when nobody refused there."""
    known, day = reference(), today()
    grounds = [ground for ground in grounds_of(user) if ground.status != REPLACED]
    areas = [Area(ground.shape) for ground in grounds]
    lineages = {between: [known.units[id].lineage_ids for id in between] for between in borders}
    for ground, area, cases in zip(grounds, areas, cases_in(areas, user), strict=True):
        claimed = Ground(ground.id, area.shape, ground.claims_on(day, known))
        under = [between for between, sides in lineages.items() if len(sides) == 2 and claimed.divides(*sides)]
        for between in under or [_standing_today(tuple(c.unit_id for c in ground.claimants))]:
            borders[between].grounds.append(_ground(ground, area, [case.id for case in cases]))
            borders[between].areas.append(area)


def _ground(ground: DisputedGround, area: Area, cases: list[UUID]) -> dict[str, Any]:
    return {
        "id": ground.id,
        "name": ground.name,
        "status": ground.status,
        "since": ground.since,
        "settlement": ground.settlement,
        "area_m2": ground.area_m2,
        "polygon": as_geojson(area.shape),
        "incidents": len(cases),
        "incident_ids": cases[:MOST_LINKED],
    }


def as_features(borders: list[dict[str, Any]]) -> dict[str, Any]:
    """For a map: each place as a point, each ground as its polygon, with their border's names and count."""
    features = []
    for border in borders:
        said = {"between": [unit["name"] for unit in border["between"]], "count": border["count"]}
        for place in border["places"]:
            point = {"type": "Point", "coordinates": [place["lon"], place["lat"]]}
            features.append(_feature(point, "place", place, ("lat", "lon"), said))
        for ground in border["grounds"]:
            features.append(_feature(ground["polygon"], "ground", ground, ("polygon",), said))
    return {"type": "FeatureCollection", "features": features}


def _feature(
    geometry: dict[str, Any], kind: str, facts: dict[str, Any], but: tuple[str, ...], said: dict[str, Any]
) -> dict[str, Any]:
    properties = {name: value for name, value in facts.items() if name not in but}
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": kind} | properties | said}
