"""The figures of a week: counted once per case, by commune and type, so that every level adds up.

A unit's figures are the same for whoever may read them; the gate is the scope, checked by the caller's `find`.
"""

import os
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from models.base import db, in_force
from models.clock import monday_of, same_week_last_year, start_of
from models.errors import Invalid, NotFound
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import Status
from models.incidents import Incident
from models.reference import reference
from models.units import KnownUnit, Unit
from models.users import Person

NOT_COUNTED = (Status.DUPLICATE, Status.UNFOUNDED)
PERIODS = ("this_week", "last_week", "same_week_last_year", "year_to_date")
# Years are counted in whole weeks, so that last week's year to date plus this week is this week's: the year
# begins with the week that holds this day. 4 January always lies in ISO week 1; Điện Biên counts from 12-15.
YEAR_STARTS = "01-04"

Counts = dict[str, int]


def year_start(monday: date) -> date:
    """The Monday on which the reporting year of a week began."""
    month, day = map(int, (os.environ.get("REPORTING_YEAR_STARTS") or YEAR_STARTS).split("-"))
    sunday = monday + timedelta(days=6)
    starts = [date(year, month, day) for year in (sunday.year - 1, sunday.year)]
    mondays = [start - timedelta(days=start.weekday()) for start in starts]
    return max(m for m in mondays if m <= monday)


@dataclass
class Section:
    """Counts of one section: of each commune, of each type, and of them all."""

    communes: dict[UUID, Counts]
    types: dict[str, Counts] = field(default_factory=dict)
    total: Counts = field(default_factory=lambda: dict.fromkeys(PERIODS, 0))

    def add(self, commune: UUID, type: str, counts: Counts) -> None:
        for into in (
            self.communes[commune],
            self.types.setdefault(type, dict.fromkeys(PERIODS, 0)),
            self.total,
        ):
            for period in PERIODS:
                into[period] += counts[period]


@dataclass
class Week:
    """The figures of a unit and an ISO week. `has_last_year` is false where that year had no such week."""

    unit: KnownUnit
    week: str
    monday: date
    has_last_year: bool
    communes: list[Unit]
    violations: Section
    fires: Section

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)


def weekly(user: Person, unit_id: UUID, week: str) -> Week:
    """Count a week for a unit in the user's scope. Raises NotFound outside it, Invalid for no such week."""
    unit = reference().units.get(unit_id)
    if unit is None or not user.decides or not user.answers_for(unit):
        raise NotFound()
    try:
        monday = monday_of(week)
        periods = _periods(week, monday)
    except (ValueError, OverflowError):
        raise Invalid("week", "2026-W47") from None
    sunday = monday + timedelta(days=6)
    communes = list(
        db.session.scalars(
            db.select(Unit)
            .where(Unit.level == "commune", Unit.lineage.startswith(unit.lineage), in_force(Unit, sunday))
            .order_by(Unit.code, Unit.id)
        )
    )
    ids = {c.id for c in communes}
    lineages = reference().lineages
    counted = {old for id in ids for old in (id, *lineages.before(id))}
    result = Week(
        unit,
        week,
        monday,
        "same_week_last_year" in periods,
        communes,
        violations=_empty(ids),
        fires=_empty(ids),
    )
    for commune_id, found_in, type, counts in _count(periods, counted):
        # A week is told in the units of its last day: what was counted for an old one goes to its successor, and
        # what a new one leads, but was found before there was such a unit, to the one it was found in.
        if found_in and not lineages.stands_by(commune_id, sunday):
            commune_id = found_in
        commune = next((id for id in lineages.on(commune_id, sunday) if id in ids), None)
        kind = INCIDENT_TYPES[type]
        section = result.fires if kind.is_fire else result.violations if kind.is_violation else None
        if commune and section:
            section.add(commune, type, counts)
    return result


def _empty(ids: set[UUID]) -> Section:
    return Section({id: dict.fromkeys(PERIODS, 0) for id in ids})


def _periods(week: str, monday: date) -> dict[str, tuple[date, date]]:
    """First day and the day after the last, of each period that exists."""
    weeks = {"this_week": monday, "last_week": monday - timedelta(days=7)}
    if last_year := same_week_last_year(week):
        weeks["same_week_last_year"] = last_year
    periods = {name: (start, start + timedelta(days=7)) for name, start in weeks.items()}
    return periods | {"year_to_date": (year_start(monday), monday + timedelta(days=7))}


def _count(periods: dict[str, tuple[date, date]], units: set[UUID]) -> list[tuple[UUID, UUID | None, str, Counts]]:
    """Cases per commune (counted, found in) and type in each period: one pass over the index on counted_at."""
    if not units:
        return []
    within = {
        name: db.and_(Incident.counted_at >= start_of(first), Incident.counted_at < start_of(end))
        for name, (first, end) in periods.items()
    }
    sums = [db.func.sum(db.case((test, 1), else_=0)) for test in within.values()]
    key = (Incident.counted_unit_id, Incident.unit_at_found_id, Incident.type)
    rows = db.session.execute(
        db.select(*key, *sums)
        .where(db.or_(*within.values()), db.or_(key[0].in_(units), key[1].in_(units)))
        .where(Incident.status.not_in(NOT_COUNTED))
        .where(db.or_(Incident.closed_from.is_(None), Incident.closed_from.not_in(NOT_COUNTED)))
        .group_by(*key)
    ).all()
    nothing = dict.fromkeys(PERIODS, 0)
    return [(r[0], r[1], r[2], nothing | dict(zip(within, map(int, r[3:]), strict=True))) for r in rows]


def columns(counts: Counts, has_last_year: bool) -> dict[str, Any]:
    """The columns of one row: ± is against last week, ±% against the same week last year (null of zero)."""
    last_year = counts["same_week_last_year"] if has_last_year else None
    this_week = counts["this_week"]
    percent = round((this_week - last_year) / last_year * 100, 1) if last_year else None
    return {
        "this_week": this_week,
        "last_week": counts["last_week"],
        "change": this_week - counts["last_week"],
        "same_week_last_year": last_year,
        "change_percent": percent,
        "year_to_date": counts["year_to_date"],
    }
