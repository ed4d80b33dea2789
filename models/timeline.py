"""The events of an incident as one person may read them, oldest first."""

from typing import Any

from models.base import db
from models.events import Event
from models.joint_verifications import PEOPLE
from models.notes import reads_private
from models.people_units import TELLS
from models.permissions import reads_restricted
from models.reference import reference
from models.users import Person, people


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
            "facts": facts_for(e) if told else _but_people_units(e.kind, facts_for(e)),
            "hash": e.hash,
        }
        for e in shown
    ]


def facts_for(event: Event) -> dict[str, Any]:
    """What stood before a correction may name people, and so does who verified: that stays in the log."""
    unsaid = {"old", PEOPLE} | ({"text"} if event.facts.get("private") else set())
    return {k: v for k, v in event.readable_facts.items() if k not in unsaid}


def _but_people_units(kind: str, facts: dict[str, Any]) -> dict[str, Any]:
    """From where people on a report come is for who may read who they are."""
    return {k: v for k, v in facts.items() if (kind, k) != ("incident.report", "told")}


def described(user: Person | None) -> dict[str, Any] | None:
    return {"id": str(user.id), "name": user.name, "role": str(user.role)} if user else None
