"""What holds a unit, and how each of it passes on: the one list of every column that names one.

A new table that names units either moves (`MOVING`, or a function of its own in `models/passing.py`), is read by date
(`BY_DATE`), or keeps what was (`HISTORY`); `tests/test_passing_on.py` fails while it stands nowhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from models.agreements import Agreement
from models.base import db
from models.contacts import Contact
from models.disputed_grounds import DisputedGround
from models.events import Event
from models.hotspots import Hotspot
from models.passing_cases import gone_among
from models.passing_rows import GIVEN_BACK, LARGEST_SHARE, SUCCEEDED, SUPERIOR
from models.passings import Passing, row_of
from models.standing import Standing
from models.users import User

# What moves


@dataclass(frozen=True)
class Moving:
    """Rows of a table that each belong to one unit and simply move with it: of a unit that was divided to the successor
    that has most of its ground. `name`: what a row is called; its event stands on the row's own chain (`model.kind`), if
    it has one."""

    kind: str  # in an Effect
    model: Any
    name: Callable[[Any], str]
    column: str = "unit_id"

    @property
    def holder(self) -> str:
        return str(self.model.__tablename__)

    @property
    def unit_column(self) -> Any:
        return getattr(self.model, self.column)

    def rows(self, standing: Standing, lock: bool = False) -> list[tuple[Any, UUID, UUID]]:
        """Each row that must move, with its unit and who takes over."""
        gone = gone_among([self.unit_column], standing)
        found = db.select(self.model).where(self.unit_column.in_(gone)).order_by(self.model.id)
        if lock:
            found = found.with_for_update().execution_options(populate_existing=True)
        here = [(row, getattr(row, self.column)) for row in db.session.scalars(found)] if gone else []
        return [(row, old, to) for row, old in here if (to := standing.taker_of_people(old)) != old]

    def stranded(self, standing: Standing) -> list[tuple[Any, UUID]]:
        """Rows whose unit ends and nothing follows: they stay where they are, and somebody must say where they belong."""
        heirless = {id for id in gone_among([self.unit_column], standing) if standing.is_heirless(id)}
        found = db.select(self.model).where(self.unit_column.in_(heirless)).order_by(self.model.id)
        return [(row, getattr(row, self.column)) for row in db.session.scalars(found)] if heirless else []

    def move(
        self, edition_id: UUID, moves: list[tuple[Any, UUID, UUID]], standing: Standing, actor: Any, moment: datetime
    ) -> None:
        for row, _, to in moves:
            setattr(row, self.column, to)
        db.session.flush()
        Passing.keep(
            row_of(edition_id, self.holder, row.id, {self.column: old}, {self.column: to}, moment)
            for row, old, to in moves
        )
        self.say("passed_on", edition_id, moves, standing, actor)

    def say(
        self, action: str, edition_id: UUID, moves: list[tuple[Any, UUID, UUID]], standing: Standing, actor: Any
    ) -> None:
        if hasattr(self.model, "kind"):
            facts = {"edition": str(edition_id)}
            Event.record_each(
                (
                    (row, action, facts | {"from": str(old), "to": str(to), "by": way(old, standing)})
                    for row, old, to in moves
                ),
                actor,
            )


def way(id: UUID, standing: Standing) -> str:
    """Why a thing without a point goes where it goes."""
    if standing.gives_back:
        return GIVEN_BACK
    return SUPERIOR if standing.is_heirless(id) else LARGEST_SHARE if standing.is_divided(id) else SUCCEEDED


MOVING = [
    Moving("users", User, lambda user: str(user.username)),  # also disabled ones: whoever enables them finds them there
    Moving("contacts", Contact, lambda contact: str(contact.name)),
]


# What is read by date, as it was signed or drawn: nothing is written to it, an event says what became of its units.


@dataclass(frozen=True)
class ByDate:
    kind: str
    model: Any
    action: str
    of_day: Callable[[date], Any]  # a query of those in force
    undone: str
    units: Callable[[Any], list[UUID]]
    more: Callable[[Any], dict[str, Any]] = lambda thing: {}  # what else its event says

    def rows(self, day: date, standing: Standing) -> Iterator[tuple[Any, list[UUID]]]:
        """Those that name units which give way, each with these."""
        for thing in db.session.scalars(self.of_day(day).order_by(self.model.id)):
            if gone := [id for id in dict.fromkeys(self.units(thing)) if standing.has_gone(id)]:
                yield thing, gone


def _named_by(agreement: Agreement) -> list[UUID]:
    """Parties, who sits in the chair, who decides."""
    chairs = [UUID(chair["unit_id"]) for chair in agreement.chairs]
    parties = [party.unit_id for party in agreement.parties if party.unit_id]
    return [*parties, *chairs, *([agreement.arbiter_unit_id] if agreement.arbiter_unit_id else [])]


BY_DATE = [
    ByDate("agreements", Agreement, "party_passed_on", Agreement.in_force, "party_given_back", _named_by),
    ByDate(
        "hotspots",
        Hotspot,
        "side_passed_on",
        Hotspot.in_force,
        "side_given_back",
        lambda hotspot: list(hotspot.side_ids),
        lambda hotspot: {"border_kind": hotspot.border_kind},
    ),
    ByDate(
        "disputed_grounds",
        DisputedGround,
        "claimant_passed_on",
        DisputedGround.open_on,
        "claimant_given_back",
        lambda ground: [claimant.unit_id for claimant in ground.claimants],
    ),
]
READ_BY_DATE = {
    "agreements.arbiter_unit_id",
    "agreement_parties.unit_id",
    "hotspots.side_a_id",
    "hotspots.side_b_id",
    "disputed_ground_claimants.unit_id",
}

# What moves by a function of its own: of models/passing_cases.py, and coverages of models/passing.py.
OWN_WAY = {
    "assignments.unit_id",
    "assignments.from_unit_id",
    "assignments.asked_unit_id",
    "incidents.lead_unit_id",
    "incidents.guard_unit_id",
    "incidents.counted_unit_id",
    "incidents.unit_at_found_id",
    "damage_parts.unit_id",
    "damage_parts.found_unit_id",
    "case_links.unit_id",
    "case_links.from_unit_id",
    "coverages.unit_id",
}

# What tells how it was.
HISTORY = {
    "units.parent_id": "the tree as it stood",
    "unit_aliases.unit_id": "how a unit was called",
    "successions.old_unit_id": "what became of it",
    "successions.new_unit_id": "what became of it",
    "scope_units.unit_id": "follows from units and successions",
    "scope_units.includes_id": "follows from units and successions",
    "boundaries.unit_id": "of its edition",
    "events.unit_id": "who it was then",
    "notes.unit_id": "who wrote it; a scope holds predecessors",
    "joint_verifications.unit_id": "who entered it",
    "fire_updates.unit_id": "for whom it spoke",
    "calls.unit_id": "who was called",
}


def moving_columns() -> set[str]:
    return {f"{one.holder}.{one.column}" for one in MOVING}
