"""All stored routing decisions, made again: the newest of each incident, and those that corrections replaced."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import shapely

from models.base import db
from models.boundaries import Boundary, BoundaryIndex, Edition, Territory
from models.clock import start_of
from models.events import Event, EventText
from models.incidents import Incident
from models.replaying import Difference, Past, edition_of, replay
from models.units import Unit
from services.chains import let_go

PAGE = 100  # cases, and polygons, read at once: nobody who writes waits for it
EDITIONS_KEPT = 2  # cases are read as they came in, so few are asked for by turns


@dataclass(frozen=True)
class Stored:
    number: str  # of the case
    event: int | None  # the correction that replaced it; None: it holds
    text: str  # JSON


@dataclass
class Replayed:
    decisions: int = 0
    different: int = 0


def replay_all(
    since: date | None = None,
    number: str | None = None,
    tell: Callable[[Stored, Difference], None] = lambda _stored, _difference: None,
    progress: Callable[[int], None] = lambda _count: None,
) -> Replayed:
    """Make them again, `since` a day of receipt or of one case only, and tell each field that differs.

    Nothing is read while the decisions are made, and no more than a page of them is in memory.
    """
    done, past, editions = Replayed(), Past.load(), Editions()
    let_go()
    for page in pages(since, number):
        for stored in page:
            decision = _read(stored.text)
            differences = replay(decision, editions.index(edition_of(decision)), past)
            done.decisions += 1
            done.different += bool(differences)
            for difference in differences:
                tell(stored, difference)
        progress(done.decisions)
    return done


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def pages(since: date | None, number: str | None) -> Iterator[list[Stored]]:
    """In the order of receipt; no transaction stays open between two."""
    place: Any = None
    order = (Incident.received_at, Incident.id)
    # As text: a decision that somebody damaged is found, and stops nothing.
    query = db.select(*order, Incident.number, db.cast(Incident.routing, db.Text)).order_by(*order).limit(PAGE)
    if since:
        query = query.where(Incident.received_at >= start_of(since))
    if number:
        query = query.where(Incident.number == number)
    while True:
        rows = db.session.execute(query if place is None else query.where(db.tuple_(*order) > place)).all()
        replaced = _replaced({row[1]: row[2] for row in rows})
        let_go()
        if not rows:
            return
        yield [Stored(number, None, routing or "") for _, _, number, routing in rows] + replaced
        moment, id = rows[-1][:2]
        place = db.tuple_(
            db.bindparam(None, moment, type_=Incident.received_at.type), db.bindparam(None, id, type_=Incident.id.type)
        )


def _replaced(numbers: dict[UUID, str]) -> list[Stored]:
    """The decisions that corrections of these cases replaced, unless they were erased with the words beside them."""
    texts = (
        db.select(Event.subject_id, Event.position, EventText.value)
        .join(EventText, EventText.event_number == Event.number)
        .where(Event.subject_kind == Incident.kind, Event.subject_id.in_(numbers))
        .where(Event.kind == "incident.correct", EventText.name == "old", EventText.value.is_not(None))
    )
    found = []
    for id, position, value in db.session.execute(texts):
        old = _read(value)
        if isinstance(old, dict) and "routing" in old:
            found.append(Stored(numbers[id], position, json.dumps(old["routing"])))
    return found


class Editions:
    """The indexes of a few editions. Read in pages, and apart from what the server remembers."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, BoundaryIndex | None] = OrderedDict()

    def index(self, id: UUID | None) -> BoundaryIndex | None:
        if id is None:
            return None
        if id not in self._kept:
            self._kept[id] = _index(id)
            while len(self._kept) > EDITIONS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(id)
        return self._kept[id]


def _index(id: UUID) -> BoundaryIndex | None:
    edition = db.session.get(Edition, id)
    if edition is None:
        return None
    facts, error_m = edition.facts, edition.error_m
    territories: list[Territory] = []
    while True:
        after = territories[-1].id if territories else None
        page = db.select(Boundary, Unit).join(Unit, Boundary.unit_id == Unit.id).order_by(Unit.id).limit(PAGE)
        page = page.where(Boundary.edition_id == id, Unit.level == "commune")
        rows = db.session.execute(page.where(Unit.id > after) if after else page).all()
        territories += [
            Territory(u.id, u.lineage_ids, u.facts, shapely.from_wkb(b.wkb), (b.interior_lat, b.interior_lon))
            for b, u in rows
        ]
        let_go()
        if len(rows) < PAGE:
            return BoundaryIndex(facts, error_m, territories)
