"""Coordinates as maps print them: VN-2000 metres to WGS 84 degrees."""

from functools import cache
from typing import Any

# 3-degree zones of the provinces, the older 3-degree zones, and the 6-degree zones 48 and 49 of topographic maps.
VN2000_ZONES = frozenset({3405, 3406, *range(5896, 5900), *range(9205, 9219)})


@cache
def _transformer(epsg: int) -> Any:
    import pyproj  # 60 ms and 20 MB: only for those who type grid coordinates

    # By code, not by a +towgs84 string: the published signs of the rotations land 0.8 m off.
    return pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)


def from_vn2000(easting: float, northing: float, epsg: int) -> tuple[float, float] | None:
    """Latitude and longitude in degrees (WGS 84) of VN-2000 metres; None where Vietnam has no such place."""
    if not _on_grid(easting, northing):
        return None
    lon, lat = _transformer(epsg).transform(easting, northing)
    return lat, lon


def looks_swapped(easting: float, northing: float) -> bool:
    return not _on_grid(easting, northing) and _on_grid(northing, easting)


def _on_grid(easting: float, northing: float) -> bool:
    """Vietnam lies between 8° and 24° N, and within 700 km of any of its central meridians."""
    return -200_000 < easting < 1_200_000 and 850_000 < northing < 2_700_000


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Metres on the ellipsoid (WGS 84) between two points given in degrees."""
    import pyproj

    return float(pyproj.Geod(ellps="WGS84").inv(lon1, lat1, lon2, lat2)[2])
