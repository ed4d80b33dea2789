"""One-case links: an agency without an account sees the shared part of one case, and answers (models/link_messages.py).

The token is made from the link's id and its end with a key outside the database, so it is the same whenever it is
asked for, and whoever copies the database opens nothing with it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import leading
from models.assignments import Part, State
from models.base import Record, db, new_id, now
from models.clock import today
from models.errors import Incomplete, Invalid, NotAllowed, NotFound
from models.events import Event
from models.incidents import Incident
from models.limits import limit
from models.link_messages import LinkMessage
from models.permissions import answers_for_row, officer_of_lead, works_on
from models.reference import reference, unit_of
from models.shared_part import duty_role
from models.signing import content_of, signed
from models.staffing import is_staffed
from models.units import KnownUnit
from models.users import Person, person

PURPOSE = "case-link:1"
OPEN, EXPIRED, REVOKED = "open", "expired", "revoked"
ONE_VISIT = timedelta(minutes=10)  # within which a page that is loaded again was opened once


class CaseLink(Record):
    """For an agency by its name, or for a unit that has nobody on the system. Kept when it is over: it was sent."""

    __tablename__ = "case_links"
    __table_args__ = (CheckConstraint("(unit_id IS NULL) <> (agency IS NULL)", "one_addressee"),)

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))
    agency: Mapped[str | None]
    contact_name: Mapped[str | None]
    contact_phone: Mapped[str | None]
    reason: Mapped[str | None]
    from_unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))  # in whose name it is sent
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # None: by itself (off_system.py)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    # For whoever waits for an answer; messengers open links, too, to show what is behind them.
    opened: Mapped[int] = mapped_column(default=0)
    first_opened_at: Mapped[datetime | None]
    last_opened_at: Mapped[datetime | None]
    content_sha256: Mapped[str | None]

    incident: Mapped[Incident] = relationship()
    messages: Mapped[list[LinkMessage]] = relationship(back_populates="link", order_by="LinkMessage.at, LinkMessage.id")

    @property
    def unit(self) -> KnownUnit | None:
        return unit_of(self.unit_id) if self.unit_id else None

    @property
    def from_unit(self) -> KnownUnit:
        return unit_of(self.from_unit_id)

    @property
    def created_by(self) -> Person | None:
        return person(self.created_by_id) if self.created_by_id else None

    @property
    def addressee(self) -> str:
        return self.unit.name if self.unit else self.agency or ""

    @property
    def contact(self) -> dict[str, str | None] | None:
        known = {"name": self.contact_name, "phone": self.contact_phone}
        return known if any(known.values()) else None

    @property
    def state(self) -> str:
        return REVOKED if self.revoked_at else EXPIRED if self.expires_at <= now() else OPEN

    @property
    def answer(self) -> LinkMessage | None:
        """The last word; those before stay among the messages and in the timeline."""
        return next((message for message in reversed(self.messages) if message.answer), None)

    # The token

    @property
    def token(self) -> str:
        return signed(PURPOSE, self.id.bytes + int(self.expires_at.timestamp()).to_bytes(8, "big"))

    @classmethod
    def opened_with(cls, token: str, lock: bool = False) -> "CaseLink":
        """The link of a token, with `lock` its case held. Forged, expired and revoked are one and the same NotFound."""
        id = id_in(token)
        if id and lock:
            case = db.select(cls.incident_id).where(cls.id == id).scalar_subquery()
            db.session.execute(db.select(Incident.id).where(Incident.id == case).with_for_update())
        link = db.session.get(cls, id) if id else None
        if link is None or link.token != token or link.state != OPEN:
            raise NotFound()
        return link

    @property
    def is_opened_anew(self) -> bool:
        return self.last_opened_at is None or self.last_opened_at < now() - ONE_VISIT

    @classmethod
    def note_opening(cls, id: UUID) -> None:
        moment = now()
        anew = db.or_(cls.last_opened_at.is_(None), cls.last_opened_at < moment - ONE_VISIT)
        opened = {"opened": cls.opened + 1, "last_opened_at": moment}
        opened["first_opened_at"] = db.func.coalesce(cls.first_opened_at, moment)
        db.session.execute(
            db.update(cls).where(cls.id == id, anew).values(opened), execution_options={"synchronize_session": False}
        )

    # What officers do with it

    @classmethod
    def create(
        cls,
        incident: Incident,
        user: Person,
        reason: str,
        id: UUID | None = None,
        unit_id: UUID | None = None,
        agency: str | None = None,
        contact: dict[str, str] | None = None,
        expires_in_days: int | None = None,
        expires_at: datetime | None = None,
        content_sha256: str | None = None,
    ) -> tuple["CaseLink", bool]:
        """The link, and whether it is new: the same id, author and content again is the same link, the same token."""
        same = {"incident_id": incident.id, "created_by_id": user.id, "content_sha256": content_sha256}
        if known := cls.sent_before(id, **same):
            return known, False
        leading.check("link", user, incident)
        contact = contact or _addressed(incident, unit_id, agency)
        link = cls(
            id=id or new_id(),
            incident_id=incident.id,
            unit_id=unit_id,
            agency=agency,
            contact_name=contact.get("name"),
            contact_phone=contact.get("phone"),
            reason=reason,
            from_unit_id=leading.acting_unit_id(user, incident),
            created_by_id=user.id,
            expires_at=_end(expires_in_days, expires_at),
            content_sha256=content_sha256,
            messages=[],
        )
        link.add_to(incident, user)
        db.session.flush()
        return link, True

    def add_to(self, incident: Incident, user: Person | None) -> None:
        """Write it, and say so; of one that came by itself nothing was written by anybody."""
        db.session.add(self)
        incident.touch()
        said = {"agency": self.agency, "reason": self.reason}
        Event.record(
            incident,
            "link_created",
            user,
            texts=said | {"name": self.contact_name, "phone": self.contact_phone} if user else None,
            from_unit=str(self.from_unit_id),
            expires_at=self.expires_at.isoformat(),
            **self.facts,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """By which events name it."""
        return {"link": str(self.id), "link_unit": str(self.unit_id) if self.unit_id else None}

    @classmethod
    def of(cls, incident: Incident, user: Person) -> list["CaseLink"]:
        """The links of a case, oldest first, for those who may send one, whatever became of the case."""
        if not works_on(user, incident):
            raise NotAllowed(action="link")
        own = db.select(cls).where(cls.incident_id == incident.id).options(db.selectinload(cls.messages))
        return list(db.session.scalars(own.order_by(cls.created_at, cls.id)))

    def revoke(self, user: Person) -> None:
        """It opens nothing any more. Once is enough."""
        if not self.may_revoke(user):
            raise NotAllowed(action="revoke")
        if self.revoked_at is None:
            self.revoked_at = now()
            self.incident.touch()
            Event.record(self.incident, "link_revoked", user, **self.facts)

    def may_revoke(self, user: Person) -> bool:
        """Officers of the lead any; of a support that accepted what its own unit sent."""
        rows = (row for row in self.incident.assignments if row.unit_id == self.from_unit_id)
        at_work = [row for row in rows if row.role == Part.SUPPORT and row.state == State.ACCEPTED]
        return officer_of_lead(user, self.incident) or any(answers_for_row(user, row) for row in at_work)

    def actions_for(self, user: Person) -> list[str]:
        return ["revoke"] if self.state == OPEN and self.may_revoke(user) else []

    @classmethod
    def find(cls, id: UUID, incident: Incident) -> "CaseLink":
        link = db.session.get(cls, id)
        if link is None or link.incident_id != incident.id:
            raise NotFound()
        return link

    @classmethod
    def forget(cls, incident: Incident, forgotten: set[str | None]) -> None:
        """What an erasure takes out of the log is in no link either; whom it was for stays an agency, unnamed."""
        for link in db.session.scalars(db.select(cls).where(cls.incident_id == incident.id)):
            for name in ("contact_name", "contact_phone", "reason"):
                setattr(link, name, None if getattr(link, name) in forgotten else getattr(link, name))
            link.agency = "" if link.agency and link.agency in forgotten else link.agency
            for message in link.messages:
                message.forget(forgotten)


def id_in(token: str) -> UUID | None:
    """Of a token that this server signed, whatever became of its link since."""
    content = content_of(PURPOSE, token)
    return UUID(bytes=content[:16]) if content and len(content) == 24 else None


def duty_of(unit: KnownUnit, incident: Incident) -> dict[str, str]:
    """Whom of a unit's duty list to send it to; nothing when it has none."""
    listed, wanted = reference().contacts.get(unit.id, []), duty_role(incident)
    return next((contact for contact in listed if contact["role"] == wanted), listed[0] if listed else {})


def _addressed(incident: Incident, unit_id: UUID | None, agency: str | None) -> dict[str, str]:
    """Whom it is for, one of both; and whom of theirs to send it to, as far as that is known.

    A unit with an officer is asked on the system: an answer there counts, one on a link does not.
    """
    if unit_id is None:
        if not agency:
            raise Incomplete("agency")
        return {}
    if agency:
        raise Invalid("agency", "một trong hai: agency hoặc unit_id / one of agency and unit_id")
    unit = leading.existing(unit_id)
    if is_staffed(unit, reference()):
        raise Invalid(
            "unit_id",
            "đơn vị chưa có cán bộ trên hệ thống; đơn vị này đã có, hãy mời phối hợp"
            " / a unit with nobody on the system; this one has an officer, invite it",
        )
    return duty_of(unit, incident)


def _end(days: int | None, at: datetime | None) -> datetime:
    """To the second, because the token says it."""
    most = limit("link_days_max", today())
    end = at or now() + timedelta(days=days or limit("link_days", today()))
    if not now() < end <= now() + timedelta(days=most, minutes=1):
        raise Invalid("expires_at", f"trong {most:g} ngày tới / within the next {most:g} days")
    return end.replace(microsecond=0)
