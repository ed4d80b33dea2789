"""Pages of incidents: what a person may see, narrowed, newest first, by keyset."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from models.assignments import Assignment
from models.base import db, now
from models.errors import NotFound
from models.incidents import Incident
from models.reference import reference
from models.users import Person, people
from models.visibility import Viewer

Cursor = tuple[datetime, UUID]


@dataclass(frozen=True)
class Filters:
    """Every filter is optional. `unit` is where a case is led or counted, units beneath and before included."""

    status: list[str] = field(default_factory=list)
    type: list[str] = field(default_factory=list)
    joint_status: list[str] = field(default_factory=list)
    unit: UUID | None = None
    found_from: datetime | None = None
    found_to: datetime | None = None
    overdue: bool | None = None
    mine: bool | None = None
    bbox: tuple[float, float, float, float] | None = None  # west, south, east, north in degrees

    def conditions(self, user: Person) -> list[Any]:
        wanted: list[Any] = []
        for name in ("status", "type", "joint_status"):
            if values := getattr(self, name):
                wanted.append(getattr(Incident, name).in_(values))
        if self.unit:
            units = subtree(self.unit)
            wanted.append(db.or_(Incident.lead_unit_id.in_(units), Incident.counted_unit_id.in_(units)))
        if self.found_from:
            wanted.append(Incident.found_at >= self.found_from)
        if self.found_to:
            wanted.append(Incident.found_at < self.found_to)
        if self.overdue is not None:
            late = db.and_(Incident.deadline_at.is_not(None), Incident.deadline_at < now())
            late = db.or_(late, Incident.id.in_(Assignment.late_to_conclude()))
            wanted.append(late if self.overdue else ~late)
        if self.mine is not None:
            mine = Incident.reporter_id == user.id
            wanted.append(mine if self.mine else ~mine)
        if self.bbox:
            west, south, east, north = self.bbox
            wanted += [Incident.lat.between(south, north), Incident.lon.between(west, east)]
        return wanted


def subtree(unit_id: UUID) -> list[UUID]:
    """A unit, all beneath it, and what stood in their place before."""
    known = reference()
    if (unit := known.units.get(unit_id)) is None:
        raise NotFound()
    ids = [u.id for u in known.units.values() if u.lineage.startswith(unit.lineage)]
    return list({old for id in ids for old in (id, *known.lineages.before(id))})


def page(
    user: Person, filters: Filters, limit: int, after: Cursor | None = None
) -> tuple[list[Incident], Cursor | None]:
    """One page, newest receipt first, and where the next begins (None when this was the last).

    Each viewer name is one index range, cut at the page's size; their union is small whatever the table's size.
    """
    conditions = filters.conditions(user)
    ranges = []
    for viewer in user.viewers:
        one = db.select(Viewer.received_at, Viewer.incident_id).where(Viewer.viewer_id == viewer)
        if conditions:
            one = one.join(Incident, Incident.id == Viewer.incident_id).where(*conditions)
        if after:
            one = one.where(db.tuple_(Viewer.received_at, Viewer.incident_id) < db.tuple_(*_bound(after)))
        newest = one.order_by(Viewer.received_at.desc(), Viewer.incident_id.desc()).limit(limit + 1)
        ranges.append(db.select(newest.subquery()))
    if not ranges:
        return [], None
    rows = db.union(*ranges).subquery()
    keys = db.session.execute(
        db.select(rows.c.received_at, rows.c.incident_id)
        .order_by(rows.c.received_at.desc(), rows.c.incident_id.desc())
        .limit(limit + 1)
    ).all()
    shown = keys[:limit]
    found = {
        i.id: i
        for i in db.session.scalars(
            db.select(Incident).where(Incident.id.in_([key.incident_id for key in shown])).options(*whole())
        )
    }
    people(i.reporter_id for i in found.values())  # known from now on, all at once
    following = (shown[-1].received_at, shown[-1].incident_id) if len(keys) > limit else None
    return [found[key.incident_id] for key in shown], following


def _bound(after: Cursor) -> list[Any]:
    return [
        db.bindparam(None, after[0], type_=Viewer.received_at.type),
        db.bindparam(None, after[1], type_=Viewer.incident_id.type),
    ]


def whole() -> list[Any]:
    """Load options for everything an incident shows, in a fixed number of queries."""
    return [
        db.selectinload(Incident.assignments),
        db.selectinload(Incident.photos),
    ]
