"""Who has which part in a case just after an event: worked out from its rows, however late that is asked.

The functions below the class are the words in which the table of notices (models/telling.py) says whom it tells.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from models import deciding
from models.assignments import CLOSED_WITH_CASE, OPEN, Assignment, Part, State
from models.errors import NoArbiter
from models.reference import reference
from models.units import KnownUnit
from models.users import Person, people

SAME_TRANSACTION = timedelta(minutes=1)  # a row ends some milliseconds before the event that says so
VOIDED = (CLOSED_WITH_CASE, "lead_changed")  # why an offer ended without anybody withdrawing it
Whom = Callable[["Happening"], Iterable[UUID]]


class Happening:
    """An event of a case, with the units and people around it as they were then."""

    def __init__(self, event: Any, incident: Any):
        self.event, self.incident = event, incident
        self.facts: dict[str, Any] = event.facts
        self.rows: list[Assignment] = [r for r in incident.assignments if r.offered_at <= event.at]

    def named(self, fact: str) -> list[UUID]:
        """The units that a fact of the event names: one, or a list of them."""
        said = self.facts.get(fact) or []
        return [UUID(id) for id in ([said] if isinstance(said, str) else said)]

    def ended(self, row: Assignment) -> bool:
        return row.state not in OPEN and row.ended_at is not None and row.ended_at <= self.event.at

    def just_ended(self, row: Assignment) -> bool:
        return self.ended(row) and row.ended_at is not None and self.event.at - row.ended_at < SAME_TRANSACTION

    @cached_property
    def leads(self) -> list[Assignment]:
        """Those that led, in their order, and who leads now: each lead ends before the next begins."""
        led = [r for r in self.incident.assignments if r.role == Part.LEAD]
        return sorted(led, key=lambda r: (r.is_lead, r.ended_at or r.offered_at))

    @cached_property
    def lead(self) -> Assignment:
        return next(r for r in self.leads if r.is_lead or not self.ended(r))

    @property
    def former_leads(self) -> list[Assignment]:
        return self.leads[: self.leads.index(self.lead)]

    @property
    def row(self) -> Assignment | None:
        """The row that the event is about."""
        said = self.facts.get("assignment")
        return next((r for r in self.incident.assignments if str(r.id) == said), None)

    @property
    def lead_unit(self) -> KnownUnit:
        return self.lead.unit

    @property
    def routed(self) -> KnownUnit:
        """The commune of the place, whoever leads for it."""
        return reference().units[UUID(self.incident.routing["lead"]["id"])]

    @cached_property
    def actor(self) -> Person | None:
        id = self.event.actor_id
        return people((id,)).get(id) if id else None

    @cached_property
    def acting_unit(self) -> UUID | None:
        """In whose name it was done: the actor's unit; who serves in a station acts for the unit whose part it is."""
        if self.event.unit_id or self.actor is None:
            return self.event.unit_id
        answers = self.event.kind.partition(".")[2].startswith("assignment_")
        return next(iter(self.named("row_unit")), None) if answers else self.lead.unit_id

    @property
    def did_it(self) -> UUID | None:
        """The unit that need not be told, because its own officers or leaders did it."""
        return self.acting_unit if self.actor and self.actor.decides else None


# Whom


def lead(h: Happening) -> list[UUID]:
    return [h.lead.unit_id]


def partners(h: Happening) -> list[UUID]:
    """Units with an open part beside the lead: asked, or helping."""
    return [r.unit_id for r in h.rows if not h.ended(r) and r is not h.lead]


def helpers(h: Happening) -> list[UUID]:
    """Supports that have accepted, and those whose part is done."""
    helped = (State.ACCEPTED, State.CONCLUDED)
    rows = (r for r in h.rows if r is not h.lead and r.state in helped)
    return [r.unit_id for r in rows if r.accepted_at and r.accepted_at <= h.event.at]


def former_leads(h: Happening) -> list[UUID]:
    return [r.unit_id for r in h.former_leads]


def refusers(h: Happening) -> list[UUID]:
    return [r.unit_id for r in h.rows if r.state == State.DECLINED and h.ended(r)]


def asked_again(h: Happening) -> list[UUID]:
    """Units whose answer is waited for: those that had a part before the case was opened again are offered it anew."""
    waiting = (r for r in h.rows if not h.ended(r) and r is not h.lead)
    return [r.unit_id for r in waiting if not r.accepted_at or r.accepted_at > h.event.at]


def of_voided_offers(h: Happening) -> list[UUID]:
    """Whose offer went with the end of the case, or with the lead that made it."""
    return [r.unit_id for r in h.rows if r.state == State.WITHDRAWN and r.reason in VOIDED and h.just_ended(r)]


def row_unit(h: Happening) -> list[UUID]:
    return h.named("row_unit")


def inviter(h: Happening) -> list[UUID]:
    return [h.row.from_unit_id] if h.row and h.row.from_unit_id else []


def asked_superior(h: Happening) -> list[UUID]:
    return h.named("asked_unit")


def above(h: Happening) -> list[UUID]:
    """The units above one that is late, or takes no note."""
    return h.named("above")


def offered(h: Happening) -> list[UUID]:
    return h.named("offered")


def told(h: Happening) -> list[UUID]:
    return h.named("told")


def superior_of_lead(h: Happening) -> list[UUID]:
    try:
        return [deciding.superior_of(h.lead_unit).id]
    except NoArbiter:
        return []


def candidates_not_asked(h: Happening) -> list[UUID]:
    """Units near the place that have no part in the case."""
    asked = {r.unit_id for r in h.rows} | {h.routed.id}
    return [id for id in _candidates(h) if id not in asked]


def other_provinces(h: Happening) -> list[UUID]:
    """Where two provinces share a border and one of them decides, the other is told."""
    units = reference().units
    decides = h.event.unit_id if h.event.kind.endswith(".arbitrate") else h.lead.unit_id
    found = h.named("told_units")
    if decides in units and units[decides].level == "province":
        found += [id for c in _candidates(h) for id in units[c].lineage_ids if units[id].level == "province"]
    return [id for id in dict.fromkeys(found) if id != decides]


def _candidates(h: Happening) -> list[UUID]:
    return [UUID(c["unit"]["id"]) for c in h.incident.routing["candidates"]]


def reporter(h: Happening) -> list[UUID]:
    return [h.incident.reporter_id]


def reporters(h: Happening) -> list[UUID]:
    """Whoever reported it, of their own or in a report that was merged into this one."""
    return [h.incident.reporter_id, *(c.user_id for c in h.incident.co_reporters)]


def each(*whom: Whom) -> Whom:
    return lambda h: [id for one in whom for id in one(h)]


all_with_a_part = each(lead, partners, helpers, former_leads)
all_concerned = each(lead, partners, former_leads, refusers)
