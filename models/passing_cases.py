"""Cases pass on: which ones have a part that must, and the plan of each written, with all that follows from its rows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from models.assignments import OPEN, Assignment, joint_status
from models.base import db, now
from models.case_links import CaseLink
from models.events import Event
from models.feed import Change
from models.incident_workflow import Status
from models.incidents import Incident
from models.passing_rows import UNITS, Plan, facts_of, kept_of, plan_of, set_all, write_rows
from models.passings import Passing, row_of
from models.standing import Standing
from models.visibility import Viewer

AT_ONCE = 500  # cases held in memory
LINK_UNITS = ("unit_id", "from_unit_id")
CASE = (
    "id",
    "number",
    "lat",
    "lon",
    "lead_unit_id",
    "guard_unit_id",
    "counted_unit_id",
    "unit_at_found_id",
    "status",
    "status_since",
)
ROW = (
    "id",
    "incident_id",
    *UNITS,
    "role",
    "state",
    "hand_over",
    "offered_at",
    "accepted_at",
    "due_at",
    "ended_at",
    "reason",
)
Planned = tuple[Any, Plan]


def in_parts(ids: Sequence[UUID], size: int = AT_ONCE) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


# Which


def gone_among(columns: Iterable[Any], standing: Standing, *conditions: Any) -> set[UUID]:
    """The units of some columns that must let go of what is there."""
    named: set[UUID] = set()
    for column in columns:
        named |= set(db.session.scalars(db.select(column).where(column.is_not(None), *conditions).distinct()))
    return {id for id in named if standing.lets_go(id)}


def cases_at(standing: Standing, guards: bool = True) -> list[UUID]:
    """Those with an open part, or guarded, where nobody stands any more; in the order in which cases are locked.
    Who guards a case is asked of all there are."""
    is_open, unfinished = Assignment.state.in_(OPEN), Incident.status != Status.CLOSED
    columns = [getattr(Assignment, name) for name in UNITS]
    found: set[UUID] = set()
    if gone := gone_among(columns, standing, is_open):
        here = db.or_(*(column.in_(gone) for column in columns))
        found |= set(db.session.scalars(db.select(Assignment.incident_id).where(is_open, here).distinct()))
    if guards and (gone := gone_among([Incident.guard_unit_id], standing, unfinished)):
        found |= set(db.session.scalars(db.select(Incident.id).where(unfinished, Incident.guard_unit_id.in_(gone))))
    return sorted(found)


def heirless_at_work(standing: Standing) -> list[UUID]:
    """Units that end with something open, and nothing follows."""
    gone = gone_among([getattr(Assignment, name) for name in UNITS], standing, Assignment.state.in_(OPEN))
    return sorted(id for id in gone if standing.is_heirless(id))


def read(ids: Sequence[UUID]) -> Iterator[tuple[Any, list[Any]]]:
    """Cases with their rows, plain: for a look at what would be."""
    for some in in_parts(ids):
        rows: dict[UUID, list[Any]] = {}
        columns = [getattr(Assignment, name) for name in ROW]
        for row in db.session.execute(db.select(*columns).where(Assignment.incident_id.in_(some))):
            rows.setdefault(row.incident_id, []).append(row)
        for case in db.session.execute(
            db.select(*(getattr(Incident, name) for name in CASE)).where(Incident.id.in_(some)).order_by(Incident.id)
        ):
            yield case, rows[case.id]


def planned(standing: Standing, guards: bool = True) -> Iterator[Planned]:
    """What would change in which case. Writes nothing."""
    moment = now()
    for case, rows in read(cases_at(standing, guards)):
        if plan := plan_of(case, rows, standing, moment):
            yield case, plan


# Written


def held(ids: Sequence[UUID]) -> Iterator[list[Incident]]:
    """Cases with all that passing on asks of them, locked, in the order in which everybody locks them."""
    parts = (db.selectinload(Incident.assignments), db.selectinload(Incident.co_reporters))
    for some in in_parts(ids):
        found = db.select(Incident).where(Incident.id.in_(some)).order_by(Incident.id).options(*parts)
        locked = found.with_for_update(of=Incident).execution_options(populate_existing=True)
        yield list(db.session.scalars(locked))


def pass_on_cases(edition_id: UUID, standing: Standing, actor: Any) -> list[Planned]:
    done: list[Planned] = []
    for cases in held(cases_at(standing)):
        moment = now()
        plans = [(case, plan) for case in cases if (plan := plan_of(case, case.assignments, standing, moment))]
        done += [(_named(case), plan) for case, plan in plans]
        write(edition_id, plans, standing, actor, moment)
    return done


class _named:
    """What is said of a case once it was let go of."""

    def __init__(self, case: Any):
        for name in CASE:
            setattr(self, name, getattr(case, name))


def write(
    edition_id: UUID,
    plans: Sequence[tuple[Incident, Plan]],
    standing: Standing,
    actor: Any,
    moment: datetime,
    action: str = "passed_on",
) -> None:
    """Some cases at once: their rows, links, what is derived, who sees them, and an event on each."""
    facts = {case.id: facts_of(edition_id, case, plan) for case, plan in plans}
    kept = [row for case, plan in plans for row in kept_of(edition_id, case, plan, moment)]
    write_rows(plans)
    kept += _move_links(edition_id, [case for case, _ in plans], standing, moment)
    Passing.keep(kept)
    follow([case for case, _ in plans])
    Event.record_each(((case, action, facts[case.id]) for case, _ in plans), actor)


def links_at(cases: Iterable[Any], standing: Standing) -> Iterator[tuple[CaseLink, dict[str, UUID]]]:
    """One-case links of these cases that open something still, and what changes in them: their address does not."""
    at = {case.id: case for case in cases}
    alive = db.and_(CaseLink.revoked_at.is_(None), CaseLink.expires_at > now())
    for some in in_parts(sorted(at)):
        found = db.select(CaseLink).where(CaseLink.incident_id.in_(some), alive).order_by(CaseLink.id)
        for link in db.session.scalars(found):
            case = at[link.incident_id]
            named = {name: id for name in LINK_UNITS if (id := getattr(link, name))}
            changes = {n: to for n, id in named.items() if (to := standing.taker(id, case.lat, case.lon)) != id}
            if changes:
                yield link, changes


def _move_links(
    edition_id: UUID, cases: Sequence[Incident], standing: Standing, moment: datetime
) -> list[dict[str, Any]]:
    kept = []
    for link, changes in list(links_at(cases, standing)):
        before = {name: getattr(link, name) for name in changes}
        kept.append(row_of(edition_id, "case_links", link.id, before, changes, moment, link.incident_id))
        set_all(link, changes)
    return kept


# What follows


def follow(cases: Sequence[Incident]) -> None:
    """Joint status, version and who sees them, as the rows are now. No clock begins anew."""
    for case in cases:
        case.joint_status = joint_status(case)
        case.touch(facts=True)
    db.session.flush()
    ids = [case.id for case in cases]
    known: dict[UUID, set[UUID]] = {}
    for row in db.session.execute(db.select(Viewer.incident_id, Viewer.viewer_id).where(Viewer.incident_id.in_(ids))):
        known.setdefault(row.incident_id, set()).add(row.viewer_id)
    gone, come = [], []
    for case in cases:
        wanted, had = case.viewers, known.get(case.id, set())
        gone += [{"incident": case.id, "viewer": viewer} for viewer in sorted(had - wanted)]
        come += [
            {"incident_id": case.id, "viewer_id": viewer, "received_at": case.received_at}
            for viewer in sorted(wanted - had)
        ]
    Viewer.move(gone, come)
    Change.note_each([(row["incident"], row["viewer"]) for row in gone])
