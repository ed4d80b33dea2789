"""How the parts of a case pass on: each open row to what stands in its unit's place, and those that fall together
become one: first worked out, then written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from models.assignments import HOLDS_LEAD, OPEN, Part, State
from models.base import db
from models.passings import row_of
from models.standing import Standing

MERGED = "merged"
WAYS = ("succeeded", "by_point", "largest_share", "superior", "given_back")  # why a thing goes where it goes
SUCCEEDED, BY_POINT, LARGEST_SHARE, SUPERIOR, GIVEN_BACK = WAYS
UNITS = ("unit_id", "from_unit_id", "asked_unit_id")  # columns of a row that name a unit
At = Callable[[UUID], UUID]
NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass
class Plan:
    """What changes in a case: by row, and in the case itself. Nothing, as a rule."""

    rows: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    case: dict[str, Any] = field(default_factory=dict)
    was: dict[UUID, dict[str, Any]] = field(default_factory=dict)  # the same columns of the rows as they are
    merged: list[UUID] = field(default_factory=list)
    by_point: bool = False  # something was divided
    by_superior: bool = False  # or left nobody

    def __bool__(self) -> bool:
        return bool(self.rows or self.case)


def is_held(row: Any) -> bool:
    """Whether a row is somebody's part still: open, or the lead of a case that is closed."""
    return row.state in OPEN or (row.role == Part.LEAD and row.state in HOLDS_LEAD)


def is_offer_to_take_over(row: Any) -> bool:
    return row.hand_over and row.role == Part.SUPPORT and row.state == State.OFFERED


class As:
    """A row or a case as it would be."""

    def __init__(self, thing: Any, changes: Mapping[str, Any]):
        self._thing, self._changes = thing, changes

    def __getattr__(self, name: str) -> Any:
        return self._changes[name] if name in self._changes else getattr(self._thing, name)


def plan_of(
    case: Any, rows: Iterable[Any], standing: Standing, moment: datetime, restored: Mapping[UUID, Any] = NOTHING
) -> Plan:
    """`case` has lat, lon, lead_unit_id, guard_unit_id, counted_unit_id, unit_at_found_id. `restored`: what is put back
    first, by the id of a row, or of the case."""
    plan = Plan()

    def at(id: UUID) -> UUID:
        plan.by_point |= standing.is_divided(id)
        plan.by_superior |= standing.is_heirless(id)
        return standing.taker(id, case.lat, case.lon)

    seen = [As(row, restored.get(row.id, NOTHING)) for row in rows]
    held = [row for row in seen if is_held(row)]
    for row in held:
        named = {name: id for name in UNITS if (id := getattr(row, name))}
        if moved := {name: to for name, id in named.items() if (to := at(id)) != id}:
            plan.rows[row.id] = moved
    lead = next(row for row in held if row.role == Part.LEAD)
    _merge(plan, held, lead, moment)
    _follow(plan, As(case, restored.get(case.id, NOTHING)), lead, at, standing)
    for row in rows:
        changes = dict(restored.get(row.id, NOTHING)) | plan.rows.get(row.id, {})
        plan.rows[row.id] = {name: to for name, to in changes.items() if to != getattr(row, name)}
        plan.was[row.id] = {name: getattr(row, name) for name in plan.rows[row.id]}
    plan.rows = {id: changes for id, changes in plan.rows.items() if changes}
    changes = dict(restored.get(case.id, NOTHING)) | plan.case
    plan.case = {name: to for name, to in changes.items() if to != getattr(case, name)}
    return plan


def _merge(plan: Plan, held: list[Any], lead: Any, moment: datetime) -> None:
    """Lead beats support, accepted beats offered; and nobody hands over to themselves."""
    at_work: dict[UUID, list[Any]] = {}
    for row in held:
        if is_offer_to_take_over(row):
            if _unit(plan, row) == _unit(plan, lead):
                _conclude(plan, row, moment)
        elif row.state in OPEN or row is lead:
            at_work.setdefault(_unit(plan, row), []).append(row)
    for together in at_work.values():
        if len(together) > 1:
            together.sort(key=lambda row: (row is not lead, row.state != State.ACCEPTED, row.offered_at, row.id))
            kept, *others = together
            for row in others:
                _conclude(plan, row, moment)
            accepted = [row.accepted_at or moment for row in others if row.state == State.ACCEPTED]
            if kept.state == State.OFFERED and accepted:
                taken = {"state": State.ACCEPTED, "accepted_at": min(accepted), "due_at": None}
                plan.rows.setdefault(kept.id, {}).update(taken)


def _unit(plan: Plan, row: Any) -> UUID:
    to: UUID = plan.rows.get(row.id, {}).get("unit_id", row.unit_id)
    return to


def _conclude(plan: Plan, row: Any, moment: datetime) -> None:
    plan.merged.append(row.id)
    plan.rows.setdefault(row.id, {}).update(state=State.CONCLUDED, ended_at=moment, reason=MERGED)


def _follow(plan: Plan, case: Any, lead: Any, at: At, standing: Standing) -> None:
    """What the case itself says of its lead and of where it counts."""
    leads = _unit(plan, lead)
    took = plan.rows.get(lead.id, {}).get("state") == State.ACCEPTED
    wanted = {"lead_unit_id": leads, "guard_unit_id": leads if took else at(case.guard_unit_id)}
    counts = case.counted_unit_id
    if standing.is_divided(counts) or (standing.has_gone(counts) and not standing.ends(counts)):
        # Where one successor stands in its place the figures find it by themselves.
        wanted["counted_unit_id"] = at(counts)
        if standing.ends(counts) and case.unit_at_found_id is None:
            wanted["unit_at_found_id"] = counts
    plan.case = {name: to for name, to in wanted.items() if to != getattr(case, name)}


def way_of(plan: Plan) -> str:
    return SUPERIOR if plan.by_superior else BY_POINT if plan.by_point else SUCCEEDED


# Written


def kept_of(edition_id: UUID, case: Any, plan: Plan, moment: datetime) -> Iterator[dict[str, Any]]:
    """What is to be kept of a plan, before it is written."""
    for row in case.assignments:
        if changes := plan.rows.get(row.id):
            before = {name: getattr(row, name) for name in changes}
            if row.id in plan.merged and not _is_code(before["reason"]):
                before["reason"] = None  # words of people are kept where they can be erased
            yield row_of(edition_id, "assignments", row.id, before, changes, moment, case.id)
    if plan.case:
        before = {name: getattr(case, name) for name in plan.case}
        yield row_of(edition_id, "incidents", case.id, before, plan.case, moment)


def _is_code(reason: str | None) -> bool:
    return reason is None or (reason.replace("_", "").isascii() and " " not in reason)


def write_rows(plans: Sequence[tuple[Any, Plan]]) -> None:
    """The database must see one row of a unit leave before the next comes."""
    steps: list[Callable[[Mapping[str, Any]], bool]] = [
        lambda changes: changes.get("state") == State.CONCLUDED,
        lambda changes: "state" not in changes or (changes["state"] != State.CONCLUDED and "ended_at" not in changes),
        lambda changes: changes.get("state") != State.CONCLUDED and "ended_at" in changes,
    ]
    for belongs in steps:
        for case, plan in plans:
            for row in case.assignments:
                if (changes := plan.rows.get(row.id)) and belongs(changes):
                    set_all(row, changes)
        db.session.flush()
    for case, plan in plans:
        set_all(case, plan.case)


def set_all(thing: Any, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(thing, name, value)


def facts_of(edition_id: UUID, case: Any, plan: Plan) -> dict[str, Any]:
    """Ids only: of the lead if it moves, of all units that give way and that take over, of rows that became one."""
    rows = {row.id: row for row in case.assignments}
    pairs = {
        (str(getattr(rows[id], name)), str(to))
        for id, changes in plan.rows.items()
        for name, to in changes.items()
        if name in UNITS and to
    }
    lead = plan.case.get("lead_unit_id")
    return {
        "edition": str(edition_id),
        "from": str(case.lead_unit_id) if lead else None,
        "to": str(lead) if lead else None,
        "from_units": [old for old, _ in sorted(pairs)],
        "to_units": [new for _, new in sorted(pairs)],
        "by": way_of(plan),
        "merged": sorted(str(id) for id in plan.merged) or None,
    }
