"""Seals: each minute one hash over all events that have settled since the seal before it.

A phone or a printed summary that holds a seal proves what the log contained when it was made. The seals have a head,
as every chain has: without the audit key nobody can cut, add or make them anew unnoticed.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from models import feed
from models.base import BigNumber, db, now
from models.events import Event, EventHead

AT_ONCE = 5_000  # events under one seal; a longer backlog is sealed in several
SEALS = ("seal", UUID(int=0))  # whose head it is
START = (-1, 0)  # the place before every event


class Seal(db.Model):  # type: ignore[name-defined]
    __tablename__ = "seals"

    number: Mapped[int] = mapped_column(BigNumber, primary_key=True)
    at: Mapped[datetime]
    upto_xid: Mapped[int] = mapped_column(BigNumber)  # the last event under it, in the order of models/feed.py
    upto_number: Mapped[int] = mapped_column(BigNumber)
    count: Mapped[int]
    hash: Mapped[str] = mapped_column(unique=True)

    @classmethod
    def latest(cls) -> "Seal | None":
        return db.session.scalar(db.select(cls).order_by(cls.number.desc()).limit(1))

    @classmethod
    def make(cls) -> "Seal | None":
        """Seal what has settled since the last seal; None when that is nothing. The caller commits.

        A seal that was deleted leaves its number empty for ever, and a head that was deleted stays away: sealing
        goes on, but does not cover up.
        """
        if db.engine.dialect.name == "postgresql":  # two workers at once: the second finds nothing left
            db.session.execute(db.select(db.func.pg_advisory_xact_lock(7201964)))
        last, head = cls.latest(), db.session.get(EventHead, SEALS, populate_existing=True)
        events = db.session.execute(
            db.select(Event.xid, Event.number, Event.hash)
            .where(feed.settled(), feed.after(*(last.place if last else START)))
            .order_by(*feed.ORDER)
            .limit(AT_ONCE)
        ).all()
        if not events:
            return None
        number, at = max(last.number if last else 0, head.count if head else 0) + 1, now()
        seal = cls(
            number=number,
            at=at,
            upto_xid=events[-1].xid,
            upto_number=events[-1].number,
            count=len(events),
            hash=seal_hash(last.hash if last else "", at, events),
        )
        db.session.add(seal)
        db.session.flush()
        if head or not last:
            EventHead.of(*SEALS, seal.number, seal.hash).write()
        return seal

    @property
    def is_full(self) -> bool:
        """Whether there may be more to seal."""
        return self.count == AT_ONCE

    @property
    def place(self) -> tuple[int, int]:
        return self.upto_xid, self.upto_number


def seal_hash(previous: str, at: datetime, events: Iterable[Any]) -> str:
    """SHA-256 over the seal before, the moment, and each event's place and hash in order, a line for each."""
    whole = hashlib.sha256(f"{previous}\n{at.isoformat()}\n".encode())
    for event in events:
        whole.update(f"{event.xid}:{event.number}:{event.hash}\n".encode())
    return whole.hexdigest()
