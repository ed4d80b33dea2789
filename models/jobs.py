"""The outbox: work to be done after the commit that asked for it, at least once, whoever is killed meanwhile.

A worker takes a job by a lease and renews it while it works. A lease that runs out is anybody's again. The result
and the end of the job are one transaction.
"""

import os
import socket
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Json, Record, db, new_id, now, upsert

LEASE = timedelta(seconds=30)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)


class Job(Record):
    """One thing to do; with `every_s` it comes again."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("kind", "key"), Index("ix_jobs_due_at", "due_at"))

    kind: Mapped[str]
    key: Mapped[str]  # the same work asked for twice is one job
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    due_at: Mapped[datetime] = mapped_column(default=now)
    every_s: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0)
    leased_by: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None]  # the kind of error only: its text may quote somebody

    @classmethod
    def ask(cls, kind: str, key: str, every_s: int | None = None, **facts: Any) -> None:
        """Have it done, once this transaction is committed."""
        cls.ask_on(db.session.connection(), kind, key, every_s, **facts)

    @classmethod
    def ask_on(cls, connection: Any, kind: str, key: str, every_s: int | None = None, **facts: Any) -> None:
        asked = {"id": new_id(), "kind": kind, "key": key, "facts": facts, "due_at": now(), "every_s": every_s}
        connection.execute(_unless_asked(connection.dialect.name), asked)

    @classmethod
    def ask_by(cls, kind: str, key: str, due_at: datetime) -> None:
        """Have it done by a time; asked for already, at the earlier of both. Whoever ends it meanwhile is waited for."""
        asked = {"id": new_id(), "kind": kind, "key": key, "facts": {}, "due_at": due_at, "every_s": None}
        db.session.connection().execute(_by_the_earlier(db.engine.dialect.name), asked)

    @classmethod
    def remember(cls, kind: str, key: str, **facts: Any) -> None:
        """What a job that comes again is to know then."""
        db.session.scalars(db.select(cls).filter_by(kind=kind, key=key)).one().facts = facts

    @classmethod
    def remembered(cls, kind: str, key: str) -> dict[str, Any]:
        return db.session.scalars(db.select(cls.facts).filter_by(kind=kind, key=key)).one()

    @classmethod
    def is_idle(cls, kind: str) -> Any:
        """The condition that a job that comes again is not being done and has not failed."""
        return db.and_(cls.kind == kind, cls.attempts == 0, cls.leased_by.is_(None))

    @classmethod
    def call(cls, kind: str) -> None:
        """There is work for what comes again: it is due now, not only when its time comes."""
        db.session.execute(db.update(cls).where(cls.is_idle(kind), cls.due_at > now()).values(due_at=now()))

    @classmethod
    def is_waiting(cls, kinds: Iterable[str]) -> bool:
        return db.session.scalar(db.select(cls.id).where(_free(kinds)).limit(1)) is not None

    @classmethod
    def kinds_waiting(cls, kinds: Iterable[str]) -> list[str]:
        return list(db.session.scalars(db.select(cls.kind).where(_free(kinds)).distinct()))

    @classmethod
    def take(cls, worker: str, at_most: int, kinds: Iterable[str], first: Iterable[str] = ()) -> list["Job"]:
        """The jobs longest due of the kinds this worker knows, leased to it, some kinds first. The caller commits."""
        order = (cls.kind.not_in(sorted(first)), cls.due_at)
        free = db.select(cls).where(_free(kinds)).order_by(*order).limit(at_most)
        jobs = list(db.session.scalars(free.with_for_update(skip_locked=True)))
        for job in jobs:
            job.leased_by, job.leased_until = worker, now() + LEASE
        return jobs

    @classmethod
    def renew(cls, ids: Iterable[UUID], worker: str) -> None:
        mine = db.and_(cls.id.in_(list(ids)), cls.leased_by == worker)
        db.session.execute(db.update(cls).where(mine).values(leased_until=now() + LEASE))

    @classmethod
    def still_of(cls, id: UUID, worker: str) -> "Job | None":
        """The job, locked, unless its lease ran out and another took it."""
        held = db.select(cls).where(cls.id == id, cls.leased_by == worker).with_for_update()
        return db.session.scalar(held.execution_options(populate_existing=True))

    def done(self, more: bool | datetime | None = False) -> None:
        """It is over, or comes again: after its time, at once when there is more of it to do, or when that says."""
        if self.every_s is None and not more:
            db.session.delete(self)
            return
        wait = timedelta(0) if more else timedelta(seconds=self.every_s or 0)
        self.due_at = more if isinstance(more, datetime) else now() + wait
        self.attempts, self.last_error = 0, None
        self.leased_by = self.leased_until = None

    def failed(self, error: Exception) -> None:
        """To be tried again, after a wait that doubles."""
        self.attempts += 1
        self.last_error = type(error).__name__
        self.due_at = now() + min(FIRST_WAIT * 2 ** min(self.attempts - 1, 20), LONGEST_WAIT)
        self.leased_by = self.leased_until = None

    @classmethod
    def dead_holders(cls) -> list[str]:
        """Processes of this machine that hold jobs and live no more."""
        holders = db.session.scalars(db.select(cls.leased_by).where(cls.leased_by.is_not(None)).distinct())
        return [holder for holder in holders if holder and not _lives(holder)]

    @classmethod
    def release(cls, ids: Iterable[UUID], worker: str) -> None:
        """Give back what was taken and not begun."""
        mine = db.and_(cls.id.in_(list(ids)), cls.leased_by == worker)
        db.session.execute(db.update(cls).where(mine).values(leased_by=None, leased_until=None))

    @classmethod
    def release_of(cls, holders: Iterable[str]) -> None:
        """Give back what the dead held, instead of waiting for their leases."""
        held = db.update(cls).where(cls.leased_by.in_(list(holders)))
        db.session.execute(held.values(leased_by=None, leased_until=None))

    @classmethod
    def hurry(cls, kind: str) -> None:
        """What kept them waiting is over: all of a kind that failed are due at once."""
        failed = db.and_(cls.kind == kind, cls.attempts > 0, cls.leased_by.is_(None))
        db.session.execute(db.update(cls).where(failed).values(due_at=now()))

    @classmethod
    def lateness_s(cls, kind: str) -> float | None:
        """How long ago a recurring job should have been done; None when nobody asked for it."""
        due = db.session.scalar(db.select(cls.due_at).where(cls.kind == kind))
        return (now() - due).total_seconds() if due else None


@cache
def _unless_asked(_dialect: str) -> Any:
    """Made once for each kind of database: every photo waits for it."""
    return upsert(Job.__table__).on_conflict_do_nothing(index_elements=["kind", "key"])


@cache
def _by_the_earlier(_dialect: str) -> Any:
    made = upsert(Job.__table__)
    earlier = db.case((made.excluded.due_at < Job.due_at, made.excluded.due_at), else_=Job.due_at)
    return made.on_conflict_do_update(index_elements=["kind", "key"], set_={"due_at": earlier})


def _free(kinds: Iterable[str]) -> Any:
    """Those of other kinds are left to newer servers, which know them."""
    nobodys = db.or_(Job.leased_until.is_(None), Job.leased_until < now())
    return db.and_(Job.kind.in_(sorted(kinds)), Job.due_at <= now(), nobodys)


def worker_name() -> str:
    return f"{_machine()}:{os.getpid()}:{_started(os.getpid())}"


def _lives(name: str) -> bool:
    """Whether a worker may still be at work: those of other machines are believed until their lease runs out."""
    machine, _, process = name.partition(":")
    pid, _, started = process.partition(":")
    return machine != _machine() or not pid.isdigit() or _started(int(pid)) == started


def _machine() -> str:
    """Within which a process number means one process: containers may share a name, and machines too."""
    return f"{socket.gethostname()}/{_boot()}/{_namespace()}"


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid").removeprefix("pid:")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in clock ticks since boot, so that a number used again is no disguise; "" for none."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, *rest = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else rest[18]  # a zombie does nothing any more
