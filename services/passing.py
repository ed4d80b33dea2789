"""On the first day of an edition that was activated before, and whenever something open is left at a unit that has given
way: it passes on by itself, all of it in the transaction that ends the job."""

from collections.abc import Callable
from datetime import date
from typing import Any

from models.base import db
from models.boundaries import Edition
from models.clock import today
from models.passing import is_anything_left, pass_on
from models.reference import reference

_seen: dict[str, tuple[date, str | None]] = {}  # by database: the day, and the edition in force, looked at last


def pass_on_today(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    left = is_anything_left()
    db.session.rollback()

    def write() -> None:
        edition = Edition.on(today())
        if left and edition:
            pass_on(edition, None)

    return write


def is_another_day() -> bool:
    """Whether something is to be passed on since the day, or the edition in force, is another than this process saw: a
    report of the first minute finds its officers. As a rule a reading of one row."""
    boundaries = reference().boundaries
    now = (today(), boundaries.edition["id"] if boundaries else None)
    database = str(db.engine.url)
    if _seen.get(database) == now:
        return False
    _seen[database] = now
    return is_anything_left()
