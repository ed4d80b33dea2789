"""The figures of a week, by commune and type, so that every level adds up: a case counts once, hectares and m³ where they
lie.

A unit's figures are the same for whoever may read them; the gate is the scope, checked by the caller's `find`.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from models.base import db, in_force
from models.clock import monday_of, same_week_last_year, start_of
from models.damage import DamagePart
from models.errors import Invalid, NotFound
from models.incident_types import INCIDENT_TYPES
from models.incidents import Incident
from models.reference import reference
from models.units import KnownUnit, Unit
from models.users import Person

PERIODS = ("this_week", "last_week", "same_week_last_year", "year_to_date")
# Years are counted in whole weeks, so that last week's year to date plus this week is this week's: the year
# begins with the week that holds this day. 4 January always lies in ISO week 1; Điện Biên counts from 12-15.
YEAR_STARTS = "01-04"

# What is summed beside the cases, and how many of what is stored make one of what is told.
MEASURES = {"area_ha": (DamagePart.area_dm2, 1_000_000), "volume_m3": (DamagePart.volume_l, 1000)}

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
    """Counts of one section, or one measure of it: of each commune, of each type, and of them all."""

    communes: dict[UUID, Counts]
    measures: dict[str, "Section"] = field(default_factory=dict)
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
    # A unit that had not begun is told of in its first day's communes: what stood there before rolls up to them.
    begun = unit.facts["valid_from"]
    as_of = max(sunday, date.fromisoformat(begun)) if begun else sunday
    communes = list(
        db.session.scalars(
            db.select(Unit)
            .where(Unit.level == "commune", Unit.lineage.startswith(unit.lineage), in_force(Unit, as_of))
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
    for measure, commune_id, found_in, type, counts in _all_sums(periods, counted):
        # A week is told in the units of its last day: what was counted for an old one goes to its successor, and
        # what a new one leads, but was found before there was such a unit, to the one it was found in.
        if found_in and not lineages.stands_by(commune_id, as_of):
            commune_id = found_in
        commune = next((id for id in lineages.on(commune_id, as_of) if id in ids), None)
        kind = INCIDENT_TYPES[type]
        section = result.fires if kind.is_fire else result.violations if kind.is_violation else None
        if commune and section:
            (section.measures[measure] if measure else section).add(commune, type, counts)
    return result


def _empty(ids: set[UUID], measures: Iterable[str] = MEASURES) -> Section:
    return Section({id: dict.fromkeys(PERIODS, 0) for id in ids}, {name: _empty(ids, ()) for name in measures})


def _periods(week: str, monday: date) -> dict[str, tuple[date, date]]:
    """First day and the day after the last, of each period that exists."""
    weeks = {"this_week": monday, "last_week": monday - timedelta(days=7)}
    if last_year := same_week_last_year(week):
        weeks["same_week_last_year"] = last_year
    periods = {name: (start, start + timedelta(days=7)) for name, start in weeks.items()}
    return periods | {"year_to_date": (year_start(monday), monday + timedelta(days=7))}


Sums = tuple[str | None, UUID, UUID | None, str, Counts]  # measure (none: cases), commune, found in, type, by period


def _all_sums(periods: dict[str, tuple[date, date]], units: set[UUID]) -> list[Sums]:
    """Cases, and what lies where of their damage, each in one pass over its index on counted_at."""
    if not units:
        return []
    cases = db.select(Incident.counted_unit_id, Incident.unit_at_found_id, Incident.type).where(Incident.counts)
    lying = db.select(DamagePart.unit_id, DamagePart.found_unit_id, DamagePart.type).where(DamagePart.counts)
    amounts = {name: column for name, (column, _) in MEASURES.items()}
    return _sums(cases, Incident.counted_at, {None: 1}, periods, units) + _sums(
        lying, DamagePart.counted_at, amounts, periods, units
    )


def _sums(
    query: Any, at: Any, amounts: dict[Any, Any], periods: dict[str, tuple[date, date]], units: set[UUID]
) -> list[Sums]:
    within = {n: db.and_(at >= start_of(first), at < start_of(end)) for n, (first, end) in periods.items()}
    sums = [db.func.sum(db.case((test, a), else_=0)) for a in amounts.values() for test in within.values()]
    key = query.selected_columns
    rows = db.session.execute(
        query.add_columns(*sums)
        .where(db.or_(*within.values()), db.or_(key[0].in_(units), key[1].in_(units)))
        .group_by(*key)
    ).all()
    found: list[Sums] = []
    for place, found_in, type, *summed in rows:
        for number, measure in enumerate(amounts):
            mine = summed[number * len(within) : (number + 1) * len(within)]
            counts = dict.fromkeys(PERIODS, 0) | dict(zip(within, map(int, mine), strict=True))
            found.append((measure, place, found_in, type, counts))
    return found


def columns(counts: Counts, has_last_year: bool, measure: str | None = None) -> dict[str, Any]:
    """The columns of one row: ± is against last week, ±% against the same week last year (null of zero)."""
    last_year = counts["same_week_last_year"] if has_last_year else None
    this_week = counts["this_week"]
    percent = round((this_week - last_year) / last_year * 100, 1) if last_year else None
    shown = {
        "this_week": this_week,
        "last_week": counts["last_week"],
        "change": this_week - counts["last_week"],
        "same_week_last_year": last_year,
        "change_percent": percent,
        "year_to_date": counts["year_to_date"],
    }
    if measure is None:
        return shown
    _, one = MEASURES[measure]
    told = {n: v / one if v is not None else None for n, v in shown.items() if n != "change_percent"}
    return shown | told | {"measure": measure}
