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


def from_vn2000(easting: float, northing: float, epsg: int) -> tuple[float, float]:
    """Latitude and longitude in degrees (WGS 84) of VN-2000 metres; (inf, inf) where the grid does not reach."""
    lon, lat = _transformer(epsg).transform(easting, northing)
    return lat, lon
