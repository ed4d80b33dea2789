"""Telling: the log is walked behind the answers, so that no request waits for notices and no event is passed over.

The place in the log moves in the transaction that writes the notices: a worker killed in between has told nobody, and
the next one begins where it began. Between two events a worker only reads (`has_news`).
"""

from collections.abc import Callable
from typing import Any

from models import feed
from models.base import db
from models.events import Event
from models.jobs import Job
from models.notice_making import notices_of
from models.notices import keep
from models.untold import QUIET

KIND, EVERY_S = "tell", 600  # and at once when there is news; this often the place moves along what tells nobody
AT_ONCE = 50  # events: on SQLite no commit passes while they are read
START = (-1, 0)
COLUMNS = (
    *(Event.number, Event.xid, Event.at, Event.kind, Event.hash, Event.facts),
    *(Event.subject_kind, Event.subject_id, Event.actor_id, Event.unit_id),
)


def tell(_app: Any, key: str, facts: dict[str, Any]) -> Callable[[], bool]:
    """The next events of the log behind the place in `facts`, outside any transaction; then their notices."""
    behind = feed.after(*facts.get("place", START))
    page = db.select(*COLUMNS).where(feed.settled(), behind).order_by(*feed.ORDER).limit(AT_ONCE)
    events = db.session.execute(page).all()
    made = notices_of(events)
    db.session.rollback()

    def write() -> bool:
        if Job.remembered(KIND, key) != facts:
            return True  # passed over meanwhile
        keep(made)
        if events:
            Job.remember(KIND, key, place=[events[-1].xid, events[-1].number])
        return len(events) == AT_ONCE

    return write


def has_news() -> bool:
    """Whether something has settled that somebody may have to be told, and no worker is at it. A reading of one row."""
    job = db.session.execute(db.select(Job.facts).where(Job.is_idle(KIND))).first()
    if job is None:
        return False
    behind = feed.after(*job.facts.get("place", START))
    news = db.select(Event.number).where(feed.settled(), behind, Event.kind.not_in(QUIET)).limit(1)
    return db.session.scalar(news) is not None


def pass_over() -> None:
    """Nobody is told of what the log holds until now: it was copied from elsewhere. The caller commits."""
    last = db.select(Event.xid, Event.number).order_by(Event.xid.desc(), Event.number.desc()).limit(1)
    if row := db.session.execute(last).first():
        Job.ask(KIND, KIND, every_s=EVERY_S)
        Job.remember(KIND, KIND, place=[row.xid, row.number])
