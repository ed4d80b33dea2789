"""An edition of boundaries against the one in force: what changes in hectares, how it fits, and putting it in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import shapely

from models.base import db, new_id, now
from models.boundaries import SLIVER_M2, Boundary, Edition, area_m2
from models.units import Unit, fold, refresh_names_and_scopes
from services.bad_file import BadFile
from services.boundary_changes import Change, Ground, changes
from services.boundary_features import Feature
from services.placing import Known
from services.unit_tree import UnitTree
from services.units import day

HECTARE_M2 = 10_000


@dataclass
class Report:
    """What an edition would change: names with codes; gaps and overlaps as (where, hectares)."""

    edition: str
    polygons: int
    appears: list[str] = field(default_factory=list)
    disappears: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    before_ha: float = 0.0
    after_ha: float = 0.0
    gaps: list[tuple[str, float]] = field(default_factory=list)
    overlaps: list[tuple[str, float]] = field(default_factory=list)


@dataclass
class Standing:
    """What is known before an import, read once: the communes in force on a day, and what became of units."""

    grounds: dict[UUID, Ground] = field(default_factory=dict)  # by unit
    successions: dict[UUID, list[tuple[UUID, str]]] = field(default_factory=dict)  # by new unit: (old unit, relation)
    places: dict[str, Known] = field(default_factory=dict)  # by code

    @classmethod
    def on(cls, day: date, linked: Mapping[tuple[UUID, UUID], str] | None = None) -> "Standing":
        """Of the edition in force; where none is, the newest still says where communes lie. `linked`: (old, new) and how,
        of what became of units."""
        newest = db.select(Edition).where(Edition.activated_at.is_not(None)).order_by(Edition.valid_from.desc())
        current = Edition.on(day)
        shown = current or db.session.scalars(newest.limit(1)).first()
        if shown is None:
            return cls()
        rows = db.session.execute(
            db.select(Unit.id, Unit.code, Unit.name, Boundary.wkb, Boundary.area_m2)
            .join(Unit, Boundary.unit_id == Unit.id)
            .where(Boundary.edition_id == shown.id)
            .order_by(Unit.code)
        ).all()
        standing = cls()
        if current:
            standing.grounds = {r.id: Ground(r.code, r.name, r.wkb, r.area_m2) for r in rows}
        for (old, new), relation in (linked or {}).items():
            standing.successions.setdefault(new, []).append((old, relation))
        centres = shapely.centroid(shapely.from_wkb([r.wkb for r in rows]))
        for row, centre in zip(rows, centres, strict=True):
            standing.places[row.code] = Known(fold(row.name), centre.y, centre.x)
        return standing


Befores = list[list[tuple[Ground, bool]]]


def befores(features: list[Feature], units: list[Any], standing: Standing) -> Befores:
    """The grounds that each feature's unit stands on; True where only a part may be its."""
    by_code = {g.code: g for g in standing.grounds.values()}
    return [_before(f, u, by_code, standing) for f, u in zip(features, units, strict=True)]


def compare(features: list[Feature], grounds: Befores, edition: str, standing: Standing) -> Report:
    """What would change against the edition in force, and how well the polygons fit together."""
    before = {g.code: g for g in standing.grounds.values()}
    after = {f.code: f.name for f in features}
    return Report(
        edition,
        len(features),
        appears=[f.named for f in features if f.code not in before or fold(before[f.code].name) != fold(f.name)],
        disappears=[g.named for c, g in before.items() if fold(after.get(c, "")) != fold(g.name)],
        changes=changes(features, grounds),
        before_ha=sum(g.area_m2 for g in standing.grounds.values()) / HECTARE_M2,
        after_ha=sum(f.area_m2 for f in features) / HECTARE_M2,
        gaps=gaps(features),
        overlaps=overlaps(features),
    )


def _before(feature: Feature, unit: Any, by_code: dict[str, Ground], standing: Standing) -> list[tuple[Ground, bool]]:
    """The grounds that a commune stands on: its own, or those it succeeds to; True where only a part may be its."""
    if unit.id in standing.grounds:
        return [(standing.grounds[unit.id], False)]
    found: dict[UUID, tuple[Ground, bool]] = {}
    waiting = [(unit.id, False)]
    while waiting:
        id, in_part = waiting.pop()
        for old, relation in standing.successions.get(id, ()):
            part = in_part or relation == "divided"
            if old in standing.grounds:
                found[old] = (standing.grounds[old], part)
            elif old not in found:
                waiting.append((old, part))
    if found:
        return list(found.values())
    same = by_code.get(feature.code)
    return [(same, False)] if same and fold(same.name) == fold(feature.name) else []


def gaps(features: list[Feature]) -> list[tuple[str, float]]:
    """Holes that no unit covers, the largest first: a point in each and hectares."""
    whole = shapely.union_all([f.polygon for f in features])
    holes = [shapely.Polygon(h) for part in shapely.get_parts(whole) for h in part.interiors]
    sized = [(hole.representative_point(), area_m2(hole)) for hole in holes]
    found = [(f"{p.y:.5f}, {p.x:.5f}", m2 / HECTARE_M2) for p, m2 in sized if m2 > SLIVER_M2]
    return sorted(found, key=lambda gap: -gap[1])


def overlaps(features: list[Feature]) -> list[tuple[str, float]]:
    """Ground that two units both cover, the largest first: their names and hectares."""
    polygons = np.array([f.polygon for f in features])
    one, other = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    one, other = one[one < other], other[one < other]
    found = []
    for i, j, common in zip(one, other, shapely.intersection(polygons[one], polygons[other]), strict=True):
        # Most neighbours share a line only: no area to measure.
        if common.area and (m2 := area_m2(common)) > SLIVER_M2:
            found.append((f"{features[i].name} – {features[j].name}", m2 / HECTARE_M2))
    return sorted(found, key=lambda overlap: -overlap[1])


def check_new(name: str, valid_from: date, valid_to: date | None) -> None:
    if valid_to and valid_to < valid_from:
        raise BadFile("Ngày hết hiệu lực trước ngày bắt đầu.")
    if db.session.scalar(db.select(Edition.id).where(Edition.name == name)):
        raise BadFile(f"Đã có bộ ranh giới tên “{name}”; bộ cũ không bị sửa, hãy đặt tên khác.")


def activate(
    features: list[Feature],
    name: str,
    valid_from: date,
    valid_to: date | None,
    **described: Any,
) -> tuple[Edition, int]:
    """Store an edition with its polygons, create units it names that do not exist, and put it in force.

    `described`: source, licence, legal_reference, error_m (the stated error in metres).
    """
    check_new(name, valid_from, valid_to)
    units, created = units_of(features, valid_from, valid_to, UnitTree())
    edition = Edition(id=new_id(), name=name, activated_at=now(), **described)
    edition.valid_from, edition.valid_to = valid_from, valid_to
    db.session.add(edition)
    db.session.flush()
    store_boundaries(edition, features, units)
    if created:
        refresh_names_and_scopes()
    db.session.flush()
    return edition, created


def store_boundaries(edition: Edition, features: list[Feature], units: list[Any]) -> None:
    """The polygons of an edition, each with its unit."""
    made = []
    for feature, unit in zip(features, units, strict=True):
        inside = feature.polygon.representative_point()
        place = {"wkb": shapely.to_wkb(feature.polygon), "interior_lat": inside.y, "interior_lon": inside.x}
        made.append({"id": new_id(), "edition_id": edition.id, "unit_id": unit.id, "area_m2": feature.area_m2} | place)
    db.session.flush()
    db.session.execute(db.insert(Boundary), made)


def units_of(
    features: list[Feature], valid_from: date, valid_to: date | None, known: UnitTree
) -> tuple[list[Any], int]:
    """The commune of each feature on the edition's days, created with its line above where missing."""
    units, created, strangers = [], 0, []
    for feature in features:
        first = day(feature.properties.get("valid_from", ""), feature.name) or valid_from
        last = day(feature.properties.get("valid_to", ""), feature.name) or valid_to
        found = known.between("commune", feature.code, first, last)
        if not found:
            parent, made = _above(feature, first, last, known)
            found = [known.add("commune", feature.code, feature.name, parent, valid_from=first, valid_to=last)]
            created += made + 1
        elif fold(feature.name) not in found[-1].search:
            strangers.append(f"{feature.code} là {found[-1].name}, tệp ghi {feature.name}")
        units.append(found[-1])
    if strangers:
        raise BadFile(
            "Mã đã thuộc về đơn vị khác trong thời gian đó: "
            + "; ".join(strangers)
            + ". Hãy nhập đơn vị (có ngày) hoặc tên gọi khác trước."
        )
    return units, created


def _above(feature: Feature, first: date, last: date | None, known: UnitTree) -> tuple[Any, int]:
    made = 0
    above: Any = None
    for level in ("province", "district"):
        code, name = (feature.properties.get(f"{level}_{k}", "") for k in ("code", "name"))
        if not code:
            continue
        found = known.between(level, code, first, last)
        if not found:
            # A province outlives editions; a district is known only for as long as the file says.
            dates = {} if level == "province" else {"valid_from": first, "valid_to": last}
            found = [known.add(level, code, name or code, above, **dates)]
            made += 1
        above = found[-1]
    assert above is not None  # a feature without a province code was refused
    return above, made
