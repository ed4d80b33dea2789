"""The units at work on an incident: who leads, who is asked, and what follows from their answers."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped

from models import assignments, deciding
from models.assignments import Assignment, Part, State, joint_status
from models.base import db, new_id, now
from models.deadlines import due
from models.units import KnownUnit
from models.visibility import Viewer


class Handled:
    """What an incident does with its assignments."""

    joint_status: Mapped[str]

    @property
    def lead(self: Any) -> Assignment:
        return next(r for r in self.assignments if r.is_lead)

    def offer(self: Any, unit: KnownUnit, role: Part, **facts: Any) -> Assignment:
        started = self.received_at if not self.assignments else now()
        due_at = None if role == Part.LEAD else due("partner_answer", self.urgent, started)
        row = Assignment(
            id=new_id(),
            incident_id=self.id,
            unit_id=unit.id,
            role=role,
            state=State.OFFERED,
            hand_over=False,
            arbiter=False,
            offered_at=started,
            due_at=due_at,
        )
        for name, value in facts.items():
            setattr(row, name, value)
        self.assignments.append(row)
        return row

    def pass_lead_on(self: Any) -> None:
        """The lead declined: the next candidate leads, or else the superior of them all decides."""
        unit, arbiter = deciding.next_lead(self)
        row = next((r for r in self.assignments if r.unit_id == unit.id and r.state in assignments.OPEN), None)
        if row:
            row.role, row.due_at = Part.LEAD, None
        else:
            row = self.offer(unit, Part.LEAD, reason="declined_by_lead")
        self.lead_unit_id = unit.id
        self.counted_unit_id = deciding.counted_unit(unit, self.routing)
        if arbiter:
            row.arbiter = True
            row.accept()
        elif row.state == State.ACCEPTED:
            self.guard_unit_id = unit.id

    def assignments_changed(self: Any) -> None:
        """Derive again what follows from the rows: joint status, and who sees the incident."""
        self.joint_status = joint_status(self)
        self.touch(facts=True)
        db.session.flush()
        Viewer.keep(self, self.viewers)

    @property
    def viewers(self: Any) -> set[UUID]:
        """The units at work on it with all above them, and its reporters."""
        units = {id for r in self.assignments if r.state != State.WITHDRAWN for id in r.unit.lineage_ids}
        return units | {self.reporter_id, *(c.user_id for c in self.co_reporters)}
