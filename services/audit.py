"""The audit of the log: sealing it, and finding whatever was edited, deleted, inserted, swapped or cut off.

What it cannot find in the database alone, because nothing in it remembers: a chain other than an incident's that
was deleted whole, with its head, before it was sealed; and an older copy of the database put in place of this one,
or of a chain and its head before they were sealed. Against these stand the seals that phones and printed summaries
hold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from models import feed
from models.base import db
from models.events import ERASABLE, ERASED, Event, EventHead, chain
from models.incidents import Incident
from models.seals import SEALS, START, Seal, seal_hash
from services.chains import PAGE, UNREADABLE, Chains, Key, head_of, let_go, one_moment


def seal(_app: Any, _key: str, _facts: dict[str, Any]) -> Callable[[], bool]:
    """The job of each minute: one seal, and again at once while there is more than one can hold."""

    def write() -> bool:
        made = Seal.make()
        return made is not None and made.is_full

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
    audit, chains = Audit(), Chains()
    for key, head, events in chains:
        problems = check(key, head, events)
        if problems:  # perhaps something was just added between two readings
            problems = check(*chains.again(key))
        for problem in problems:
            audit.add(problem)
        audit.chains += 1
        audit.events += len(events)
        audit.erased += sum(text.value is None for event in events for text in event.texts)
        progress(audit.events)
    for problem in (
        *chains.unreadable.values(),
        *_heads_without_events(),
        *_events_out_of_time(),
        *_incidents_without_chain(),
    ):
        audit.add(problem)
    _check_seals(audit)
    return audit


def check(key: Key, head: EventHead | None, events: list[Event]) -> list[str]:
    """What is wrong with one chain, in the order of its positions; an empty list for nothing."""
    where = f"{key[0]} {key[1]}"
    problems = []
    previous, expected, number = "", 1, 0
    erased = _erased(events)
    for event in events:
        nth = f"{where}: sự kiện thứ {event.position}"
        if event.position > expected:
            problems.append(f"{where}: thiếu sự kiện thứ {_span(expected, event.position - 1)}.")
        elif event.position < expected or _hash(event, previous) != event.hash:
            problems.append(f"{nth} đã bị sửa, chèn vào hoặc đổi chỗ.")
        if event.number <= number:
            problems.append(f"{nth} mang số {event.number}, không sau sự kiện trước nó ({number}).")
        problems += [f"{nth}: {problem}" for problem in _texts(event, erased)]
        previous, expected, number = event.hash, event.position + 1, event.number
    if head is None:
        problems.append(f"{where}: chuỗi sự kiện không có đầu chuỗi.")
    elif not head.is_genuine:
        problems.append(f"{where}: đầu chuỗi đã bị sửa (hoặc audit.key không phải khóa của máy chủ này).")
    elif head.count > expected - 1:
        problems.append(f"{where}: đuôi bị cắt, còn {expected - 1} trong {head.count} sự kiện.")
    elif head.count < expected - 1:
        problems.append(f"{where}: có thêm sự kiện sau sự kiện cuối cùng ({head.count}).")
    elif head.hash != previous:
        problems.append(f"{where}: sự kiện cuối cùng không phải là sự kiện đã ghi.")
    return problems


def _span(first: int, last: int) -> str:
    return f"{first} đến {last}" if last > first else f"{first}"


def _hash(event: Event, previous: str) -> str:
    try:
        return chain(previous, event.content)
    except ValueError:  # facts that no canonical JSON can hold, so nobody here wrote them
        return ""


def _erased(events: list[Event]) -> set[tuple[int, str]]:
    """Which texts the chain itself says were erased: (position, name)."""
    said = [event.facts for event in events if event.kind.endswith(f".{ERASED}")]
    return {(facts.get("event", 0), str(name)) for facts in said for name in facts.get("erased") or ()}


def _texts(event: Event, erased: set[tuple[int, str]]) -> Iterator[str]:
    """Texts that no longer are what the facts say; an erased one has neither value nor salt, but its row."""
    promised = {n: v for n, v in event.facts.items() if isinstance(v, str) and v.startswith(ERASABLE)}
    for text in event.texts:
        digest = promised.pop(text.name, None)
        if digest is None:
            yield f"văn bản “{text.name}” được thêm vào."
        elif text.value is None and text.salt is None:
            if (event.position, text.name) not in erased:
                yield f"văn bản “{text.name}” bị xóa mà nhật ký không ghi."
        elif text.value is None or text.salt is None or text.digest != digest:
            yield f"văn bản “{text.name}” đã bị sửa."
    for name in promised:
        yield f"mất dòng văn bản “{name}”."


def _heads_without_events() -> Iterator[str]:
    same = db.and_(EventHead.subject_kind == Event.subject_kind, EventHead.subject_id == Event.subject_id)
    lost = db.select(EventHead.subject_kind, EventHead.subject_id, EventHead.count).where(
        EventHead.subject_kind != SEALS[0], ~db.exists().where(same)
    )
    for kind, id, count in _rows(lost):
        yield f"{kind} {id}: cả chuỗi {count} sự kiện không còn."


def _events_out_of_time() -> Iterator[str]:
    lost = db.select(Event.subject_kind, Event.subject_id, Event.position, Event.xid).where(feed.impossible())
    for kind, id, position, xid in _rows(lost):
        yield f"{kind} {id}: sự kiện thứ {position} mang số giao dịch {xid}, không giao dịch nào có."


def _incidents_without_chain() -> Iterator[str]:
    known = db.and_(EventHead.subject_kind == Incident.kind, EventHead.subject_id == Incident.id)
    for (number,) in _rows(db.select(Incident.number).where(~db.exists().where(known))):
        yield f"Vụ việc {number}: không còn sự kiện nào trong nhật ký."


def _rows(query: Any) -> list[Any]:
    try:
        return list(db.session.execute(query.limit(PAGE)))
    except UNREADABLE:
        return []  # found already where the events were read
    finally:
        db.session.rollback()


def _check_seals(audit: Audit) -> None:
    previous, place, expected = "", START, 1
    try:
        while seal := db.session.scalar(db.select(Seal).where(Seal.number >= expected).order_by(Seal.number).limit(1)):
            if seal.number != expected:
                audit.add(f"Dấu niêm phong thứ {_span(expected, seal.number - 1)} không còn.")
            elif not _fits(seal, previous, place):
                audit.add(
                    f"Dấu niêm phong thứ {seal.number} ({seal.at:%Y-%m-%d %H:%M} UTC) không khớp "
                    f"với {seal.count} sự kiện khi niêm phong."
                )
            previous, place, expected = seal.hash, seal.place, seal.number + 1
            audit.seals += 1
            let_go()
        audit.unsealed = db.session.scalar(db.select(db.func.count(Event.number)).where(feed.after(*place))) or 0
    except UNREADABLE:
        audit.add(f"Dấu niêm phong thứ {expected}: không đọc được, đã bị sửa.")
    let_go()
    _check_head_of_seals(audit)


def _fits(seal: Seal, previous: str, place: tuple[int, int]) -> bool:
    under = db.and_(feed.after(*place), ~feed.after(*seal.place))
    events = db.session.execute(db.select(Event.xid, Event.number, Event.hash).where(under).order_by(*feed.ORDER)).all()
    if not events or (events[-1].xid, events[-1].number) != seal.place or len(events) != seal.count:
        return False
    return seal_hash(previous, seal.at, events) == seal.hash


def _check_head_of_seals(audit: Audit) -> None:
    one_moment()
    last = db.session.execute(db.select(Seal.number, Seal.hash).order_by(Seal.number.desc()).limit(1)).first()
    head = head_of(SEALS)
    count = db.session.scalar(db.select(db.func.count(Seal.number)))
    let_go()
    if last is None and head is None:
        return
    known = head and head.is_genuine and last and (head.count, head.hash, head.count) == (*last, count)
    if not known:
        audit.add(f"Dấu niêm phong: {count} dấu, không phải là những dấu đã đóng; bị cắt, thêm hoặc làm lại.")
