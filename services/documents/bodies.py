"""In whose name papers are issued: the body behind a unit, what stands above it, who signs."""

from dataclasses import dataclass
from typing import Any

from models.base import db
from models.organisations import RANGER_STATION, Organisation
from models.reference import reference
from models.units import KnownUnit, split_kind
from models.users import Person

COMMITTEE = "Ủy ban nhân dân"


@dataclass(frozen=True)
class Body:
    """`above` is its superior, None for none; `place` the name of the place where it sits."""

    name: str
    above: str | None
    place: str
    signs: tuple[str, ...]


def body_of(unit: KnownUnit, user: Person | None = None) -> Body:
    """The body that acts for a unit; the printer's own station, when it is one."""
    station = _station(unit, user)
    if station:
        province = province_of(unit)
        above = f"Chi cục Kiểm lâm {lowered(province.name)}" if province else None
        return Body(station, above, place_of(unit), ("HẠT TRƯỞNG",))
    if unit.level in ("commune", "province"):
        province = province_of(unit) if unit.level == "commune" else None
        above = f"{COMMITTEE} {lowered(province.name)}" if province else None
        signs = ("TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH")
        return Body(f"{COMMITTEE} {lowered(unit.name)}", above, place_of(unit), signs)
    # A reporting area is no legal body: its name is all that is known of it.
    return Body(unit.name, None, place_of(unit), ("THỦ TRƯỞNG ĐƠN VỊ",))


def _station(unit: KnownUnit, user: Person | None) -> str | None:
    """The ranger station whose name stands for the unit: the printer's own, or one that covers the area."""
    if user and user.organisation_kind == RANGER_STATION and user.answers_for(unit):
        return db.session.get_one(Organisation, user.organisation_id).name
    if unit.level != "district":
        return None
    covering = [id for id, units in reference().coverages.items() if unit.id in units]
    named = db.select(Organisation.name).where(Organisation.id.in_(covering), Organisation.kind == RANGER_STATION)
    return db.session.scalar(named.order_by(Organisation.name)) if covering else None


def province_of(unit: KnownUnit) -> KnownUnit | None:
    above: Any = (unit, *reference().above(unit))
    return next((u for u in above if u.level == "province"), None)


def lowered(name: str) -> str:
    """ "xã Mường Toong" of "Xã Mường Toong": inside a sentence the kind of a unit is no name."""
    kind, rest = split_kind(name)
    return f"{kind} {rest}" if kind else name


def place_of(unit: KnownUnit) -> str:
    return split_kind(unit.name)[1]


def with_province(unit: KnownUnit) -> str:
    """ "xã Tà Tổng, tỉnh Lai Châu": names are told apart by their province."""
    province = province_of(unit)
    return lowered(unit.name) if province in (None, unit) else f"{lowered(unit.name)}, {lowered(province.name)}"


def full_name(unit: KnownUnit) -> str:
    """The body of a unit as a letter addresses it."""
    name, province = body_of(unit).name, province_of(unit)
    return name if province in (None, unit) else f"{name}, {lowered(province.name)}"
