"""From a layer of a file to communes with polygons: which column is which, and what every row must have."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from models.boundaries import area_m2
from services.bad_file import BadFile, tidy
from services.boundary_files import Layer
from services.boundary_files.geojson import layer_of
from services.old_fonts import refuse_old_fonts

NEEDED = ("code", "name", "province_code", "province_name")
OPTIONAL = ("district_code", "district_name", "valid_from", "valid_to")
NAMES = ("name", "province_name", "district_name")
LONGEST_COLUMN = 10  # of a shapefile: "province_code" stands there as "province_c"
# Vietnam with its islands, in degrees: what lies outside is a wrong projection or swapped coordinates.
WEST, SOUTH, EAST, NORTH = 101.0, 6.0, 118.0, 24.5
WRONG = {
    "Self-intersection": "tự cắt",
    "Ring Self-intersection": "vòng tự chạm vào mình",
    "Hole lies outside shell": "có lỗ nằm ngoài vòng",
    "Nested shells": "có phần nằm trong phần khác",
    "Nested holes": "có lỗ nằm trong lỗ khác",
    "Duplicate Rings": "có hai vòng trùng nhau",
    "Interior is disconnected": "bị lỗ cắt rời",
    "Too few points in geometry component": "có vòng quá ít điểm",
}


@dataclass
class Feature:
    code: str
    name: str
    properties: dict[str, str]
    polygon: Any
    area_m2: float = 0.0

    @property
    def named(self) -> str:
        return f"{self.name} ({self.code})"


def fields_of(text: str) -> dict[str, str]:
    """ "code=maxa,name=tenxa": which column of the file holds what."""
    fields = {}
    for pair in filter(None, (p.strip() for p in text.split(","))):
        name, equals, column = (p.strip() for p in pair.partition("="))
        if not equals or not column or name not in NEEDED + OPTIONAL:
            known = ", ".join(NEEDED + OPTIONAL)
            raise BadFile(f"--fields: “{pair}” không đúng dạng thuộc_tính=cột; các thuộc tính: {known}.")
        fields[name] = column
    return fields


def features_of(layer: Layer, fields: dict[str, str] | None = None) -> list[Feature]:
    """The communes of a layer, in its own coordinates. Raises BadFile with one plain sentence."""
    columns = _columns(layer, fields or {})
    features: list[Feature] = []
    seen: dict[str, str] = {}
    for number, row in enumerate(layer.rows, 1):
        where = f"{layer.source}, đối tượng thứ {number}"
        values = {name: _value(row.get(column), f"{where}, cột “{column}”", name) for name, column in columns.items()}
        for name in NEEDED:
            if not values.get(name):
                raise BadFile(f"{where}: thiếu thuộc tính “{name}”.")
        feature = Feature(values.pop("code"), values.pop("name"), values, layer.geometries[number - 1])
        if wrong := (layer.unreadable or {}).get(number - 1):
            raise BadFile(f"{feature.named}: {wrong}.")
        if feature.code in seen:
            raise BadFile(
                f"{layer.source}: mã {feature.code} xuất hiện hai lần ({seen[feature.code]} và {feature.name})."
            )
        seen[feature.code] = feature.name
        _check_readable(feature)
        features.append(feature)
    return features


def placed_features(raw: list[Any], source: str) -> list[Feature]:
    """Of GeoJSON features already in memory, in longitude and latitude (WGS 84)."""
    features = features_of(layer_of(raw, source))
    for feature in features:
        check_placed(feature)
    return features


def check_placed(feature: Feature) -> None:
    """A polygon in degrees is where Vietnam is and bounds a surface; its area is measured."""
    west, south, east, north = feature.polygon.bounds
    if not (west >= WEST and south >= SOUTH and east <= EAST and north <= NORTH):
        raise BadFile(
            f"{feature.named}: tọa độ nằm ngoài Việt Nam "
            "(phải là kinh độ, vĩ độ WGS 84 tính bằng độ, hoặc mét VN-2000 với đúng --epsg)."
        )
    if not feature.polygon.is_valid:
        raise BadFile(f"{feature.named}: ranh giới {wrong_where(feature.polygon)}.")
    feature.area_m2 = area_m2(feature.polygon)


def wrong_where(polygon: Any) -> str:
    """What makes a polygon none, in which of its parts, and where."""
    parts = shapely.get_parts(polygon)
    bad = next((n for n, part in enumerate(parts, 1) if not part.is_valid), None)
    reason = shapely.is_valid_reason(polygon if bad is None else parts[bad - 1])
    kind, _, place = reason.partition("[")
    said = WRONG.get(kind.strip(), f"sai ({kind.strip()})")
    if bad is not None and len(parts) > 1:
        said += f" ở phần thứ {bad} trong {len(parts)} phần"
    if found := re.match(r"([-\d.e]+) ([-\d.e]+)", place):
        said += f", tại kinh độ {float(found[1]):.6f}, vĩ độ {float(found[2]):.6f}"
    return said


def _columns(layer: Layer, fields: dict[str, str]) -> dict[str, str]:
    """The file's column for each property; names are compared without case."""
    known = {column.casefold(): column for column in reversed(layer.columns)}
    listed = ", ".join(layer.columns) or "không có cột nào"
    found = {}
    for name in NEEDED + OPTIONAL:
        wanted = fields.get(name, name).casefold()
        column = known.get(wanted) or known.get(wanted[:LONGEST_COLUMN])
        if name in fields and column is None:
            raise BadFile(f"{layer.source}: không có cột “{fields[name]}” cho “{name}”; tệp có các cột: {listed}.")
        if column is not None:
            found[name] = column
        elif name in NEEDED:
            raise BadFile(
                f"{layer.source}: thiếu thuộc tính “{name}”; tệp có các cột: {listed}; "
                f"nếu cột mang tên khác, hãy cho --fields {name}=TÊN_CỘT."
            )
    return found


def _value(value: Any, where: str, name: str) -> str:
    if isinstance(value, float):
        if math.isnan(value):  # as some programs write nothing
            return ""
        value = int(value) if value.is_integer() else value
    text = "" if value is None else str(value)
    if "\x00" in text:
        raise BadFile(f"{where}: có ký tự NUL, không cơ sở dữ liệu nào giữ được.")
    if name in NAMES:
        refuse_old_fonts(text, where)
    return tidy(text)


def _check_readable(feature: Feature) -> None:
    polygon = feature.polygon
    if polygon.geom_type not in ("Polygon", "MultiPolygon"):
        raise BadFile(f"{feature.named}: hình học phải là Polygon hoặc MultiPolygon.")
    if polygon.is_empty:
        raise BadFile(f"{feature.named}: hình học rỗng.")
    if not np.isfinite(shapely.get_coordinates(polygon)).all():
        raise BadFile(f"{feature.named}: có tọa độ không phải là số.")
