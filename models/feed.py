"""The order in which events became visible, and how far it is settled: what may be sealed and sent to phones.

On PostgreSQL numbers are given out before the commit, so a later number may be seen first. Each event is stamped
with its transaction's id by a trigger; those below every transaction still running are settled, and their order
(xid, number) never changes. SQLite has one writer: the number alone is the order.
"""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, db, upsert
from models.database import AFTER_RESTORE
from models.events import Event

FEED = "events"


class FeedOffset(db.Model):  # type: ignore[name-defined]
    """What the trigger adds to transaction ids: a database restored elsewhere counts them anew."""

    __tablename__ = "feed_offsets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigNumber)


def settled() -> Any:
    """The condition that an event is settled, for this transaction."""
    return Event.xid < _edge("xmin") if db.engine.dialect.name == "postgresql" else db.true()


def impossible() -> Any:
    """The condition that no transaction can have given an event its place: it would wait for its seal for ever."""
    return Event.xid >= _edge("xmax") if db.engine.dialect.name == "postgresql" else Event.xid != 0


def _edge(which: str) -> Any:
    """Below xmin every transaction has ended; none has begun from xmax on."""
    offset = db.select(FeedOffset.value).where(FeedOffset.name == FEED).scalar_subquery()
    edge = db.select(db.text(f"pg_snapshot_{which}(pg_current_snapshot())::text::bigint")).scalar_subquery()
    return edge + db.func.coalesce(offset, 0)


def after(xid: int, number: int) -> Any:
    """The condition that an event stands behind a place in the order."""
    return db.tuple_(Event.xid, Event.number) > db.tuple_(db.literal(xid), db.literal(number))


ORDER = (Event.xid, Event.number)


def note_restored(connection: Connection) -> None:
    """The database was restored, perhaps elsewhere: what comes from now on stands behind all that was restored."""
    if connection.dialect.name != "postgresql":
        return
    newest = connection.scalar(db.select(db.func.max(Event.xid))) or 0
    made = upsert(FeedOffset.__table__).values(name=FEED, value=newest + 1)
    connection.execute(made.on_conflict_do_update(index_elements=["name"], set_={"value": newest + 1}))


AFTER_RESTORE.append(note_restored)
