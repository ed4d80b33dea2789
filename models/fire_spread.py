"""Whom the spreading of a fire brings into its case: units that are asked to support it, and units that are told."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from models.assignments import Part
from models.deciding import responsible
from models.fire_places import Reach
from models.fire_workflow import FireStatus
from models.reference import reference

SPREAD, NEAR_BORDER = "fire_spread", "near_border"  # why a unit is asked


class Spread:
    """Adds, and never removes. Nobody is asked twice because of the same land: whoever declined, let an offer expire
    or has concluded is asked again only when the fire comes onto their land for the first time, or anew after it had
    been put out. Who is only near is told once.

    `reached` and `told` are kept with the picture of the fire, since the update that says so may be one of hundreds.
    """

    def __init__(self, incident: Any, reach: Reach, anew: bool = False):
        self.incident, self.reach = incident, reach
        known = incident.fire or {}
        candidates = incident.routing["candidates"]
        at_first = [c["unit"]["id"] for c in candidates if c["inside"]]
        self.reached: list[str] = [] if anew else known.get("reached", at_first)
        self.told: list[str] = [] if anew else known.get("told", [c["unit"]["id"] for c in candidates])

    def apply(self, fire_status: str) -> tuple[list[str], list[str]]:
        """Ids of the units that are asked and of those that are told, in the order of their nearness."""
        if self.incident.is_over or fire_status == FireStatus.FALSE_ALARM:
            return [], []
        burning = [id for id in self.reach.burning if self._asks_burning(id)]
        covered = [id for id in self.reach.covered if not self._has_row(id) and not self._at_work(id)]
        near = [id for id in self.reach.near if str(id) not in self.told and not self._has_row(id)]
        for ids, reason in ((burning, SPREAD), (covered, NEAR_BORDER)):
            for id in ids:
                self.incident.offer(reference().units[id], Part.SUPPORT, reason=reason)
        self.reached = _united(self.reached, self.reach.burning)
        self.told = _united(self.told, near)
        return [str(id) for id in burning + covered], [str(id) for id in near]

    @property
    def memory(self) -> dict[str, list[str]]:
        return {"reached": self.reached, "told": self.told}

    def _asks_burning(self, id: UUID) -> bool:
        if self._at_work(id):
            return False
        return str(id) not in self.reached or not self._has_row(id)

    def _at_work(self, id: UUID) -> bool:
        """The unit itself, or who leads or supports in its stead because it has nobody on the system."""
        known = reference()
        stand_in = responsible(known.units[id], known)
        return any(self.incident.row_at_work(unit_id) for unit_id in {id, stand_in.id})

    def _has_row(self, id: UUID) -> bool:
        return any(row.unit_id == id for row in self.incident.assignments)


def _united(known: Sequence[str], more: Sequence[UUID]) -> list[str]:
    return list(dict.fromkeys([*known, *map(str, more)]))
