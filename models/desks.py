"""On whose desk a notice lies: who may act on it, and whom it is therefore sent to."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from models.notice_words import FOR_LEADERS
from models.reference import reference
from models.users import Person, Role


def lies_with(user: Person, receiver_id: UUID, kind: str) -> bool:
    """An officer's who may act for the unit, a leader's of the unit itself. Who only looks on from above takes nothing
    off the desk of those who must act."""
    unit = reference().units.get(receiver_id)
    if unit is None:
        return user.id == receiver_id
    if user.role is Role.LEADER:
        return user.acts_for(unit) and unit.id in user.scope
    return kind not in FOR_LEADERS and user.decides and user.acts_for(unit)


def leads(user: Person, unit_id: UUID | None) -> bool:
    """Whether this person is a leader of the unit itself."""
    unit = reference().units.get(unit_id) if unit_id else None
    return user.role is Role.LEADER and user.acts_for(unit) and unit is not None and unit.id in user.scope


def homes_over(units: Iterable[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Units and organisations whose people answer for any of these units."""
    known = reference()
    above = {id for unit in units if unit in known.units for id in known.units[unit].lineage_ids}
    homes = {id for root in above for id in _answering(known).get(root, ())}
    return homes, {id for id, covered in known.coverages.items() if not homes.isdisjoint(covered)}


def _answering(known: Any) -> dict[UUID, list[UUID]]:
    """By root of a subtree: the units whose scope holds it."""
    if "answering" not in known.more:
        found: dict[UUID, list[UUID]] = {}
        for unit, roots in known.scopes.items():
            for root in roots:
                found.setdefault(root, []).append(unit)
        known.more["answering"] = found
    return known.more["answering"]
