"""The one log. Timeline, audit, notices and offline sync all read it.

Rows are only ever added; triggers refuse anything else. Each carries the hash of the one before it on the same
subject, so writers of different incidents never wait for each other, and each chain has a head that says how
long it is. Free text stands beside the facts, as a value with a salt that can be erased; the facts hold only its
HMAC, so the chain still verifies after an erasure.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import BigNumber, Json, Record, db, insert_new, now, upsert
from models.errors import NotFound

ERASABLE = "hmac-sha256:"
ERASED = "erased"
AT_ONCE = 500  # chains of one statement

_carrier: ContextVar[UUID | None] = ContextVar("carrier", default=None)


@contextmanager
def carried_by(user_id: UUID | None) -> Iterator[None]:
    """Events made inside say who brought them, when that was not their actor's own phone."""
    token = _carrier.set(user_id)
    try:
        yield
    finally:
        _carrier.reset(token)


def chain(previous: str, content: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of an event and the hash before it; hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(content) + previous.encode()).hexdigest()


class Event(db.Model):  # type: ignore[name-defined]
    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("subject_kind", "subject_id", "position"),
        Index("ix_events_xid_number", "xid", "number"),
    )

    number: Mapped[int] = mapped_column(BigNumber, primary_key=True)  # the order in which they were written
    at: Mapped[datetime]
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    position: Mapped[int]  # 1 for the subject's first
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))  # the actor's, or whom a note is for
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    hash: Mapped[str]
    # The transaction that wrote it, stamped by a trigger on PostgreSQL (models/feed.py); 0 on SQLite.
    xid: Mapped[int] = mapped_column(BigNumber, default=0, server_default="0")

    texts: Mapped[list["EventText"]] = relationship(lazy="raise")

    @classmethod
    def record(cls, subject: Any, action: str, actor: Any, kind: str | None = None, **said: Any) -> "Event":
        """Add one event on a subject's chain (`kind` names another chain of it, such as "access")."""
        subject_kind = kind or subject.kind
        head = cls._last(subject_kind, subject.id)
        event = cls.following(head, subject_kind, subject, action, actor, **said)
        insert_new(event)
        for text in event.texts:
            text.event_number = event.number
        EventHead.after(event).write()
        return event

    @classmethod
    def record_each(cls, said: Iterable[tuple[Any, str, dict[str, Any]]], actor: Any) -> None:
        """Add one event on the chain of each of many subjects of one kind, none of them twice: (subject, action, facts).

        For thousands at once; their chains are locked in one order. What they say may hold no texts.
        """
        waiting = sorted(said, key=lambda one: one[0].id)
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            heads = cls._heads(some[0][0].kind, [subject.id for subject, _, _ in some])
            events = []
            for subject, action, facts in some:
                if head := heads.get(subject.id):
                    events.append(cls.following(head, subject.kind, subject, action, actor, **facts))
                else:  # one that begins a chain: it takes a lock of its own
                    cls.record(subject, action, actor, **facts)
            if events:
                _insert_each(events)

    @staticmethod
    def _heads(subject_kind: str, ids: list[UUID]) -> dict[UUID, Any]:
        """The heads of many chains, locked."""
        own = db.and_(EventHead.subject_kind == subject_kind, EventHead.subject_id.in_(ids))
        table = EventHead.__table__.c
        heads = db.select(table["subject_id", "count", "hash"]).where(own).order_by(table.subject_id)
        return {head.subject_id: head for head in db.session.connection().execute(heads.with_for_update())}

    @classmethod
    def following(
        cls,
        head: Any,
        subject_kind: str,
        subject: Any,
        action: str,
        actor: Any,
        texts: dict[str, str | None] | None = None,
        **facts: Any,
    ) -> "Event":
        """The event that comes after a chain's head (None: its first), not written yet.

        `facts` must name nobody and quote nobody; what people wrote goes into `texts`.
        """
        kept = [
            EventText(name=name, value=text, salt=secrets.token_bytes(16))
            for name, text in (texts or {}).items()
            if text
        ]
        if carrier := _carrier.get():
            facts["carried_by"] = str(carrier)
        event = cls(
            at=now(),
            kind=f"{subject.kind}.{action}",
            subject_kind=subject_kind,
            subject_id=subject.id,
            position=head.count + 1 if head else 1,
            actor_id=actor.id if actor else None,
            unit_id=actor.unit_id if actor else None,
            facts={k: v for k, v in facts.items() if v is not None} | {t.name: t.digest for t in kept},
            texts=kept,
        )
        event.hash = chain(head.hash if head else "", event.content)
        return event

    @classmethod
    def first_of(cls, subject: Any) -> "Event":
        return cls._of(subject, cls.position)

    @classmethod
    def latest_of(cls, subject: Any) -> "Event":
        return cls._of(subject, cls.position.desc())

    @classmethod
    def _of(cls, subject: Any, order: Any) -> "Event":
        own = db.and_(cls.subject_kind == subject.kind, cls.subject_id == subject.id)
        return db.session.scalars(db.select(cls).where(own).order_by(order).limit(1)).one()

    @staticmethod
    def _last(subject_kind: str, subject_id: UUID) -> Any:
        """The head of a chain, locked: its writers go one after the other (SQLite has one writer anyway)."""
        connection, known = db.session.connection(), {"subject_kind": subject_kind, "subject_id": subject_id}
        head = connection.execute(HEAD, known).first()
        if head is None and connection.dialect.name == "postgresql":  # no row to lock: those who begin a chain queue
            chain = db.func.hashtextextended(f"{subject_kind}:{subject_id}", 0)
            connection.execute(db.select(db.func.pg_advisory_xact_lock(chain)))
            head = connection.execute(HEAD, known).first()
        return head

    @property
    def content(self) -> dict[str, Any]:
        """What the hash is made of."""
        return {
            "at": self.at.isoformat(),
            "kind": self.kind,
            "subject": [self.subject_kind, str(self.subject_id)],
            "position": self.position,
            "actor": self.actor_id and str(self.actor_id),
            "unit": self.unit_id and str(self.unit_id),
            "facts": self.facts,
        }

    def erase(self, actor: Any, reason: str, names: Iterable[str] = ()) -> "Event":
        """Forget texts of this event for good (no names: all it has); the chain says that, when, by whom and why.

        Raises NotFound when there is no such text, or no more.
        """
        kept = {text.name: text for text in self.texts if text.value is not None}
        wanted = sorted(set(names) or kept)
        if not wanted or not kept.keys() >= set(wanted):
            raise NotFound()
        # On the chain of the event, whichever of the subject's chains that is.
        subject = SimpleNamespace(kind=self.kind.partition(".")[0], id=self.subject_id)
        said = {"texts": {"reason": reason}, "event": self.position, "erased": wanted}
        event = Event.record(subject, ERASED, actor, kind=self.subject_kind, **said)
        for name in wanted:
            kept[name].value = kept[name].salt = None
        db.session.flush()
        return event

    @property
    def readable_facts(self) -> dict[str, Any]:
        """The facts with the texts that still exist put back."""
        return self.facts | {t.name: t.value for t in self.texts}


def _insert_each(events: list[Event]) -> None:
    """Write events and the heads they make; nobody needs the objects again."""
    connection = db.session.connection()
    columns = [c.key for c in Event.__table__.columns if c.key not in ("number", "xid")]
    connection.execute(Event.__table__.insert(), [{name: getattr(e, name) for name in columns} for e in events])
    heads = [EventHead.after(event) for event in events]
    written = [{c.key: getattr(head, c.key) for c in EventHead.__table__.columns} for head in heads]
    connection.execute(_over(db.engine.dialect.name), written)


class EventHead(db.Model):  # type: ignore[name-defined]
    """How long a subject's chain is and what its last hash is, so that a cut tail is missed at once; seals have one too.

    `mac` is an HMAC with the audit key, which lies outside the database: whoever cuts the chain cannot mend it.
    """

    __tablename__ = "event_heads"
    __table_args__ = {"sqlite_with_rowid": False}

    subject_kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    count: Mapped[int]
    hash: Mapped[str]
    mac: Mapped[str]

    @classmethod
    def of(cls, subject_kind: str, subject_id: UUID, count: int, hash: str) -> "EventHead":
        """A head that nobody without the key can make, not written yet."""
        sealed = mac(subject_kind, subject_id, count, hash)
        return cls(subject_kind=subject_kind, subject_id=subject_id, count=count, hash=hash, mac=sealed)

    @classmethod
    def after(cls, event: Event) -> "EventHead":
        """The head that an event makes, not written yet."""
        return cls.of(event.subject_kind, event.subject_id, event.position, event.hash)

    def write(self) -> None:
        """Write it at once, over the one before; the object itself joins no session."""
        facts = {c.key: getattr(self, c.key) for c in type(self).__table__.columns}
        db.session.connection().execute(_over(db.engine.dialect.name), facts)

    @property
    def is_genuine(self) -> bool:
        return hmac.compare_digest(self.mac, mac(self.subject_kind, self.subject_id, self.count, self.hash))


@cache
def _over(_dialect: str) -> Any:
    """Made once for each kind of database: every event waits for it."""
    made = upsert(EventHead.__table__)
    moved = {name: made.excluded[name] for name in ("count", "hash", "mac")}
    return made.on_conflict_do_update(index_elements=["subject_kind", "subject_id"], set_=moved)


HEAD = (
    db.select(EventHead.__table__.c["count", "hash"])
    .where(
        EventHead.__table__.c.subject_kind == db.bindparam("subject_kind"),
        EventHead.__table__.c.subject_id == db.bindparam("subject_id"),
    )
    .with_for_update()
)


def mac(subject_kind: str, subject_id: UUID, count: int, hash: str) -> str:
    """HMAC-SHA256 of a head, hexadecimal, with the key that the engine was given (`audit_key`)."""
    key: bytes = db.engine.get_execution_options()["audit_key"]
    return hmac.new(key, f"{subject_kind}:{subject_id}:{count}:{hash}".encode(), hashlib.sha256).hexdigest()


class EventText(Record):
    """A text of an event, erasable without breaking the chain."""

    __tablename__ = "event_texts"

    event_number: Mapped[int] = mapped_column(BigNumber, ForeignKey("events.number"), index=True)
    name: Mapped[str]
    value: Mapped[str | None]
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)

    @property
    def digest(self) -> str:
        assert self.salt is not None and self.value is not None
        return ERASABLE + hmac.new(self.salt, self.value.encode(), hashlib.sha256).hexdigest()
