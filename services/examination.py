"""Reports held against others after the answer: the log is walked, so that no report waits for this or is passed over."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from models import feed
from models.base import db
from models.events import Event
from models.incidents import Incident
from models.jobs import Job
from models.report_comparisons import compared_with, comparisons, is_as_judged

KIND = "examine"
AT_ONCE = 50  # events: reading is short
START = (-1, 0)
MOVING = {"found_at", "location"}


def examine(_app: Any, key: str, facts: dict[str, Any]) -> Callable[[], bool]:
    """The next events of the log behind the place in `facts`, outside any transaction; then what they brought."""
    xid, number = facts.get("place", START)
    columns = (Event.xid, Event.number, Event.kind, Event.subject_id, Event.facts)
    page = db.select(*columns).where(feed.settled(), feed.after(xid, number)).order_by(*feed.ORDER).limit(AT_ONCE)
    events = db.session.execute(page).all()
    changed = comparisons(_reports_in(events))
    db.session.rollback()

    def write() -> bool:
        for id in sorted(changed):
            judged, found = changed[id]
            incident = db.session.get(Incident, id, with_for_update=True)
            # What was moved meanwhile has an event further on.
            if incident and is_as_judged(incident, judged):
                incident.note_comparisons(found)
        if events:
            Job.remember(KIND, key, place=[events[-1].xid, events[-1].number])
        return len(events) == AT_ONCE

    return write


def _reports_in(events: Any) -> set[UUID]:
    """Those filed or moved by these events, and those that were compared with what was moved."""
    ids = {event.subject_id for event in events if event.kind == "incident.report"}
    for event in events:
        if event.kind == "incident.correct" and MOVING & set(event.facts.get("changed", ())):
            ids |= {event.subject_id, *compared_with(event.subject_id)}
    return ids
