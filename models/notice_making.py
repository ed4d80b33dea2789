"""From events of the log to notices: the table of models/telling.py, asked event by event, ready to be written."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from models import deciding
from models.base import db
from models.clock import local
from models.deadlines import HOURS_A_DAY, add_working_time, due_for
from models.errors import DomainError
from models.happenings import Happening, former_leads
from models.incidents import Incident
from models.limits import limit
from models.notice_words import INSTEAD_OF, TELL_TOO, needs
from models.notices import notice_id
from models.reference import reference
from models.standing import unit_for
from models.telling import ELSE, OBJECT, TOLD, Tell
from models.untold import QUIET
from models.users import people

log = logging.getLogger(__name__)

TROUBLE = (LookupError, ValueError, TypeError, AttributeError, DomainError)  # of one event, not of the database
OTHER = ("duplicate_of", "duplicate")  # facts that name another case


@dataclass
class Told:
    """What one receiver is told, and of which units without people it is asked to take care."""

    tell: Tell
    itself: bool
    absent: list[str] = field(default_factory=list)


def notices_of(events: Iterable[Any]) -> list[dict[str, Any]]:
    """The rows of `notices` that these events make. One that cannot be read through keeps no other back."""
    of_cases = [e for e in events if e.subject_kind == Incident.kind and e.kind not in QUIET]
    incidents, numbers = _cases(of_cases)
    made: list[dict[str, Any]] = []
    for event in of_cases:
        try:
            if event.subject_id in incidents:
                made += _notices(Happening(event, incidents[event.subject_id]), numbers)
        except TROUBLE:
            log.exception("event %s tells nobody", event.number)
    return made


def _cases(events: list[Any]) -> tuple[dict[UUID, Incident], dict[str, str]]:
    """The cases, and the numbers of others that the events name."""
    ids = {e.subject_id for e in events}
    loaded = db.select(Incident).where(Incident.id.in_(ids))
    parts = (db.selectinload(Incident.assignments), db.selectinload(Incident.co_reporters))
    incidents = {i.id: i for i in db.session.scalars(loaded.options(*parts))} if ids else {}
    others = {UUID(e.facts[name]) for e in events for name in OTHER if name in e.facts}
    numbered = db.select(Incident.id, Incident.number).where(Incident.id.in_(others))
    return incidents, {str(r.id): r.number for r in db.session.execute(numbered)} if others else {}


def _notices(h: Happening, numbers: dict[str, str]) -> Iterator[dict[str, Any]]:
    for receiver, told in _receivers(h).items():
        absent = {INSTEAD_OF if not told.itself else TELL_TOO: told.absent} if told.absent else {}
        yield {
            "id": notice_id(h.event.hash, receiver),
            "event_number": h.event.number,
            "receiver_id": receiver,
            "at": h.event.at,
            "kind": told.tell.says,
            "incident_id": h.incident.id,
            "urgent": h.incident.urgent and told.tell.presses,
            "facts": _facts(h, told.tell, numbers) | absent,
        }


def _receivers(h: Happening) -> dict[UUID, Told]:
    """Who is told, by the first row of the table that reaches them."""
    known, found = reference(), dict[UUID, Told]()
    reached: set[UUID] = set()
    for tell in _rows_for(h):
        for id in tell.whom(h):
            if id in reached:
                continue
            reached.add(id)
            unit = known.units.get(id)
            if unit is not None and (now := unit_for(h.incident, id)) != id:  # it was told of by who stands there now
                if now in reached:
                    continue
                reached.add(now)
                unit = known.units[now]
            if unit is None:
                if _is_told(id, h):
                    found[id] = Told(tell, itself=True)
                continue
            desk = deciding.responsible(unit, known) if tell.needs_somebody else unit
            if h.did_it in (id, desk.id):
                continue
            if desk is unit:
                absent = found[id].absent if id in found else []
                found[id] = Told(tell, itself=True, absent=absent)
            else:
                found.setdefault(desk.id, Told(tell, itself=False)).absent.append(str(id))
    return found


def _rows_for(h: Happening) -> list[Tell]:
    action = h.event.kind.partition(".")[2]
    rows = [tell for tell in TOLD if tell.event == action]
    return [tell for tell in (*rows, *ELSE) if tell.when(h)]


def _is_told(person_id: UUID, h: Happening) -> bool:
    """People are not told what they did themselves, nor when they can no longer sign in."""
    person = people((person_id,)).get(person_id)
    return person is not None and person.disabled_at is None and person_id != h.event.actor_id


def _facts(h: Happening, tell: Tell, numbers: dict[str, str]) -> dict[str, Any]:
    """Of what is known, that which the sentence says."""
    wanted = needs(tell.says)
    former = former_leads(h)
    known = {
        "by": h.acting_unit,
        "lead": h.lead.unit_id,
        "unit": h.facts.get("row_unit"),
        "former": former[-1] if former else None,
        "routed": h.routed.id,
        "reason": h.facts.get("reason"),
        "outcome": h.facts.get("outcome"),
        "step": h.facts.get("step"),
        "other": next((numbers.get(h.facts[name]) for name in OTHER if name in h.facts), None),
        "place": f"{h.incident.lat:.5f}, {h.incident.lon:.5f}",
        "due": _due(h, tell).isoformat() if "due" in wanted else None,
    }
    return {name: str(said) for name, said in known.items() if name in wanted and said is not None}


def _due(h: Happening, tell: Tell) -> datetime:
    """By when the step that is asked for must be done, or should have been."""
    if "due" in h.facts:
        return datetime.fromisoformat(h.facts["due"])
    if tell.asks == OBJECT:
        days = limit("objection_days", local(h.event.at).date())
        return add_working_time(h.event.at, days * HOURS_A_DAY)
    from_receipt = tell.asks == "receive" or h.event.kind == "incident.report"
    return due_for(h.incident, tell.asks or "", h.incident.received_at if from_receipt else h.event.at)
