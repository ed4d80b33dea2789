"""Where the polygons of a file lie on the earth: by the grid given, said by the file, or found out; never guessed.

Metres do not tell their central meridian. Each grid puts the same numbers elsewhere, 25 km and more apart between the
provinces' zones, 0.2 to 0.7 km between the grids of zone 48. So communes that are known already decide: only a grid
that alone puts them where they are is taken.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from models.geometry import METRES_PER_DEGREE
from models.units import fold, split_kind
from services.bad_file import BadFile
from services.boundary_features import EAST, NORTH, SOUTH, WEST, Feature, check_placed
from services.coordinates import DEGREES, GRIDS, VN2000_ZONES, WGS_84, to_wgs84, usual_zones, zone_name

NEAR_M = 5_000  # farther than this from the known communes no grid fits; schematic boundaries are that far off
SAME_M = 300  # within this two grids cannot be told apart
TIMES = 3  # the next best must be this much worse
NORTHING_M = (650_000, 2_750_000)  # from 6° to 24.5° north
EASTING_M = (-200_000, 1_200_000)


@dataclass
class Known:
    """A commune whose polygon is known: its name folded, and the middle of its ground in degrees."""

    name: str
    lat: float
    lon: float


def place(features: list[Feature], source: str, given: int | None, said: int | None, known: dict[str, Known]) -> str:
    """Turns all polygons to WGS 84 and checks them; returns one sentence about the coordinate system.

    `given` by whoever imports, `said` by the file, `known` by code.
    """
    metres = _in_metres(features)
    if given is not None and given not in GRIDS | DEGREES:
        raise BadFile(f"EPSG {given} không nhận được; hãy cho một trong: {_numbered(sorted(GRIDS | DEGREES))}.")
    if given is None and said is not None and said not in GRIDS | DEGREES:
        raise BadFile(f"{source}: tệp ghi hệ tọa độ EPSG {said}, không phải VN-2000 hay WGS 84; hãy cho --epsg.")
    epsg = given if given is not None else said
    if epsg is not None and metres != (epsg in GRIDS):
        unit, other = ("mét", "độ") if metres else ("độ", "mét")
        raise BadFile(f"{source}: tọa độ tính bằng {unit} nhưng EPSG {epsg} tính bằng {other}; hãy cho đúng --epsg.")
    for feature in features:
        _refuse_swapped(feature, metres)
    how = "theo --epsg" if given is not None else "tệp ghi"
    if epsg is None and metres:
        epsg, how = detect(features, source, known), "nhận ra theo vị trí các đơn vị đã biết"
    elif epsg is None:
        epsg, how = WGS_84, "tọa độ là độ, tệp không ghi gì khác"
    for feature, polygon in zip(features, to_wgs84(np.array([f.polygon for f in features]), epsg), strict=True):
        feature.polygon = polygon
        check_placed(feature)
    told = f"; tệp lại ghi EPSG {said}" if given is not None and said not in (None, given) else ""
    return f"EPSG {epsg}, {zone_name(epsg)} ({how}{told}){_warning(features, known)}"


def detect(features: list[Feature], source: str, known: dict[str, Known]) -> int:
    """The one grid that puts the communes where they are known to be."""
    matched = _matched(features, known)
    centres = shapely.centroid([f.polygon for f, _ in matched] or [f.polygon for f in features])
    off_m = {epsg: _median_m(to_wgs84(centres, epsg), [k for _, k in matched]) for epsg in GRIDS} if matched else {}
    best = min(off_m.values(), default=np.inf)
    fitting = sorted((m, epsg) for epsg, m in off_m.items() if m <= max(SAME_M, TIMES * best))
    if best <= NEAR_M and len(fitting) == 1:
        return fitting[0][1]
    if matched and best > NEAR_M:
        nearest = min(off_m, key=off_m.__getitem__)
        raise BadFile(
            f"{source}: không rõ hệ tọa độ: gần nhất là EPSG {nearest} ({zone_name(nearest)}), "
            f"nhưng các đơn vị vẫn lệch {best / 1000:.1f} km so với ranh giới đã biết; hãy cho --epsg."
        )
    possible = [epsg for _, epsg in fitting] or _covering(centres)
    provinces = {fold(split_kind(f.properties["province_name"])[1]) for f in features}
    usual = [epsg for epsg in usual_zones(provinces) if epsg in possible]
    hint = f" (tỉnh này thường dùng {_numbered(usual)})" if usual else ""
    listed = " hoặc ".join(f"{epsg} ({zone_name(epsg)})" for epsg in possible) or "bất kỳ múi nào"
    raise BadFile(f"{source}: không rõ hệ tọa độ: có thể là EPSG {listed}; hãy cho --epsg{hint}.")


def _matched(features: list[Feature], known: dict[str, Known]) -> list[tuple[Feature, Known]]:
    return [(f, k) for f in features if (k := known.get(f.code)) and k.name == fold(f.name)]


def _warning(features: list[Feature], known: dict[str, Known]) -> str:
    """What is said may be wrong as well; but so may be what is known, so this refuses nothing."""
    if not (matched := _matched(features, known)):
        return ""
    off_m = _median_m(shapely.centroid([f.polygon for f, _ in matched]), [k for _, k in matched])
    return f"; CHÚ Ý: lệch {off_m / 1000:.1f} km so với ranh giới đã biết" if off_m > NEAR_M else ""


def _in_metres(features: list[Feature]) -> bool:
    return bool(np.abs(shapely.total_bounds([f.polygon for f in features])).max() > 360)


def _refuse_swapped(feature: Feature, metres: bool) -> None:
    x, y, x_2, y_2 = feature.polygon.bounds
    if metres:
        if NORTHING_M[0] <= x and x_2 <= NORTHING_M[1] and EASTING_M[0] <= y and y_2 <= EASTING_M[1] and y_2 < x:
            raise BadFile(
                f"{feature.named}: tọa độ đông (E, khoảng {y:.0f}) và bắc (N, khoảng {x:.0f}) bị đổi chỗ; "
                "trong tệp, đông phải đứng trước bắc."
            )
    elif SOUTH <= x <= x_2 <= NORTH and WEST <= y <= y_2 <= EAST:
        raise BadFile(f"{feature.named}: kinh độ và vĩ độ bị đổi chỗ; trong tệp, kinh độ phải đứng trước vĩ độ.")


def _median_m(centres: Any, known: list[Known]) -> float:
    """How far half of the communes lie at most from where they are known to be."""
    lon, lat = shapely.get_x(centres), shapely.get_y(centres)
    north = lat - np.array([k.lat for k in known])
    east = (lon - np.array([k.lon for k in known])) * np.cos(np.radians(np.array([k.lat for k in known])))
    found = float(np.median(np.hypot(north, east)) * METRES_PER_DEGREE)
    return found if np.isfinite(found) else np.inf


def _covering(centres: Any) -> list[int]:
    """The grids of VN-2000 whose own area of use holds most of the points."""
    import pyproj

    found = []
    for epsg in sorted(VN2000_ZONES):
        area = pyproj.CRS.from_epsg(epsg).area_of_use
        assert area is not None  # every grid of ours has one
        west, south, east, north = area.bounds
        points = to_wgs84(centres, epsg)
        lon, lat = shapely.get_x(points), shapely.get_y(points)
        if np.mean((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)) > 0.5:
            found.append(epsg)
    return found


def _numbered(codes: list[int]) -> str:
    return ", ".join(map(str, codes))
