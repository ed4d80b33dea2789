"""Printable drafts of a case: who may print which, addressed to whom, and what they are filled from.

Papers show names, so each printing is an event on the case's `access:` chain, written first: no event, no paper.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models.assignments import Assignment, Part, State
from models.base import db
from models.boundaries import Edition
from models.errors import Invalid, NotAllowed, NotFound
from models.events import Event
from models.joint_verifications import KNOWN_UNIT, JointVerification, names_in, newest_of
from models.permissions import answers_for_row, reads_restricted
from models.reference import reference, unit_of
from models.units import KnownUnit
from models.users import Person

REQUEST, SCENE, HAND_OVER = "coordination_request", "scene_minutes", "hand_over_minutes"
KINDS = (REQUEST, SCENE, HAND_OVER)
SCHEMATIC = "schematic"  # an edition's source, where its boundaries are no map


@dataclass(frozen=True)
class Opened:
    """What one paper is filled from. Made by `open_for_printing` alone."""

    kind: str
    incident: Any
    user: Person
    unit: KnownUnit  # in whose name it is issued
    to: KnownUnit | None
    row: Assignment | None
    is_schematic: bool
    verification: JointVerification | None = None
    attendants: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    vehicles: list[dict[str, Any]] = field(default_factory=list)


def printable(incident: Any, user: Person) -> list[dict[str, Any]]:
    """The papers this person may print now, each with the row it is addressed to, where there is one."""
    if not reads_restricted(user, incident):
        return []
    asked, offered = _rows_of(REQUEST, incident), _rows_of(HAND_OVER, incident)
    found: list[tuple[str, Assignment | None]] = [(REQUEST, row) for row in asked] or [(REQUEST, None)]
    found += [(SCENE, None), *((HAND_OVER, row) for row in offered)]
    return [{"kind": kind, "to": row and row.unit, "assignment_id": row and row.id} for kind, row in found]


def open_for_printing(
    incident: Any, user: Person, kind: str, form: str, to: UUID | None = None, assignment: UUID | None = None
) -> Opened:
    """All that the paper shows. Raises NotFound, NotAllowed, Invalid."""
    if kind not in KINDS:
        raise NotFound()
    if not reads_restricted(user, incident):
        raise NotAllowed(action="print_document")
    row, unit = _addressed(incident, kind, to, assignment)
    # What a row asks for was asked by whoever made the offer; all else is written in the printer's own name.
    issuer = (row.from_unit_id or incident.lead_unit_id) if row else _own_unit_id(incident, user)
    Event.record(
        incident,
        "print_document",
        user,
        kind="access",
        document=kind,
        form=form,
        to=str(unit.id) if unit else None,
        assignment=str(row.id) if row else None,
    )
    return Opened(
        kind, incident, user, unit_of(issuer), unit, row, _is_schematic(incident), **_restricted(incident, kind)
    )


def _restricted(incident: Any, kind: str) -> dict[str, Any]:
    """Only what the paper of this kind shows."""
    newest = newest_of(incident)
    if kind != SCENE:
        return {"verification": newest}
    kept = incident.restricted
    return {
        "verification": newest,
        "attendants": names_in([newest])[newest.id] if newest else [],
        "people": (kept and kept.people) or [],
        "vehicles": (kept and kept.vehicles) or [],
    }


def _addressed(
    incident: Any, kind: str, to: UUID | None, assignment: UUID | None
) -> tuple[Assignment | None, KnownUnit | None]:
    """The row and the unit a paper goes to; where nothing is said the only one it can be, else a blank."""
    if kind == SCENE:  # is read by whoever was there
        return None, None
    rows = _rows_of(kind, incident)
    if assignment:
        row = next((r for r in incident.assignments if r.id == assignment), None)
        if row is None:
            raise NotFound()
        return row, row.unit
    if to:
        if to not in reference().units:
            raise Invalid("to", KNOWN_UNIT)
        return next((r for r in rows if r.unit_id == to), None), unit_of(to)
    only = rows[0] if rows and (len(rows) == 1 or kind == HAND_OVER) else None
    return only, only.unit if only else None


def _rows_of(kind: str, incident: Any) -> list[Assignment]:
    """The newest first."""
    rows = [r for r in reversed(incident.assignments) if r.unit_id != incident.lead_unit_id or r.hand_over]
    if kind == HAND_OVER:
        return [r for r in rows if r.hand_over and r.state not in (State.DECLINED, State.WITHDRAWN)]
    return [r for r in rows if kind == REQUEST and r.role == Part.SUPPORT and r.is_open and not r.hand_over]


def _own_unit_id(incident: Any, user: Person) -> UUID:
    """The lead's, where they answer for it; else that of their own part."""
    rows = [r for r in incident.assignments if answers_for_row(user, r) and (r.is_lead or r.accepted_at)]
    return max(rows, key=lambda row: row.is_lead).unit_id


def _is_schematic(incident: Any) -> bool:
    edition = db.session.get(Edition, UUID(incident.routing["edition"]["id"]))
    return edition is not None and edition.source == SCHEMATIC
