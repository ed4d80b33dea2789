"""From a place to the units that must act: the edition in force, agreements, who is staffed, who comes next."""

from datetime import datetime
from typing import Any
from uuid import UUID

from models.assignments import State
from models.clock import local
from models.disputed_grounds import grounds_on
from models.errors import NoArbiter
from models.incident_types import INCIDENT_TYPES
from models.reference import Reference, reference, reference_on
from models.routing import Decision, Place, route
from models.staffing import is_staffed
from models.standing import unit_for
from models.units import KnownUnit


def route_at(location: dict[str, Any], type: str, at: datetime) -> Decision:
    """The routing decision for a place, with the boundaries and agreements in force on the local day of `at`."""
    day = local(at).date()
    known = reference_on(day)
    place = Place(
        lat=location["lat"],
        lon=location["lon"],
        accuracy_m=location.get("accuracy_m"),
        fire=INCIDENT_TYPES[type].is_fire if type else False,
        on=day,
    )
    return route(place, known.index, known.accords, grounds_on(day, known))


def units_for(decision: Decision) -> tuple[KnownUnit, list[KnownUnit], list[KnownUnit]]:
    """The unit that is offered the lead, those offered support, and the units above the routed commune."""
    known = reference()
    routed = known.units[decision.lead.id]
    lead = responsible(routed, known)
    supports = [known.units[c.id] for c in decision.supports if c.id != lead.id]
    return lead, supports, known.above(routed)


def responsible(unit: KnownUnit, known: Reference) -> KnownUnit:
    """The unit itself when somebody serves there, else the nearest superior with an officer or leader."""
    return next((u for u in (unit, *known.above(unit)) if is_staffed(u, known)), unit)


def counted_unit(lead: KnownUnit, routing: dict[str, Any]) -> UUID:
    """The commune a case counts for: the one that leads, else the routed commune of its place."""
    return lead.id if lead.level == "commune" else UUID(routing["lead"]["id"])


def unit_at_found(incident: Any, decision: Decision) -> UUID | None:
    """Who would have led on the day it was found, when boundaries of that day were others."""
    day = local(incident.counted_at).date()
    then = reference_on(day).boundaries
    if then is None or then.edition == decision.edition:
        return None
    found = route_at(incident.location, incident.type, incident.counted_at).lead.id
    return found if found != decision.lead.id else None


def next_lead(incident: Any) -> KnownUnit | None:
    """After the lead declined: the next candidate that has not declined this incident; None when all have. Of one that
    ended meanwhile what stands in its place is asked, unless it had declined itself."""
    known = reference()
    declined = {r.unit_id for r in incident.assignments if r.state == State.DECLINED}
    for id in (UUID(c["unit"]["id"]) for c in incident.routing["candidates"]):
        candidate = known.units[unit_for(incident, id)]
        if id in declined or candidate.id in declined:
            continue
        unit = responsible(candidate, known)
        if unit.id not in declined:
            return unit
    return None


def superior_of(unit: KnownUnit) -> KnownUnit:
    """The nearest unit above with somebody on the system. Raises NoArbiter when there is none."""
    known = reference()
    found = next((u for u in known.above(unit) if is_staffed(u, known)), None)
    if found is None:
        raise NoArbiter()
    return found
