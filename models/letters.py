"""What is sent: written at the moment of sending, in the reader's language, with the rights that the reader has then."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from models.base import db
from models.channels import WEBHOOK
from models.clock import today
from models.deliveries import CODE, DIGEST, TEST, Delivery
from models.desks import lies_with
from models.digests import NAMED, Waits
from models.limits import limit
from models.notices import Notice, NoticeAck, Shown, shown_to
from models.reference import reference
from models.subscriptions import Subscription
from models.vocabulary import CATALOGUE


@dataclass(frozen=True)
class Letter:
    id: UUID  # the same whenever the same is sent again
    what: str
    at: datetime
    urgent: bool
    language: str
    title: str
    text: str
    contacts: list[dict[str, Any]] = field(default_factory=list)
    notice: dict[str, Any] = field(default_factory=dict)  # what a program is told beside the words

    @property
    def body(self) -> str:
        """For people: the text, whom to phone, and why they get it."""
        parts = [self.text]
        if self.contacts:
            lines = [f"- {c['name']}: {c['phone']}" for c in self.contacts]
            parts.append("\n".join([said("contacts", self.language), *lines]))
        if self.what != CODE:
            parts.append(said("footer", self.language, id=self.id))
        return "\n\n".join(parts)


@dataclass(frozen=True)
class Needless:
    """Nothing is to be sent any more, and why: a code of `delivery_reason`."""

    reason: str


@dataclass(frozen=True)
class Office:
    """A unit as the reader of what its office is sent."""

    id: UUID
    viewers: list[UUID]

    @classmethod
    def of(cls, unit_id: UUID) -> "Office":
        return cls(unit_id, sorted(reference().scopes.get(unit_id, frozenset({unit_id}))))


@cache
def _letters() -> dict[str, Any]:
    return json.loads((CATALOGUE / "letters.json").read_text("utf-8"))


def said(name: str, language: str, part: str = "text", **values: Any) -> str:
    return str(_letters()[name][language][part]).format(**values)


def letter_of(delivery: Delivery, subscription: Subscription) -> Letter | Needless:
    """The reader is the person, or the unit of an office, as they are now."""
    if delivery.what in (CODE, TEST):
        return _proof(delivery, subscription)
    user = subscription.user
    if subscription.user_id and (user is None or user.disabled_at or not user.viewers):
        return Needless("not_yours")
    if delivery.what == DIGEST:
        return _digest(delivery, subscription)
    reader: Any = user or Office.of(subscription.unit_id)  # type: ignore[arg-type]
    shown = shown_to(reader, delivery.notice_id)
    if shown is None or (user and not lies_with(user, shown.notice.receiver_id, shown.notice.kind)):
        return Needless("not_yours")
    if _is_read(shown.notice, delivery, subscription):
        return Needless("read")
    return _notice(shown, delivery, subscription)


def _proof(delivery: Delivery, subscription: Subscription) -> Letter:
    values = {"code": subscription.code, "minutes": f"{limit('subscription_code_minutes', today()):g}"}
    title, text = (said(delivery.what, subscription.language, part, **values) for part in ("title", "text"))
    return Letter(delivery.id, delivery.what, delivery.created_at, False, subscription.language, title, text)


def _is_read(notice: Notice, delivery: Delivery, subscription: Subscription) -> bool:
    """A program keeps its own record and is told all. Whoever has read it themselves is left alone; that another took
    note for the unit is enough for what is not urgent."""
    if subscription.channel == WEBHOOK:
        return False
    if notice.acked_at and not delivery.urgent:
        return True
    mine = db.and_(NoticeAck.notice_id == notice.id, NoticeAck.user_id == subscription.user_id)
    return db.session.scalar(db.select(NoticeAck.at).where(mine)) is not None


def _notice(shown: Shown, delivery: Delivery, subscription: Subscription) -> Letter:
    notice, words, language = shown.notice, shown.words, subscription.language
    case = shown.case
    facts = {
        "id": str(notice.id),
        "kind": words.kind,
        "incident": case and case | {"id": str(case["id"])},
        "unit": notice.unit and {name: notice.unit.facts[name] for name in ("id", "code", "name")},
    }
    title, text = words.title(language), words.text(language)
    return Letter(delivery.id, delivery.what, notice.at, notice.urgent, language, title, text, words.contacts, facts)


def _digest(delivery: Delivery, subscription: Subscription) -> Letter | Needless:
    day, user, language = delivery.day, subscription.user, subscription.language
    assert day is not None and user is not None
    if day != today():
        return Needless("out_of_date")
    waits = Waits.of(user, day)
    if waits.is_nothing or not user.decides:
        return Needless("nothing_waits")
    shown_day = day.strftime("%d/%m/%Y")
    lines = [said(DIGEST, language), *_lines(waits, language)]
    title = said(DIGEST, language, "title", day=shown_day)
    return Letter(delivery.id, DIGEST, delivery.created_at, False, language, title, "\n".join(lines))


def _lines(waits: Waits, language: str) -> Iterable[str]:
    for name, numbers in waits.cases.items():
        if numbers:
            named = ", ".join(numbers[:NAMED]) + (" …" if len(numbers) > NAMED else "")
            yield "- " + said(name, language, count=len(numbers), numbers=named)
    if waits.unread:
        yield "- " + said("unread", language, count=waits.unread)
