"""Wrong passwords and codes, counted in the database: they survive a restart, and all processes count together."""

import hashlib
import ipaddress
import time

from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, db, upsert
from models.errors import TooManyAttempts

MOST_PER_HOUR = 10
WINDOW_MIN = 60
# An address is shared by many behind one carrier's gateway: it is slowed down, never shut.
UNHURRIED, RECENT_MIN = 20, 10
SLOWER_S, SLOWEST_S = 0.05, 2.0


class SignInFailure(db.Model):  # type: ignore[name-defined]
    """How often it failed in one minute. The counter names nobody: what was typed as a name may be a password."""

    __tablename__ = "sign_in_failures"

    counter: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[int] = mapped_column(BigNumber, primary_key=True, index=True)  # since 1970
    count: Mapped[int]


def counter_of(kind: str, whose: str) -> str:
    return f"{kind}:{hashlib.sha256(whose.encode()).hexdigest()[:40]}"


def counter_of_address(address: str) -> str:
    """IPv6 by its network: a household has 2^64 addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return counter_of("address", address)
    network = ipaddress.ip_network(f"{found}/{32 if found.version == 4 else 64}", strict=False)
    return counter_of("address", str(network))


def refuse_too_many(counter: str) -> None:
    """Raises TooManyAttempts, with the time until one more try is allowed."""
    failed = _counts(counter, WINDOW_MIN)
    total = sum(failed.values())
    for minute, count in sorted(failed.items()):
        if total < MOST_PER_HOUR:
            return
        total -= count
        if total < MOST_PER_HOUR:
            raise TooManyAttempts(max(1, int((minute + WINDOW_MIN) * 60 - time.time()) + 1))


def slow_down_s(counter: str) -> float:
    """How long an address waits that failed often of late."""
    failed = sum(_counts(counter, RECENT_MIN).values())
    return min(SLOWEST_S, max(0, failed - UNHURRIED) * SLOWER_S)


def queue(counter: str) -> None:
    """Who settles an attempt of this counter does so alone; SQLite has one writer anyway."""
    if db.engine.dialect.name == "postgresql":
        lock = db.func.hashtextextended(counter, 0)
        db.session.execute(db.select(db.func.pg_advisory_xact_lock(lock)))


def count_failure(*counters: str) -> None:
    """One more now; what is too old to count is cleared away."""
    table, minute = SignInFailure.__table__, _minute()
    db.session.execute(db.delete(table).where(table.c.minute <= minute - WINDOW_MIN))
    insert = upsert(table).values([{"counter": c, "minute": minute, "count": 1} for c in sorted(counters)])
    more = {"count": table.c.count + 1}
    db.session.execute(insert.on_conflict_do_update(index_elements=["counter", "minute"], set_=more))


def forget_failures(counter: str) -> None:
    table = SignInFailure.__table__
    db.session.execute(db.delete(table).where(table.c.counter == counter))


def _counts(counter: str, minutes: int) -> dict[int, int]:
    table = SignInFailure.__table__.c
    recent = table.minute > _minute() - minutes
    rows = db.session.execute(db.select(table.minute, table.count).where(table.counter == counter, recent))
    return {row.minute: row[1] for row in rows}


def _minute() -> int:
    return int(time.time() // 60)
