"""What units are told when cases pass to them: each once, however many there are."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from models import deciding
from models.events import Event
from models.notice_words import INSTEAD_OF
from models.notices import keep, notice_id
from models.passing_rows import Plan
from models.reference import reference

Planned = tuple[Any, Plan]


def tell_units(edition_id: UUID, done: Iterable[Planned], action: str, actor: Any) -> None:
    """An event on each unit that takes over, and its notice. `done`: cases as they were, with what was changed."""
    taken: dict[UUID, tuple[set[UUID], set[UUID]]] = {}
    for case, plan in done:
        for old, new in _pairs(case, plan):
            cases, former = taken.setdefault(new, (set(), set()))
            cases.add(case.id)
            former.add(old)
    known, notices = reference(), []
    for id, (cases, former) in sorted(taken.items()):
        said: dict[str, Any] = {"edition": str(edition_id), "count": len(cases), "from_units": sorted(map(str, former))}
        event = Event.record(SimpleNamespace(kind="unit", id=id), action, actor, **said)
        desk = deciding.responsible(known.units[id], known)
        facts = {"count": len(cases), "from_units": said["from_units"]}
        notices.append(
            {
                "id": notice_id(event.hash, desk.id),
                "event_number": event.number,
                "receiver_id": desk.id,
                "at": event.at,
                "kind": f"cases_{action}",
                "incident_id": None,
                "urgent": False,
                "facts": facts | ({INSTEAD_OF: [str(id)]} if desk.id != id else {}),
            }
        )
    keep(notices)


def _pairs(case: Any, plan: Plan) -> set[tuple[UUID, UUID]]:
    """Which unit gave way to which in a case, in parts that are still somebody's."""
    return {
        (plan.was[id]["unit_id"], changes["unit_id"])
        for id, changes in plan.rows.items()
        if "unit_id" in changes and id not in plan.merged
    }
