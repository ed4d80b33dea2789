"""Units that a case names and that have nobody on the system: each gets a one-case link, once, by itself."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from models.base import db, now
from models.case_links import CaseLink, duty_of
from models.clock import today
from models.incidents import Incident
from models.leading import OVER
from models.limits import limit
from models.reference import reference, unit_of
from models.staffing import is_staffed

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
    found = db.session.scalars(db.select(Incident).where(Incident.id.in_(ids)).options(*_with_rows()))
    return [incident.id for incident in found if _unlinked(incident)]


def link_units(ids: Iterable[UUID]) -> None:
    """Make the links that are missing. Whoever is asked again, or at the same time, makes no second one."""
    locked = db.select(Incident).where(Incident.id.in_(ids)).order_by(Incident.id).with_for_update(of=Incident)
    for incident in db.session.scalars(locked.execution_options(populate_existing=True)).all():
        for unit_id in _unlinked(incident):
            contact = duty_of(unit_of(unit_id), incident)
            CaseLink(
                id=uuid5(LINKS, f"{incident.id} {unit_id}"),
                incident_id=incident.id,
                unit_id=unit_id,
                contact_name=contact.get("name"),
                contact_phone=contact.get("phone"),
                from_unit_id=incident.lead_unit_id,
                expires_at=(now() + _lifetime()).replace(microsecond=0),
            ).add_to(incident, None)


def _unlinked(incident: Incident) -> list[UUID]:
    """The commune that routing names, and whoever is asked to take part, when nobody there can read it; but for
    those that got a link before, whatever became of it."""
    if incident.status in OVER:
        return []
    known = reference()
    named = [UUID(incident.routing["lead"]["id"]), *(row.unit_id for row in incident.assignments if row.is_open)]
    silent = [id for id in dict.fromkeys(named) if not is_staffed(unit_of(id), known)]
    if not silent:
        return []
    linked = set(db.session.scalars(db.select(CaseLink.unit_id).where(CaseLink.incident_id == incident.id)))
    return [id for id in silent if id not in linked]


def _lifetime() -> timedelta:
    return timedelta(days=limit("link_days_off_system", today()))


def _with_rows() -> tuple:
    return (db.selectinload(Incident.assignments),)
