"""Notes on an incident: shared with all its units, or private to the author's."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record, db, new_id, now
from models.errors import NotAllowed
from models.events import Event
from models.permissions import may_write
from models.reference import unit_of
from models.users import Person, person


class Note(Record):
    __tablename__ = "notes"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))
    text: Mapped[str]
    private: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(default=now)

    @property
    def author(self) -> Person:
        return person(self.author_id)

    @classmethod
    def write(
        cls, incident: Any, author: Person, text: str, private: bool = False, id: UUID | None = None
    ) -> tuple["Note", bool]:
        """The note, and whether it is new: the same id, author and text again is the same note."""
        if not may_write(author, incident) or (private and not author.decides):
            raise NotAllowed(action="note")
        same = {"incident_id": incident.id, "author_id": author.id, "text": text, "private": private}
        if known := cls.sent_before(id, **same):
            return known, False
        note = cls(
            id=id or new_id(),
            incident_id=incident.id,
            author_id=author.id,
            unit_id=author.unit_id,
            text=text,
            private=private,
            at=now(),
        )
        db.session.add(note)
        db.session.flush()
        incident.touch()
        Event.record(incident, "note", author, texts={"text": text}, note=str(note.id), private=private)
        return note, True

    @classmethod
    def read_private(cls, incident: Any, user: Person) -> list["Note"]:
        """Those of the units a person answers for, oldest first. Its event is written first, as of all that is kept
        from others."""
        if not user.decides:
            raise NotAllowed(action="private_notes")
        Event.record(incident, "read_private_notes", user, kind="access")
        own = db.select(cls).where(cls.incident_id == incident.id, cls.private).order_by(cls.at, cls.id)
        return [note for note in db.session.scalars(own) if reads_private(user, note.author_id, note.unit_id)]


def reads_private(user: Person, author_id: UUID | None, unit_id: UUID | None) -> bool:
    """Who wrote it, and officers and leaders of the unit it was written for."""
    return user.id == author_id or (user.decides and unit_id is not None and user.answers_for(unit_of(unit_id)))
