"""Which other cases may be the same: of the same kind, near in place and time, also across an agreement.

Of a case that a person does not see they learn number, unit and distance, and only where an agreement covers the
border between its lead and the lead of theirs; of any other not even that there is one.
"""

import math
from datetime import timedelta
from typing import Any
from uuid import UUID

from models.base import db
from models.clock import today
from models.errors import NotAllowed
from models.geometry import METRES_PER_DEGREE, distance_m
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import Status
from models.incidents import Incident
from models.limits import limit
from models.permissions import reads_restricted
from models.reference import reference, unit_of
from models.users import Person
from models.visibility import Viewer

MOST = 20  # are shown, the nearest
MOST_NEAR = 200
MOST_MERGED = 10  # one into the other into the other

FACTS = (
    Incident.id,
    Incident.number,
    Incident.type,
    Incident.status,
    Incident.closed_from,
    Incident.found_at,
    Incident.counted_at,
    Incident.lat,
    Incident.lon,
    Incident.lead_unit_id,
    Incident.counted_unit_id,
    Incident.duplicate_of,
)


def possible_duplicates(incident: Incident, user: Person) -> list[dict[str, Any]]:
    """The nearest first, for who handles the case: officers and leaders of the lead and of supports that accepted."""
    if not reads_restricted(user, incident):
        raise NotAllowed(action="possible_duplicates")
    cases = [case for case in _originals(near(incident)) if case.id != _original_of(incident)]
    cases = [case for case in cases if Status.UNFOUNDED not in (case.status, case.closed_from)]
    seen = _seen(user, [case.id for case in cases])
    shown = [
        _described(case, incident, case.id in seen) for case in cases if case.id in seen or _neighbours(case, incident)
    ]
    return sorted(shown, key=lambda item: (item["distance_m"], item["number"]))[:MOST]


def near(incident: Incident) -> list[Any]:
    """Others of the same kind within the limits."""
    within_m = limit("duplicate_within_m", today())
    return [row for row in db.session.execute(around(incident, within_m)) if _distance_m(row, incident) <= within_m]


def around(incident: Incident, within_m: float) -> Any:
    """Those in the box around it: a range of the index on latitude and longitude, however many cases there are."""
    found_at, within = incident.counted_at, timedelta(days=limit("duplicate_within_days", today()))
    north = within_m / METRES_PER_DEGREE
    east = north / max(math.cos(math.radians(incident.lat)), 0.01)
    away = db.func.abs(Incident.lat - incident.lat) + db.func.abs(Incident.lon - incident.lon)
    return (
        db.select(*FACTS)
        .where(
            Incident.lat.between(incident.lat - north, incident.lat + north),
            Incident.lon.between(incident.lon - east, incident.lon + east),
            Incident.counted_at.between(found_at - within, found_at + within),
            Incident.type.in_(INCIDENT_TYPES[incident.type].same_kind),
            Incident.id != incident.id,
        )
        .order_by(away, Incident.id)
        .limit(MOST_NEAR)
    )


def _originals(cases: list[Any]) -> list[Any]:
    """In the place of a case that is a duplicate the one it was merged into, wherever that lies."""
    known = {case.id: case for case in cases}
    for _ in range(MOST_MERGED):
        wanted = {case.duplicate_of for case in known.values() if case.duplicate_of} - known.keys()
        if not wanted:
            break
        known |= {row.id: row for row in db.session.execute(db.select(*FACTS).where(Incident.id.in_(wanted)))}
    return [case for case in known.values() if case.duplicate_of is None]


def _original_of(incident: Incident) -> UUID:
    """Of what was merged already nobody is reminded."""
    case: Any = incident
    for _ in range(MOST_MERGED):
        if case.duplicate_of is None:
            break
        case = db.session.execute(db.select(*FACTS).where(Incident.id == case.duplicate_of)).one()
    return case.id


def _seen(user: Person, ids: list[UUID]) -> set[UUID]:
    mine = db.select(Viewer.incident_id).where(Viewer.incident_id.in_(ids), Viewer.viewer_id.in_(user.viewers))
    return set(db.session.scalars(mine)) if ids else set()


def _neighbours(case: Any, incident: Incident) -> bool:
    """Whether an agreement in force today covers the border between those that lead the two cases, or between the
    communes they count for, where a superior leads."""
    pairs = [
        (unit_of(mine).lineage_ids, unit_of(theirs).lineage_ids)
        for mine in {incident.lead_unit_id, incident.counted_unit_id}
        for theirs in {case.lead_unit_id, case.counted_unit_id}
    ]
    return any(accord.covers(*pair) for accord in reference().accords for pair in pairs)


def _described(case: Any, incident: Incident, visible: bool) -> dict[str, Any]:
    told = {
        "id": case.id if visible else None,
        "number": case.number,
        "unit": unit_of(case.lead_unit_id),
        "distance_m": round(_distance_m(case, incident)),
        "visible": visible,
        "days_apart": round(abs(case.counted_at - incident.counted_at) / timedelta(days=1), 1) if visible else None,
    }
    if visible:
        told |= {"type": case.type, "status": case.status, "found_at": case.found_at}
    return told


def _distance_m(case: Any, incident: Incident) -> float:
    return distance_m(case.lat, case.lon, incident.lat, incident.lon)
