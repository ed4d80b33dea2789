"""Whom a matter between units concerns: the parties, all above them and all beneath."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from models.clock import today
from models.reference import Reference, reference
from models.users import Person, Role

Cursor = tuple[datetime, UUID]
Thing = TypeVar("Thing", bound=Any)


def concern(parties: Iterable[UUID], user: Person, known: Reference) -> bool:
    """Whether one of these units is of a person's scope, above or beneath it; an admin keeps them all."""
    if user.role is Role.ADMIN:
        return True
    scope = [known.units[id] for id in user.scope]
    units = [known.units[id] for id in parties if id in known.units]
    return any(p.lineage.startswith(u.lineage) or u.lineage.startswith(p.lineage) for p in units for u in scope)


def standing_today(parties: Iterable[UUID]) -> set[UUID]:
    """The units themselves, and what stands in their place today."""
    lineages, day = reference().lineages, today()
    return {now for id in parties for now in (id, *lineages.on(id, day))}


def page(things: Iterable[Thing], limit: int, after: Cursor | None) -> tuple[list[Thing], Cursor | None]:
    """One page of few things, newest first, and where the next begins."""
    ordered = sorted(things, key=lambda thing: (thing.created_at, thing.id), reverse=True)
    left = [thing for thing in ordered if after is None or (thing.created_at, thing.id) < after]
    last = left[limit - 1] if len(left) > limit else None
    return left[:limit], (last.created_at, last.id) if last else None
