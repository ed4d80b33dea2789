"""Urgent notices of which nobody takes note climb: looked for each minute outside any transaction, then said in one."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from models.base import db
from models.incidents import Incident
from models.unacked import climb_in, climb_of, silent

AT_ONCE = 50  # incidents in one transaction


def climb(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    ids: set[UUID] = set()
    for silence in silent():
        db.session.rollback()  # a long reading keeps commits waiting on SQLite
        if len(ids) < AT_ONCE and climb_of(silence):
            ids.add(silence.incident_id)
    db.session.rollback()

    def write() -> bool:
        """Asked again of each case, now locked: somebody may have taken note meanwhile."""
        for incident in Incident.locked(ids):
            climb_in(incident)
        return len(ids) == AT_ONCE

    return write
