"""What an edition of boundaries moved, against how it is now, and against what stands again without it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from models.assignments import OPEN, Assignment, State
from models.base import db, now
from models.boundaries import Edition, index_of
from models.case_links import CaseLink
from models.clock import today
from models.events import Event
from models.incident_workflow import OVER
from models.incidents import Incident
from models.organisations import Coverage
from models.passing_cases import cases_at
from models.passing_effects import Moved
from models.passing_rows import GIVEN_BACK, MERGED, UNITS, Plan, plan_of
from models.passings import Passing, from_json
from models.reference import reference
from models.standing import Standing
from models.units import Unit

ASSIGNMENTS = Assignment.__table__


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

    def links(self) -> Iterator[Moved]:
        """Called by the number of their case."""
        for passing in self.passings("case_links"):
            number = db.session.scalars(db.select(Incident.number).where(Incident.id == passing.subject_id)).one()
            name, left = next(iter(passing.after.items()))
            was, to = (self.standing.units[UUID(id)] for id in (left, passing.before[name]))
            yield Moved(passing.row_id, number, was, (to,), GIVEN_BACK)

    def put_back_links(self, cases: Sequence[Incident]) -> None:
        ids = {case.id for case in cases}
        for passing in self.passings("case_links"):
            if passing.subject_id in ids:
                link = db.session.get_one(CaseLink, passing.row_id)
                for name, left in passing.after.items():
                    if str(getattr(link, name)) == left:
                        setattr(link, name, UUID(passing.before[name]))
