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
from models.duty_lists import duty_list
from models.incident_types import INCIDENT_TYPES
from models.reference import unit_of
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
CLOCKED = (*OPEN, State.EXPIRED)  # their `due_at` is a clock that runs, or ran out
HOLDS_LEAD = (State.OFFERED, State.ACCEPTED, State.CONCLUDED)
BORDER_REASONS = ("not_our_land", "disputed_border")
DECLINE_REASONS = (*BORDER_REASONS, "no_capacity", "other")
# In words that a partial index knows again: parameters would hide them from the database.
LEAD_DECLINED = f"role = '{Part.LEAD}' AND state = '{State.DECLINED}'"
HAS_TO_CONCLUDE = f"state = '{State.ACCEPTED}' AND due_at IS NOT NULL"
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
        Index(
            "ix_assignments_offered_due_at",
            "due_at",
            postgresql_where=db.text("state = 'offered'"),
            sqlite_where=db.text("state = 'offered'"),
        ),
        Index(
            "ix_assignments_accepted_due_at",
            "due_at",
            "incident_id",
            postgresql_where=db.text(HAS_TO_CONCLUDE),
            sqlite_where=db.text(HAS_TO_CONCLUDE),
        ),
        Index(
            "ix_assignments_lead_declined",
            "incident_id",
            postgresql_where=db.text(LEAD_DECLINED),
            sqlite_where=db.text(LEAD_DECLINED),
        ),
    )

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    role: Mapped[str]
    state: Mapped[str] = mapped_column(default=State.OFFERED)
    hand_over: Mapped[bool] = mapped_column(default=False)  # the lead is offered; accepted, it leads
    from_unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))  # who offers to hand over, or invites
    documents: Mapped[list[Any] | None] = mapped_column(Json)  # what is handed over
    exhibits: Mapped[list[Any] | None] = mapped_column(Json)
    arbiter: Mapped[bool] = mapped_column(default=False)  # holds the lead until it has decided who leads
    asked_unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))  # superior of a lead without capacity
    offered_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None]  # a lead's offer never expires
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]  # why it was offered (a code, or in words), then the coded reason of a decline
    text: Mapped[str | None]
    basis: Mapped[dict[str, Any] | None] = mapped_column(Json)
    content_sha256: Mapped[str | None]  # of the request that made it

    incident: Mapped[Any] = relationship("Incident", back_populates="assignments")

    @classmethod
    def overdue(cls, most: int) -> list[UUID]:
        """Incidents with an offer that should have been answered by now; a lead's is never due."""
        due = db.select(cls.incident_id).where(cls.state == State.OFFERED, cls.due_at < now()).distinct()
        return sorted(db.session.scalars(due.limit(most)))

    @classmethod
    def late_to_conclude(cls) -> Any:
        """The ids of incidents with a support that should have concluded by now: one index range."""
        return db.select(cls.incident_id).where(db.text(f"assignments.{HAS_TO_CONCLUDE}"), cls.due_at < now())

    @property
    def unit(self) -> KnownUnit:
        return unit_of(self.unit_id)

    @property
    def is_overdue(self) -> bool:
        """Whether its answer, or the end of its part, is waited for and late."""
        return self.state in OPEN and self.due_at is not None and self.due_at < now()

    @property
    def asked_unit(self) -> KnownUnit | None:
        return unit_of(self.asked_unit_id) if self.asked_unit_id else None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def since(self) -> datetime:
        """From when this was its unit's part: an offer to take over makes a lead only once it is accepted."""
        return (self.role == Part.LEAD and self.accepted_at) or self.offered_at

    @property
    def is_pending_hand_over(self) -> bool:
        return self.hand_over and self.role == Part.SUPPORT and self.state == State.OFFERED

    @property
    def contacts(self) -> list[dict[str, Any]]:
        """Whom to phone at the unit asked, so that every offer shows it."""
        return duty_list(self.unit, INCIDENT_TYPES[self.incident.type].is_fire)

    @property
    def is_lead(self) -> bool:
        return self.role == Part.LEAD and self.state in HOLDS_LEAD

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
    claimed = incident.routing["rule"] == "overlap" or incident.routing.get("disputed_ground_ids")
    doubted = claimed or any(
        r.role == Part.LEAD and r.state == State.DECLINED and r.reason in BORDER_REASONS for r in rows
    )
    if lead.arbiter and lead.is_open:
        return Joint.ESCALATED
    if doubted and lead.state == State.OFFERED:
        return Joint.DISPUTED
    if any(r.state == State.ACCEPTED for r in supports):
        return Joint.ACTIVE
    if any(r.state == State.OFFERED for r in supports):
        return Joint.PROPOSED
    if any(r.accepted_at and r.unit_id != lead.unit_id for r in rows):
        return Joint.CONCLUDED
    return Joint.SINGLE
