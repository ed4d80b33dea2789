"""An edition that was activated by mistake is deactivated the same day: what it moved goes back where it was.

What still stands as the passing left it is put back; what people did meanwhile is theirs, and goes back with its state.
Cases filed meanwhile go by their point to the units that stand again.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from models.assignments import OPEN, Assignment, State
from models.base import db, now
from models.boundaries import Edition, index_of
from models.case_links import CaseLink
from models.clock import local, today
from models.errors import TooLate
from models.events import Event
from models.incident_workflow import OVER
from models.incidents import Incident
from models.organisations import Coverage
from models.passing_cases import cases_at, held, read, write
from models.passing_counts import lie_anew
from models.passing_coverages import say
from models.passing_effects import Effect, Moved, moved_case
from models.passing_holders import BY_DATE, MOVING
from models.passing_notices import Planned, tell_units
from models.passing_rows import GIVEN_BACK, MERGED, UNITS, Plan, plan_of
from models.passings import Passing, from_json, one_at_a_time
from models.reference import mark_changed, reference
from models.standing import Standing
from models.units import Unit

ACTION = "given_back"
ASSIGNMENTS = Assignment.__table__


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
    for dated in BY_DATE:
        effect.moved[dated.kind] = [
            Moved(thing.id, thing.name, _unit(back, id), (_unit(back, id),), GIVEN_BACK)
            for thing, ids in back.dated(dated)
            for id in ids
        ]
    return effect


def _unit(back: "Back", id: Any) -> Any:
    return back.standing.units[UUID(str(id))]


def _moved(name: str, row: Any, back: "Back", was: UUID, to: UUID) -> Moved:
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


def _do(edition: Edition, back: "Back", actor: Any) -> None:
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


def _coverages(edition: Edition, back: "Back", actor: Any) -> None:
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


def _words(case: Any, row: Any) -> str | None:
    """Why a row was offered, as it was written: only the log keeps that, and gives it as long as nobody had it erased."""
    own = (Event.subject_kind == Incident.kind, Event.subject_id == case.id)
    found = db.select(Event).where(*own).order_by(Event.position).options(db.selectinload(Event.texts))
    about = (event for event in db.session.scalars(found) if event.facts.get("assignment") == str(row.id))
    return next((text.value for event in about for text in event.texts if text.name == "reason"), None)


class Back:
    """What an edition moved, against how it is now, and against what stands again without it. Reads only."""

    def __init__(self, edition: Edition):
        self.edition, self.known = edition, reference()
        current, former = Edition.on(today()), Edition.on(today(), besides=edition.id)
        # One that is not in force moved nothing, be it still to come or overtaken.
        self.moves = edition.activated_at is not None and current is edition and former is not None
        drawn = Standing(index_of(edition), self.known.units, self.known.lineages, today()).drawn
        index = index_of(former) if former else None
        self.standing = Standing(index, self.known.units, self.known.lineages, today(), drawn, gives_back=True)
        self.new = {id for id in drawn if self.standing.lets_go(id)}
        self._kept: dict[str, list[Passing]] = {}
        self._by_row: dict[UUID, list[Passing]] = {}
        for passing in self.passings("assignments") + self.passings("incidents"):
            self._by_row.setdefault(passing.row_id, []).append(passing)

    def passings(self, holder: str) -> list[Passing]:
        if holder not in self._kept:
            self._kept[holder] = Passing.standing(self.edition.id, holder)
        return self._kept[holder]

    # Units, people, what was signed

    def units(self) -> list[Any]:
        """Those that the edition ended: what is drawn again must exist again."""
        last = self.edition.valid_from - timedelta(days=1)
        ended = [id for id in self.standing.drawn if self.known.units[id].facts["valid_to"] == last.isoformat()]
        found = {passing.row_id for passing in self.passings("units")} | set(ended)
        return sorted((self.known.units[id] for id in found), key=lambda unit: (unit.lineage.count("/"), unit.code))

    def last_day(self, id: UUID) -> Any:
        """As it was before; none, where it was ended together with the edition."""
        kept = [passing for passing in self.passings("units") if passing.row_id == id]
        return from_json(Unit.__table__, "valid_to", kept[-1].before["valid_to"]) if kept else None

    def people(self, one: Any) -> list[tuple[Any, UUID, UUID]]:
        """Each row with where it is and where it goes: back, or, if it came meanwhile, to who stands there again."""
        moves: dict[UUID, tuple[Any, UUID, UUID]] = {}
        for passing in self.passings(one.holder):
            row = db.session.get(one.model, passing.row_id)
            if row is None:
                continue
            is_at = getattr(row, one.column)
            to = moves[row.id][2] if row.id in moves else is_at
            if str(to) == passing.after[one.column]:
                moves[row.id] = (row, is_at, UUID(passing.before[one.column]))
        for row, is_at, to in one.rows(self.standing):
            moves.setdefault(row.id, (row, is_at, to))
        return sorted(moves.values(), key=lambda move: move[0].id)

    def coverages(self) -> list[tuple[str, Coverage]]:
        ended = [p.row_id for p in self.passings("coverages") if p.before]
        rows = db.session.scalars(db.select(Coverage).where(Coverage.id.in_(ended))).all()
        return [(self.known.organisations.get(row.organisation_id, ""), row) for row in rows]

    def dated(self, dated: Any) -> Iterator[tuple[Any, list[str]]]:
        for passing in self.passings(dated.kind):
            yield db.session.get_one(dated.model, passing.row_id), passing.before["units"]

    # Cases

    def cases(self) -> list[UUID]:
        """Those that were moved, and those that came meanwhile, whatever became of them."""
        holders = ("assignments", "incidents", "case_links")
        moved = {passing.subject_id for holder in holders for passing in self.passings(holder)}
        here = db.or_(Incident.lead_unit_id.in_(self.new), Incident.counted_unit_id.in_(self.new))
        came = set(db.session.scalars(db.select(Incident.id).where(here)))
        return sorted(moved | came | set(cases_at(self.standing)))

    def plan(self, case: Any, rows: Sequence[Any]) -> Plan:
        restored = {row.id: self._row(row, rows, case) for row in rows} | {case.id: self._case(case)}
        return plan_of(case, rows, self.standing, now(), restored)

    @staticmethod
    def counts_only(plan: Plan) -> bool:
        """Whether nothing changes but for what it counts: nobody's part, so no event says so."""
        return not plan.rows and plan.case.keys() <= {"counted_unit_id", "unit_at_found_id"}

    def _case(self, case: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for passing in self._by_row.get(case.id, ()):
            for name in passing.after.keys() - {"lead_unit_id"}:  # that follows from its row
                is_now = found.get(name, getattr(case, name))
                if passing.after[name] == (is_now and str(is_now)):
                    found[name] = from_json(Incident.__table__, name, passing.before[name])
        return found

    def _row(self, row: Any, rows: Sequence[Any], case: Any) -> dict[str, Any]:
        """Units go back where they are as they were left; a state only as long as nothing was built on it."""
        found: dict[str, Any] = {}
        for passing in self._by_row.get(row.id, ()):
            left = {name: from_json(ASSIGNMENTS, name, value) for name, value in passing.after.items()}
            same = {name for name, value in left.items() if found.get(name, getattr(row, name)) == value}
            back = same & set(UNITS)
            rest = left.keys() - set(UNITS)
            if rest and rest <= same and self._may_put_back(left, passing, row, rows, case):
                back |= rest
            found |= {name: from_json(ASSIGNMENTS, name, passing.before[name]) for name in back}
            if "reason" in back and found["reason"] is None:
                found["reason"] = _words(case, row)
        return found

    def _may_put_back(self, left: dict[str, Any], passing: Passing, row: Any, rows: Sequence[Any], case: Any) -> bool:
        if left.get("reason") != MERGED:  # it took over that another had accepted
            return bool(case.status_since <= passing.at)
        if case.status in OVER:
            return False
        lead = next(r for r in rows if r.role == "lead" and r.state in (*OPEN, State.CONCLUDED))
        since = (lead.hand_over and lead.accepted_at) or lead.offered_at
        return not row.hand_over or bool(since <= passing.at)

    def put_back_links(self, cases: Sequence[Incident]) -> None:
        ids = {case.id for case in cases}
        for passing in self.passings("case_links"):
            if passing.subject_id in ids:
                link = db.session.get_one(CaseLink, passing.row_id)
                for name, left in passing.after.items():
                    if str(getattr(link, name)) == left:
                        setattr(link, name, UUID(passing.before[name]))
