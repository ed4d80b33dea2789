"""Damage: how much was lost, and how much of it lies in each unit where it crosses a border."""

from typing import Any

MEASURES = ("area_m2", "volume_m3")  # what is stated by parts
# What rounding may make of a sum: half a percent, or a hundredth of a square or cubic metre.
ROUNDING, LEAST = 0.005, 0.01


def parts_complaint(damage: dict[str, Any]) -> str | None:
    """Which field contradicts the others: "parts" when a unit stands there twice, else the measure whose parts do not
    make up the whole. None when all fits."""
    parts = damage.get("parts") or []
    units = [str(part["unit_id"]) for part in parts]
    if len(units) != len(set(units)):
        return "parts"
    for measure in MEASURES:
        whole, total = damage.get(measure), _sum(parts, measure)
        if whole is not None and total is not None and abs(total - whole) > max(ROUNDING * whole, LEAST):
            return measure
    return None


def completed(damage: dict[str, Any]) -> dict[str, Any]:
    """The same with a whole that nobody stated as the sum of its parts."""
    sums = {measure: _sum(damage.get("parts") or [], measure) for measure in MEASURES}
    return damage | {m: total for m, total in sums.items() if total is not None and damage.get(m) is None}


def _sum(parts: list[dict[str, Any]], measure: str) -> float | None:
    stated = [part[measure] for part in parts if part.get(measure) is not None]
    return sum(stated) if stated else None
