"""On the first day of an edition that was activated before, and whenever something open is left at a unit that has given
way: it passes on by itself, all of it in the transaction that ends the job."""

from collections.abc import Callable
from datetime import date
from typing import Any

from models.base import db
from models.boundaries import Edition
from models.clock import today
from models.passing import is_anything_left, pass_on

_seen: dict[str, date] = {}  # by database: the day on which this process looked last


def pass_on_today(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    left = is_anything_left()
    db.session.rollback()

    def write() -> None:
        edition = Edition.on(today())
        if left and edition:
            pass_on(edition, None, by_itself=True)

    return write


def is_another_day() -> bool:
    """Whether something passes on today, asked once as the day begins: a report of its first minute finds the officers
    of the new units there. All other seconds of the day it costs nothing."""
    database, day = str(db.engine.url), today()
    if _seen.get(database) == day:
        return False
    _seen[database] = day
    return is_anything_left()
