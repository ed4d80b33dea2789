"""Coordinates as maps print them: VN-2000 metres to WGS 84 degrees."""

from functools import cache
from typing import Any

import numpy as np
import shapely

from models.units import fold, split_kind

# 3-degree zones of the provinces, the older 3-degree zones, and the 6-degree zones 48 and 49 of topographic maps.
VN2000_ZONES = frozenset({3405, 3406, *range(5896, 5900), *range(9205, 9219)})
PRESCRIBED = range(9205, 9219)  # the 3-degree zones of the provinces
WGS_84, VN2000_DEGREES = 4326, 4756
# What a file of boundaries may be in: degrees, the grids of VN-2000, and those that GPS receivers show.
DEGREES = frozenset({WGS_84, VN2000_DEGREES})
GRIDS = VN2000_ZONES | {32647, 32648, 32649}


@cache
def _transformer(epsg: int) -> Any:
    import pyproj  # 60 ms and 20 MB: only for those who type grid coordinates

    # By code, not by a +towgs84 string: the published signs of the rotations land 0.8 m off.
    return pyproj.Transformer.from_crs(epsg, WGS_84, always_xy=True)


def from_vn2000(easting: float, northing: float, epsg: int) -> tuple[float, float] | None:
    """Latitude and longitude in degrees (WGS 84) of VN-2000 metres; None where Vietnam has no such place."""
    if not _on_grid(easting, northing):
        return None
    lon, lat = _transformer(epsg).transform(easting, northing)
    return lat, lon


def to_vn2000(lat: float, lon: float, epsg: int) -> tuple[float, float]:
    """Easting and northing in metres (VN-2000) of a place given in degrees (WGS 84)."""
    easting, northing = _transformer(epsg).transform(lon, lat, direction="INVERSE")
    return easting, northing


def to_wgs84(geometry: Any, epsg: int) -> Any:
    """A geometry, or an array of them, in longitude and latitude (WGS 84)."""
    if epsg == WGS_84:
        return geometry

    def turn(points: Any) -> Any:
        return np.column_stack(_transformer(epsg).transform(points[:, 0], points[:, 1]))

    return shapely.transform(geometry, turn)


def zone_name(epsg: int) -> str:
    """As people call it: "VN-2000 / TM-3 103-00"."""
    import pyproj

    return pyproj.CRS.from_epsg(epsg).name


@cache
def zone_of(province: str) -> int | None:
    """The 3-degree zone prescribed for a province, by its name ("Tỉnh Điện Biên")."""
    found = usual_zones({fold(split_kind(province)[1])})
    return next((epsg for epsg in found if epsg in PRESCRIBED), None)


def usual_zones(provinces: set[str]) -> list[int]:
    """The 3-degree zones prescribed for provinces, by their folded names without the kind ("dien bien")."""
    import pyproj

    found = []
    for epsg in sorted(VN2000_ZONES - {3405, 3406, *range(5896, 5899)}):
        area = pyproj.CRS.from_epsg(epsg).area_of_use
        names = fold(area.name if area else "").replace("-", " ")
        if any(f" {province} " in f" {names.replace(',', ' ')} ".replace(".", " ") for province in provinces):
            found.append(epsg)
    return found


def epsg_of_definition(text: str) -> int | None:
    """The EPSG code of a coordinate system written out (WKT, as in a .prj file), None when it names none of ours."""
    import pyproj

    try:
        crs = pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError:
        return None
    code = crs.to_epsg(min_confidence=70)
    return code if code is not None else _like_one_of_ours(crs)


def _like_one_of_ours(crs: Any) -> int | None:
    """By the numbers of its projection, if it says VN-2000: such files come with many spellings of the name."""
    import pyproj

    said = f"{crs.name} {crs.geodetic_crs.name if crs.geodetic_crs else ''} {crs.datum.name if crs.datum else ''}"
    if not any(word in said.casefold() for word in ("vn2000", "vn-2000", "vn_2000", "vietnam 2000", "vietnam_2000")):
        return None
    if crs.is_geographic:
        return VN2000_DEGREES
    wanted = _numbers(crs)
    return next((epsg for epsg in sorted(VN2000_ZONES) if _numbers(pyproj.CRS.from_epsg(epsg)) == wanted), None)


def _numbers(crs: Any) -> dict[str, float] | None:
    operation = crs.coordinate_operation
    return operation and {p.name.casefold(): round(p.value, 6) for p in operation.params}


def looks_swapped(easting: float, northing: float) -> bool:
    return not _on_grid(easting, northing) and _on_grid(northing, easting)


def _on_grid(easting: float, northing: float) -> bool:
    """Vietnam lies between 8° and 24° N, and within 700 km of any of its central meridians."""
    return -200_000 < easting < 1_200_000 and 850_000 < northing < 2_700_000


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Metres on the ellipsoid (WGS 84) between two points given in degrees."""
    import pyproj

    return float(pyproj.Geod(ellps="WGS84").inv(lon1, lat1, lon2, lat2)[2])
