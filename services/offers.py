"""Offers that nobody answered in time expire; they may still be accepted late."""

from collections.abc import Callable
from typing import Any

from models.assignments import Assignment
from models.incidents import Incident
from models.leading import expire_offers

AT_ONCE = 50  # incidents in one transaction


def expire(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    return _expire


def _expire() -> bool:
    """Whether there are more."""
    ids = Assignment.overdue(AT_ONCE)
    for incident in Incident.locked(ids):
        expire_offers(incident)
    return len(ids) == AT_ONCE
