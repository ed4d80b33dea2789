"""The day the boundaries change: what an edition moves, shown first, done in one transaction, and given back.

An edition in force draws units; where one is drawn no more, but its successors are, all that is open passes to them. What
holds a unit, and how each of it passes on, stands in `models/passing_holders.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from models.boundaries import BoundaryIndex, Edition
from models.units import KnownUnit

SUCCEEDED, BY_POINT, LARGEST_SHARE, SUPERIOR, GIVEN_BACK = "succeeded", "by_point", "largest_share", "superior", "given_back"


@dataclass(frozen=True)
class Ending:
    """An edition that takes the place of the one before, as far as passing on must know it; stored or not yet."""

    edition: dict[str, Any]  # id, name, valid_from, as of Edition.facts
    day: date  # its first
    index: BoundaryIndex  # of its communes


@dataclass(frozen=True)
class Moved:
    """One thing that passes on. Of an incident that is its lead, if that moves; else a part in it."""

    id: UUID
    name: str  # a case's number, a user name, what an agreement is called
    was: KnownUnit
    becomes: tuple[KnownUnit, ...]
    reason: str
    merged: int = 0  # rows of the case that fall together with another


@dataclass
class Effect:
    """What passing on moves, or moved, by kind: incidents, users, contacts, coverages, agreements, hotspots, …"""

    edition: dict[str, Any]
    day: date
    units: list[tuple[KnownUnit, tuple[KnownUnit, ...]]] = field(default_factory=list)  # that end, and what follows
    heirless: list[KnownUnit] = field(default_factory=list)  # that end, hold something open, and nothing follows
    moved: dict[str, list[Moved]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return {kind: len(things) for kind, things in self.moved.items()}

    @property
    def merged(self) -> int:
        return sum(thing.merged for thing in self.moved.get("incidents", ()))


def ending_of(edition: Edition) -> Ending:
    """Of an edition that is in the session, activated or not."""
    raise NotImplementedError


def effect_of(ending: Ending) -> Effect:
    """What would move if this edition were in force on its first day. Writes nothing."""
    raise NotImplementedError


def pass_on(edition: Edition, actor: Any) -> Effect:
    """Move all that is open to what stands in its place under this edition, in the transaction of the caller.

    The edition is activated (`activated_at`) and flushed before. One whose first day is still to come moves nothing yet:
    the worker does, on the day (services/passing.py). Twice is as once. Raises NoSuccessor, naming the units, if `actor`
    is a person and something open stands at a unit that ends without any successor.
    """
    raise NotImplementedError


def effect_of_giving_back(edition: Edition) -> Effect:
    """What would go back if this edition were deactivated now. Writes nothing. Raises TooLate as give_back does."""
    raise NotImplementedError


def give_back(edition: Edition, actor: Any) -> Effect:
    """Deactivate an edition (`activated_at` becomes None) and undo what it moved, in the transaction of the caller.

    Raises TooLate after the local day on which it passed things on, or when no edition before it would be in force.
    """
    raise NotImplementedError
