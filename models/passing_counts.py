"""Where cases and their damage count once units have passed on, or come back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from models import damage
from models.base import db
from models.incidents import Incident
from models.passing_cases import in_parts
from models.passings import Passing, row_of
from models.standing import Standing


def count_where_it_lies(edition_id: UUID, standing: Standing, moment: datetime) -> None:
    """The past of a unit that was divided is told by its points: also what is closed counts where it lies today, and for
    weeks of then where it lay. Where one unit stands in its place the figures find it by themselves."""
    divided = [id for id in standing.lineages.successors if standing.ends(id) and standing.is_divided(id)]
    columns = (Incident.id, Incident.lat, Incident.lon, Incident.counted_unit_id, Incident.unit_at_found_id)
    cases = (
        db.session.execute(db.select(*columns).where(Incident.counted_unit_id.in_(divided))).all() if divided else []
    )
    changes, kept = [], []
    for case in cases:
        to = standing.at(case.counted_unit_id, case.lat, case.lon)
        found = case.unit_at_found_id or case.counted_unit_id
        before = {"counted_unit_id": case.counted_unit_id, "unit_at_found_id": case.unit_at_found_id}
        after = {"counted_unit_id": to, "unit_at_found_id": found}
        changes.append({"case": case.id, **after})
        kept.append(row_of(edition_id, "incidents", case.id, before, after, moment))
    recount(changes)
    Passing.keep(kept)
    lie_anew(divided)


def recount(changes: list[dict[str, Any]]) -> None:
    table = Incident.__table__
    if changes:
        db.session.connection().execute(table.update().where(table.c.id == db.bindparam("case")), changes)
        db.session.expire_all()


def lie_anew(units: list[UUID]) -> None:
    """The rows of damage of cases that have some in these units."""
    part = damage.DamagePart
    here = db.select(part.incident_id).where(db.or_(part.unit_id.in_(units), part.found_unit_id.in_(units))).distinct()
    for some in in_parts(sorted(db.session.scalars(here)) if units else []):
        for case in db.session.scalars(db.select(Incident).where(Incident.id.in_(some))):
            damage.lie_anew(case)
