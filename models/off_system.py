"""Units that a case names and that have nobody on the system: each gets a one-case link, once, by itself."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from models.base import db, now
from models.case_links import CaseLink, duty_of
from models.clock import today
from models.incidents import Incident
from models.limits import limit
from models.reference import reference
from models.staffing import is_staffed
from models.standing import unit_for
from models.units import KnownUnit

LINKS = UUID("6d1f3f0e-63a5-5c1e-9a53-1f0b7a3c2d41")  # the name space of their ids
# Events after which a unit may be named that was not before.
NAMING = frozenset(
    f"incident.{action}"
    for action in ("report", "correct", "invite", "hand_over", "assign", "assignment_decline", "arbitrate")
) | {"incident.reopen", "incident.object"}


def names_units(kind: str, at: datetime) -> bool:
    """Whether an event may call for links; what lies further back than they live is over."""
    return kind in NAMING and at > now() - _lifetime()


def wanting(ids: Iterable[UUID]) -> list[UUID]:
    """Of these incidents those with a unit that should have a link and has none."""
    return [incident.id for incident, _ in _unlinked(db.select(Incident).where(Incident.id.in_(ids)))]


def link_units(ids: Iterable[UUID]) -> None:
    """Make the links that are missing. Whoever is asked again, or at the same time, makes no second one."""
    locked = db.select(Incident).where(Incident.id.in_(ids)).order_by(Incident.id).with_for_update(of=Incident)
    expires_at = (now() + _lifetime()).replace(microsecond=0)
    for incident, units in _unlinked(locked.execution_options(populate_existing=True)):
        for unit in units:
            contact = duty_of(unit, incident)
            CaseLink(
                id=uuid5(LINKS, f"{incident.id} {unit.id}"),
                incident_id=incident.id,
                unit_id=unit.id,
                contact_name=contact.get("name"),
                contact_phone=contact.get("phone"),
                from_unit_id=incident.lead_unit_id,
                expires_at=expires_at,
            ).add_to(incident, None)


def _unlinked(wanted: Any) -> list[tuple[Incident, list[KnownUnit]]]:
    """Incidents with their units that nobody reads for and that never had a link, whatever became of it."""
    incidents = list(db.session.scalars(wanted.options(db.selectinload(Incident.assignments))))
    ids = [incident.id for incident in incidents]
    known = db.select(CaseLink.incident_id, CaseLink.unit_id).where(CaseLink.incident_id.in_(ids))
    linked = {tuple(row) for row in db.session.execute(known)}
    found = [
        (incident, [unit for unit in _silent(incident) if (incident.id, unit.id) not in linked])
        for incident in incidents
    ]
    return [(incident, units) for incident, units in found if units]


def _silent(incident: Incident) -> list[KnownUnit]:
    """The commune that routing names, and whoever is asked to take part, when nobody there can read it."""
    if incident.is_over:
        return []
    known = reference()
    named = [UUID(incident.routing["lead"]["id"]), *(row.unit_id for row in incident.assignments if row.is_open)]
    units = (known.units[id] for id in dict.fromkeys(unit_for(incident, id) for id in named))
    return [unit for unit in units if not is_staffed(unit, known)]


def _lifetime() -> timedelta:
    return timedelta(days=limit("link_days_off_system", today()))
