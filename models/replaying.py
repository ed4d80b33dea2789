"""A stored routing decision, made again from its stored inputs: where the two differ, field by field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from models.agreements import Agreement, accord_of
from models.base import db
from models.boundaries import BoundaryIndex
from models.disputed_grounds import DisputedGround
from models.errors import DomainError
from models.organisations import Coverage
from models.routing import FORM, TIE, Decision, Place, route
from models.units import KnownUnit, Lineages, Unit

UNIT = ("id", "code", "level")  # of a unit's facts; what it is called and how long it lasts may change
FIRST = ("rule", "lead")  # of what differs
SHOWN_MOST = 10  # fields of one decision
KEPT_MOST = 256  # agreements and grounds as they stood on some day
# distance_m is kept in tenths: another processor's last bit may round it the other way.
WITHIN = {"share": TIE, "distance_m": 0.1 + TIE}
# Of another form than today's only what it says is held against today's answer, and never its sentence.
SAID_ANEW = ("explanation", "form")


@dataclass(frozen=True)
class Difference:
    field: str  # as "candidates[1].share"
    stored: Any
    again: Any


class Drawn(Lineages):
    """What stands for a unit in an edition, whatever the day: itself where the edition draws it, else its successors.

    A unit may be ended after the fact. Those who decided before knew nothing of it, and their edition still drew it.
    """

    def __init__(self, lineages: Lineages, index: BoundaryIndex):
        self.units, self.successors, self.predecessors = lineages.units, lineages.successors, lineages.predecessors
        self.drawn = {id for territory in index.territories for id in territory.lineage}

    def on(self, id: UUID, day: date) -> list[UUID]:
        if id in self.drawn:
            return [id]
        found = [later for new in self.successors.get(id, ()) for later in self.on(new, day)]
        return list(dict.fromkeys(found)) or [id]


@dataclass
class Knowledge:
    """Whom agreements and grounds concern: by the day of the decision, or by what its edition draws."""

    lineages: Lineages
    units: Mapping[UUID, KnownUnit]
    by_edition: bool = False


@dataclass
class Past:
    """Everything that decisions name, as far as it is small: read once. Nothing here asks the database again."""

    agreements: dict[UUID, Agreement]
    grounds: dict[UUID, DisputedGround]
    coverages: list[Any]
    lineages: Lineages
    units: dict[UUID, KnownUnit]  # that grounds name, and what became of them
    _kept: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "Past":
        agreements = db.session.scalars(db.select(Agreement).options(db.selectinload(Agreement.parties))).all()
        grounds = db.session.scalars(db.select(DisputedGround).options(db.selectinload(DisputedGround.claimants))).all()
        coverages = db.session.execute(db.select(*(Coverage.__table__.c[name] for name in COVERAGE))).all()
        lineages = Lineages.load()
        named = {c.unit_id for g in grounds for c in g.claimants}
        named |= {later for id in named for later in _after(id, lineages)}
        units = db.session.scalars(db.select(Unit).where(Unit.id.in_(named))) if named else ()
        return cls(
            {a.id: a for a in agreements},
            {g.id: g for g in grounds},
            list(coverages),
            lineages,
            {u.id: KnownUnit.of(u) for u in units},
        )

    def knowledge(self, index: BoundaryIndex) -> tuple[Knowledge, Knowledge]:
        drawn = self._once(("drawn", index.edition["id"]), lambda: Drawn(self.lineages, index))
        return Knowledge(self.lineages, self.units), Knowledge(drawn, self.units, by_edition=True)

    def covered(self, day: date, by_edition: bool) -> dict[UUID, list[UUID]]:
        """The units of each organisation on a day; by the edition: of all days, for it draws only some of them."""
        found: dict[UUID, list[UUID]] = {}
        for row in self.coverages:
            begun, ended = row.valid_from is None or row.valid_from <= day, row.valid_to and row.valid_to < day
            if by_edition or (begun and not ended):
                found.setdefault(row.organisation_id, []).append(row.unit_id)
        return found

    def accords(self, ids: Sequence[UUID], day: date, known: Knowledge, edition: Any) -> list[Any]:
        def make() -> list[Any]:
            covered = self.covered(day, known.by_edition)
            return [accord_of(self.agreements[id], day, known.lineages, covered) for id in ids]

        return self._once(("accords", tuple(ids), edition if known.by_edition else day), make)

    def grounds_of(self, ids: Sequence[UUID], day: date, known: Knowledge, edition: Any) -> list[Any]:
        return self._once(
            ("grounds", tuple(ids), edition if known.by_edition else day),
            lambda: [self.grounds[id].on(day, known) for id in ids],
        )

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._kept:
            if len(self._kept) >= KEPT_MOST:
                self._kept.clear()
            self._kept[key] = make()
        return self._kept[key]


COVERAGE = ("organisation_id", "unit_id", "valid_from", "valid_to")


def _after(id: UUID, lineages: Lineages) -> Iterator[UUID]:
    for new in lineages.successors.get(id, ()):
        yield new
        yield from _after(new, lineages)


def replay(stored: Any, index: BoundaryIndex | None, past: Past) -> list[Difference]:
    """Where the decision, made again, is another; empty when it is the same. `index`: of the edition it names."""
    try:
        if index is None:
            return [Difference("edition", stored["edition"]["id"], None)]
        given = stored["inputs"]
        place = Place(given["lat"], given["lon"], given["accuracy_m"], given["fire"], date.fromisoformat(given["on"]))
        agreements = [UUID(id) for id in given["agreements"]]
        grounds = [UUID(id) for id in given.get("disputed_grounds", ())]
        for name, ids, known in (
            ("agreements", agreements, past.agreements),
            ("disputed_grounds", grounds, past.grounds),
        ):
            if missing := [str(id) for id in ids if id not in known]:
                return [Difference(f"inputs.{name}", missing, None)]
        found: list[Difference] = []
        edition = index.edition["id"]
        for knowledge in past.knowledge(index):
            accords = past.accords(agreements, place.on, knowledge, edition)
            claimed = past.grounds_of(grounds, place.on, knowledge, edition)
            again = _named_as_then(route(place, index, accords, claimed), stored).facts
            if not (differing := _differences(stored, again)):
                return []
            found = found or differing
        return found[:SHOWN_MOST]
    except DomainError as error:
        return [Difference("rule", stored.get("rule"), error.code)]
    except (KeyError, TypeError, ValueError, AttributeError, LookupError):
        return [Difference("inputs", "không đọc được", None)]


def _named_as_then(decision: Decision, stored: dict[str, Any]) -> Decision:
    """With the names that its units bore when it was stored, for its sentence."""
    names = {c["unit"]["id"]: c["unit"]["name"] for c in stored["candidates"]}
    for candidate in decision.candidates:
        facts = candidate.territory.facts
        if facts["id"] in names and facts["name"] != names[facts["id"]]:
            candidate.territory = replace(candidate.territory, facts=facts | {"name": names[facts["id"]]})
    return decision


def _differences(stored: dict[str, Any], again: dict[str, Any]) -> list[Difference]:
    whole = stored["inputs"].get("form") == FORM
    return list(_unlike(stored, again, "", whole))


def _unlike(stored: Any, again: Any, path: str, whole: bool) -> Iterator[Difference]:
    name = path.rpartition(".")[2]
    if isinstance(stored, dict) and isinstance(again, dict):
        if "level" in again:  # a unit
            stored, again = ({n: unit.get(n) for n in UNIT} for unit in (stored, again))
        names = stored.keys() | again.keys() if whole else stored.keys() - set(SAID_ANEW)
        for key in sorted(names, key=lambda key: (key not in FIRST, key)):
            below = f"{path}.{key}" if path else key
            yield from _unlike(stored.get(key), again.get(key), below, whole)
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for number, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from _unlike(one, other, f"{path}[{number}]", whole)
    elif name in WITHIN and isinstance(stored, float | int) and isinstance(again, float | int):
        if abs(stored - again) > WITHIN[name]:
            yield Difference(path, stored, again)
    elif stored != again:
        yield Difference(path, stored, again)


def edition_of(stored: Any) -> UUID | None:
    """The edition that a stored decision names."""
    try:
        return UUID(stored["edition"]["id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
