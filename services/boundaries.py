"""Boundaries from a GeoJSON file: checked whole, shown first, then activated in one transaction."""

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from models.base import db, new_id, now
from models.boundaries import SLIVER_M2, Boundary, Edition, area_m2
from models.units import Unit, fold, refresh_names_and_scopes
from services.units import BadFile, day, overlapping

# Vietnam with its islands, in degrees: what lies outside is a wrong projection or swapped coordinates.
WEST, SOUTH, EAST, NORTH = 101.0, 6.0, 118.0, 24.5
HECTARE_M2 = 10_000


@dataclass
class Feature:
    code: str
    name: str
    properties: dict[str, Any]
    polygon: Any
    area_m2: float = 0.0


@dataclass
class Report:
    """What an edition would change: names with codes; gaps and overlaps as (where, hectares)."""

    edition: str
    polygons: int
    appears: list[str] = field(default_factory=list)
    disappears: list[str] = field(default_factory=list)
    gaps: list[tuple[str, float]] = field(default_factory=list)
    overlaps: list[tuple[str, float]] = field(default_factory=list)
    new_units: int = 0


def read_geojson(path: Path) -> list[Feature]:
    """The communes of a file. Raises BadFile with one plain sentence; nothing is ever half read."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise BadFile(f"{path}: không có tệp này.") from None
    except (ValueError, OSError, RecursionError):
        raise BadFile(f"{path.name}: không phải tệp GeoJSON (không đọc được như JSON).") from None
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise BadFile(f"{path.name}: không phải GeoJSON kiểu FeatureCollection.")
    features = content.get("features")
    if not isinstance(features, list) or not features:
        raise BadFile(f"{path.name}: tệp không có đối tượng (feature) nào.")
    return features_of(features, path.name)


def features_of(raw: list[Any], source: str) -> list[Feature]:
    features: list[Feature] = []
    seen: dict[str, str] = {}
    for number, item in enumerate(raw, 1):
        feature = _feature(item, f"{source}, đối tượng thứ {number}")
        if feature.code in seen:
            raise BadFile(f"{source}: mã {feature.code} xuất hiện hai lần ({seen[feature.code]} và {feature.name}).")
        seen[feature.code] = feature.name
        features.append(feature)
    return features


def _feature(item: Any, where: str) -> Feature:
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict):
        raise BadFile(f"{where}: không có thuộc tính (properties).")
    for name in ("code", "name", "province_code", "province_name"):
        if not str(properties.get(name) or "").strip():
            raise BadFile(f"{where}: thiếu thuộc tính “{name}”.")
    if any("\x00" in str(value) for value in properties.values()):
        raise BadFile(f"{where}: có ký tự NUL, không cơ sở dữ liệu nào giữ được.")
    code, name = str(properties["code"]).strip(), str(properties["name"]).strip()
    geometry = item.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise BadFile(f"{name} ({code}): hình học phải là Polygon hoặc MultiPolygon.")
    try:
        with np.errstate(invalid="ignore"):  # NaN is found below, and told in words
            polygon = shapely.force_2d(shape(geometry))
    except (shapely.errors.ShapelyError, ValueError, TypeError, LookupError, AttributeError):
        raise BadFile(f"{name} ({code}): tọa độ của hình học không đọc được.") from None
    if polygon.is_empty:
        raise BadFile(f"{name} ({code}): hình học rỗng.")
    west, south, east, north = polygon.bounds
    if not (west >= WEST and south >= SOUTH and east <= EAST and north <= NORTH):
        raise BadFile(f"{name} ({code}): tọa độ nằm ngoài Việt Nam (phải là kinh độ, vĩ độ WGS 84 tính bằng độ).")
    if not polygon.is_valid:
        raise BadFile(f"{name} ({code}): ranh giới tự cắt hoặc sai ({shapely.is_valid_reason(polygon)}).")
    return Feature(code, name, properties, polygon, area_m2(polygon))


def compare(features: list[Feature], edition: str, valid_from: date) -> Report:
    """What would change against the edition now in force on that day, and how well the polygons fit together."""
    before: dict[str, str] = {}
    if current := Edition.on(valid_from):
        units = db.session.scalars(db.select(Unit).join(Boundary).where(Boundary.edition_id == current.id))
        before = {u.code: u.name for u in units}
    after = {f.code: f.name for f in features}
    return Report(
        edition,
        len(features),
        appears=[f"{n} ({c})" for c, n in after.items() if fold(before.get(c, "")) != fold(n)],
        disappears=[f"{n} ({c})" for c, n in before.items() if fold(after.get(c, "")) != fold(n)],
        gaps=gaps(features),
        overlaps=overlaps(features),
    )


def gaps(features: list[Feature]) -> list[tuple[str, float]]:
    """Holes that no unit covers, the largest first: a point in each and hectares."""
    whole = shapely.union_all([f.polygon for f in features])
    holes = [shapely.Polygon(h) for part in shapely.get_parts(whole) for h in part.interiors]
    sized = [(hole.representative_point(), area_m2(hole)) for hole in holes]
    found = [(f"{p.y:.5f}, {p.x:.5f}", m2 / HECTARE_M2) for p, m2 in sized if m2 > SLIVER_M2]
    return sorted(found, key=lambda gap: -gap[1])


def overlaps(features: list[Feature]) -> list[tuple[str, float]]:
    """Ground that two units both cover, the largest first: their names and hectares."""
    polygons = [f.polygon for f in features]
    tree = shapely.STRtree(polygons)
    found = []
    for one, polygon in enumerate(polygons):
        for other in tree.query(polygon):
            if one < other:
                m2 = area_m2(shapely.intersection(polygon, polygons[other]))
                if m2 > SLIVER_M2:
                    found.append((f"{features[one].name} – {features[other].name}", m2 / HECTARE_M2))
    return sorted(found, key=lambda overlap: -overlap[1])


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
    if db.session.scalar(db.select(Edition).where(Edition.name == name)):
        raise BadFile(f"Đã có bộ ranh giới tên “{name}”; bộ cũ không bị sửa, hãy đặt tên khác.")
    edition = Edition(id=new_id(), name=name, activated_at=now(), **described)
    edition.valid_from, edition.valid_to = valid_from, valid_to
    db.session.add(edition)
    units, created = units_of(features, valid_from, valid_to)
    for feature, unit in zip(features, units, strict=True):
        inside = feature.polygon.representative_point()
        db.session.add(
            Boundary(
                edition_id=edition.id,
                unit_id=unit.id,
                wkb=shapely.to_wkb(feature.polygon),
                interior_lat=inside.y,
                interior_lon=inside.x,
                area_m2=feature.area_m2,
            )
        )
    if created:
        refresh_names_and_scopes()
    db.session.flush()
    return edition, created


def units_of(features: list[Feature], valid_from: date, valid_to: date | None) -> tuple[list[Unit], int]:
    """The commune of each feature on the edition's days, created with its line above where missing."""
    units, created, strangers = [], 0, []
    for feature in features:
        first = day(str(feature.properties.get("valid_from") or ""), feature.name) or valid_from
        last = day(str(feature.properties.get("valid_to") or ""), feature.name) or valid_to
        known = overlapping("commune", feature.code, first, last)
        if not known:
            parent, made = _above(feature, first, last)
            known = [Unit.add("commune", feature.code, feature.name, parent, valid_from=first, valid_to=last)]
            db.session.flush()
            created += made + 1
        elif fold(feature.name) not in known[-1].search:
            strangers.append(f"{feature.code} là {known[-1].name}, tệp ghi {feature.name}")
        units.append(known[-1])
    if strangers:
        raise BadFile(
            "Mã đã thuộc về đơn vị khác trong thời gian đó: "
            + "; ".join(strangers)
            + ". Hãy nhập đơn vị (có ngày) hoặc tên gọi khác trước."
        )
    return units, created


def _above(feature: Feature, first: date, last: date | None) -> tuple[Unit, int]:
    made = 0
    above: Unit | None = None
    for level in ("province", "district"):
        code, name = (str(feature.properties.get(f"{level}_{k}") or "").strip() for k in ("code", "name"))
        if not code:
            continue
        known = overlapping(level, code, first, last)
        if not known:
            # A province outlives editions; a district is known only for as long as the file says.
            dates = {} if level == "province" else {"valid_from": first, "valid_to": last}
            known = [Unit.add(level, code, name or code, above, **dates)]
            db.session.flush()
            made += 1
        above = known[-1]
    assert above is not None  # a feature without a province code was refused
    return above, made
