"""Links for units with nobody on the system: the log is walked, so that no report waits for them or is passed over."""

from collections.abc import Callable
from typing import Any

from models import feed
from models.base import db
from models.events import Event
from models.jobs import Job
from models.off_system import link_units, names_units, wanting

KIND = "link"
WALKED = 500  # events of one transaction that reads
AT_ONCE = 20  # cases of one that writes: others wait for it
START = (-1, 0)


def link(_app: Any, key: str, facts: dict[str, Any]) -> Callable[[], bool]:
    """The next events of the log behind the place in `facts`; then the links that they call for."""
    xid, number = facts.get("place", START)
    columns = (Event.xid, Event.number, Event.kind, Event.at, Event.subject_id)
    page = db.select(*columns).where(feed.settled(), feed.after(xid, number)).order_by(*feed.ORDER).limit(WALKED)
    passed, cases = [], set()
    for event in (events := db.session.execute(page).all()):
        if names_units(event.kind, event.at):
            cases.add(event.subject_id)
        if len(cases) > AT_ONCE:
            cases.discard(event.subject_id)
            break
        passed.append(event)
    wanted = wanting(cases) if cases else []
    db.session.rollback()

    def write() -> bool:
        link_units(wanted)
        if passed:
            Job.remember(KIND, key, place=[passed[-1].xid, passed[-1].number])
        return len(passed) < len(events) or len(events) == WALKED

    return write
