"""Findings: named checks with what was measured. Nothing is refused for one; people decide what it means.

A comparison with other cases is stored with what was measured against each of them, and read by who may know of them.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from models.base import db
from models.visibility import Viewer

Finding = dict[str, Any]

OTHERS = "others"  # of a comparison as it is stored: the id of each other case, with the measure
MOST_OTHERS = 20

# How the measures against several cases become the one value that is shown.
COMPARISONS: dict[str, Callable[[Collection[Any]], float]] = {
    "reused_photo": len,
    "similar_photo": min,
    "identical_coordinates": len,
    "impossible_speed": max,
}


def compared(check: str, others: Mapping[UUID, float]) -> list[Finding]:
    """The finding of a comparison, as it is stored; none when there is nothing to tell."""
    measured = {str(id): others[id] for id in list(others)[:MOST_OTHERS]}
    return [{"check": check, "value": COMPARISONS[check](measured.values()), OTHERS: measured}] if measured else []


def names(findings: list[Finding], incident_id: UUID) -> bool:
    """Whether one of them is a comparison with that case."""
    return any(str(incident_id) in finding.get(OTHERS, ()) for finding in findings)


def but_comparisons(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if OTHERS not in finding]


def comparisons_but(findings: list[Finding], ids: set[UUID]) -> list[Finding]:
    """The comparisons, without what they say of some cases."""
    kept = []
    for finding in findings:
        others = {UUID(id): value for id, value in finding.get(OTHERS, {}).items()}
        kept += compared(finding["check"], {id: value for id, value in others.items() if id not in ids})
    return kept


def shown(findings: list[Finding], user: Any, tells: Callable[[], bool]) -> list[Finding]:
    """Findings as a person reads them: other cases are named only to who may see them.

    Who handles the case (`tells`) also reads that there are others; anybody else reads only of those they may see.
    """
    ids = {UUID(id) for finding in findings for id in finding.get(OTHERS, ())}
    if not ids:
        return findings
    rows = db.select(Viewer.incident_id).where(Viewer.incident_id.in_(ids), Viewer.viewer_id.in_(user.viewers))
    seen, all_of_them, found = {str(id) for id in db.session.scalars(rows)}, tells(), []
    for finding in findings:
        if OTHERS not in finding:
            found.append(finding)
        elif known := {id: v for id, v in finding[OTHERS].items() if all_of_them or id in seen}:
            value = COMPARISONS[finding["check"]](known.values())
            found.append({"check": finding["check"], "value": value, "incidents": sorted(known.keys() & seen)})
    return found
