"""The events of an incident as one person may read them, oldest first."""

import re
from typing import Any
from uuid import UUID

from models.base import db
from models.events import Event
from models.joint_verifications import PEOPLE
from models.notes import reads_private
from models.people_units import TELLS
from models.permissions import reads_restricted
from models.reference import reference
from models.users import Person, people

ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def timeline_of(incident: Any, user: Person) -> list[dict[str, Any]]:
    """Facts and texts of each event. Of private notes only their unit hears, and what they say stands elsewhere."""
    events = db.session.scalars(
        db.select(Event)
        .where(Event.subject_kind == incident.kind, Event.subject_id == incident.id)
        .order_by(Event.position)
        .options(db.selectinload(Event.texts))
    ).all()
    actors = people(e.actor_id for e in events if e.actor_id)
    units = reference().units
    shown = [e for e in events if not e.facts.get("private") or reads_private(user, e.actor_id, e.unit_id)]
    if not (told := reads_restricted(user, incident)):
        shown = [e for e in shown if e.kind != f"{incident.kind}.{TELLS}"]
    return [
        {
            "number": e.position,
            "at": e.at,
            "kind": e.kind,
            "actor": described(actors.get(e.actor_id)),
            "unit": units[e.unit_id].facts if e.unit_id else None,
            "facts": (facts := facts_for(e, told)),
            "names": names_in(facts),
            "hash": e.hash,
        }
        for e in shown
    ]


def facts_for(event: Event, told: bool) -> dict[str, Any]:
    """What stood before a correction may name people, and so does who verified: that stays in the log. From where
    people on a report come is for those (`told`) who may read who they are."""
    unsaid = {"old", PEOPLE} | ({"text"} if event.facts.get("private") else set())
    unsaid |= {"told"} if event.kind == "incident.report" and not told else set()
    return {k: v for k, v in event.readable_facts.items() if k not in unsaid}


def names_in(facts: dict[str, Any]) -> dict[str, str]:
    """The units that facts give by id, one or several in a list, as people call them."""
    ids = [id for value in facts.values() for id in (value if isinstance(value, list) else [value])]
    units = reference().units
    found = {id: units.get(UUID(id)) for id in ids if isinstance(id, str) and ID.fullmatch(id)}
    return {id: unit.name for id, unit in found.items() if unit}


def described(user: Person | None) -> dict[str, Any] | None:
    return {"id": str(user.id), "name": user.name, "role": str(user.role)} if user else None
