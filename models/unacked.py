"""An urgent notice of which its unit takes no note climbs: the unit above is told who is silent, then one more above.

Who is silent follows from the notices, the log and the rows; how far it has climbed, from the log. A unit takes note
by saying so, or by acting in the case.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from models.assignments import Assignment, State
from models.base import db, now
from models.clock import today
from models.events import Event
from models.incident_workflow import OVER
from models.incidents import Incident
from models.limits import limit
from models.notices import UNACKED, Notice
from models.overdue import HIGHEST, OVERDUE, REMINDER, line_above
from models.reference import reference
from models.standing import Standing
from models.telling import TOLD
from models.units import KnownUnit
from models.users import people

CLIMBS = "unacked"
GIVEN_UP = timedelta(days=1)  # what nobody noted for so long presses no more; the deadlines of the case go on
LADDERS = (OVERDUE, REMINDER, CLIMBS)  # these reach the units above by themselves
# Where people on a report come from stands on no timeline, so no event may say that their unit is silent.
NOT_SAID = ("people_of_yours",)
ANSWERED = (State.DECLINED, State.CONCLUDED, State.HANDED_OVER)


@dataclass(frozen=True)
class Silence:
    """Of a case, a unit (what stands today where one was told), and when the urgent notices came that wait for it."""

    incident_id: UUID
    unit: KnownUnit
    came: list[datetime]


@dataclass(frozen=True)
class Climb:
    """Of a case, the silent unit, and who above it is to be told."""

    incident_id: UUID
    unit: KnownUnit
    level: int
    above: KnownUnit


def climb_in(incident: Any) -> None:
    """Say it in the log, from where the units above are told; the incident is locked, so nobody says it twice."""
    for climb in filter(None, map(climb_of, silent(incident.id))):
        incident.touch()
        above = [str(climb.above.id)]
        Event.record(incident, CLIMBS, None, row_unit=str(climb.unit.id), level=climb.level, above=above)


def _after() -> timedelta:
    return timedelta(minutes=limit("unacked_after_minutes", today()))


def silent(incident_id: UUID | None = None) -> list[Silence]:
    """Where urgent notices wait too long, in one case or in all: one index range, empty as long as all take note."""
    waiting = [
        db.text(UNACKED),
        Notice.at > now() - GIVEN_UP,
        Notice.at <= now() - _after(),
        Notice.kind.not_in([*NOT_SAID, *(tell.says for tell in TOLD if tell.event in LADDERS)]),
        Incident.status.not_in(OVER),
    ]
    if incident_id:
        waiting.append(Notice.incident_id == incident_id)
    columns = db.select(Notice.incident_id, Notice.receiver_id, Notice.at, Incident.lat, Incident.lon)
    query = columns.join(Incident, Incident.id == Notice.incident_id).where(*waiting)
    units, standing = reference().units, Standing.today()
    rows = sorted(
        (row.incident_id, standing.at(row.receiver_id, row.lat, row.lon), row.at)
        for row in db.session.execute(query)
        if row.receiver_id in units
    )
    pairs = groupby(rows, key=lambda row: row[:2])
    return [Silence(case, units[unit], [at for *_, at in came]) for (case, unit), came in pairs]


def climb_of(silence: Silence) -> Climb | None:
    """Who is to be told of it now, if anybody."""
    case, unit = silence.incident_id, silence.unit
    noted_at = _noted_at(case, unit.id)
    waiting = [at for at in silence.came if noted_at is None or at > noted_at]
    said = [e for e in _said(case, unit) if noted_at is None or e.at > noted_at]
    line = line_above(unit)[:HIGHEST]
    if not waiting or len(said) >= len(line):
        return None
    if (said[-1].at if said else min(waiting)) + _after() > now():
        return None
    if said and _has_taken_over(case, said[-1]):
        return None
    return Climb(case, unit, len(said) + 1, line[len(said)])


def _said(case: UUID, unit: KnownUnit) -> list[Any]:
    own = (Event.subject_kind == Incident.kind, Event.subject_id == case, Event.kind == f"{Incident.kind}.{CLIMBS}")
    events = db.session.execute(db.select(Event.at, Event.facts).where(*own).order_by(Event.position))
    known_as = {str(id) for id in _ever(unit.id)}
    return [e for e in events if e.facts["row_unit"] in known_as]


def _has_taken_over(case: UUID, said: Any) -> bool:
    """Whether the unit that was told of the silence has taken note of that."""
    noted = (_noted_at(case, UUID(id)) for id in said.facts["above"])
    return any(at is not None and at > said.at for at in noted)


def _noted_at(case: UUID, unit_id: UUID) -> datetime | None:
    """When a unit last took note of anything in a case, acted in it, or answered."""
    units = _ever(unit_id)
    acked = db.select(db.func.max(Notice.acked_at)).where(Notice.receiver_id.in_(units), Notice.incident_id == case)
    received = db.select(Incident.received_at).where(Incident.id == case).scalar_subquery()
    moments = [db.session.scalar(acked.where(Notice.at >= received))]
    own = (Event.subject_kind == Incident.kind, Event.subject_id == case, Event.unit_id.in_(units))
    acts = db.session.execute(db.select(Event.at, Event.actor_id).where(*own, Event.actor_id.is_not(None))).all()
    deciding = {id for id, person in people({act.actor_id for act in acts}).items() if person.decides}
    moments += [act.at for act in acts if act.actor_id in deciding]
    parts = db.select(Assignment).where(Assignment.incident_id == case, Assignment.unit_id.in_(units))
    for row in db.session.scalars(parts):
        moments += [row.accepted_at, row.ended_at if row.state in ANSWERED else None]
    return max((at for at in moments if at), default=None)


def _ever(unit_id: UUID) -> set[UUID]:
    """A unit with those in whose place it stands: what they were told and did counts as its own."""
    return {unit_id, *reference().lineages.before(unit_id)}
