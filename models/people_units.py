"""People may belong to another unit than the land: the units that people on a report belong to, which are told.

Told is that such a unit's people are concerned, by the fact `told` of an event; neither the case nor a name is shown.
"""

from typing import Any
from uuid import UUID

from models.assignments import State
from models.clock import today
from models.events import Event
from models.reference import reference

TELLS = "people_unit"  # as an event of its own; a report says it itself


def named_by(people: list[Any] | None) -> list[str] | None:
    """Ids of the units that people on a report are said to belong to, as they stand today."""
    found = [id for person in people or () if (said := person.get("unit_id")) for id in _today(said)]
    return list(dict.fromkeys(map(str, found))) or None


def findings(people: list[Any] | None) -> list[dict[str, Any]]:
    """A unit that is not known is a finding, never a refusal; what was written instead may be anybody's name."""
    odd = [n for n, person in enumerate(people or ()) if (said := person.get("unit_id")) and not _today(said)]
    return [{"check": "people_unit", "value": f"people.{number}.unit_id"} for number in odd]


def to_tell(incident: Any, before: list[str] | None = None) -> list[str]:
    """Those newly named that have no part in the case."""
    if not incident.people_unit_ids:
        return []
    known = {*(before or ()), *(str(r.unit_id) for r in incident.assignments if r.state != State.WITHDRAWN)}
    return [id for id in incident.people_unit_ids if id not in known]


def tell(incident: Any, actor: Any, before: list[str] | None) -> None:
    if told := to_tell(incident, before):
        Event.record(incident, TELLS, actor, told=told)


def _today(said: Any) -> list[UUID]:
    """What stands today in the place of a unit, of a village its commune; nothing for what is no unit."""
    known = reference()
    try:
        unit = known.units.get(UUID(said))
    except (ValueError, TypeError, AttributeError):
        return []
    if unit is None:
        return []
    home = known.above(unit)[0] if unit.level == "village" and known.above(unit) else unit
    return known.lineages.on(home.id, today())
