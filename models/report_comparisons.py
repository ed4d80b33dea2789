"""What reports say of one another: a speed that nobody travels at, and coordinates that never come twice.

A report is compared with those that came before it, so that what is said of it does not change with every new one.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import aliased

from models.base import db
from models.clock import local
from models.findings import OTHERS, Finding, compared, names
from models.geometry import distance_m
from models.incidents import Incident
from models.limits import accuracy_m, limit

SAME_DEGREES = 5e-8  # equal to seven digits
LEAST_APART_S = 60  # times are often written to the minute
MOST_LATER = 200
MOST_PAIRS = 5_000  # of one batch, the newest: thousands at the same spot prove nothing more than twenty

FACTS = (
    Incident.id,
    Incident.findings,
    Incident.reporter_id,
    Incident.received_at,
    Incident.counted_at,
    Incident.lat,
    Incident.lon,
    Incident.location,
)


def comparisons(ids: Iterable[UUID]) -> dict[UUID, tuple[Any, list[Finding]]]:
    """For reports whose findings are others now: what was judged, and what is found."""
    wanted = set(ids)
    reports = {r.id: r for r in db.session.execute(db.select(*FACTS).where(Incident.id.in_(wanted)))}
    speeds, places = _speeds(reports), _same_places(reports)
    changed = {}
    for id, report in reports.items():
        found = compared("impossible_speed", speeds.get(id, {})) + compared("identical_coordinates", places.get(id, {}))
        if found != [f for f in report.findings if OTHERS in f]:
            changed[id] = (report, found)
    return changed


def is_as_judged(incident: Incident, judged: Any) -> bool:
    """Whether it stands where and when it stood then."""
    return all(getattr(incident, name) == getattr(judged, name) for name in ("lat", "lon", "counted_at"))


def compared_with(id: UUID) -> list[UUID]:
    """Later reports of the same person that were compared with this one."""
    mine = db.select(Incident.reporter_id, Incident.received_at).where(Incident.id == id).subquery()
    later = db.and_(Incident.reporter_id == mine.c.reporter_id, Incident.received_at > mine.c.received_at)
    rows = db.select(Incident.id, Incident.findings).where(later).order_by(Incident.received_at).limit(MOST_LATER)
    return [row.id for row in db.session.execute(rows) if names(row.findings, id)]


def _speeds(reports: dict[UUID, Any]) -> dict[UUID, dict[UUID, float]]:
    """Kilometres an hour to the report just before and just after, of those the same person had sent already."""
    one, other = aliased(Incident), aliased(Incident)
    sent_before = db.and_(
        other.reporter_id == one.reporter_id,
        db.tuple_(other.received_at, other.id) < db.tuple_(one.received_at, one.id),
        _timed(other),
        _not_the_same(one, other),
    )
    before = db.select(other.id).where(sent_before, other.counted_at <= one.counted_at)
    after = db.select(other.id).where(sent_before, other.counted_at > one.counted_at)
    nearest = (
        before.order_by(other.counted_at.desc(), other.id).limit(1).correlate(one).scalar_subquery(),
        after.order_by(other.counted_at, other.id).limit(1).correlate(one).scalar_subquery(),
    )
    rows = db.session.execute(db.select(one.id, *nearest).where(one.id.in_(reports), _timed(one))).all()
    pairs = [(id, other_id) for id, *others in rows for other_id in others if other_id]
    others = {id for _, id in pairs} - reports.keys()
    known = reports | {r.id: r for r in db.session.execute(db.select(*FACTS).where(Incident.id.in_(others)))}
    found: dict[UUID, dict[UUID, float]] = {}
    for id, other_id in pairs:
        if kmh := _impossible_kmh(known[id], known[other_id]):
            found.setdefault(id, {})[other_id] = kmh
    return found


def _impossible_kmh(one: Any, other: Any) -> int | None:
    day = local(one.received_at).date()
    unsure_m = sum(accuracy_m(report.location.get("accuracy_m"), day) for report in (one, other))
    apart_m = distance_m(one.lat, one.lon, other.lat, other.lon) - unsure_m
    apart_s = max(abs((one.counted_at - other.counted_at).total_seconds()), LEAST_APART_S)
    kmh = apart_m / apart_s * 3.6
    too_fast = apart_m > limit("speed_least_m", day) and kmh > limit("speed_max_kmh", day)
    return round(kmh) if too_fast else None


def _same_places(reports: dict[UUID, Any]) -> dict[UUID, dict[UUID, float]]:
    """Seconds to earlier reports of exactly the same coordinates at another time."""
    one, other = aliased(Incident), aliased(Incident)
    same = db.and_(
        other.lat.between(one.lat - SAME_DEGREES, one.lat + SAME_DEGREES),
        other.lon.between(one.lon - SAME_DEGREES, one.lon + SAME_DEGREES),
        db.tuple_(other.received_at, other.id) < db.tuple_(one.received_at, one.id),
        _not_the_same(one, other),
    )
    columns = (one.id.label("id"), other.id.label("other_id"), other.reporter_id, other.received_at, other.counted_at)
    pairs = db.select(*columns).join(other, same).where(one.id.in_(reports)).order_by(other.received_at.desc())
    found: dict[UUID, dict[UUID, float]] = {}
    for row in db.session.execute(pairs.limit(MOST_PAIRS)):
        report = reports[row.id]
        day = local(report.received_at).date()
        recent = report.received_at - row.received_at <= timedelta(days=limit("identical_coordinates_days", day))
        apart_s = abs((report.counted_at - row.counted_at).total_seconds())
        if (recent or row.reporter_id == report.reporter_id) and apart_s > limit("identical_coordinates_apart_s", day):
            found.setdefault(row.id, {})[row.other_id] = round(apart_s)
    return found


def _timed(report: Any) -> Any:
    """That a time is known at which it was found."""
    return report.counted_at != report.received_at


def _not_the_same(one: Any, other: Any) -> Any:
    """A case and its duplicates are one."""
    return db.func.coalesce(one.duplicate_of, one.id) != db.func.coalesce(other.duplicate_of, other.id)
