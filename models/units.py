"""The dated tree of units, their other names, what became of them, and whom a scope includes."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db, in_force, new_id
from models.clock import today
from models.errors import Invalid, NotFound

LEVELS = ("province", "district", "commune", "village")
# What a name may open with: the kind of unit, not its name.
KINDS = ("tỉnh", "thành phố", "huyện", "thị xã", "khu vực", "phường", "xã", "thị trấn", "bản", "thôn")


def fold(text: str) -> str:
    """Lower case without diacritics, so that "muong toong" finds "Mường Toong"."""
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def split_kind(name: str) -> tuple[str, str]:
    """("xã", "Mường Toong") of "Xã Mường Toong"; the kind is empty when the name opens with none."""
    for kind in KINDS:
        if name.casefold().startswith(kind + " "):
            return kind, name[len(kind) + 1 :]
    return "", name


def abbreviate(name: str) -> str:
    """The initials that open a case number: "MN" of "Khu vực Mường Nhé"."""
    return "".join(word[0] for word in fold(split_kind(name)[1]).split() if word[0].isalnum()).upper() or "X"


class Unit(Record):
    """One node of the tree while it existed. A code is a key only together with a date."""

    __tablename__ = "units"
    __table_args__ = (
        UniqueConstraint("level", "code", "valid_from"),
        Index("ix_units_lineage", "lineage", postgresql_ops={"lineage": "text_pattern_ops"}),
    )

    level: Mapped[str]
    code: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]  # the last day on which it existed
    lineage: Mapped[str]  # ids from the top down to this unit, each closed by "/": its subtree is one prefix
    search: Mapped[str]  # folded: its own, variant and former names

    aliases: Mapped[list["UnitAlias"]] = relationship(cascade="all, delete-orphan")

    @classmethod
    def add(cls, level: str, code: str, name: str, parent: "Unit | None" = None, **dates: Any) -> "Unit":
        unit = cls(id=new_id(), level=level, code=code, name=name, search=fold(name), **dates)
        unit.parent_id = parent.id if parent else None
        unit.lineage = f"{parent.lineage if parent else ''}{unit.id}/"
        db.session.add(unit)
        return unit

    @property
    def kind(self) -> str:
        return split_kind(self.name)[0] or self.level

    @property
    def lineage_ids(self) -> tuple[UUID, ...]:
        """Its own id last, after those of all above it."""
        return tuple(UUID(part) for part in self.lineage.split("/") if part)

    @property
    def facts(self) -> dict[str, Any]:
        """What a stored decision keeps of a unit, so that it reads the same when names have changed."""
        return {
            "id": str(self.id),
            "code": self.code,
            "name": self.name,
            "level": self.level,
            "kind": self.kind,
            "parent_id": self.parent_id and str(self.parent_id),
            "valid_from": self.valid_from and self.valid_from.isoformat(),
            "valid_to": self.valid_to and self.valid_to.isoformat(),
        }

    @classmethod
    def search_for(
        cls, level: str | None = None, parent: UUID | None = None, at: date | None = None, q: str | None = None
    ) -> Any:
        """Units in force on a day (today when not given), narrowed; `q` ignores accents and case."""
        units = db.select(cls).where(in_force(cls, at or today()))
        if level:
            units = units.where(cls.level == level)
        if parent:
            units = units.where(cls.parent_id == parent)
        if q and (wanted := fold(q)):
            units = units.where(db.or_(cls.search.contains(wanted, autoescape=True), cls.code == q.strip()))
        return units

    @classmethod
    def page(cls, limit: int = 50, cursor: str | None = None, **search: Any) -> tuple[list["Unit"], str | None]:
        """One page ordered by code, and the cursor of the next."""
        units = cls.search_for(**search).order_by(cls.code, cls.id).limit(limit + 1)
        if cursor:
            code, _, id = cursor.rpartition("~")
            try:
                units = units.where(db.tuple_(cls.code, cls.id) > db.tuple_(code, UUID(id)))
            except ValueError:
                raise Invalid("cursor", cursor) from None
        found = list(db.session.scalars(units))
        last = found[limit - 1] if len(found) > limit else None
        return found[:limit], f"{last.code}~{last.id}" if last else None

    @classmethod
    def find(cls, id: UUID) -> "Unit":
        if (unit := db.session.get(cls, id)) is None:
            raise NotFound()
        return unit

    @classmethod
    def by_code(cls, code: str, at: date | None = None, level: str | None = None) -> "Unit | None":
        units = db.select(cls).where(cls.code == code, in_force(cls, at or today()))
        if level:
            units = units.where(cls.level == level)
        return db.session.scalars(units.order_by(cls.valid_from.desc())).first()

    def above(self) -> list["Unit"]:
        """The units above this one, nearest first."""
        ids = self.lineage_ids[:-1]
        if not ids:
            return []
        found = {u.id: u for u in db.session.scalars(db.select(Unit).where(Unit.id.in_(ids)))}
        return [found[id] for id in reversed(ids)]


@dataclass(frozen=True)
class KnownUnit:
    """A unit as it is remembered between requests: plain, shared by threads, never written."""

    id: UUID
    level: str
    code: str
    name: str
    lineage: str
    lineage_ids: tuple[UUID, ...]
    facts: dict[str, Any]

    @classmethod
    def of(cls, unit: Unit) -> "KnownUnit":
        return cls(unit.id, unit.level, unit.code, unit.name, unit.lineage, unit.lineage_ids, unit.facts)

    def exists_on(self, day: date) -> bool:
        begins, ends = self.facts["valid_from"], self.facts["valid_to"]
        return (begins is None or begins <= day.isoformat()) and (ends is None or day.isoformat() <= ends)


class UnitAlias(Record):
    """Another way a unit's name is written or spoken."""

    __tablename__ = "unit_aliases"
    __table_args__ = (UniqueConstraint("unit_id", "name"),)

    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    name: Mapped[str]
    source: Mapped[str] = mapped_column(default="")


class Succession(Record):
    """What became of a unit: merged_whole, unchanged (in a new row), or divided among several."""

    __tablename__ = "successions"
    __table_args__ = (UniqueConstraint("old_unit_id", "new_unit_id"),)

    old_unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    new_unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), index=True)
    relation: Mapped[str]
    legal_reference: Mapped[str] = mapped_column(default="")


class ScopeUnit(db.Model):  # type: ignore[name-defined]
    """The subtrees that a unit answers for: its own, and those of predecessors that stood elsewhere."""

    __tablename__ = "scope_units"

    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), primary_key=True)
    includes_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), primary_key=True)


class Lineages:
    """Successions in memory, to follow a unit to what stands in its place on a day."""

    def __init__(self, units: Iterable[Any], successions: Iterable[Any]):
        """Of anything with a unit's id, lineage and valid_to: rows of the database, or units being imported."""
        self.units = {u.id: u for u in units}
        self.successors: dict[UUID, list[UUID]] = {}
        self.predecessors: dict[UUID, list[UUID]] = {}
        for step in successions:
            self.successors.setdefault(step.old_unit_id, []).append(step.new_unit_id)
            self.predecessors.setdefault(step.new_unit_id, []).append(step.old_unit_id)

    @classmethod
    def load(cls) -> "Lineages":
        """Only units that a succession names: few, however large the country. Plain rows, safe to keep."""
        successions = db.session.execute(db.select(Succession.old_unit_id, Succession.new_unit_id)).all()
        ids = {id for s in successions for id in s}
        if not ids:
            return cls([], [])
        units = db.session.execute(
            db.select(Unit.id, Unit.lineage, Unit.valid_from, Unit.valid_to).where(Unit.id.in_(ids))
        )
        return cls(units.all(), successions)

    def on(self, id: UUID, day: date) -> list[UUID]:
        """The unit itself while it exists on the day, else its successors that do; itself when none does.

        A day before it existed leads to nothing older: units roll up to successors, never down.
        """
        unit = self.units.get(id)
        if unit is None or unit.valid_to is None or unit.valid_to >= day:
            return [id]
        found = [later for new in self.successors.get(id, ()) for later in self.on(new, day)]
        return list(dict.fromkeys(found)) or [id]

    def stands_by(self, id: UUID, day: date) -> bool:
        """Whether a unit has begun to exist by a day."""
        unit = self.units.get(id)
        return unit is None or unit.valid_from is None or unit.valid_from <= day

    def before(self, id: UUID) -> set[UUID]:
        """All predecessors of a unit, however far back."""
        found: set[UUID] = set()
        waiting = [id]
        while waiting:
            for old in self.predecessors.get(waiting.pop(), ()):
                if old not in found:
                    found.add(old)
                    waiting.append(old)
        return found


def refresh_names_and_scopes() -> None:
    """After units, aliases or successions changed: rebuild what is derived from them, whole."""
    db.session.flush()
    units = db.session.scalars(db.select(Unit).options(db.selectinload(Unit.aliases))).all()
    lineages = Lineages(units, db.session.scalars(db.select(Succession)).all())
    own_names = {u.id: [u.name, *(a.name for a in u.aliases)] for u in units}
    includes: dict[UUID, set[UUID]] = {u.id: {u.id} for u in units}
    for unit in units:
        former = lineages.before(unit.id)
        names = own_names[unit.id] + [name for old in former for name in own_names[old]]
        unit.search = "\n".join(dict.fromkeys(fold(name) for name in names))
        for above in unit.lineage_ids:
            root = lineages.units[above]
            includes[above] |= {old for old in former if not lineages.units[old].lineage.startswith(root.lineage)}
    for unit_id, inside in includes.items():  # a subtree already included needs no row of its own
        tops = [lineages.units[id].lineage for id in inside]
        includes[unit_id] = {
            id
            for id in inside
            if not any(top != (own := lineages.units[id].lineage) and own.startswith(top) for top in tops)
        }
    db.session.execute(db.delete(ScopeUnit))
    db.session.add_all(ScopeUnit(unit_id=u, includes_id=i) for u, inside in includes.items() for i in inside)
    db.session.flush()
