"""What units answer for their part in an incident, and what the lead takes back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models import arbiters, joint_verifications
from models.assignments import BORDER_REASONS, Assignment, Part, State
from models.errors import Incomplete, NoArbiter, NotAllowed, NotFound, ReasonNotAllowed, WrongStatus
from models.events import Event
from models.permissions import answers_for_row, officer_of_lead

BOTH = (Part.LEAD, Part.SUPPORT)
NO_CAPACITY = "no_capacity"
LEAD_REASONS = (*BORDER_REASONS, NO_CAPACITY)


def accept(row: Assignment, user: Any, **_: Any) -> None:
    if row.hand_over:
        row.incident.take_over(row)
    else:
        row.accept()
        if joint_verifications.newest_of(row.incident):
            joint_verifications.set_conclude_due(row)


def conclude(row: Assignment, user: Any, text: str | None = None, **_: Any) -> None:
    row.text = text or row.text
    row.end(State.CONCLUDED)


def withdraw(row: Assignment, user: Any, reason: str | None = None, **_: Any) -> None:
    if not reason:
        raise Incomplete("reason")
    row.end(State.WITHDRAWN, reason)


def decline(
    row: Assignment,
    user: Any,
    reason: str | None = None,
    text: str | None = None,
    basis: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    """Support declines with any coded reason; a lead where the border is in doubt, with a basis, and then the next
    candidate leads; or for want of people, and then its own superior decides within its line."""
    incident = row.incident
    needed = {"reason": reason} | ({"text": text} if row.role == Part.SUPPORT or reason == NO_CAPACITY else {})
    if missing := [name for name, value in needed.items() if not value]:
        raise Incomplete(*missing)
    if row.role == Part.LEAD:
        check_lead_may_decline(row, reason or "", basis)
    row.text, row.basis = text, basis
    if row.role == Part.LEAD and reason == NO_CAPACITY:
        incident.ask_superior()
        return
    row.end(State.DECLINED, reason)
    if row.role == Part.LEAD:
        incident.pass_lead_on()
    elif row.hand_over:
        incident.hand_over_refused()


def check_lead_may_decline(row: Assignment, reason: str, basis: dict[str, Any] | None) -> None:
    if reason not in LEAD_REASONS:
        raise ReasonNotAllowed(
            why="đơn vị chủ trì chỉ từ chối vì không thuộc địa bàn, địa giới chưa thống nhất hoặc không đủ lực lượng.",
            why_en="a lead declines only as not_our_land, disputed_border or no_capacity.",
        )
    if reason == NO_CAPACITY:
        if row.asked_unit_id:
            raise WrongStatus(action="decline", status=str(row.state))
        return
    if row.incident.routing["rule"] == "inside":
        raise ReasonNotAllowed(
            why="vị trí nằm hẳn trong địa bàn, không gần ranh giới nào.",
            why_en="the place lies well inside, near no border.",
        )
    if not basis:
        raise Incomplete("basis")
    if len(row.unit.lineage_ids) < 2:
        raise NoArbiter()


@dataclass(frozen=True)
class RowAction:
    """Who may do what with a row, in which part and from which states; `then(row, user, **facts)` does it."""

    states: tuple[State, ...]
    roles: tuple[Part, ...]
    by: Callable[[Any, Assignment], bool]
    then: Callable[..., None]

    def fits(self, row: Assignment) -> bool:
        incident = row.incident
        if row.role not in self.roles or row.state not in self.states or incident.is_final:
            return False
        if incident.is_over and (row.role == Part.SUPPORT or self.then is decline):
            return False
        if row.hand_over and row.role == Part.SUPPORT and not _from_the_lead(row):
            return False
        return row.state != State.EXPIRED or _is_latest(row)

    def allowed(self, row: Assignment, user: Any) -> bool:
        return self.fits(row) and self.by(user, row)


def _from_the_lead(row: Assignment) -> bool:
    """Whether who offered to hand over leads, and has led ever since."""
    lead = row.incident.lead
    return row.from_unit_id == lead.unit_id and row.offered_at >= lead.offered_at


def _is_latest(row: Assignment) -> bool:
    """Whether its unit was not asked again since, nor has got the lead: only then is an expired offer accepted late."""
    own = [r for r in row.incident.assignments if r.unit_id == row.unit_id]
    return not any(r.since > row.since for r in own if r.role == Part.LEAD or r.hand_over == row.hand_over)


def _by_lead(user: Any, row: Assignment) -> bool:
    return officer_of_lead(user, row.incident)


# fmt: off
ACTIONS = {
    #                      from                            of              by               then
    "accept":   RowAction((State.OFFERED, State.EXPIRED), BOTH,            answers_for_row, accept),
    "decline":  RowAction((State.OFFERED,),               BOTH,            answers_for_row, decline),
    "conclude": RowAction((State.ACCEPTED,),              (Part.SUPPORT,), answers_for_row, conclude),
    "withdraw": RowAction((State.OFFERED,),               (Part.SUPPORT,), _by_lead,        withdraw),
}
# fmt: on


def actions_for(row: Assignment, user: Any) -> list[str]:
    """What this person may do with this row now."""
    return [name for name, rule in ACTIONS.items() if rule.allowed(row, user)]


def act(incident: Any, id: UUID, action: str, user: Any, **facts: Any) -> Assignment:
    """Answer for one of the incident's rows, or raise and change nothing."""
    row = next((r for r in incident.assignments if r.id == id), None)
    if row is None:
        raise NotFound()
    rule = ACTIONS[action]
    if not rule.fits(row):
        raise WrongStatus(action=action, status=str(row.state))
    if not rule.by(user, row):
        raise NotAllowed(action=action)
    was, reason = row.state, facts.get("reason")
    rule.then(row, user, **facts)
    incident.assignments_changed()
    Event.record(
        incident,
        f"assignment_{action}",
        user,
        texts={"text": facts.get("text")} | ({"reason": reason} if action == "withdraw" else {}),
        assignment=str(row.id),
        row_unit=str(row.unit_id),
        before=was,
        after=row.state,
        reason=None if action == "withdraw" else reason,
        hand_over=row.hand_over or None,
        lead_unit=str(incident.lead_unit_id),
        asked_unit=str(row.asked_unit_id) if row.asked_unit_id else None,
        **held_by_arbiter(incident),
    )
    return row


def held_by_arbiter(incident: Any) -> dict[str, Any]:
    """For the log: who holds the lead until it has decided, and who above the other candidates is to be told."""
    if not incident.lead.arbiter:
        return {}
    return {
        "arbiter_unit": str(incident.lead_unit_id),
        "told_units": [str(id) for id in arbiters.told(incident)] or None,
    }
