"""What comes back over a one-case link: accepted, declined with a reason, a note. It is no assignment."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.assignments import DECLINE_REASONS, State
from models.base import Record, db, now
from models.clock import today
from models.errors import Incomplete, Invalid, LinkFull, WrongStatus
from models.events import Event
from models.limits import limit

if TYPE_CHECKING:
    from models.case_links import CaseLink

ACCEPT, DECLINE, NOTE = "accept", "decline", "note"
ANSWERS = {ACCEPT: State.ACCEPTED, DECLINE: State.DECLINED, NOTE: None}
LONGEST_TEXT, LONGEST_NAME = 2_000, 100


class LinkMessage(Record):
    """Its id is the form's, which is sent once: a second click is the same message."""

    __tablename__ = "link_messages"

    link_id: Mapped[UUID] = mapped_column(ForeignKey("case_links.id"), index=True)
    answer: Mapped[str | None]  # None: only a note
    reason: Mapped[str | None]  # the code of a refusal
    name: Mapped[str | None]  # who wrote, as they say
    text: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(default=now)

    link: Mapped["CaseLink"] = relationship(back_populates="messages")

    @classmethod
    def write(
        cls, link: "CaseLink", id: UUID, answer: str, name: str = "", text: str = "", reason: str | None = None
    ) -> tuple["LinkMessage", bool]:
        """The message, and whether it is new. The caller holds the lock of the case."""
        said = {
            "answer": ANSWERS[answer],
            "reason": reason if answer == DECLINE else None,
            "name": name.strip(),
            "text": text.strip() or None,
        }
        if known := cls.sent_before(id, link_id=link.id, **said):
            return known, False
        _check(answer, said)
        if answer != NOTE and link.incident.is_over:
            raise WrongStatus(action=answer, status=str(link.incident.status))
        if len(link.messages) >= limit("link_messages_max", today()):
            raise LinkFull()
        message = cls(id=id, at=now(), **said)
        link.messages.append(message)
        db.session.flush()
        link.incident.touch()
        Event.record(
            link.incident,
            "link_note" if answer == NOTE else "link_answered",
            None,
            texts={"name": message.name, "text": message.text},
            answer=message.answer,
            reason=message.reason,
            **link.facts,
        )
        return message, True

    def forget(self, forgotten: set[str | None]) -> None:
        self.name = None if self.name in forgotten else self.name
        self.text = None if self.text in forgotten else self.text


def _check(answer: str, said: dict[str, Any]) -> None:
    """Who answers says who they are; a refusal its reason and why, as in models/answers.py."""
    needed = ("name", "reason", "text") if answer == DECLINE else ("name", "text") if answer == NOTE else ("name",)
    if missing := [field for field in needed if not said[field]]:
        raise Incomplete(*missing)
    if said["reason"] and said["reason"] not in DECLINE_REASONS:
        raise Invalid("reason", ", ".join(DECLINE_REASONS))
    for field, longest in (("name", LONGEST_NAME), ("text", LONGEST_TEXT)):
        if len(said[field] or "") > longest:
            raise Invalid(field, f"≤ {longest}")
