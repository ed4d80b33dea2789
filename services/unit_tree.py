"""All units by level and code, and what became of them, read once: for files of thousands of lines."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from models.base import db
from models.clock import today
from models.units import Lineages, Succession, Unit, fold


class UnitTree:
    """The units as they are and as they are just being made. What it adds is written with the next flush.

    One that is `supposed` writes nothing, whatever is done to it, and asks the database for nothing more.
    """

    def __init__(self, supposed: bool = False) -> None:
        self.supposed = supposed
        self._by_code: dict[tuple[str, str], list[Unit]] = {}
        self.by_id: dict[UUID, Unit] = {}
        for unit in db.session.scalars(db.select(Unit)).all():
            self._keep(unit)
        pairs = db.select(Succession.old_unit_id, Succession.new_unit_id, Succession.relation)
        self.linked: dict[tuple[UUID, UUID], str] = {(old, new): how for old, new, how in db.session.execute(pairs)}
        self.created: list[Unit] = []

    def _keep(self, unit: Unit) -> None:
        self._by_code.setdefault((unit.level, unit.code), []).append(unit)
        self.by_id[unit.id] = unit
        if self.supposed:
            db.session.expunge(unit)

    def add(self, level: str, code: str, name: str, parent: Unit | None, **dates: Any) -> Unit:
        unit = Unit.add(level, code, name, parent, **dates)
        self._keep(unit)
        self.created.append(unit)
        return unit

    def between(self, level: str, code: str, first: date | None, last: date | None) -> list[Unit]:
        """Those that exist at some time between two days (None: open), the oldest first."""
        found = [
            unit
            for unit in self._by_code.get((level, code), ())
            if (unit.valid_from or date.min) <= (last or date.max)
            and (first or date.min) <= (unit.valid_to or date.max)
        ]
        return sorted(found, key=lambda unit: unit.valid_from or date.min)

    def on(self, level: str, code: str, day: date | None) -> Unit | None:
        """The one on a day (today when not given)."""
        at = day or today()
        return next(reversed(self.between(level, code, at, at)), None)

    def above(self, unit: Unit) -> list[Unit]:
        """Nearest first."""
        return [self.by_id[id] for id in reversed(unit.lineage_ids[:-1])]

    def heir(self, old: Unit, inside: Unit, day: date | None) -> Unit | None:
        """What follows a unit above a commune: that of its code, or the one of its level and name that holds the new
        commune (a province whose code changed)."""
        same_name = (u for u in self.above(inside) if u.level == old.level and fold(u.name) == fold(old.name))
        return self.on(old.level, old.code, day) or next(same_name, None)

    def link(self, old: Unit, new: Unit, relation: str, legal_reference: str = "") -> int:
        """Say what became of a unit; how many links are new."""
        if (old.id, new.id) in self.linked:
            return 0
        self.linked[old.id, new.id] = relation
        if not self.supposed:
            said = {"relation": relation, "legal_reference": legal_reference}
            db.session.add(Succession(old_unit_id=old.id, new_unit_id=new.id, **said))
        return 1

    @property
    def lineages(self) -> Lineages:
        """What became of units, with what was just said of them."""
        named = {id for pair in self.linked for id in pair}
        return Lineages([self.by_id[id] for id in named], [Link(*pair) for pair in sorted(self.linked)])


@dataclass(frozen=True)
class Link:
    old_unit_id: UUID
    new_unit_id: UUID
