"""Who decides when units at a border do not agree: a pure function of the case, the agreements and the units above."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from models.agreements import Accord
from models.assignments import Joint, State
from models.clock import local
from models.errors import NoArbiter
from models.reference import Reference, accords_of, reference
from models.staffing import has_leader
from models.standing import unit_for
from models.units import KnownUnit


def arbiter_of(incident: Any) -> KnownUnit:
    """The named arbiter of the newest agreement that covers the border; else the first neutral party of its chair
    rotation; else the lowest superior that all candidates share; else the province of the first. Raises NoArbiter."""
    found = find(incident)
    if found is None:
        raise NoArbiter()
    return found


def find(incident: Any) -> KnownUnit | None:
    """The same; None when nobody stands above them."""
    candidates = candidates_of(incident)
    return _arbiter(incident, _all_today(incident, candidates), covering(incident, candidates))


def _arbiter(incident: Any, candidates: list[KnownUnit], accord: Accord | None) -> KnownUnit | None:
    """Only leaders arbitrate: where none serves, the next of them in turn decides, or a case would wait for ever."""
    known = reference()
    turn = _in_turn(incident, candidates, accord, known)
    first = next(turn, None)
    if first is None or has_leader(first, known):
        return first
    return next((unit for unit in turn if has_leader(unit, known)), first)


def _in_turn(
    incident: Any, candidates: list[KnownUnit], accord: Accord | None, known: Reference
) -> Iterator[KnownUnit]:
    if accord and accord.arbiter and accord.arbiter in known.units:
        yield _today(incident, known.units[accord.arbiter])
    if accord:
        yield from _neutral_parties(accord, incident, candidates, known)
    declined = {r.unit_id for r in incident.assignments if r.state == State.DECLINED}
    yield from (known.units[id] for id in _superiors(candidates) if id not in declined)


def told(incident: Any) -> list[UUID]:
    """Where candidates of several provinces leave it to one of them: the other provinces."""
    tops = dict.fromkeys(_today(incident, unit).lineage_ids[0] for unit in candidates_of(incident))
    return [id for id in tops if id not in incident.lead.unit.lineage_ids] if len(tops) > 1 else []


def candidates_of(incident: Any) -> list[KnownUnit]:
    """In the order of the routing decision: by share, then distance."""
    return [reference().units[UUID(c["unit"]["id"])] for c in incident.routing["candidates"]]


def _today(incident: Any, unit: KnownUnit) -> KnownUnit:
    """What stands in its place now: nobody decides, or is asked, who has ended."""
    return reference().units[unit_for(incident, unit.id)]


def _all_today(incident: Any, units: list[KnownUnit]) -> list[KnownUnit]:
    return list({unit.id: unit for unit in (_today(incident, unit) for unit in units)}.values())


def covering(incident: Any, candidates: list[KnownUnit]) -> Accord | None:
    """The newest signed agreement, of those in force at receipt, under which two of the candidates are parties, be it as
    they stood then or as they stand now."""
    lineages = [(*_today(incident, unit).lineage_ids, *unit.lineage_ids) for unit in candidates]
    pairs = [(one, other) for at, one in enumerate(lineages) for other in lineages[at + 1 :]]
    accords = accords_of(local(incident.received_at).date())
    return next((a for a in accords if any(a.covers(*pair) for pair in pairs)), None)


def watching(incident: Any) -> set[UUID]:
    """Under an agreement, who would decide sees the joint cases from the beginning."""
    if incident.joint_status in (None, Joint.SINGLE):
        return set()
    candidates = candidates_of(incident)
    accord = covering(incident, candidates)
    found = _arbiter(incident, _all_today(incident, candidates), accord) if accord else None
    return {found.id} if found else set()


def _neutral_parties(
    accord: Accord, incident: Any, candidates: list[KnownUnit], known: Reference
) -> Iterator[KnownUnit]:
    """Parties, from the chair on the day of receipt, that neither are, contain nor belong to a candidate."""
    chair = accord.chair_on(local(incident.received_at).date())
    if chair is None:
        return
    for position in range(len(accord.parties)):
        party = accord.parties[(chair + position) % len(accord.parties)]
        units = [_today(incident, known.units[id]) for id in sorted(party) if id in known.units]
        ids = party | {unit.id for unit in units}
        apart = all(
            ids.isdisjoint(c.lineage_ids) and all(c.id not in unit.lineage_ids for unit in units) for c in candidates
        )
        if apart:
            yield from units


def _superiors(candidates: list[KnownUnit]) -> list[UUID]:
    """Those that all candidates share, the lowest first; across provinces, that of the first."""
    lines = [u.lineage_ids[:-1] for u in candidates]
    shared = [ids[0] for ids in zip(*lines, strict=False) if len(set(ids)) == 1]
    return shared[::-1] or list(lines[0][:1])
