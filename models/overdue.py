"""What is overdue in a case, how far up that is told, and how often all are reminded.

Which clocks run follows from the case and its rows; what was said of each, from its log. So however late, often or
interrupted the worker looks (`Incident.look_at`), it says the same, once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.answers import ACTIONS
from models.assignments import Assignment, State
from models.base import db, now
from models.calls import CALLED, Call
from models.clock import local
from models.deadlines import after, on_the_clock
from models.events import Event
from models.limits import limit, overdue_rule
from models.reference import reference, unit_of
from models.staffing import is_staffed
from models.units import KnownUnit

OVERDUE, REMINDER = "overdue", "overdue_reminder"
HIGHEST = 2  # levels: the late unit and the unit above it; then one more above


@dataclass(frozen=True)
class Clock:
    """One that runs in a case: by when which unit must do what. `row` is whose part it is, if not the lead's."""

    step: str
    due_at: datetime
    unit_id: UUID
    row: Assignment | None = None

    @property
    def is_offer(self) -> bool:
        """It has run out once the offer has: the lead goes on without an answer, which may still come late."""
        return self.row is not None and self.row.state != State.ACCEPTED

    @property
    def facts(self) -> dict[str, Any]:
        """How the log names it: what was said of another deadline is not said of this one."""
        return {"step": self.step, "due": self.due_at.isoformat(), "assignment": self.row and str(self.row.id)}

    def is_of(self, event: Any) -> bool:
        return all(event.facts.get(name) == value for name, value in self.facts.items())


def clocks_of(incident: Any) -> list[Clock]:
    """Those whose end matters: of the next step, and of each part that somebody waits for."""
    found = [Clock(incident.deadline_step, incident.deadline_at, incident.lead_unit_id)] if incident.deadline_at else []
    for row in incident.assignments:
        if row.due_at and row.state == State.ACCEPTED:
            found.append(Clock("conclude", row.due_at, row.unit_id, row))
        elif row.due_at and ACTIONS["accept"].fits(row):
            found.append(Clock("hand_over" if row.hand_over else "partner_answer", row.due_at, row.unit_id, row))
    return found


def levels(incident: Any, clock: Clock) -> list[datetime]:
    """When each level of telling is reached, from the deadline on."""
    return [clock.due_at, after(_rule("next_level", incident, clock), clock.due_at)]


def level_at(incident: Any, clock: Clock, moment: datetime) -> int:
    """How far up it is overdue; 0: not yet."""
    return sum(at <= moment for at in levels(incident, clock)) if clock.due_at <= moment else 0


def _rule(name: str, incident: Any, clock: Clock) -> dict[str, int]:
    pressing = on_the_clock(incident, clock.step, clock.due_at)
    return overdue_rule(name, pressing, local(clock.due_at).date())


def shown(incident: Any) -> dict[str, Any]:
    """The next deadline as people read it."""
    clock = Clock(incident.deadline_step, incident.deadline_at, incident.lead_unit_id)
    level, called = level_at(incident, clock, now()), (incident.handling.get(CALLED) or {}).get("at")
    since = datetime.fromisoformat(called) if level and called else None
    return {
        "step": clock.step,
        "at": clock.due_at,
        "overdue": level > 0,
        "level": level,
        "called_at": since if since and since >= clock.due_at else None,
    }


# What is said


@dataclass(frozen=True)
class Said:
    """Of one clock, what the log says already."""

    levels: frozenset[int] = frozenset()
    reminders: int = 0
    last_at: datetime | None = None

    @classmethod
    def of(cls, clock: Clock, events: Iterable[Any]) -> "Said":
        own = [e for e in events if clock.is_of(e)]
        reminders = [e for e in own if e.kind.endswith(REMINDER)]
        told = frozenset(e.facts["level"] for e in own)
        return cls(told, len(reminders), max((e.at for e in own), default=None))


def due_to_say(
    incident: Any, clock: Clock, said: Said, called_at: datetime | None, moment: datetime
) -> tuple[list[tuple[str, int]], datetime | None]:
    """What must be said of a clock now, as (kind, level) or (kind, how often reminded); and when to look again.

    Whatever was missed meanwhile is said once, reminders not at all: they count from what was said last.
    """
    new: list[tuple[str, int]] = []
    for level, at in enumerate(levels(incident, clock), 1):
        if level not in said.levels:
            if at > moment:
                return new, at
            new.append((OVERDUE, level))
    most = limit("overdue_reminders_max", local(clock.due_at).date())
    if clock.is_offer or said.reminders >= most or (called_at and called_at >= clock.due_at):
        return new, None
    last_at = moment if new or said.last_at is None else said.last_at
    again_at = after(_rule("reminder", incident, clock), last_at)
    if again_at > moment:
        return new, again_at
    count = said.reminders + 1
    return [(REMINDER, count)], after(_rule("reminder", incident, clock), moment) if count < most else None


def look(incident: Any) -> None:
    """Say what has become overdue; the incident is locked, so nobody says it twice and nobody takes a step meanwhile."""
    moment, events, called_at = now(), _said_of(incident), _last_call(incident)
    looks = []
    for clock in clocks_of(incident):
        new, again_at = due_to_say(incident, clock, Said.of(clock, events), called_at, moment)
        for kind, count in new:
            _say(incident, clock, kind, count)
        looks.append(again_at)
    incident.look_at = min((at for at in looks if at), default=None)


def _say(incident: Any, clock: Clock, kind: str, count: int) -> None:
    reminds = kind == REMINDER
    line = line_above(unit_of(clock.unit_id))
    above = line[:HIGHEST] if reminds else line[count - 1 : count]
    incident.touch()
    Event.record(
        incident,
        OVERDUE if not reminds else REMINDER,
        None,
        **clock.facts,
        level=HIGHEST if reminds else count,
        reminder=count if reminds else None,
        row_unit=str(clock.unit_id),
        above=[str(unit.id) for unit in above] or None,
    )


def line_above(unit: KnownUnit) -> list[KnownUnit]:
    """The units above one that have somebody on the system, the nearest first."""
    known = reference()
    return [above for above in known.above(unit) if is_staffed(above, known)]


def _said_of(incident: Any) -> list[Any]:
    kinds = [f"{incident.kind}.{name}" for name in (OVERDUE, REMINDER)]
    own = db.and_(Event.subject_kind == incident.kind, Event.subject_id == incident.id, Event.kind.in_(kinds))
    return list(db.session.execute(db.select(Event.kind, Event.at, Event.facts).where(own)))


def _last_call(incident: Any) -> datetime | None:
    return db.session.scalar(db.select(db.func.max(Call.at)).where(Call.incident_id == incident.id))
