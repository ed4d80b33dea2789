"""Offers that nobody answered in time expire; they may still be accepted late."""

from collections.abc import Callable
from typing import Any

from models.assignments import Assignment
from models.base import db
from models.incidents import Incident
from models.leading import expire_offers

AT_ONCE = 50  # incidents in one transaction


def expire(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    return _expire


def _expire() -> bool:
    """Whether there are more."""
    ids = Assignment.overdue(AT_ONCE)
    locked = db.select(Incident).where(Incident.id.in_(ids)).order_by(Incident.id).with_for_update(of=Incident)
    for incident in db.session.scalars(locked.execution_options(populate_existing=True)):
        expire_offers(incident)
    return len(ids) == AT_ONCE
