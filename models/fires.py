"""Fire updates: what the units at a fire say of it, whom its spreading adds, and what follows for the case."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import clocks, fire_picture
from models.base import Json, Record, db, new_id, now
from models.clock import today
from models.errors import Conflict, IdConflict, Invalid, NotAllowed, WrongStatus
from models.events import Event
from models.fire_places import FirePlace
from models.fire_spread import Spread
from models.fire_workflow import BURNS, FireStatus
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import Status
from models.limits import limit
from models.permissions import rows_served
from models.reference import reference, unit_of
from models.units import KnownUnit
from models.users import Person, people, person

NO_FIRE = (Status.UNFOUNDED, Status.DUPLICATE)
DONE = (Status.RESOLVED, Status.CLOSED)
Key = tuple[datetime, UUID]


class NotAFire(Conflict):
    code = "not_a_fire"
    vi = "Vụ việc này không thuộc loại cháy rừng."
    en = "This case is not a forest fire."


class FireUpdate(Record):
    """What was said at a fire, as it was said; erasable, as its event is (models/erasure.py)."""

    __tablename__ = "fire_updates"
    __table_args__ = (Index("ix_fire_updates_incident_id_counted_at", "incident_id", "counted_at", "id"),)

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))  # at work on the case, for which it speaks
    at: Mapped[datetime]  # by the phone's clock
    counted_at: Mapped[datetime]  # by a right one, and never later than receipt: the order of the updates
    status: Mapped[str]
    heading: Mapped[Any | None] = mapped_column(Json)  # degrees clockwise from north, or in words
    needs: Mapped[str | None]
    commander: Mapped[dict[str, Any] | None] = mapped_column(Json)
    forces: Mapped[list[Any] | None] = mapped_column(Json)
    point: Mapped[dict[str, Any] | None] = mapped_column(Json)
    perimeter: Mapped[dict[str, Any] | None] = mapped_column(Json)
    area_m2: Mapped[float | None]  # of the perimeter
    offered: Mapped[list[Any]] = mapped_column(Json)  # ids of the units that it brought into the case
    told: Mapped[list[Any]] = mapped_column(Json)  # ids of the units that hear of it
    content_sha256: Mapped[str | None]

    incident: Mapped[Any] = relationship("Incident")

    @property
    def unit(self) -> KnownUnit:
        return unit_of(self.unit_id)

    @property
    def author(self) -> Person:
        return person(self.author_id)

    @property
    def at_corrected(self) -> datetime | None:
        return self.counted_at if self.counted_at != self.at else None

    @property
    def texts(self) -> dict[str, str | None]:
        """What people wrote, each under its own name, for the event."""
        who = self.commander or {}
        said = {"commander_name": who.get("name"), "commander_phone": who.get("phone"), "needs": self.needs}
        said["heading"] = self.heading if isinstance(self.heading, str) else None
        return said | {f"note_{n}": item.get("note") for n, item in enumerate(self.forces or [], 1)}

    @classmethod
    def page(cls, incident: Any, limit: int, after: Key | None) -> tuple[list["FireUpdate"], Key | None]:
        """The newest first, and where the next page begins."""
        own = db.select(cls).where(cls.incident_id == incident.id)
        if after:
            bound = (
                db.literal(value, column.type) for value, column in zip(after, (cls.counted_at, cls.id), strict=True)
            )
            own = own.where(db.tuple_(cls.counted_at, cls.id) < db.tuple_(*bound))
        found = list(db.session.scalars(own.order_by(cls.counted_at.desc(), cls.id.desc()).limit(limit + 1)))
        shown = found[:limit]
        people(update.author_id for update in shown)  # known from now on, all at once
        return shown, (shown[-1].counted_at, shown[-1].id) if len(found) > limit else None

    @classmethod
    def record(
        cls,
        incident: Any,
        author: Person,
        place: FirePlace,
        at: datetime | None = None,
        clock_offset_s: float | None = None,
        id: UUID | None = None,
        **said: Any,
    ) -> tuple["FireUpdate", bool]:
        """The update, and whether it is new: the same id and content again is the same update.

        Raises NotAFire, WrongStatus, NotAllowed, Invalid or IdConflict, and then nothing has changed.
        """
        if id and (known := db.session.get(cls, id)):
            return known._again(incident, author, said.get("content_sha256")), False
        check_may_update(incident, author)
        place.check_belongs_to(incident)
        received_at = now()
        update = cls(
            id=id or new_id(),
            created_at=received_at,
            incident_id=incident.id,
            author_id=author.id,
            unit_id=unit_for(author, incident),
            at=at or received_at,
            counted_at=counted_at(at or received_at, clock_offset_s, received_at),
            **place.facts,
            **said | {"forces": forces_of(said.get("forces")), "commander": commander_of(said.get("commander"))},
        )
        update._take_effect(incident, author, place)
        return update, True

    def _again(self, incident: Any, author: Person, content_sha256: str | None) -> "FireUpdate":
        if (self.incident_id, self.author_id) != (incident.id, author.id):
            raise IdConflict()
        if self.content_sha256 != content_sha256:
            raise IdConflict(content_sha256=self.content_sha256)
        return self

    def _take_effect(self, incident: Any, author: Person, place: FirePlace) -> None:
        """What follows for the case: the picture of the fire, units asked and told, work that begins anew."""
        before, status = incident.fire_status, incident.status
        picture = fire_picture.with_update(incident.fire, self)
        after, newest = fire_picture.status_of(picture), fire_picture.is_newest(picture, self)
        reopened = newest and self._burns_after_all(incident, after)
        if reopened:
            incident.burn_again(author)
        spread = Spread(incident, place.reach(), anew=newest and self.status == FireStatus.REIGNITED)
        self.offered, self.told = spread.apply(after)
        if reopened:
            self.told = [str(incident.lead_unit_id), *self.told]
        incident.fire, incident.fire_status = picture | spread.memory, after
        db.session.add(self)
        if self.offered or reopened:
            incident.assignments_changed()
        else:
            incident.touch(facts=after != before)
            db.session.flush()
        self._tell(incident, author, before, after)
        if reopened:
            Event.record(incident, "reopen", author, before=status, after=incident.status, because="fire_burns")

    def _burns_after_all(self, incident: Any, fire_status: str) -> bool:
        """Whether the case was ended too early. What only tells how it burned before the end does not say so."""
        if incident.status not in DONE or fire_status not in BURNS:
            return False
        return self.status == FireStatus.REIGNITED or self.counted_at > incident.status_since

    def _tell(self, incident: Any, author: Person, before: str | None, after: str) -> None:
        Event.record(
            incident,
            "fire_update",
            author,
            texts=self.texts,
            update=str(self.id),
            status=self.status,
            before=before,
            after=after,
            fire_at=self.counted_at.isoformat(),
            area_m2=self.area_m2,
            offered=self.offered,
            told=self.told,
        )

    def forget(self, words: set[str | None]) -> None:
        """What was erased from its event is erased here, and from the picture of the fire."""

        def kept(value: Any) -> Any:
            return None if isinstance(value, str) and value in words else value

        self.needs, self.heading = kept(self.needs), kept(self.heading)
        self.commander = commander_of({name: kept(value) for name, value in (self.commander or {}).items()})
        self.forces = self.forces and [item | {"note": kept(item.get("note"))} for item in self.forces]
        self.incident.fire = fire_picture.without(self.incident.fire, self)


def counted_at(at: datetime, offset_s: float | None, received_at: datetime) -> datetime:
    """When it was, by a right clock; never later than receipt, and receipt itself where no clock was this wrong."""
    right = clocks.corrected(at, offset_s, received_at) or at
    earliest = received_at - timedelta(days=limit("clock_behind_max_days", today()))
    return min(right, received_at) if right >= earliest else received_at


def forces_of(items: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """As they are kept. Raises Invalid for a unit that nobody knows."""
    if any(item.get("unit_id") and item["unit_id"] not in reference().units for item in items or []):
        raise Invalid("forces", "đơn vị đã có / a unit that exists")
    return items and [item | ({"unit_id": str(item["unit_id"])} if item.get("unit_id") else {}) for item in items]


def commander_of(said: dict[str, str | None] | None) -> dict[str, str | None] | None:
    """Name and phone; who says neither leaves the one that is known in command."""
    found = {name: (said or {}).get(name) or None for name in ("name", "phone")}
    return found if any(found.values()) else None


# By whom


def takes_updates(incident: Any) -> bool:
    """A fire, unless it was found to be none, or counts under another number. Evidence comes late, also once closed."""
    return INCIDENT_TYPES[incident.type].is_fire and (incident.closed_from or incident.status) not in NO_FIRE


def check_may_update(incident: Any, user: Person) -> None:
    if not INCIDENT_TYPES[incident.type].is_fire:
        raise NotAFire()
    if not takes_updates(incident):
        raise WrongStatus(action="fire_update", status=str(incident.closed_from or incident.status))
    if not rows_served(user, incident):
        raise NotAllowed(action="fire_update")


def actions_for(incident: Any, user: Person) -> list[str]:
    """Whether this person may say how the fire stands."""
    return ["fire_update"] if takes_updates(incident) and rows_served(user, incident) else []


def unit_for(user: Person, incident: Any) -> UUID:
    """The unit at work for which somebody speaks: their own, else the lead, else the first that was asked."""
    served = rows_served(user, incident)
    return min(served, key=lambda row: (row.unit_id != user.unit_id, not row.is_lead)).unit_id
