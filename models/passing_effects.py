"""What an edition of boundaries would move when it takes the place of the one before: worked out, nothing written."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from models.boundaries import BoundaryIndex, Edition, index_of
from models.clock import today
from models.passing_cases import heirless_at_work, links_at, planned
from models.passing_coverages import coverages_at, names_of
from models.passing_holders import BY_DATE, MOVING, way
from models.passing_rows import SUCCEEDED, way_of
from models.reference import reference
from models.standing import Standing
from models.units import KnownUnit


@dataclass(frozen=True)
class Ending:
    """An edition that takes the place of the one before, as far as passing on must know it; stored or not yet."""

    edition: dict[str, Any]  # id, name, valid_from, as of Edition.facts
    day: date  # its first
    index: BoundaryIndex  # of its communes


@dataclass(frozen=True)
class Moved:
    """One thing that passes on. Of an incident that is its lead, if that moves; else a part in it."""

    id: UUID
    name: str  # a case's number, a user name, what an agreement is called
    was: KnownUnit
    becomes: tuple[KnownUnit, ...]
    reason: str  # succeeded, by_point, largest_share, superior, given_back
    merged: int = 0  # rows of the case that fall together with another


@dataclass
class Effect:
    """What passing on moves, or moved, by kind: incidents, links, users, contacts, coverages, agreements, …"""

    edition: dict[str, Any]
    day: date
    units: list[tuple[KnownUnit, tuple[KnownUnit, ...]]] = field(default_factory=list)  # that end, and what follows
    heirless: list[KnownUnit] = field(default_factory=list)  # that end, hold open cases, and nothing follows
    stranded: list[Moved] = field(default_factory=list)  # people whose unit ends and nothing follows: they stay in it
    moved: dict[str, list[Moved]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return {kind: len(things) for kind, things in self.moved.items()}

    @property
    def merged(self) -> int:
        return sum(thing.merged for thing in self.moved.get("incidents", ()))


def ending_of(edition: Edition) -> Ending:
    """Of an edition that is in the session, activated or not."""
    return Ending(edition.facts, edition.valid_from, index_of(edition))


def effect_of(ending: Ending) -> Effect:
    """What would move if this edition were in force on its first day. Writes nothing."""
    id = UUID(ending.edition["id"])
    effect = Effect(ending.edition, ending.day)
    if is_history(ending.day, id):
        return effect
    standing = standing_under(ending, drawn_before(ending, id))
    effect.units = [(unit, _units(standing, unit.id)) for unit in units_that_end(standing, ending.day)]
    show_moves(effect, standing, ending.day)
    return effect


def is_history(day: date, id: UUID) -> bool:
    """Whether a later edition is in force already, so that this one moves nothing."""
    current = Edition.on(max(day, today()), besides=id)
    return current is not None and current.valid_from > day


def standing_under(ending: Ending, before: Collection[UUID] = ()) -> Standing:
    """`before`: also what was drawn until now is asked whether it has an heir. Else only what has ended is: who is not
    drawn, but goes on existing, must not lose a case by itself."""
    known = reference()
    return Standing(ending.index, known.units, known.lineages, ending.day, before)


def drawn_before(ending: Ending, id: UUID) -> set[UUID]:
    former = Edition.before(ending.day, besides=id)
    return {above for t in index_of(former).territories for above in t.lineage} if former else set()


def units_that_end(standing: Standing, day: date) -> list[KnownUnit]:
    """Those that give way to what this edition draws: drawn until now, or to end by now; not of reforms before."""
    found = [standing.units[id] for id in standing.lineages.successors if id in standing.units and standing.ends(id)]
    return sorted(
        (unit for unit in found if unit.id in standing.before or lasts(unit, day)),
        key=lambda unit: (unit.lineage.count("/"), unit.code, unit.id),
    )


def lasts(unit: KnownUnit, day: date) -> bool:
    """Whether nobody has said yet that it ends before a day on which it had begun."""
    begun, last = unit.facts["valid_from"], unit.facts["valid_to"]
    return (begun is None or begun < day.isoformat()) and (last is None or last >= day.isoformat())


def show_moves(effect: Effect, standing: Standing, day: date) -> None:
    """The part of an effect that is the same in both directions."""
    moved = effect.moved
    cases = list(planned(standing))
    moved["incidents"] = [moved_case(case, plan, standing.units) for case, plan in cases]
    moved["links"] = list(_moved_links([case for case, _ in cases], standing))
    effect.heirless = [standing.units[id] for id in heirless_at_work(standing)]
    for one in MOVING:
        moved[one.kind] = [
            Moved(row.id, one.name(row), standing.units[old], (standing.units[to],), way(old, standing))
            for row, old, to in one.rows(standing)
        ]
        effect.stranded += [
            Moved(row.id, one.name(row), standing.units[old], (), way(old, standing))
            for row, old in one.stranded(standing)
        ]
    ended = coverages_at(standing, day)
    names = names_of(ended)
    moved["coverages"] = [
        Moved(c.id, names[c.organisation_id], standing.units[c.unit_id], _units(standing, c.unit_id), SUCCEEDED)
        for c, _ in ended
    ]
    for dated in BY_DATE:
        moved[dated.kind] = [
            Moved(thing.id, thing.name, standing.units[old], _units(standing, old), SUCCEEDED)
            for thing, gone in dated.rows(day, standing)
            for old in gone
        ]


def _moved_links(cases: list[Any], standing: Standing) -> Iterator[Moved]:
    """Called by the number of their case: whom a link is for may be somebody's name."""
    numbers = {case.id: case.number for case in cases}
    for link, changes in links_at(cases, standing):
        name, to = next(iter(changes.items()))
        was = standing.units[getattr(link, name)]
        yield Moved(link.id, numbers[link.incident_id], was, (standing.units[to],), way(was.id, standing))


def moved_case(case: Any, plan: Any, units: Any, reason: str | None = None) -> Moved:
    lead = plan.case.get("lead_unit_id")
    changes = [(was["unit_id"], plan.rows[id]["unit_id"]) for id, was in plan.was.items() if "unit_id" in was]
    was, to = (case.lead_unit_id, lead) if lead else changes[0] if changes else (case.lead_unit_id, case.lead_unit_id)
    return Moved(case.id, case.number, units[was], (units[to],), reason or way_of(plan), len(plan.merged))


def _units(standing: Standing, id: UUID) -> tuple[KnownUnit, ...]:
    return tuple(standing.units[other] for other in standing.in_place_of(id))
