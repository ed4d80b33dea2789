"""The duty list: whom to phone at a unit or an organisation, and when."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record

ROLES = ("fire_duty", "coordination")


class Contact(Record):
    kind = "contact"  # as the subject of events

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint("(unit_id IS NULL) <> (organisation_id IS NULL)", "one_owner"),
        CheckConstraint(f"role IN {ROLES}", "known_role"),
    )

    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str]
    phone: Mapped[str]
    hours: Mapped[str] = mapped_column(default="24/24")
    role: Mapped[str]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    content_sha256: Mapped[str | None]  # of the request that entered it

    @property
    def owner_id(self) -> UUID:
        """The unit or the organisation whose list it stands on."""
        return self.unit_id or self.organisation_id  # type: ignore[return-value]

    @property
    def facts(self) -> dict[str, Any]:
        return {"id": str(self.id), "name": self.name, "phone": self.phone, "hours": self.hours, "role": self.role}
