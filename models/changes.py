"""What changed that a person may see, since they last asked: the feed behind offline sync.

Rows are walked in the settled order of models/feed.py, so nothing is skipped however commits overlap; what is sent
is always the incident as it is now. Whether a person may see it is asked by key, for each row that is walked.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from models import feed
from models.base import db
from models.events import Event, EventHead
from models.feed import Change
from models.incident_lists import whole
from models.incidents import Incident
from models.signing import content_of, signed
from models.users import Person, people
from models.visibility import Viewer

PURPOSE = "cursor:1"
AT_ONCE = 1_000  # rows of one statement
MOST_WALKED = 10_000  # rows of one request, so that nobody reads for long who sees little and was away for long
MARK = 16


@dataclass(frozen=True)
class Place:
    """A row of a log, and a mark by which the same log knows it again."""

    xid: int = -1
    number: int = 0
    mark: str = ""


@dataclass(frozen=True)
class Cursor:
    """How far a phone has come in both logs; until it has all there was at the beginning, also in that."""

    scope: str
    events: Place
    changes: Place
    behind: tuple[datetime, UUID] | None = None  # the last of what was there already; None: it has all
    everything: bool = False  # still being sent what was there already

    @property
    def text(self) -> str:
        behind = self.behind and [self.behind[0].isoformat(), str(self.behind[1])]
        places = [[p.xid, p.number, p.mark] for p in (self.events, self.changes)]
        content = [self.scope, *places, self.everything, behind]
        return signed(PURPOSE, json.dumps(content, separators=(",", ":")).encode())

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """None for what this server did not sign."""
        content = content_of(PURPOSE, text)
        if content is None:
            return None
        scope, events, changes, everything, behind = json.loads(content)
        place = (datetime.fromisoformat(behind[0]), UUID(behind[1])) if behind else None
        return cls(scope, Place(*events), Place(*changes), place, everything)

    @classmethod
    def beginning(cls, user: Person) -> "Cursor":
        """Where both logs end now: what comes behind is sent as changes, all else as it is found."""
        return cls(scope_of(user), _newest(Event, Event.hash), _newest(Change, Change.incident_id), None, True)

    def holds_for(self, user: Person) -> bool:
        """Whether it is of this person's scope as it is now, and of logs that still hold what was read."""
        return (
            self.scope == scope_of(user)
            and _known(Event, Event.hash, self.events)
            and _known(Change, Change.incident_id, self.changes)
        )


@dataclass(frozen=True)
class Changes:
    """One page. `gone`: what this person knew perhaps, and sees no longer."""

    incidents: list[Incident]
    gone: list[UUID]
    cursor: str
    more: bool
    reset: bool


def scope_of(user: Person) -> str:
    """A fingerprint of the names under which incidents are shown to a person."""
    names = [str(user.id), *map(str, user.viewers)]
    return hashlib.sha256(",".join(names).encode()).hexdigest()[:MARK]


def changes_since(user: Person, since: str | None, limit: int) -> Changes:
    """A page of what is new behind a cursor, oldest first; with none, or one that no longer holds, of everything."""
    cursor = Cursor.read(since) if since else None
    reset = bool(since) and not (cursor and cursor.holds_for(user))
    if cursor is None or reset:
        cursor = Cursor.beginning(user)
    shown: list[UUID] = []
    if cursor.everything:
        shown, cursor = _all_there_was(user, cursor, limit)
    walk = Walk(user, limit - len(shown))
    if not cursor.everything:
        cursor = walk.on_from(cursor)
    found = _visible(user, {*shown, *walk.changed, *walk.lost})
    order = dict.fromkeys([*shown, *walk.changed])
    gone = [id for id in walk.lost if id not in found]
    return Changes([found[id] for id in order if id in found], gone, cursor.text, walk.more, reset)


class Walk:
    """Along both logs, until a page is full or enough rows were passed."""

    def __init__(self, user: Person, room: int):
        self.user, self.room = user, room
        self.more = True  # until the ends of both logs are seen
        self.changed: dict[UUID, None] = {}
        self.lost: dict[UUID, None] = {}

    def on_from(self, cursor: Cursor) -> Cursor:
        events, ended = self._along(Event, self._events(), cursor.events)
        changes = cursor.changes
        if ended:
            changes, ended = self._along(Change, self._changes(), cursor.changes)
        self.more = not ended
        return replace(cursor, events=events, changes=changes)

    def _along(self, log: Any, query: Any, place: Place) -> tuple[Place, bool]:
        """The place of the last row passed, and whether that was the end."""
        for row in _rows(log, query, place):
            if row is None:
                return place, True
            if row.shown:
                if self._is_full(row):
                    return place, False
                (self.lost if row.viewer_id else self.changed)[row.incident_id] = None
            place = Place(row.xid, row.number, _mark(row.mark))
        return place, False

    def _is_full(self, row: Any) -> bool:
        known = row.incident_id in self.changed or row.incident_id in self.lost
        return not known and len(self.changed) + len(self.lost) >= self.room

    def _events(self) -> Any:
        """An incident is sent at its newest event only, however often it changed before."""
        head = db.select(EventHead.count).where(
            EventHead.subject_kind == Event.subject_kind, EventHead.subject_id == Event.subject_id
        )
        shown = db.and_(
            Event.subject_kind == Incident.kind,
            _sees(self.user, Event.subject_id),
            Event.position == head.scalar_subquery(),
        )
        return db.select(
            Event.xid,
            Event.number,
            Event.hash.label("mark"),
            Event.subject_id.label("incident_id"),
            db.null().label("viewer_id"),
            shown.label("shown"),
        )

    def _changes(self) -> Any:
        seen = db.and_(Change.viewer_id.is_(None), _sees(self.user, Change.incident_id))
        shown = db.or_(seen, Change.viewer_id.in_(self.user.viewers))
        return db.select(
            Change.xid,
            Change.number,
            Change.incident_id.label("mark"),
            Change.incident_id,
            Change.viewer_id,
            shown.label("shown"),
        )


def _sees(user: Person, incident_id: Any) -> Any:
    """As Viewer.shows, but never by first collecting all that a person may see, which EXISTS lets PostgreSQL do."""
    mine = db.and_(Viewer.incident_id == incident_id, Viewer.viewer_id.in_(user.viewers))
    return db.select(Viewer.viewer_id).where(mine).limit(1).scalar_subquery().is_not(None)


def _rows(log: Any, query: Any, place: Place) -> Iterator[Any]:
    """The settled rows behind a place, then None; fewer, without it, when there are more than one request may walk."""
    xid, number, left = place.xid, place.number, MOST_WALKED
    while left:
        page = query.where(feed.settled(log), feed.after(xid, number, log)).order_by(log.xid, log.number)
        rows = db.session.execute(page.limit(AT_ONCE)).all()
        yield from rows
        if len(rows) < AT_ONCE:
            yield None
            return
        xid, number, left = rows[-1].xid, rows[-1].number, left - AT_ONCE


def _all_there_was(user: Person, cursor: Cursor, limit: int) -> tuple[list[UUID], Cursor]:
    """The next of what was there at the beginning, in the order of receipt: one index range per viewer name."""
    key = (Viewer.received_at, Viewer.incident_id)
    ranges = []
    for viewer in user.viewers:
        one = db.select(*key).where(Viewer.viewer_id == viewer).order_by(*key).limit(limit)
        if cursor.behind:
            bound = [db.bindparam(None, v, type_=c.type) for v, c in zip(cursor.behind, key, strict=True)]
            one = one.where(db.tuple_(*key) > db.tuple_(*bound))
        ranges.append(db.select(one.subquery()))
    if not ranges:
        return [], replace(cursor, everything=False)
    rows = db.union(*ranges).subquery()
    page = db.select(rows.c.received_at, rows.c.incident_id).order_by(rows.c.received_at, rows.c.incident_id)
    keys = db.session.execute(page.limit(limit)).all()
    if len(keys) < limit:
        cursor = replace(cursor, behind=None, everything=False)
    else:
        cursor = replace(cursor, behind=(keys[-1].received_at, keys[-1].incident_id))
    return [key.incident_id for key in keys], cursor


def _visible(user: Person, ids: set[UUID]) -> dict[UUID, Incident]:
    if not ids:
        return {}
    query = Incident.visible_to(user).where(Incident.id.in_(ids)).options(*whole())
    found = {incident.id: incident for incident in db.session.scalars(query)}
    people(incident.reporter_id for incident in found.values())  # known from now on, all at once
    return found


def _newest(log: Any, mark: Any) -> Place:
    last = db.select(log.xid, log.number, mark.label("mark")).where(feed.settled(log))
    row = db.session.execute(last.order_by(log.xid.desc(), log.number.desc()).limit(1)).first()
    return Place(row.xid, row.number, _mark(row.mark)) if row else Place()


def _known(log: Any, mark: Any, place: Place) -> bool:
    """Whether the log still holds the row: not when its tail was cut, nor in an old backup or another database."""
    if place == Place():
        return True
    row = db.session.execute(db.select(log.xid, mark.label("mark")).where(log.number == place.number)).first()
    return row is not None and (row.xid, _mark(row.mark)) == (place.xid, place.mark)


def _mark(value: Any) -> str:
    return str(value).replace("-", "")[:MARK]
