"""Calls to a unit about a case: who was reached when, and what they said. They stop reminders, not the clock."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record, db, new_id, now
from models.errors import Invalid, NotAllowed
from models.events import Event
from models.incident_workflow import handle
from models.permissions import may_write
from models.reference import reference, unit_of
from models.units import KnownUnit
from models.users import Person

CALLED = "last_call"  # where the case keeps it, so that lists need not ask


class Call(Record):
    """Whom and what was said stands in the event, where it can be erased."""

    __tablename__ = "calls"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    caller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))  # that was called
    at: Mapped[datetime]
    answered: Mapped[bool]
    content_sha256: Mapped[str | None]

    @property
    def unit(self) -> KnownUnit:
        return unit_of(self.unit_id)

    @classmethod
    def record(
        cls,
        incident: Any,
        caller: Person,
        unit_id: UUID,
        answered: bool,
        at: datetime | None = None,
        name: str | None = None,
        phone: str | None = None,
        answer: str | None = None,
        id: UUID | None = None,
        content_sha256: str | None = None,
    ) -> tuple["Call", bool]:
        """The call, and whether it is new: the same id and content again is the same call."""
        if not (caller.decides and may_write(caller, incident)):
            raise NotAllowed(action="call")
        if known := cls.sent_before(id, incident_id=incident.id, content_sha256=content_sha256):
            return known, False
        if unit_id not in reference().units:
            raise Invalid("unit_id", "đơn vị đã có / a unit that exists")
        moment = min(at or now(), now())  # nobody called tomorrow
        facts = {"unit_id": unit_id, "at": moment, "answered": answered, "content_sha256": content_sha256}
        call = cls(id=id or new_id(), incident_id=incident.id, caller_id=caller.id, **facts)
        db.session.add(call)
        db.session.flush()
        call._show_on(incident)
        incident.touch()
        said = {"name": name, "phone": phone, "answer": answer}
        Event.record(
            incident,
            "call",
            caller,
            texts=said,
            call=str(call.id),
            called=str(unit_id),
            called_at=moment.isoformat(),
            answered=answered,
        )
        return call, True

    def _show_on(self, incident: Any) -> None:
        """The last call stands on the case; one that arrives late may have been made before it."""
        known = (incident.handling.get(CALLED) or {}).get("at")
        if known is None or datetime.fromisoformat(known) <= self.at:
            at = self.at.isoformat().replace("+00:00", "Z")  # as all times are answered
            said = {"at": at, "unit_id": str(self.unit_id), "answered": self.answered}
            handle(incident, **{CALLED: said})
