"""What becomes overdue is said in the log, from where it is told: by the worker, each minute, a few cases at a time."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from models.base import db, now
from models.incidents import Incident
from models.notice_making import TROUBLE
from models.overdue import look

AT_ONCE = 50  # incidents in one transaction
LATER = timedelta(hours=1)  # when one that cannot be read through is tried again

log = logging.getLogger(__name__)


def overdue(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    return _say


def _say() -> bool:
    """Whether there are more. One that cannot be read through keeps no other back."""
    ids = Incident.to_look_at(AT_ONCE)
    for incident in Incident.locked(ids):
        try:
            with db.session.begin_nested():
                look(incident)
        except TROUBLE:
            log.exception("incident %s is not looked at", incident.id)
            incident.look_at = now() + LATER
    return len(ids) == AT_ONCE
