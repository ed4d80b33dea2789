"""The audit of the log: sealing it, and finding whatever was edited, deleted, inserted, swapped or cut off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from models import feed
from models.base import db
from models.events import ERASABLE, Event, EventHead, chain, mac
from models.incidents import Incident
from models.seals import Seal, seal_hash

PAGE = 1_000
AGAIN = 3


def seal(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    """The job of each minute; a backlog is sealed within the same transaction."""

    def write() -> None:
        while Seal.make():
            pass

    return write


@dataclass
class Audit:
    """What was found. `problems` are plain sentences, the first hundred of `found`."""

    events: int = 0
    chains: int = 0
    seals: int = 0
    unsealed: int = 0
    erased: int = 0
    found: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        self.found += 1
        if self.found <= 100:
            self.problems.append(problem)


def verify(progress: Callable[[int], None] = lambda _: None) -> Audit:
    """Recompute every chain, every head and every seal, in pages, so that nobody waits for it.

    What is written meanwhile may or may not be counted, but is never taken for damage.
    """
    audit = Audit()
    for heads, events in _chains():
        for head in heads:
            own = events.get((head.subject_kind, head.subject_id), [])
            problems = check(head, own)
            if problems:  # perhaps something was just added between the two readings
                problems = _check_again(head)
            for problem in problems:
                audit.add(problem)
            audit.chains += 1
            audit.events += len(own)
            audit.erased += sum(text.value is None for event in own for text in event.texts)
        progress(audit.events)
    for problem in (*_events_without_head(), *_incidents_without_chain()):
        audit.add(problem)
    _check_seals(audit)
    return audit


def check(head: Any, events: list[Event]) -> list[str]:
    """What is wrong with one chain, in the order of its positions; an empty list for nothing."""
    where = f"{head.subject_kind} {head.subject_id}"
    problems = []
    previous, expected = "", 1
    for event in events:
        if event.position != expected:
            problems.append(f"{where}: thiếu sự kiện thứ {expected}" + _span(expected, event.position - 1) + ".")
        if chain(previous, event.content) != event.hash and event.position == expected:
            problems.append(f"{where}: sự kiện thứ {event.position} đã bị sửa, chèn vào hoặc đổi chỗ.")
        problems += [f"{where}, sự kiện thứ {event.position}: {problem}" for problem in _texts(event)]
        previous, expected = event.hash, event.position + 1
    if head.mac != mac(head.subject_kind, head.subject_id, head.count, head.hash):
        problems.append(f"{where}: đầu chuỗi đã bị sửa (hoặc audit.key không phải khóa của máy chủ này).")
    elif head.count > expected - 1:
        problems.append(f"{where}: đuôi bị cắt, còn {expected - 1} trong {head.count} sự kiện.")
    elif head.count < expected - 1:
        problems.append(f"{where}: có thêm sự kiện sau sự kiện cuối cùng ({head.count}).")
    elif head.hash != previous:
        problems.append(f"{where}: sự kiện cuối cùng không phải là sự kiện đã ghi.")
    return problems


def _span(first: int, last: int) -> str:
    return f" đến {last}" if last > first else ""


def _texts(event: Event) -> Iterator[str]:
    """Texts that no longer are what the facts say; an erased one has neither value nor salt, but its row."""
    texts = {text.name: text for text in event.texts}
    for name, value in event.facts.items():
        if isinstance(value, str) and value.startswith(ERASABLE):
            text = texts.get(name)
            if text is None:
                yield f"mất dòng văn bản “{name}”."
            elif text.value is not None and text.digest != value:
                yield f"văn bản “{name}” đã bị sửa."


def _chains() -> Iterator[tuple[list[Any], dict[Any, list[Event]]]]:
    """Pages of heads with the events of their chains; no transaction stays open between two."""
    keys = (EventHead.subject_kind, EventHead.subject_id)
    last: Any = None
    while True:
        page = db.select(EventHead).order_by(*keys).limit(PAGE)
        if last is not None:
            page = page.where(db.tuple_(*keys) > _place(last))
        heads = list(db.session.scalars(page))
        events: dict[Any, list[Event]] = {}
        if heads:
            subject = db.tuple_(Event.subject_kind, Event.subject_id)
            among = db.and_(subject >= _place(heads[0]), subject <= _place(heads[-1]))
            for event in _events(among):
                events.setdefault((event.subject_kind, event.subject_id), []).append(event)
        db.session.expunge_all()
        db.session.rollback()
        yield heads, events
        if len(heads) < PAGE:
            return
        last = heads[-1]


def _place(head: Any) -> Any:
    id = db.bindparam(None, head.subject_id, type_=EventHead.subject_id.type)
    return db.tuple_(db.literal(head.subject_kind), id)


def _events(condition: Any) -> list[Event]:
    order = (Event.subject_kind, Event.subject_id, Event.position)
    return list(
        db.session.scalars(db.select(Event).where(condition).order_by(*order).options(db.selectinload(Event.texts)))
    )


def _check_again(head: Any) -> list[str]:
    db.session.rollback()
    key = (head.subject_kind, head.subject_id)
    for _ in range(AGAIN):
        now = db.session.get(EventHead, key, populate_existing=True)
        events = _events(db.and_(Event.subject_kind == key[0], Event.subject_id == key[1]))
        problems = check(now or head, events)
        db.session.expunge_all()
        db.session.rollback()
        if not problems:
            break
    return problems


def _events_without_head() -> Iterator[str]:
    same = db.and_(EventHead.subject_kind == Event.subject_kind, EventHead.subject_id == Event.subject_id)
    lost = db.select(Event.subject_kind, Event.subject_id).where(Event.position == 1, ~db.exists().where(same))
    rows = db.session.execute(lost.limit(PAGE)).all()
    db.session.rollback()
    for row in rows:
        yield f"{row.subject_kind} {row.subject_id}: chuỗi sự kiện không có đầu chuỗi."


def _incidents_without_chain() -> Iterator[str]:
    known = db.and_(EventHead.subject_kind == Incident.kind, EventHead.subject_id == Incident.id)
    lost = db.session.scalars(db.select(Incident.number).where(~db.exists().where(known)).limit(PAGE)).all()
    db.session.rollback()
    for number in lost:
        yield f"Vụ việc {number}: không còn sự kiện nào trong nhật ký."


def _check_seals(audit: Audit) -> None:
    previous, place, expected = "", (-1, 0), 1
    while seal := db.session.scalar(db.select(Seal).where(Seal.number >= expected).order_by(Seal.number).limit(1)):
        if seal.number != expected:
            audit.add(f"Dấu niêm phong thứ {expected}{_span(expected, seal.number - 1)} không còn.")
        under = db.and_(feed.after(*place), ~feed.after(seal.upto_xid, seal.upto_number))
        hashes = db.session.scalars(db.select(Event.hash).where(under).order_by(*feed.ORDER)).all()
        whole = seal.number == expected  # what stood under a lost seal cannot be told from what stood under this
        if whole and (len(hashes), seal_hash(previous, hashes)) != (seal.count, seal.hash):
            audit.add(
                f"Dấu niêm phong thứ {seal.number} ({seal.at:%Y-%m-%d %H:%M} UTC) không khớp: "
                f"có {len(hashes)} sự kiện, khi niêm phong là {seal.count}."
            )
        previous, place, expected = seal.hash, (seal.upto_xid, seal.upto_number), seal.number + 1
        audit.seals += 1
        db.session.expunge_all()
        db.session.rollback()
    audit.unsealed = db.session.scalar(db.select(db.func.count()).where(feed.after(*place)).select_from(Event)) or 0
    db.session.rollback()
