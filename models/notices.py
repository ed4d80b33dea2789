"""The pull inbox: what each unit and person was told, who has seen it, and who took note of it.

One row for each event and receiver, made from the log by the worker (models/telling.py, services/notices.py). Its id
follows from both, so that what is told again is known again. A narrow row per viewer (the receiver, and any unit above
it) carries the list's sort key: a page is one index range per viewer name, as for incidents.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, cast
from uuid import UUID, uuid5

from sqlalchemy import CursorResult, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, Json, db, now, upsert
from models.deliveries import deliver_notices
from models.desks import lies_with
from models.errors import NotFound
from models.incidents import Incident
from models.notice_words import Words
from models.reference import reference
from models.units import KnownUnit
from models.users import Person, Role, people
from models.visibility import Viewer

SPACE = UUID("2f7c6a0e-5c0b-5d1e-9a57-0b8f6c1d4e20")  # of the ids
UNACKED = "urgent AND acked_at IS NULL"  # in words that a partial index knows again
Cursor = tuple[datetime, UUID]


class Notice(db.Model):  # type: ignore[name-defined]
    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("event_number", "receiver_id"),
        Index("ix_notices_receiver_id_at", "receiver_id", "at", "id"),
        Index(
            "ix_notices_waiting",
            "receiver_id",
            "at",
            "id",
            postgresql_where=db.text("acked_at IS NULL"),
            sqlite_where=db.text("acked_at IS NULL"),
        ),
        Index(
            "ix_notices_unacked",
            "at",
            postgresql_where=db.text(UNACKED),
            sqlite_where=db.text(UNACKED),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_number: Mapped[int] = mapped_column(BigNumber, ForeignKey("events.number"))
    receiver_id: Mapped[UUID]  # of a unit or a user
    at: Mapped[datetime]  # when it happened
    kind: Mapped[str]  # which sentence of catalogue/notices.json
    incident_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.id"))
    urgent: Mapped[bool]
    facts: Mapped[dict[str, Any]] = mapped_column(Json)  # what the sentence says: ids, codes and numbers, no words
    acked_at: Mapped[datetime | None]
    acked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    @property
    def unit(self) -> KnownUnit | None:
        """The unit it is for; None when it is for a person."""
        return reference().units.get(self.receiver_id)

    def counts_of(self, user: Person) -> bool:
        """Whether this person's taking note is the receiver's."""
        return lies_with(user, self.receiver_id, self.kind)


class NoticeViewer(db.Model):  # type: ignore[name-defined]
    __tablename__ = "notice_viewers"
    __table_args__ = (
        Index(
            "ix_notice_viewers_waiting",
            "viewer_id",
            "at",
            "notice_id",
            postgresql_where=db.text("acked_at IS NULL"),
            sqlite_where=db.text("acked_at IS NULL"),
        ),
        {"sqlite_with_rowid": False},
    )

    viewer_id: Mapped[UUID] = mapped_column(primary_key=True)  # of a unit or a user
    at: Mapped[datetime] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    acked_at: Mapped[datetime | None]  # as of the notice


class NoticeAck(db.Model):  # type: ignore[name-defined]
    """That one person took note."""

    __tablename__ = "notice_acks"
    __table_args__ = {"sqlite_with_rowid": False}

    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    at: Mapped[datetime]


@dataclass(frozen=True)
class Shown:
    """A notice as one person may read it."""

    notice: Notice
    incident: Any | None  # id, number and type
    sees: bool  # the incident itself
    read_at: datetime | None
    acked_by: Person | None

    @property
    def case(self) -> dict[str, Any] | None:
        """No more of the incident than the sentence says."""
        found = self.incident
        return None if found is None else {"id": found.id, "number": found.number, "type": self.words.type}

    @cached_property
    def words(self) -> Words:
        return Words.of(self.notice.kind, self.notice.facts, self.incident, self.sees)


def notice_id(event_hash: str, receiver_id: UUID) -> UUID:
    """By the event's hash, not its number: that may come again after a restore, as another event's."""
    return uuid5(SPACE, f"{event_hash}:{receiver_id}")


def keep(notices: Sequence[dict[str, Any]]) -> None:
    """Write new notices with those who see them, and what is to be sent of them to whoever subscribed. What is there
    already stays as it is."""
    if not notices:
        return
    viewers = [
        {"viewer_id": viewer, "at": notice["at"], "notice_id": notice["id"]}
        for notice in notices
        for viewer in _viewers_of(notice["receiver_id"])
    ]
    connection = db.session.connection()
    for table, rows in ((Notice.__table__, notices), (NoticeViewer.__table__, viewers)):
        connection.execute(upsert(table).on_conflict_do_nothing(), list(rows))
    deliver_notices(notices)


def _viewers_of(receiver_id: UUID) -> tuple[UUID, ...]:
    """A unit with all above it, or a person."""
    unit = reference().units.get(receiver_id)
    return unit.lineage_ids if unit else (receiver_id,)


# Reading


def page(
    user: Person, limit: int, after: Cursor | None = None, unread: bool | None = None, unit: UUID | None = None
) -> tuple[list[Shown], Cursor | None]:
    """What a person may read, newest first; of one receiving unit when that is named. Raises NotFound."""
    if unit is None:
        rows = _newest(_seen_by(user), user, limit + 1, after, unread)
    else:
        if not (user.decides and user.answers_for(reference().units.get(unit))):
            raise NotFound()
        rows = _newest(_for((unit,)), user, limit + 1, after, unread)
    more = len(rows) > limit
    shown = rows[:limit]
    return _shown(user, [id for _, id in shown]), tuple(shown[-1]) if more else None  # type: ignore[return-value]


def waiting(user: Person, limit: int) -> list[Shown]:
    """What waits for this person to take note, newest first: for themselves, for the unit a leader leads, for every
    unit an officer acts for."""
    return _shown(user, [id for _, id in _newest(_desk(user), user, limit, None, True)])


def count_waiting(user: Person, most: int) -> int:
    return len(_newest(_desk(user), user, most, None, True))


Ranges = list[tuple[Any, Any, Any, Any]]  # whose, at, id, acked_at


def _seen_by(user: Person) -> Ranges:
    table = NoticeViewer
    return [(table.viewer_id == id, table.at, table.notice_id, table.acked_at) for id in user.viewers]


def _for(receivers: Iterable[UUID]) -> Ranges:
    return [(Notice.receiver_id == id, Notice.at, Notice.id, Notice.acked_at) for id in receivers]


def _desk(user: Person) -> Ranges:
    return _for(user.viewers) if user.role is Role.LEADER else _seen_by(user)


def _newest(
    ranges: Ranges, user: Person, limit: int, after: Cursor | None, unread: bool | None
) -> list[tuple[datetime, UUID]]:
    """The keys of the newest. Read is what the receiver took note of, or this person."""
    parts = []
    for whose, at, id, acked_at in ranges:
        mine = db.select(NoticeAck.at).where(NoticeAck.notice_id == id, NoticeAck.user_id == user.id)
        one = db.select(at.label("at"), id.label("id")).where(whose)
        if unread is not None:
            is_unread = db.and_(acked_at.is_(None), ~mine.exists())
            one = one.where(is_unread if unread else ~is_unread)
        if after:
            bound = [db.bindparam(None, v, type_=c.type) for v, c in zip(after, (at, id), strict=True)]
            one = one.where(db.tuple_(at, id) < db.tuple_(*bound))
        parts.append(db.select(one.order_by(at.desc(), id.desc()).limit(limit).subquery()))
    if not parts:
        return []
    rows = db.union(*parts).subquery()
    newest = db.select(rows.c.at, rows.c.id).order_by(rows.c.at.desc(), rows.c.id.desc()).limit(limit)
    return [(row.at, row.id) for row in db.session.execute(newest)]


def _shown(user: Person, ids: Sequence[UUID]) -> list[Shown]:
    if not ids:
        return []
    found = {n.id: n for n in db.session.scalars(db.select(Notice).where(Notice.id.in_(ids)))}
    cases = {n.incident_id for n in found.values() if n.incident_id}
    columns = (Incident.id, Incident.number, Incident.type, Viewer.shows(Incident.id, user).label("sees"))
    incidents = {row.id: row for row in db.session.execute(db.select(*columns).where(Incident.id.in_(cases)))}
    mine = db.select(NoticeAck.notice_id, NoticeAck.at).where(
        NoticeAck.user_id == user.id, NoticeAck.notice_id.in_(ids)
    )
    read = {row.notice_id: row.at for row in db.session.execute(mine)}
    known = people(n.acked_by_id for n in found.values() if n.acked_by_id)
    shown = []
    for id in ids:
        notice = found[id]
        incident = incidents.get(cast(UUID, notice.incident_id))
        by = known.get(cast(UUID, notice.acked_by_id))
        shown.append(Shown(notice, incident, bool(incident and incident.sees), read.get(id), by))
    return shown


def shown_to(reader: Any, notice_id: UUID | None) -> Shown | None:
    """One notice as a person reads it now, or a unit; None when it is not theirs to read any more."""
    notice = db.session.get(Notice, notice_id) if notice_id else None
    if notice is None or set(_viewers_of(notice.receiver_id)).isdisjoint(reader.viewers):
        return None
    return _shown(reader, [notice.id])[0]


# Taking note


def ack(id: UUID, user: Person) -> Shown:
    """This person took note; the first whose note is the receiver's stands on the notice. Raises NotFound."""
    mine = db.and_(
        NoticeViewer.notice_id == Notice.id, NoticeViewer.at == Notice.at, NoticeViewer.viewer_id.in_(user.viewers)
    )
    notice = db.session.scalar(db.select(Notice).where(Notice.id == id, db.exists().where(mine)))
    if notice is None:
        raise NotFound()
    moment = now()
    taken = {"notice_id": id, "user_id": user.id, "at": moment}
    db.session.connection().execute(upsert(NoticeAck.__table__).on_conflict_do_nothing(), taken)
    if notice.counts_of(user):
        _settle(notice, user, moment)
    db.session.refresh(notice)
    return _shown(user, [id])[0]


def _settle(notice: Notice, user: Person, moment: datetime) -> None:
    """Of two at once, one is first."""
    still = db.update(Notice).where(Notice.id == notice.id, Notice.acked_at.is_(None))
    first = cast("CursorResult[Any]", db.session.execute(still.values(acked_at=moment, acked_by_id=user.id)))
    if first.rowcount:
        viewers = NoticeViewer.viewer_id.in_(_viewers_of(notice.receiver_id))
        rows = db.and_(viewers, NoticeViewer.at == notice.at, NoticeViewer.notice_id == notice.id)
        db.session.execute(db.update(NoticeViewer).where(rows).values(acked_at=moment))
