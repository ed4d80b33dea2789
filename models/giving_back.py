"""An edition that was activated by mistake is deactivated the same day: what it moved goes back where it was.

What still stands as the passing left it is put back; what people did meanwhile is theirs, and goes back with its state.
Cases filed meanwhile go by their point to the units that stand again.
"""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from models.base import db, now
from models.boundaries import Edition
from models.clock import local, today
from models.errors import TooLate
from models.events import Event
from models.organisations import Coverage
from models.passing_cases import held, read, write
from models.passing_counts import lie_anew
from models.passing_coverages import say
from models.passing_effects import Effect, Moved, moved_case
from models.passing_holders import BY_DATE, MOVING
from models.passing_notices import Planned, tell_units
from models.passing_rows import GIVEN_BACK
from models.passing_undone import Back
from models.passings import Passing, from_json, one_at_a_time
from models.reference import mark_changed
from models.units import Unit

ACTION = "given_back"


# What is asked and done


def effect_of_giving_back(edition: Edition) -> Effect:
    """What would go back if this edition were deactivated now. Writes nothing. Raises TooLate as give_back does."""
    check_in_time(edition)
    back = Back(edition)
    effect = Effect(edition.facts, edition.valid_from)
    if not back.moves:
        return effect
    effect.units = [(unit, (unit,)) for unit in back.units()]
    for one in MOVING:
        effect.moved[one.kind] = [_moved(one.name(row), row, back, now, to) for row, now, to in back.people(one)]
    effect.moved["coverages"] = [_moved(n, c, back, c.unit_id, c.unit_id) for n, c in back.coverages()]
    effect.moved["incidents"] = [
        moved_case(case, plan, back.standing.units, GIVEN_BACK)
        for case, rows in read(back.cases())
        if (plan := back.plan(case, rows)) and not back.counts_only(plan)
    ]
    effect.moved["links"] = list(back.links())
    for dated in BY_DATE:
        effect.moved[dated.kind] = [
            Moved(thing.id, thing.name, _unit(back, id), (_unit(back, id),), GIVEN_BACK)
            for thing, ids in back.dated(dated)
            for id in ids
        ]
    return effect


def _unit(back: Back, id: Any) -> Any:
    return back.standing.units[UUID(str(id))]


def _moved(name: str, row: Any, back: Back, was: UUID, to: UUID) -> Moved:
    return Moved(row.id, name, back.standing.units[was], (back.standing.units[to],), GIVEN_BACK)


def give_back(edition: Edition, actor: Any) -> Effect:
    """Deactivate an edition (`activated_at` becomes None) and undo what it moved, in the transaction of the caller.

    Raises TooLate after the local day on which it came into force, or when no edition would be in force without it.
    Once is enough: of one that is not active nothing is left to give back.
    """
    db.session.flush()
    one_at_a_time()
    effect = effect_of_giving_back(edition)
    if edition.activated_at is None:
        return effect
    back = Back(edition)
    edition.activated_at = None
    if back.moves:
        _do(edition, back, actor)
    db.session.flush()
    mark_changed(db.session)
    db.session.flush()
    return effect


def _do(edition: Edition, back: Back, actor: Any) -> None:
    moment = now()
    for unit in back.units():
        db.session.get_one(Unit, unit.id).valid_to = back.last_day(unit.id)
    db.session.flush()
    for one in MOVING:
        moves = back.people(one)
        for row, _, to in moves:
            setattr(row, one.column, to)
        db.session.flush()
        one.say(ACTION, edition.id, moves, back.standing, actor)
    _coverages(edition, back, actor)
    done: list[Planned] = []
    for cases in held(back.cases()):
        back.put_back_links(cases)
        plans = [(case, plan) for case in cases if (plan := back.plan(case, case.assignments))]
        for case, plan in plans:
            if back.counts_only(plan):
                for name, value in plan.case.items():
                    setattr(case, name, value)
        whole = [(case, plan) for case, plan in plans if not back.counts_only(plan)]
        done += [(SimpleNamespace(id=case.id), plan) for case, plan in whole]
        write(edition.id, whole, back.standing, actor, moment, ACTION)
    lie_anew(sorted(back.new))
    for dated in BY_DATE:
        facts = {"edition": str(edition.id)}
        said = [(thing, dated.undone, facts | {"units": ids}) for thing, ids in back.dated(dated)]
        Event.record_each(said, actor)
    tell_units(edition.id, done, ACTION, actor)
    all_of_it = db.update(Passing).where(Passing.edition_id == edition.id, Passing.given_back_at.is_(None))
    db.session.execute(all_of_it.values(given_back_at=moment))


def _coverages(edition: Edition, back: Back, actor: Any) -> None:
    said: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for passing in back.passings("coverages"):
        coverage = db.session.get(Coverage, passing.row_id)
        if coverage is None:
            continue
        if not passing.before:  # it began with the edition
            db.session.delete(coverage)
        elif str(coverage.valid_to) == passing.after["valid_to"]:
            coverage.valid_to = from_json(Coverage.__table__, "valid_to", passing.before["valid_to"])
            said.setdefault(coverage.organisation_id, []).append((coverage.unit_id, coverage.unit_id))
    db.session.flush()
    say("coverage_given_back", edition.id, said, actor)


def check_in_time(edition: Edition) -> None:
    if edition.activated_at is None or edition.valid_from > today():
        return
    came_into_force = max(local(edition.activated_at).date(), edition.valid_from)
    if came_into_force != today() or Edition.on(today(), besides=edition.id) is None:
        raise TooLate(edition=edition.name)
