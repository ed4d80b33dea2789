"""The day the boundaries change: what an edition moves, shown first, then done in one transaction.

An edition in force draws units; where one is drawn no more, but its successors are, all that is open passes to them. What
holds a unit, and how each of it passes on, stands in `models/passing_holders.py`; the undo in `models/giving_back.py`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models.base import db, now
from models.boundaries import Edition
from models.clock import today
from models.errors import NoSuccessor
from models.events import Event
from models.giving_back import effect_of_giving_back, give_back
from models.passing_cases import pass_on_cases, planned
from models.passing_counts import count_where_it_lies
from models.passing_coverages import coverages_at, pass_on_coverages
from models.passing_effects import Effect, Ending, Moved, effect_of, ending_of, lasts, standing_under, units_that_end
from models.passing_holders import BY_DATE, MOVING
from models.passing_notices import tell_units
from models.passing_rows import NOTHING
from models.passings import Passing, one_at_a_time, row_of
from models.standing import Standing
from models.units import Unit

__all__ = [
    "Effect",
    "Ending",
    "Moved",
    "effect_of",
    "effect_of_giving_back",
    "ending_of",
    "give_back",
    "is_anything_left",
    "pass_on",
]


def pass_on(edition: Edition, actor: Any, by_itself: bool = False) -> Effect:
    """Move all that is open to what stands in its place under this edition, in the transaction of the caller.

    The edition is activated (`activated_at`) and flushed before. One whose first day is still to come moves nothing yet:
    the worker does, on the day (services/passing.py). Twice is as once. Raises NoSuccessor, naming the units, while a
    case is open at a unit that ends without any successor; where nobody can be asked (`by_itself`: the worker), the unit
    above takes it.
    """
    db.session.flush()
    one_at_a_time()
    ending = ending_of(edition)
    effect = effect_of(ending)
    if effect.heirless and not by_itself:
        raise NoSuccessor(units=", ".join(f"{unit.name} ({unit.code})" for unit in effect.heirless))
    current = Edition.on(today())
    if current is None or current.id != edition.id:
        return effect
    moment = now()
    end_units(edition, [unit.id for unit, _ in effect.units if lasts(unit, ending.day)], moment)
    standing = standing_under(ending)
    for one in MOVING:
        one.move(edition.id, one.rows(standing, lock=True), standing, actor, moment)
    pass_on_coverages(edition.id, coverages_at(standing, ending.day), ending.day, actor, moment)
    done = pass_on_cases(edition.id, standing, actor)
    count_where_it_lies(edition.id, standing, moment)
    say_by_date(edition, standing, actor, moment)
    tell_units(edition.id, done, "passed_on", actor)
    db.session.flush()
    return effect


def end_units(edition: Edition, ids: Iterable[UUID], moment: datetime) -> None:
    last, kept = edition.valid_from - timedelta(days=1), []
    for unit in db.session.scalars(db.select(Unit).where(Unit.id.in_(list(ids)))):
        kept.append(row_of(edition.id, "units", unit.id, {"valid_to": unit.valid_to}, {"valid_to": last}, moment))
        unit.valid_to = last
    db.session.flush()
    Passing.keep(kept)


def say_by_date(edition: Edition, standing: Standing, actor: Any, moment: datetime) -> None:
    """What was signed stays as it was signed; an event says once who stands there now."""
    for dated in BY_DATE:
        said = {passing.row_id for passing in Passing.standing(edition.id, dated.kind)}
        fresh = [(thing, gone) for thing, gone in dated.rows(edition.valid_from, standing) if thing.id not in said]
        Passing.keep(
            row_of(edition.id, dated.kind, thing.id, {"units": [str(id) for id in gone]}, NOTHING, moment)
            for thing, gone in fresh
        )
        Event.record_each(
            (
                (thing, dated.action, {"edition": str(edition.id), **_pairs(standing, gone), **dated.more(thing)})
                for thing, gone in fresh
            ),
            actor,
        )


def _pairs(standing: Standing, gone: list[UUID]) -> dict[str, list[str]]:
    pairs = [(old, new) for old in gone for new in standing.in_place_of(old)]
    return {"from_units": [str(old) for old, _ in pairs], "to_units": [str(new) for _, new in pairs]}


def is_anything_left() -> bool:
    """Whether something open stands where nobody does under the edition in force. A reading."""
    current = Edition.on(today())
    if current is None:
        return False
    ending = ending_of(current)
    standing = standing_under(ending)
    looks: Iterator[Any] = (
        look()
        for look in (
            lambda: any(lasts(unit, ending.day) for unit in units_that_end(standing, ending.day)),
            lambda: next(planned(standing, guards=False), None),
            lambda: any(one.rows(standing) for one in MOVING),
            lambda: coverages_at(standing, ending.day),
        )
    )
    return any(looks)
