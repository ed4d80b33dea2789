"""Who decides when units at a border do not agree: a pure function of the case, the agreements and the units above."""

from typing import Any
from uuid import UUID

from models.agreements import Accord
from models.assignments import Joint, State
from models.clock import local
from models.errors import NoArbiter
from models.reference import Reference, reference, reference_on
from models.staffing import is_staffed
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
    return _arbiter(incident, candidates, covering(incident, candidates))


def _arbiter(incident: Any, candidates: list[KnownUnit], accord: Accord | None) -> KnownUnit | None:
    known = reference()
    if accord and accord.arbiter and accord.arbiter in known.units:
        return known.units[accord.arbiter]
    if accord and (neutral := _neutral_chair(accord, incident, candidates, known)):
        return neutral
    declined = {r.unit_id for r in incident.assignments if r.state == State.DECLINED}
    superior = _superior(candidates, declined)
    return known.units[superior] if superior else None


def candidates_of(incident: Any) -> list[KnownUnit]:
    """In the order of the routing decision: by share, then distance."""
    return [reference().units[UUID(c["unit"]["id"])] for c in incident.routing["candidates"]]


def covering(incident: Any, candidates: list[KnownUnit]) -> Accord | None:
    """The newest signed agreement, of those in force at receipt, under which two of the candidates are parties."""
    lineages = [unit.lineage_ids for unit in candidates]
    pairs = [(one, other) for at, one in enumerate(lineages) for other in lineages[at + 1 :]]
    accords = reference_on(local(incident.received_at).date()).accords
    return next((a for a in accords if any(a.covers(*pair) for pair in pairs)), None)


def watching(incident: Any) -> set[UUID]:
    """Under an agreement, who would decide sees the joint cases from the beginning."""
    if incident.joint_status in (None, Joint.SINGLE):
        return set()
    candidates = candidates_of(incident)
    accord = covering(incident, candidates)
    found = _arbiter(incident, candidates, accord) if accord else None
    return {found.id} if found else set()


def _neutral_chair(accord: Accord, incident: Any, candidates: list[KnownUnit], known: Reference) -> KnownUnit | None:
    """The first party, from the chair on the day of receipt, that neither is, contains nor belongs to a candidate."""
    chair = accord.chair_on(local(incident.received_at).date())
    if chair is None:
        return None
    for position in range(len(accord.parties)):
        party = accord.parties[(chair + position) % len(accord.parties)]
        units = [known.units[id] for id in sorted(party) if id in known.units]
        apart = all(
            party.isdisjoint(c.lineage_ids) and all(c.id not in unit.lineage_ids for unit in units) for c in candidates
        )
        if apart and (staffed := next((unit for unit in units if is_staffed(unit, known)), None)):
            return staffed
    return None


def _superior(candidates: list[KnownUnit], declined: set[UUID]) -> UUID | None:
    """The lowest that all candidates share and that has not declined itself; across provinces, that of the first."""
    lines = [u.lineage_ids[:-1] for u in candidates]
    shared = [ids[0] for ids in zip(*lines, strict=False) if len(set(ids)) == 1] or list(lines[0][:1])
    free = [id for id in shared if id not in declined]
    return free[-1] if free else None
