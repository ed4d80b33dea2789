"""Seals: each minute one hash over all events that have settled since the seal before it.

A phone or a printed summary that holds a seal proves what the log contained when it was made.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models import feed
from models.base import BigNumber, db, now
from models.events import Event

AT_ONCE = 5_000  # events under one seal; a longer backlog is sealed in several


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
        """Seal what has settled since the last seal; None when that is nothing. The caller commits."""
        if db.engine.dialect.name == "postgresql":  # two workers at once: the second finds nothing left
            db.session.execute(db.select(db.func.pg_advisory_xact_lock(7201964)))
        last = cls.latest()
        place = (last.upto_xid, last.upto_number) if last else (-1, 0)
        events = db.session.execute(
            db.select(Event.xid, Event.number, Event.hash)
            .where(feed.settled(), feed.after(*place))
            .order_by(*feed.ORDER)
            .limit(AT_ONCE)
        ).all()
        if not events:
            return None
        seal = cls(
            number=last.number + 1 if last else 1,
            at=now(),
            upto_xid=events[-1].xid,
            upto_number=events[-1].number,
            count=len(events),
            hash=seal_hash(last.hash if last else "", (e.hash for e in events)),
        )
        db.session.add(seal)
        db.session.flush()
        return seal


def seal_hash(previous: str, hashes: Iterable[str]) -> str:
    """SHA-256 over the seal before and the events' hashes in order, all as hexadecimal text."""
    whole = hashlib.sha256(previous.encode())
    for one in hashes:
        whole.update(one.encode())
    return whole.hexdigest()
