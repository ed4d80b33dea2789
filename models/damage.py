"""Damage: what was reported and what was found, and where it lies: parts per unit that sum to the whole."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, db
from models.clock import local
from models.errors import Invalid
from models.reference import reference
from models.standing import Standing

# What can be divided among units, and how many of its smallest part make one: whole numbers add up exactly.
MEASURES = {"area_m2": 100, "volume_m3": 1000}
ROUNDING, LEAST = 0.005, 0.01  # by how much parts may miss the whole: of it, but this at least
MOST_FAULTS = 20


class DamagePart(db.Model):  # type: ignore[name-defined]
    """What lies in one commune of the damage of a case, for the figures. Made anew whenever the damage, its place or
    its time changes; a case without damage has no row."""

    __tablename__ = "damage_parts"
    __table_args__ = (
        # Holds all that a week asks, so that a sum reads nothing else.
        Index(
            "ix_damage_parts_counted_at",
            *("counted_at", "unit_id", "found_unit_id", "type", "counts", "area_dm2", "volume_l"),
        ),
        {"sqlite_with_rowid": False},
    )

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"), primary_key=True)
    # The commune of then, where the one that was named did not exist yet on the day for which it counts.
    found_unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"))
    counted_at: Mapped[datetime]  # as of the case, like its type, and whether it counts
    type: Mapped[str]
    counts: Mapped[bool]
    area_dm2: Mapped[int] = mapped_column(BigNumber)
    volume_l: Mapped[int] = mapped_column(BigNumber)


COLUMNS = dict(zip(MEASURES, ("area_dm2", "volume_l"), strict=True))


# What is said of parts


def complete(damage: dict[str, Any] | None) -> dict[str, Any] | None:
    """As it is kept: units as text, and a whole that nobody stated is the sum of its parts."""
    if not damage or not damage.get("parts"):
        return damage
    kept = damage | {"parts": [part | {"unit_id": str(part["unit_id"])} for part in damage["parts"]]}
    for name in MEASURES:
        if kept.get(name) is None and states(kept, name):
            kept[name] = round(_sum(kept, name), 3)
    return kept


def states(damage: dict[str, Any], name: str) -> bool:
    return any(said.get(name) is not None for said in (damage, *(damage.get("parts") or ())))


def faults(damage: dict[str, Any] | None) -> list[str]:
    """What is wrong with the parts, as measured; nothing in most."""
    parts = damage.get("parts") if damage else None
    if not damage or not parts:
        return []
    units = [str(part["unit_id"]) for part in parts]
    found = [f"unit_id {id} ?" for id in dict.fromkeys(units) if _commune(id) is None]
    found += [f"unit_id {id} × {units.count(id)}" for id in dict.fromkeys(units) if units.count(id) > 1]
    for name in MEASURES:
        whole, stated = damage.get(name), any(part.get(name) is not None for part in parts)
        if whole is not None and stated and not _fits(_sum(damage, name) - whole, whole):
            found.append(f"{name} {_sum(damage, name):.12g} ≠ {whole:.12g}")
    return found[:MOST_FAULTS]


def check(damage: dict[str, Any] | None, field: str) -> None:
    """Raises Invalid: whoever states what was found states parts that add up."""
    if found := faults(damage):
        said = "; ".join(found)
        vi, en = "mỗi xã một lần, cộng lại bằng tổng", "communes, each once, that sum to the whole"
        raise Invalid(f"{field}.parts", f"{vi} ({said}) / {en} ({said})")


def findings(damage: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Of a report, which is not refused for its looks."""
    return [{"check": "parts", "value": fault} for fault in faults(damage)]


def _sum(damage: Any, name: str) -> float:
    return float(sum(part.get(name) or 0 for part in damage["parts"]))


def _fits(off: float, whole: float) -> bool:
    return abs(off) <= max(ROUNDING * whole, LEAST)


def _commune(id: Any) -> UUID | None:
    """The commune that a unit is, or lies in."""
    units = reference().units
    unit = units.get(UUID(str(id)))
    return next((id for id in unit.lineage_ids if units[id].level == "commune"), None) if unit else None


# Where it lies


def valid(incident: Any, name: str) -> dict[str, Any]:
    """What was verified, wherever that states this measure; else what was reported."""
    found = (incident.verified or {}).get("damage") or {}
    return found if states(found, name) else incident.damage or {}


def parts_of(incident: Any) -> list[DamagePart]:
    """A row for each commune that has something of it. What no part says lies where the place lies."""
    if not (incident.damage or incident.verified):
        return []
    place = UUID(incident.routing["lead"]["id"])
    rows: dict[UUID, DamagePart] = {}
    for name, column in COLUMNS.items():
        for named, amount in divided(valid(incident, name), name, place).items():
            unit_id = _today(incident, named)
            if unit_id not in rows:
                rows[unit_id] = DamagePart(
                    incident_id=incident.id,
                    unit_id=unit_id,
                    found_unit_id=_before(incident, unit_id, place) if unit_id == named else named,
                    counted_at=incident.counted_at,
                    type=incident.type,
                    counts=incident.counts,
                    area_dm2=0,
                    volume_l=0,
                )
            setattr(rows[unit_id], column, getattr(rows[unit_id], column) + amount)
    return list(rows.values())


def _today(incident: Any, unit_id: UUID) -> UUID:
    """Of a commune that was divided the one where the case lies; one that only has another name finds its successor in
    the figures. Of an edition that was taken back, the commune that stands there again."""
    standing = Standing.today()
    if standing.is_divided(unit_id) or (standing.has_gone(unit_id) and not standing.ends(unit_id)):
        return standing.at(unit_id, incident.lat, incident.lon)
    return unit_id


def divided(damage: dict[str, Any], name: str, place: UUID) -> dict[UUID, int]:
    """How much lies in which commune, in smallest parts; together exactly the whole, whatever the parts say.

    A difference of rounding is taken by the largest part; what is missing lies at the place, and so does all when the
    parts are more than the whole, or nobody knows them.
    """
    whole = (complete(damage) or {}).get(name)
    if not whole:
        return {}
    amounts: dict[UUID, int] = {}
    for part in damage.get("parts") or ():
        if unit_id := _commune(part["unit_id"]):
            amounts[unit_id] = amounts.get(unit_id, 0) + round((part.get(name) or 0) * MEASURES[name])
    rest = round(whole * MEASURES[name]) - sum(amounts.values())
    if any(amounts.values()) and _fits(rest / MEASURES[name], whole):
        for unit_id in sorted(amounts, key=lambda id: (-amounts[id], id)):
            taken = max(rest, -amounts[unit_id])
            amounts[unit_id], rest = amounts[unit_id] + taken, rest - taken
    elif rest > 0:
        amounts[place] = amounts.get(place, 0) + rest
    else:
        amounts = {place: round(whole * MEASURES[name])}
    return {unit_id: amount for unit_id, amount in amounts.items() if amount}


def _before(incident: Any, unit_id: UUID, place: UUID) -> UUID | None:
    """Found before there was such a unit: for weeks of then the commune in which the place lay, or else one of those that
    became it, so that what lies in a province stays there."""
    day, lineages = local(incident.counted_at).date(), reference().lineages
    if lineages.stands_by(unit_id, day):
        return None
    former = {id for id in lineages.before(unit_id) if reference().units[id].exists_on(day)}
    if incident.unit_at_found_id and (unit_id == place or incident.unit_at_found_id in former):
        return incident.unit_at_found_id
    return min(former, default=place)


def lie_anew(incident: Any) -> None:
    """After what was found, where or when was changed: the rows again."""
    table, connection = DamagePart.__table__, db.session.connection()
    connection.execute(table.delete().where(table.c.incident_id == incident.id))
    if rows := [{c.key: getattr(row, c.key) for c in table.columns} for row in parts_of(incident)]:
        connection.execute(table.insert(), rows)


def count_anew(incident: Any) -> None:
    """After a step: whether the case counts by now."""
    table = DamagePart.__table__
    changed = db.and_(table.c.incident_id == incident.id, table.c.counts != incident.counts)
    db.session.connection().execute(table.update().where(changed).values(counts=incident.counts))
