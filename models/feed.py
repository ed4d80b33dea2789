"""The order in which changes became visible, and how far it is settled: what may be sealed and sent to phones.

On PostgreSQL numbers are given out before the commit, so a later number may be seen first. Each event is stamped
with its transaction's id by a trigger; those below every transaction still running are settled, and their order
(xid, number) never changes. SQLite has one writer: the number alone is the order.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Index
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


class Change(db.Model):  # type: ignore[name-defined]
    """What phones must hear of and no event tells: a preview was made, a photo announced, an incident left a view."""

    __tablename__ = "feed_changes"
    __table_args__ = (Index("ix_feed_changes_xid_number", "xid", "number"),)

    number: Mapped[int] = mapped_column(BigNumber, primary_key=True)
    xid: Mapped[int] = mapped_column(BigNumber, default=0, server_default="0")  # stamped as that of an event
    incident_id: Mapped[UUID]
    viewer_id: Mapped[UUID | None]  # who lost sight of it; None: it changed for all who see it

    @classmethod
    def note(cls, incident_id: UUID) -> None:
        """It changed, and no event says so."""
        db.session.connection().execute(INSERT, {"incident_id": incident_id, "viewer_id": None})

    @classmethod
    def note_lost(cls, incident_id: UUID, viewers: Iterable[UUID]) -> None:
        """These viewers no longer see it."""
        cls.note_each((incident_id, viewer) for viewer in sorted(viewers))

    @classmethod
    def note_each(cls, lost: Iterable[tuple[UUID, UUID]]) -> None:
        """Which incident is out of whose sight."""
        if rows := [{"incident_id": incident_id, "viewer_id": viewer} for incident_id, viewer in lost]:
            db.session.connection().execute(INSERT, rows)


INSERT = Change.__table__.insert()


def settled(log: Any = Event) -> Any:
    """The condition that a row of the log (events or changes) is settled, for this transaction."""
    return log.xid < _edge("xmin") if db.engine.dialect.name == "postgresql" else db.true()


def impossible() -> Any:
    """The condition that no transaction can have given an event its place: it would wait for its seal for ever."""
    return Event.xid >= _edge("xmax") if db.engine.dialect.name == "postgresql" else Event.xid != 0


def _edge(which: str) -> Any:
    """Below xmin every transaction has ended; none has begun from xmax on."""
    offset = db.select(FeedOffset.value).where(FeedOffset.name == FEED).scalar_subquery()
    edge = db.select(db.text(f"pg_snapshot_{which}(pg_current_snapshot())::text::bigint")).scalar_subquery()
    return edge + db.func.coalesce(offset, 0)


def after(xid: int, number: int, log: Any = Event) -> Any:
    """The condition that a row of the log stands behind a place in the order."""
    return db.tuple_(log.xid, log.number) > db.tuple_(db.literal(xid), db.literal(number))


ORDER = (Event.xid, Event.number)


def note_restored(connection: Connection) -> None:
    """The database was restored, perhaps elsewhere: what comes from now on stands behind all that was restored."""
    if connection.dialect.name != "postgresql":
        return
    newest = max(connection.scalar(db.select(db.func.max(log.xid))) or 0 for log in (Event, Change))
    made = upsert(FeedOffset.__table__).values(name=FEED, value=newest + 1)
    connection.execute(made.on_conflict_do_update(index_elements=["name"], set_={"value": newest + 1}))


AFTER_RESTORE.append(note_restored)
