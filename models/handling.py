"""The units at work on an incident: who leads, who is asked, and what follows from their answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped

from models import arbiters, deciding
from models.assignments import Assignment, Joint, Part, State, joint_status
from models.base import db, new_id, now
from models.clock import local
from models.deadlines import due_for
from models.duty_lists import duty_list
from models.events import Event
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import set_deadline
from models.passing_rows import facts_of, kept_of, plan_of, write_rows
from models.passings import Passing
from models.reference import reference, unit_of
from models.standing import Standing, unit_for
from models.units import KnownUnit
from models.visibility import Viewer

REFUSALS = 2  # of hand-overs by one lead: then somebody above decides


class Handled:
    """What an incident does with its assignments."""

    joint_status: Mapped[str]
    deadline_step: Mapped[str | None]
    deadline_at: Mapped[datetime | None]

    @property
    def lead(self: Any) -> Assignment:
        return next(r for r in self.assignments if r.is_lead)

    @property
    def lead_contacts(self: Any) -> list[dict[str, Any]]:
        return duty_list(self.lead_unit, INCIDENT_TYPES[self.type].is_fire)

    @property
    def guard_contacts(self: Any) -> list[dict[str, Any]]:
        return duty_list(self.guard_unit, INCIDENT_TYPES[self.type].is_fire)

    def offer(self: Any, unit: KnownUnit, role: Part, step: str = "partner_answer", **facts: Any) -> Assignment:
        """A new row. `step` says by when an answer is due; a lead's offer never expires."""
        started = self.received_at if not self.assignments else now()
        due_at = None if role == Part.LEAD else due_for(self, step, started)
        row = Assignment(
            id=facts.pop("id", None) or new_id(),
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

    def row_at_work(self: Any, unit_id: UUID) -> Assignment | None:
        """The one open row of a unit, besides what it is offered to take over."""
        return next((r for r in self.assignments if r.unit_id == unit_id and r.is_open and not r.hand_over), None)

    # Who leads. In each of these the lead ended before: the database must see one leave before the next comes.

    def lead_to(self: Any, unit: KnownUnit, reason: str) -> Assignment:
        """Another unit leads from now on: its open support row is promoted and keeps its state, else a new offer."""
        db.session.flush()
        row = self.row_at_work(unit.id)
        if row:
            row.role, row.due_at = Part.LEAD, None
        else:
            row = self.offer(unit, Part.LEAD, reason=reason)
        self._led_by(row)
        return row

    def _led_by(self: Any, row: Assignment) -> None:
        self.lead_unit_id = row.unit_id
        self.count_for_lead()
        for offer in self.assignments:
            if offer.is_pending_hand_over and offer is not row:
                offer.end(State.WITHDRAWN, "lead_changed")
        if row.state == State.ACCEPTED:
            self.guard_unit_id = row.unit_id

    def pass_lead_on(self: Any) -> None:
        """The lead declined: the next candidate leads, or else the arbiter holds the lead until it has decided."""
        if unit := deciding.next_lead(self):
            self.lead_to(unit, "declined_by_lead")
        else:
            self.give_to_arbiter(arbiters.arbiter_of(self), "declined_by_lead")

    def give_to_arbiter(self: Any, unit: KnownUnit, reason: str) -> None:
        row = self.lead_to(unit, reason)
        row.arbiter = True
        row.accept()  # also what it had accepted as a support: its time to decide begins now

    def take_over(self: Any, row: Assignment) -> None:
        """A hand-over is accepted: one leads, the other has handed over, and what the receiver supported is done."""
        self.lead.end(State.HANDED_OVER)
        self._end_support(row.unit_id)
        db.session.flush()
        row.role = Part.LEAD
        row.accept()
        self._led_by(row)

    def _end_support(self: Any, unit_id: UUID) -> None:
        """Whoever leads supports no more: what it had accepted is done, what it was only offered is void."""
        if support := self.row_at_work(unit_id):
            support.end(State.CONCLUDED if support.state == State.ACCEPTED else State.WITHDRAWN, "took_over")

    def hand_over_refused(self: Any) -> None:
        """Refused twice, the lead goes to the arbiter; where there is none, it stays where it is."""
        lead = self.lead
        us = {lead.unit_id, *reference().lineages.before(lead.unit_id)}
        mine = [r for r in self.assignments if r.hand_over and r.from_unit_id in us]
        refused = [r for r in mine if r.state == State.DECLINED and r.offered_at >= lead.offered_at]
        if len(refused) < REFUSALS:
            return
        unit = arbiters.find(self)
        if unit and unit.id != lead.unit_id:
            lead.end(State.HANDED_OVER, "hand_over_refused")
            self.give_to_arbiter(unit, "hand_over_refused")

    def ask_superior(self: Any) -> None:
        """The lead has nobody to send: it leads on, and the nearest unit above it with people is asked."""
        self.lead.asked_unit_id = deciding.superior_of(self.lead.unit).id

    def assign(self: Any, unit: KnownUnit, by: KnownUnit, id: UUID | None) -> Assignment:
        """The superior that was asked sends somebody of its line, or leads itself."""
        support = self.row_at_work(unit.id)
        at_work = unit.id == by.id or (support is not None and support.state == State.ACCEPTED)
        self.lead.end(State.HANDED_OVER)
        self._end_support(unit.id)
        db.session.flush()
        row = self.offer(unit, Part.LEAD, id=id)
        if at_work:
            row.accept()
        self._led_by(row)
        return row

    @property
    def would_lead(self: Any) -> KnownUnit | None:
        """Whom the routing names since a correction, where that is another than leads: a reason to hand over.

        Not who led before: that it leads no more was decided, or its own answer.
        """
        routed = unit_of(unit_for(self, UUID(self.routing["lead"]["id"])))
        if self.lead_unit_id in routed.lineage_ids:
            return None
        named = deciding.responsible(routed, reference())
        led = {r.unit_id for r in self.assignments if r.role == Part.LEAD}
        return None if named.id in led else named

    def arbitrate(self: Any, unit: KnownUnit) -> Assignment:
        """The arbiter's word binds: the unit it names leads, whatever it answered before."""
        row = self.lead
        if row.unit_id != unit.id:
            row.end(State.HANDED_OVER)
            row = self.lead_to(unit, "arbitration")
        row.arbiter, row.reason = False, "arbitration"
        if row.state == State.OFFERED:
            row.accept()
        return row

    # What follows

    def count_for_lead(self: Any) -> None:
        """It counts for the commune that leads; for weeks in which there was no such unit yet, for the one before."""
        counted, before = deciding.counted_unit(self.lead_unit, self.routing), self.counted_unit_id
        lineages, day = reference().lineages, local(self.counted_at).date()
        if counted != before and not lineages.stands_by(counted, day) and lineages.stands_by(before, day):
            self.unit_at_found_id = self.unit_at_found_id or before
        self.counted_unit_id = counted

    def pass_on(self: Any) -> None:
        """What was opened again, or answered late, at a unit that has given way meanwhile, passes on at once."""
        standing, moment = Standing.today(), now()
        if not standing.communes or not any(r.is_open and standing.lets_go(r.unit_id) for r in self.assignments):
            return
        db.session.flush()
        edition = UUID(reference().index.edition["id"])
        plan = plan_of(self, self.assignments, standing, moment)
        facts, kept = facts_of(edition, self, plan), list(kept_of(edition, self, plan, moment))
        write_rows([(self, plan)])
        Passing.keep(kept)
        Event.record(self, "passed_on", None, **facts)

    def assignments_changed(self: Any) -> None:
        """Derive again what follows from the rows: joint status, what is due, and who sees the incident."""
        self.pass_on()
        self.joint_status = joint_status(self)
        if self.joint_status == Joint.ESCALATED and not self.is_over:
            self.deadline_step = "arbitrate"
            self.deadline_at = due_for(self, "arbitrate", self.lead.accepted_at)
        elif self.deadline_step == "arbitrate":
            set_deadline(self)
        self.touch(facts=True)
        db.session.flush()
        Viewer.keep(self, self.viewers)

    @property
    def viewers(self: Any) -> set[UUID]:
        """The units at work on it with all above them, its reporters, and who would have to decide between them."""
        units = {id for r in self.assignments if r.state != State.WITHDRAWN for id in r.unit.lineage_ids}
        return units | {self.reporter_id, *(c.user_id for c in self.co_reporters)} | arbiters.watching(self)
