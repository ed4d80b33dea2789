"""Sending what people subscribed to: by a job for each subscription, one letter at a time, outside any transaction.

Killed after the receiver has taken a letter and before that is written down, it is sent once more, under the same id.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models.base import db, now
from models.clock import today
from models.deliveries import LANES, ask_for, forget_before, forgotten, keep_new, lane_of
from models.digests import due_on, of_day
from models.jobs import Job
from models.letters import Letter
from models.limits import limit
from models.sending import plan, settle
from services import channels
from services.channels.outcomes import Target

Written = Callable[[], bool | datetime | None]


def _deliver(lane: str, app: Any, key: str) -> Written:
    planned = plan(UUID(key), lane)
    db.session.rollback()
    if not isinstance(planned.letter, Letter):
        return lambda: settle(planned, now())
    at = now()
    target = Target(planned.address, list(planned.secrets), planned.keys or {})
    outcome = channels.send(app.config, planned.channel, target, planned.letter)
    return lambda: settle(planned, at, outcome.result, outcome.status)


def _of(lane: str) -> Callable[[Any, str, dict[str, Any]], Written]:
    return lambda app, key, _facts: _deliver(lane, app, key)


HANDLERS = {lane: _of(lane) for lane in LANES}


def sweep(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    """What waits and has no job, for whatever reason, gets one; the log of what was sent long ago is forgotten."""
    found = forgotten()
    db.session.rollback()

    def write() -> None:
        for id, urgent in found:
            ask_for(id, lane_of(urgent))
        forget_before(now() - timedelta(days=limit("delivery_log_days", today())))

    return write


def digest(_app: Any, key: str, facts: dict[str, Any]) -> Callable[[], None]:
    """On each working day from its hour on, once: a delivery for everybody who has a digest coming."""
    day = due_on(now())
    if day is None or facts.get("day") == day.isoformat():
        db.session.rollback()
        return lambda: None
    rows = of_day(day)
    db.session.rollback()

    def write() -> None:
        keep_new(rows)
        Job.remember("digest", key, day=day.isoformat())

    return write
