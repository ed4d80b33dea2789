"""Assignments: which units handle an incident, in which part, and what they answered.

Exactly one lead at every moment, closed incidents included; the database refuses a second.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Json, Record, db, now
from models.errors import Incomplete, NoArbiter, NotAllowed, NotFound, ReasonNotAllowed, WrongStatus
from models.events import Event
from models.permissions import answers_for_row
from models.reference import reference, unit_of
from models.units import KnownUnit


class Part(StrEnum):
    LEAD = "lead"
    SUPPORT = "support"


class State(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CONCLUDED = "concluded"
    HANDED_OVER = "handed_over"


class Joint(StrEnum):
    """Joint-handling status: always derived from the rows, kept on the incident to be filtered by."""

    SINGLE = "single"
    PROPOSED = "proposed"
    ACTIVE = "active"
    DISPUTED = "disputed"
    ESCALATED = "escalated"
    CONCLUDED = "concluded"


OPEN = (State.OFFERED, State.ACCEPTED)
HOLDS_LEAD = (State.OFFERED, State.ACCEPTED, State.CONCLUDED)
BORDER_REASONS = ("not_our_land", "disputed_border")
DECLINE_REASONS = (*BORDER_REASONS, "no_capacity", "other")
CLOSED_WITH_CASE = "incident_closed"  # why an offer was withdrawn without anybody withdrawing it


def _sql(states: tuple[State, ...]) -> str:
    return ", ".join(f"'{s}'" for s in states)


class Assignment(Record):
    """One row is never re-used: a unit may have several over time, at most one of them open."""

    __tablename__ = "assignments"
    __table_args__ = (
        Index(
            "uq_assignments_one_lead",
            "incident_id",
            unique=True,
            postgresql_where=db.text(f"role = 'lead' AND state IN ({_sql(HOLDS_LEAD)})"),
            sqlite_where=db.text(f"role = 'lead' AND state IN ({_sql(HOLDS_LEAD)})"),
        ),
        Index(
            "uq_assignments_one_open_per_unit",
            "incident_id",
            "unit_id",
            unique=True,
            postgresql_where=db.text(f"state IN ({_sql(OPEN)}) AND NOT hand_over"),
            sqlite_where=db.text(f"state IN ({_sql(OPEN)}) AND NOT hand_over"),
        ),
    )

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    role: Mapped[str]
    state: Mapped[str] = mapped_column(default=State.OFFERED)
    hand_over: Mapped[bool] = mapped_column(default=False)
    arbiter: Mapped[bool] = mapped_column(default=False)  # leads because every candidate declined
    offered_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None]  # a lead's offer never expires
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]  # why it was offered, then the coded reason of a decline
    text: Mapped[str | None]
    basis: Mapped[dict[str, Any] | None] = mapped_column(Json)

    incident: Mapped[Any] = relationship("Incident", back_populates="assignments")

    @property
    def unit(self) -> KnownUnit:
        return unit_of(self.unit_id)

    @property
    def contacts(self) -> list[dict[str, Any]]:
        """The duty list of the unit asked, so that every offer shows whom to phone."""
        return reference().contacts.get(self.unit_id, [])

    @property
    def is_lead(self) -> bool:
        return self.role == Part.LEAD and self.state in HOLDS_LEAD

    def actions_for(self, user: Any) -> list[str]:
        """What this person may do with this row now."""
        return [name for name, rule in ACTIONS.items() if rule.allowed(self, user)]

    def accept(self) -> None:
        self.state = State.ACCEPTED
        self.accepted_at = now()
        self.due_at = None
        if self.is_lead:
            self.incident.guard_unit_id = self.unit_id

    def end(self, state: State, reason: str | None = None) -> None:
        self.state = state
        self.ended_at = now()
        self.reason = reason or self.reason


def joint_status(incident: Any) -> Joint:
    """The first of domain.md's list that holds for the rows as they are."""
    rows = incident.assignments
    lead = incident.lead
    supports = [r for r in rows if r.role == Part.SUPPORT]
    doubted = incident.routing["rule"] == "overlap" or any(
        r.role == Part.LEAD and r.state == State.DECLINED and r.reason in BORDER_REASONS for r in rows
    )
    if lead.arbiter:
        return Joint.ESCALATED
    if doubted and lead.state == State.OFFERED:
        return Joint.DISPUTED
    if any(r.state == State.ACCEPTED for r in supports):
        return Joint.ACTIVE
    if any(r.state == State.OFFERED for r in supports):
        return Joint.PROPOSED
    if any(r.accepted_at and r.state != State.DECLINED and r is not lead for r in rows):
        return Joint.CONCLUDED
    return Joint.SINGLE


# What may be done with a row: who, from which states, and then.


def accept(row: Assignment, user: Any, **_: Any) -> None:
    row.accept()


def conclude(row: Assignment, user: Any, text: str | None = None, **_: Any) -> None:
    row.text = text or row.text
    row.end(State.CONCLUDED)


def decline(
    row: Assignment,
    user: Any,
    reason: str | None = None,
    text: str | None = None,
    basis: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    """Support may decline with any coded reason; a lead only where the border is in doubt, with a basis."""
    incident = row.incident
    needed = {"reason": reason} | ({"text": text} if row.role == Part.SUPPORT else {})
    if missing := [name for name, value in needed.items() if not value]:
        raise Incomplete(*missing)
    if row.role == Part.LEAD:
        check_lead_may_decline(row, reason or "", basis)
    row.text, row.basis = text, basis
    row.end(State.DECLINED, reason)
    if row.role == Part.LEAD:
        db.session.flush()  # the database must see one lead leave before the next comes
        incident.pass_lead_on()


def check_lead_may_decline(row: Assignment, reason: str, basis: dict[str, Any] | None) -> None:
    if reason not in BORDER_REASONS:
        raise ReasonNotAllowed(
            why="đơn vị chủ trì chỉ từ chối vì không thuộc địa bàn hoặc địa giới chưa thống nhất.",
            why_en="a lead declines only as not_our_land or disputed_border.",
        )
    if row.incident.routing["rule"] == "inside":
        raise ReasonNotAllowed(
            why="vị trí nằm hẳn trong địa bàn, không gần ranh giới nào.",
            why_en="the place lies well inside, near no border.",
        )
    if not basis:
        raise Incomplete("basis")
    if len(row.unit.lineage_ids) < 2:
        raise NoArbiter()


class RowAction:
    def __init__(self, states: tuple[State, ...], roles: tuple[Part, ...], then: Any):
        self.states, self.roles, self.then = states, roles, then

    def fits(self, row: Assignment) -> bool:
        if row.role not in self.roles or row.state not in self.states or row.incident.is_final:
            return False
        if row.state == State.EXPIRED:  # may still be accepted late, unless asked again meanwhile
            return not any(r.unit_id == row.unit_id and r.state in OPEN for r in row.incident.assignments)
        return True

    def allowed(self, row: Assignment, user: Any) -> bool:
        if not (self.fits(row) and answers_for_row(user, row)):
            return False
        return self.then is not decline or row.role == Part.SUPPORT or row.incident.routing["rule"] != "inside"


BOTH = (Part.LEAD, Part.SUPPORT)
# fmt: off
ACTIONS = {
    #                      from                            of             then
    "accept":   RowAction((State.OFFERED, State.EXPIRED), BOTH,           accept),
    "decline":  RowAction((State.OFFERED,),               BOTH,           decline),
    "conclude": RowAction((State.ACCEPTED,),              (Part.SUPPORT,), conclude),
}
# fmt: on


def act(incident: Any, id: UUID, action: str, user: Any, **facts: Any) -> Assignment:
    """Answer for one of the incident's rows, or raise and change nothing."""
    row = next((r for r in incident.assignments if r.id == id), None)
    if row is None:
        raise NotFound()
    rule = ACTIONS[action]
    if not rule.fits(row):
        raise WrongStatus(action=action, status=str(row.state))
    if not answers_for_row(user, row):
        raise NotAllowed(action=action)
    was = row.state
    rule.then(row, user, **facts)
    incident.assignments_changed()
    Event.record(
        incident,
        f"assignment_{action}",
        user,
        texts={"text": facts.get("text")},
        assignment=str(row.id),
        row_unit=str(row.unit_id),
        before=was,
        after=row.state,
        reason=facts.get("reason"),
        lead_unit=str(incident.lead_unit_id),
    )
    return row
