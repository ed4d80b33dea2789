"""Clocks of agreements: how long a step may take at a border, and which agreement says so.

A pure function of the agreements and the candidates of a routing decision, kept with the decision.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any
from uuid import UUID

from models.agreements import Accord
from models.deadlines import Rule, working_hours

Clocks = dict[str, dict[str, Any]]


def clocks_of(accords: Iterable[Accord], lineages: Sequence[tuple[UUID, ...]], fire: bool) -> Clocks:
    """By step, the strictest clock of those agreements that cover a border between any two of the units.

    {"agreement_id", "rule"}; where one agreement counts minutes and another office hours, which of them ends first
    depends on the hour at which the step begins: then the other stands under "or", and the earlier end holds.
    """
    said: dict[str, list[dict[str, Any]]] = {}
    for accord in accords:  # the newest signed first: between equals it is named
        if any(accord.covers(*pair) for pair in combinations(lineages, 2)):
            for step, clock in accord.clocks.items():
                if rule := clock.get("fire" if fire else "other"):
                    said.setdefault(step, []).append({"agreement_id": str(accord.id), "rule": rule})
    return {step: _strictest(clocks) for step, clocks in sorted(said.items())}


def _strictest(clocks: list[dict[str, Any]]) -> dict[str, Any]:
    on_the_clock = min((c for c in clocks if "minutes" in c["rule"]), key=_minutes, default=None)
    in_the_office = min((c for c in clocks if "minutes" not in c["rule"]), key=_minutes, default=None)
    if on_the_clock is None or in_the_office is None:
        return on_the_clock or in_the_office or {}
    if _minutes(on_the_clock) <= _minutes(in_the_office):  # office hours never pass faster than the clock
        return on_the_clock
    return in_the_office | {"or": on_the_clock}


def _minutes(clock: dict[str, Any]) -> int:
    rule: Rule = clock["rule"]
    return rule["minutes"] if "minutes" in rule else working_hours(rule) * 60
