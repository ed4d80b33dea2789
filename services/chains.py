"""Reading the chains of the log with their heads, in pages, also where rows were damaged so that nothing loads them."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.exc import OperationalError

from models.base import db
from models.events import Event, EventHead

PAGE = 200  # events read at once, so that nobody waits for it
# What a row raises that no longer holds values of its kind; SQLite takes any value in any column.
UNREADABLE = (ValueError, TypeError, AttributeError, OperationalError)

Key = tuple[str, Any]
Chain = tuple[Key, EventHead | None, list[Event]]


class Chains:
    """Every chain that has events. No transaction stays open between two pages."""

    def __init__(self) -> None:
        self.unreadable: dict[int, str] = {}  # number of an event: a sentence

    def __iter__(self) -> Iterator[Chain]:
        place: Any = None
        going_on: list[Event] = []  # the last chain of a page may go on on the next
        heads: dict[Key, EventHead] = {}
        while True:
            page = self._events(db.true() if place is None else _columns(Event, Event.position) > place, PAGE)
            if page:
                first, last = (_values(key_of(event)) for event in (page[0], page[-1]))
                heads |= heads_of(db.and_(_columns(EventHead) >= first, _columns(EventHead) <= last))
            let_go()
            chains = [list(events) for _, events in groupby([*going_on, *page], key_of)]
            going_on = chains.pop() if page else []
            for events in chains:
                key = key_of(events[0])
                yield key, heads.pop(key, None), events
            if not page:
                return
            place = _values(key_of(page[-1]), page[-1].position)

    def again(self, key: Key) -> Chain:
        """One chain and its head, as they were in one moment."""
        one_moment()
        head = head_of(key)
        events = self._events(_columns(Event) == _values(key))
        let_go()
        return key, head, events

    def _events(self, condition: Any, limit: int | None = None) -> list[Event]:
        order = (Event.subject_kind, Event.subject_id, Event.position)
        try:
            return _sound(db.select(Event).where(condition).order_by(*order).limit(limit))
        except UNREADABLE as error:
            _raise_unless_damage(error)
        numbers = db.session.scalars(db.select(Event.number).where(condition).order_by(*order).limit(limit)).all()
        return [event for number in numbers for event in self._one(number)]

    def _one(self, number: int) -> list[Event]:
        try:
            return _sound(db.select(Event).where(Event.number == number))
        except UNREADABLE as error:
            _raise_unless_damage(error)
        words = db.session.execute(RAW, {"number": number}).one()
        kind, id = (bytes.fromhex(word).decode(errors="replace") for word in words)
        self.unreadable[number] = f"{kind} {_dashed(id)}: sự kiện số {number} không đọc được, đã bị sửa."
        return []


RAW = db.text("SELECT hex(subject_kind), hex(subject_id) FROM events WHERE number = :number")


def let_go() -> None:
    db.session.expunge_all()
    db.session.rollback()


def one_moment() -> None:
    """A new transaction, whose readings all see the same moment, as they do on SQLite anyway."""
    let_go()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def key_of(thing: Any) -> Key:
    return thing.subject_kind, thing.subject_id


def head_of(key: Key) -> EventHead | None:
    return heads_of(_columns(EventHead) == _values(key)).get(key)


def heads_of(condition: Any) -> dict[Key, EventHead]:
    try:
        return {key_of(head): head for head in db.session.scalars(db.select(EventHead).where(condition))}
    except UNREADABLE as error:
        _raise_unless_damage(error)
        return {}  # asked for again one by one


def _columns(table: Any, *more: Any) -> Any:
    return db.tuple_(table.subject_kind, table.subject_id, *more)


def _values(key: Key, *more: int) -> Any:
    id = db.bindparam(None, key[1], type_=EventHead.subject_id.type)
    return db.tuple_(db.literal(key[0]), id, *map(db.literal, more))


def _sound(query: Any) -> list[Event]:
    events = list(db.session.scalars(query.options(db.selectinload(Event.texts))))
    if not all(isinstance(event.position, int) and isinstance(event.facts, dict) for event in events):
        raise TypeError("an event holds values of another kind")
    return events


def _raise_unless_damage(error: Exception) -> None:
    """A database that is away or busy is no damage."""
    if isinstance(error, OperationalError) and "decode" not in str(error).lower():
        raise error
    let_go()


def _dashed(id: str) -> str:
    try:
        return str(UUID(id))
    except ValueError:
        return id
