"""Incidents: what happened where, who leads, and the steps from report to closure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import damage, fires, joint_verifications, leading, overdue
from models.assignments import Assignment, State
from models.base import Json, Record, db, new_id, now
from models.errors import NotFound, Stale, VersionMissing
from models.events import Event
from models.feed import Change
from models.findings import but_comparisons, shown
from models.handling import Handled
from models.incident_facts import Facts, copy_of_photo, is_urgent
from models.incident_workflow import INCIDENT_WORKFLOW, LEADS, NOT_COUNTED, OVER, TEXTS, Status, reopen, set_deadline
from models.permissions import officer_of_lead, reads_restricted
from models.photos import Photo, check_may_add
from models.reference import unit_of
from models.units import KnownUnit
from models.users import Person, person
from models.visibility import Viewer


class Incident(Facts, Handled, Record):
    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_counted", "counted_at", "counted_unit_id", "type"),
        Index("ix_incidents_reporter_id_counted_at", "reporter_id", "counted_at"),
        Index("ix_incidents_lat_lon", "lat", "lon"),
        Index(
            "ix_incidents_look_at",
            "look_at",
            postgresql_where=db.text("look_at IS NOT NULL"),
            sqlite_where=db.text("look_at IS NOT NULL"),
        ),
    )
    kind = "incident"

    number: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    status_since: Mapped[datetime]
    asked_from: Mapped[str | None]  # the status an answer leads back to
    closed_from: Mapped[str | None]  # what it was closed as: closing a false alarm does not make it count
    received_at: Mapped[datetime] = mapped_column(index=True)
    reporter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    content_sha256: Mapped[str]
    routing: Mapped[dict[str, Any]] = mapped_column(Json)
    lead_unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    guard_unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    unit_at_found_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))
    counted_at: Mapped[datetime]  # found_at, or receipt where the phone's clock cannot be right
    counted_unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    duplicate_of: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.id"))
    handling: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    version: Mapped[int] = mapped_column(default=1)  # grows with status, facts and assignments
    revision: Mapped[int] = mapped_column(default=1)  # grows with any visible change

    assignments: Mapped[list[Assignment]] = relationship(
        back_populates="incident", order_by="Assignment.offered_at, Assignment.id"
    )
    photos: Mapped[list[Photo]] = relationship(back_populates="incident", order_by="Photo.created_at, Photo.id")
    co_reporters: Mapped[list["CoReporter"]] = relationship()

    # Who sees it

    @classmethod
    def visible_to(cls, user: Person) -> Any:
        """Every incident this user may see. The only door: lists, maps, sync and exports use it."""
        return db.select(cls).where(Viewer.shows(cls.id, user))

    @classmethod
    def find(cls, id: UUID, user: Person, lock: bool = False, other: UUID | None = None) -> "Incident":
        """One that this person may see. `other` is locked with it, if a step is about two: whoever locks two does it in
        one order, or two people who mark two cases as duplicates of each other would wait for one another."""
        query = cls.visible_to(user).where(cls.id == id)
        if lock and other:
            both = db.select(cls.id).where(cls.id.in_((id, other)), Viewer.shows(cls.id, user)).order_by(cls.id)
            db.session.execute(both.with_for_update(of=cls)).all()
        if lock:  # and read again what this transaction may have read before it had the lock
            query = query.with_for_update(of=cls).execution_options(populate_existing=True)
        incident = db.session.scalar(query)
        if incident is None:
            raise NotFound()
        return incident

    @classmethod
    def locked(cls, ids: Iterable[UUID]) -> "list[Incident]":
        """These, one worker's until its commit, as they are now; in the order in which everybody locks several."""
        chosen = db.select(cls).where(cls.id.in_(list(ids))).order_by(cls.id).with_for_update(of=cls)
        return list(db.session.scalars(chosen.execution_options(populate_existing=True)))

    @classmethod
    def to_look_at(cls, most: int) -> list[UUID]:
        """Where something may have become overdue (models/overdue.py), the longest ago first: one index range."""
        due = db.select(cls.id).where(cls.look_at <= now()).order_by(cls.look_at).limit(most)
        return list(db.session.scalars(due))

    @classmethod
    def check_may_add_photo(cls, id: UUID, user: Person) -> None:
        """Raises NotFound or NotAllowed. Asked before the bytes come; most come from the reporter."""
        table = cls.__table__.c
        shown = db.select(table.reporter_id).where(table.id == id, Viewer.shows(table.id, user))
        if db.session.connection().execute(shown).scalar() != user.id:
            check_may_add(cls.find(id, user), user)

    @property
    def reporter(self) -> Person:
        return person(self.reporter_id)

    @property
    def lead_unit(self) -> KnownUnit:
        return unit_of(self.lead_unit_id)

    @property
    def guard_unit(self) -> KnownUnit:
        return unit_of(self.guard_unit_id)

    def findings_for(self, user: Person) -> list[Any]:
        """Findings as a person reads them. Who reported it learns of no case they cannot see."""
        return shown(self.findings, user, lambda: user.id != self.reporter_id and reads_restricted(user, self))

    def people_units_for(self, user: Person) -> list[dict[str, Any]]:
        """Where people on the report belong, for whoever may read who they are."""
        if not self.people_unit_ids or not reads_restricted(user, self):
            return []
        return [unit_of(UUID(id)).facts for id in self.people_unit_ids]

    def note_comparisons(self, found: list[Any]) -> None:
        """What other cases say about this one, anew."""
        self.findings = but_comparisons(self.findings) + found
        self.touch_untold()

    # Steps

    @property
    def is_final(self) -> bool:
        return self.status in INCIDENT_WORKFLOW.final

    @hybrid_property
    def counts(self) -> bool:
        """Whether it stands in any figure: a false alarm or a duplicate does not, closed or not."""
        return self.status not in NOT_COUNTED and self.closed_from not in NOT_COUNTED

    @counts.inplace.expression
    @classmethod
    def _counts(cls) -> Any:
        closed = db.or_(cls.closed_from.is_(None), cls.closed_from.not_in(NOT_COUNTED))
        return db.and_(cls.status.not_in(NOT_COUNTED), closed)

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    def actions_for(self, user: Person) -> list[str]:
        steps = INCIDENT_WORKFLOW.available(self, user)
        return steps + leading.actions_for(self, user) + fires.actions_for(self, user)

    def perform(self, action: str, actor: Person, **facts: Any) -> None:
        """Take one step of the workflow and record it, or raise and change nothing."""
        drawn_on: dict[str, Any] = {}
        if action == "confirm":
            facts["findings"], drawn_on = joint_verifications.fill_findings(self, facts.get("findings"))
        step = INCIDENT_WORKFLOW.choose(self, action, actor, facts)
        before, target = self.status, step.target_of(self)
        if step.target is not None and step.by in (officer_of_lead, LEADS) and self.lead.state == State.OFFERED:
            self.lead.accept()  # the lead's first step takes the case
        old = self.old_values(facts["changes"]) if action == "correct" else None
        if step.then:
            step.then(self, actor, **facts)
        if target != before:
            self._turn_to(target)
        self.assignments_changed()
        Event.record(
            self,
            action,
            actor,
            texts={name: facts.get(name) for name in TEXTS} | {"old": old},
            before=before,
            after=self.status,
            changed=sorted(facts["changes"]) if action == "correct" else None,
            outcome=facts.get("outcome"),
            duplicate_of=str(facts["duplicate_of"]) if facts.get("duplicate_of") else None,
            **drawn_on,
            would_lead=str(self.would_lead.id) if action == "correct" and self.would_lead else None,
        )

    def _turn_to(self, status: str) -> None:
        self.status, self.status_since = status, now()
        set_deadline(self)
        damage.count_anew(self)

    def burn_again(self, actor: Person) -> None:
        """A fire burns whose case is over: it is reopened by whoever of its units says so. Nobody has to ask first."""
        reopen(self, actor, reason=None)
        self._turn_to(Status.RECEIVED)

    def check_decided_on(self, user: Person, versions: set[str] | None) -> None:
        """Officers and leaders say on which version they decided; whoever says so is held to it ("*": on any)."""
        if versions is None:
            if user.decides:
                raise VersionMissing()
        elif "*" not in versions and str(self.version) not in versions:
            raise Stale()

    @property
    def current_state(self) -> dict[str, Any]:
        """What somebody must know first who decided on another version than this."""
        lead = {"id": str(self.lead_unit_id), "name": self.lead_unit.name}
        state = {"status": self.status, "version": self.version, "joint_status": self.joint_status, "lead": lead}
        return state | ({"fire_status": self.fire_status} if self.fire_status else {})

    def touch(self, facts: bool = False) -> None:
        """Something visible changed; `facts`: also what a decision may have been based on."""
        self.revision += 1
        if facts:
            self.version += 1

    def touch_untold(self) -> None:
        """Something visible changed, and no event says so: phones hear of it all the same."""
        self.touch()
        Change.note(self.id)

    def absorb(self, duplicate: "Incident", actor: Person) -> None:
        """Take over the reporters and photos of a duplicate; it counts once, here."""
        known = {self.reporter_id, *(c.user_id for c in self.co_reporters)}
        for user_id in {duplicate.reporter_id, *(c.user_id for c in duplicate.co_reporters)} - known:
            self.co_reporters.append(CoReporter(user_id=user_id))
        mine = {p.sha256 for p in self.photos}
        fresh = [Photo(id=new_id(), **copy_of_photo(p)) for p in duplicate.photos if p.sha256 not in mine]
        self.photos += fresh
        for photo in fresh:
            photo.ask_preview()
        for photo in (*self.photos, *duplicate.photos):
            photo.judge(self.id, duplicate.id)
        self.assignments_changed()
        Event.record(self, "absorb", actor, duplicate=str(duplicate.id))

    @property
    def next_deadline(self) -> dict[str, Any] | None:
        """The step that is due, since when and how far up it is overdue, and whether somebody phoned about it since."""
        return overdue.shown(self) if self.deadline_step else None

    @property
    def urgent(self) -> bool:
        """A fire, unless it was found more than a day before receipt and is not marked burning."""
        return is_urgent(self)


class CoReporter(db.Model):  # type: ignore[name-defined]
    """Somebody whose report of the same thing was merged into this one."""

    __tablename__ = "co_reporters"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
