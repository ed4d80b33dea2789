"""Whom to phone at a unit: its own duty list; without one, those of what it was made of and of who covers it, then
that of its nearest superior.

Answered from memory: it stands on every offer and every case of a list.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from models.reference import Reference, reference, reference_on
from models.units import KnownUnit

FIRE_DUTY = "fire_duty"
Contacts = list[dict[str, Any]]


def duty_list(unit: KnownUnit, fire: bool = False, on: date | None = None) -> Contacts:
    """Those on duty today, or on a day. `of` names whose list it is when it is not the unit's own.

    For a fire those on fire duty come first, for all else those who coordinate.
    """
    known = reference_on(on) if on else reference()
    kept: dict[tuple[UUID, bool], Contacts] = known.more.setdefault("duty_lists", {})
    if (unit.id, fire) not in kept:
        kept[unit.id, fire] = sorted(_whom(unit, known), key=lambda one: (one["role"] == FIRE_DUTY) != fire)
    return kept[unit.id, fire]


def organisation_duty_list(id: UUID, on: date | None = None) -> Contacts:
    known = reference_on(on) if on else reference()
    return _marked(known.contacts.get(id, []), None)


def _whom(unit: KnownUnit, known: Reference) -> Contacts:
    if own := known.contacts.get(unit.id):
        return _marked(own, None)
    former = (id for id in sorted(known.lineages.before(unit.id)) if id in known.contacts)
    found = [one for id in former for one in _marked(known.contacts[id], known.units[id].name)]
    found += [one for id in _covering(unit, known) for one in _marked(known.contacts[id], known.organisations[id])]
    superior = next((above for above in known.above(unit) if above.id in known.contacts), None)
    return found + (_marked(known.contacts[superior.id], superior.name) if superior else [])


def _covering(unit: KnownUnit, known: Reference) -> Iterator[UUID]:
    """The organisations with a duty list that cover the unit, those that cover the least around it first."""
    nearness = {id: depth for depth, id in enumerate(unit.lineage_ids)}
    near = {
        id: max((nearness[covered] for covered in units if covered in nearness), default=-1)
        for id, units in known.coverages.items()
        if id in known.contacts
    }
    yield from sorted((id for id in near if near[id] >= 0), key=lambda id: (-near[id], known.organisations[id]))


def _marked(contacts: Contacts, of: str | None) -> Contacts:
    return [one | {"of": of} for one in contacts]
