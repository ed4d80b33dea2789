"""Who handles a case, as decided by the lead, by the superior it asked, and by the arbiter."""

from typing import Any
from uuid import UUID

from models import arbiters
from models.assignments import Assignment, Joint, Part, State
from models.base import db, now
from models.clock import today
from models.errors import AlreadyAssigned, Conflict, Invalid, NotAllowed, WrongStatus
from models.events import Event
from models.permissions import answers_for_row, officer_of_lead, works_on
from models.reference import reference, unit_of
from models.standing import Standing
from models.units import KnownUnit
from models.users import Role

# By whom


def may_hand_over(user: Any, incident: Any) -> bool:
    """Officers of a lead that has accepted; an arbiter decides instead."""
    return officer_of_lead(user, incident) and incident.lead.state == State.ACCEPTED and not incident.lead.arbiter


def may_assign(user: Any, incident: Any) -> bool:
    """Officers and leaders of the superior that a lead without capacity asked."""
    lead = incident.lead
    asked = lead.state == State.OFFERED and lead.asked_unit_id
    return bool(asked) and user.decides and user.acts_for(unit_of(asked))


def may_arbitrate(user: Any, incident: Any) -> bool:
    """Leaders of the arbiter's own unit, while the border is disputed or the case lies with them."""
    if user.role is not Role.LEADER or incident.joint_status not in (Joint.DISPUTED, Joint.ESCALATED):
        return False
    return user.unit_id == arbiter_id(incident)


def arbiter_id(incident: Any) -> UUID | None:
    if incident.lead.arbiter:
        return incident.lead.unit_id
    found = arbiters.find(incident)
    return found.id if found else None


RIGHTS = {
    "invite": works_on,
    "hand_over": may_hand_over,
    "assign": may_assign,
    "arbitrate": may_arbitrate,
    "joint_verification": works_on,
    "link": works_on,  # an agency without an account is asked by a one-case link (models/case_links.py)
}


def actions_for(incident: Any, user: Any) -> list[str]:
    """What this person may decide about who handles the case now."""
    if not user.decides or incident.is_over:
        return []
    return [name for name, allowed in RIGHTS.items() if allowed(user, incident)]


def check(action: str, user: Any, incident: Any) -> None:
    if incident.is_over:
        raise WrongStatus(action=action, status=str(incident.status))
    if not RIGHTS[action](user, incident):
        raise NotAllowed(action=action)


# What


def is_known(id: UUID | None) -> bool:
    """Whether it was sent before: whoever sends it again need not know what became of the case since."""
    return id is not None and db.session.get(Assignment, id) is not None


def offer(
    incident: Any,
    user: Any,
    unit_id: UUID,
    reason: str,
    id: UUID | None = None,
    hand_over: bool = False,
    documents: list[Any] | None = None,
    exhibits: list[Any] | None = None,
    content_sha256: str | None = None,
) -> tuple[Assignment, bool]:
    """Ask a unit to support, or to take the case over; the superior that was asked sends it. The row, and whether
    it is new: the same id and content again is the same offer."""
    if known := Assignment.sent_before(id, incident_id=incident.id, content_sha256=content_sha256):
        return known, False
    unit = existing(unit_id)
    assigns = hand_over and may_assign(user, incident)
    action = "assign" if assigns else "hand_over" if hand_over else "invite"
    check(action, user, incident)
    if assigns:
        row = _assign(incident, unit, id)
    elif hand_over:
        row = _hand_over(incident, unit, id)
    else:
        _check_is_free(incident, unit)
        row = incident.offer(unit, Part.SUPPORT, id=id, from_unit_id=acting_unit_id(user, incident))
    row.reason, row.documents, row.exhibits, row.content_sha256 = reason, documents, exhibits, content_sha256
    incident.assignments_changed()
    _record(incident, action, user, reason, row)
    return row, True


def _hand_over(incident: Any, unit: KnownUnit, id: UUID | None) -> Assignment:
    if unit.id == incident.lead_unit_id:
        raise AlreadyAssigned()
    if any(r.is_pending_hand_over for r in incident.assignments):
        raise Conflict()
    return incident.offer(
        unit, Part.SUPPORT, step="hand_over", id=id, hand_over=True, from_unit_id=incident.lead_unit_id
    )


def _assign(incident: Any, unit: KnownUnit, id: UUID | None) -> Assignment:
    superior = unit_of(incident.lead.asked_unit_id)
    if superior.id not in unit.lineage_ids:
        raise Invalid("unit_id", f"đơn vị thuộc {superior.name} / a unit of {superior.name}")
    if unit.id == incident.lead_unit_id:
        raise AlreadyAssigned()
    return incident.assign(unit, superior, id)


def expire_offers(incident: Any) -> None:
    """Those that should have been answered by now."""
    for row in incident.assignments:
        if row.state == State.OFFERED and row.due_at and row.due_at < now():
            row.end(State.EXPIRED)
            incident.assignments_changed()
            Event.record(incident, "assignment_expire", None, assignment=str(row.id), row_unit=str(row.unit_id))


def arbitrate(incident: Any, user: Any, lead_unit_id: UUID, reason: str) -> None:
    """The arbiter names who leads. It settles this case, not the line: the refusals are kept."""
    if incident.joint_status not in (Joint.DISPUTED, Joint.ESCALATED):
        raise WrongStatus(action="arbitrate", status=str(incident.joint_status))
    check("arbitrate", user, incident)
    row = incident.arbitrate(existing(lead_unit_id))
    incident.assignments_changed()
    _record(incident, "arbitrate", user, reason, row)


def existing(id: UUID) -> KnownUnit:
    """A unit that is there today, and has not given way to another."""
    unit = reference().units.get(id)
    if unit is None or not unit.exists_on(today()) or Standing.today().has_gone(id):
        raise Invalid("unit_id", "một đơn vị đang hoạt động / a unit that exists today")
    return unit


def _check_is_free(incident: Any, unit: KnownUnit) -> None:
    if unit.id == incident.lead_unit_id or incident.row_at_work(unit.id):
        raise AlreadyAssigned()


def acting_unit_id(user: Any, incident: Any) -> UUID:
    """The unit in whose name somebody asks: the lead's, or the support's they answer for."""
    if officer_of_lead(user, incident):
        return incident.lead_unit_id
    return next(r.unit_id for r in incident.assignments if r.state == State.ACCEPTED and answers_for_row(user, r))


def _record(incident: Any, action: str, user: Any, reason: str, row: Assignment) -> None:
    Event.record(
        incident,
        action,
        user,
        texts={"reason": reason},
        assignment=str(row.id),
        row_unit=str(row.unit_id),
        lead_unit=str(incident.lead_unit_id),
        documents=len(row.documents or []) or None,
        exhibits=len(row.exhibits or []) or None,
    )
