"""GeoJSON: a FeatureCollection of polygons, in WGS 84 unless an old "crs" member says otherwise."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from services.bad_file import BadFile
from services.boundary_files.layer import Layer, check_count, plain_polygon
from services.coordinates import WGS_84

POLYGONS = ("Polygon", "MultiPolygon")


def read_geojson(path: Path) -> Layer:
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, OSError, RecursionError):
        raise BadFile(f"{path.name}: không phải tệp GeoJSON (không đọc được như JSON UTF-8).") from None
    return layer_in(content, path.name)


def layer_in(content: Any, source: str) -> Layer:
    """From JSON already parsed."""
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise BadFile(f"{source}: không phải GeoJSON kiểu FeatureCollection.")
    features = content.get("features")
    if not isinstance(features, list):
        features = []
    check_count(len(features), source)
    layer = layer_of(features, source)
    layer.epsg = _epsg(content.get("crs"), source)
    return layer


def layer_of(features: list[Any], source: str) -> Layer:
    """From features already parsed."""
    layer = Layer(source, Path(source).stem, [], [], [], unreadable={})
    columns: dict[str, None] = {}
    for number, item in enumerate(features, 1):
        properties = item.get("properties") if isinstance(item, dict) else None
        if not isinstance(properties, dict):
            raise BadFile(f"{source}, đối tượng thứ {number}: không có thuộc tính (properties).")
        columns |= dict.fromkeys(properties)
        layer.rows.append(properties)
        layer.geometries.append(_polygon(item.get("geometry"), number - 1, layer))
    layer.columns = list(columns)
    return layer


def _polygon(geometry: Any, row: int, layer: Layer) -> Any:
    assert layer.unreadable is not None
    if not isinstance(geometry, dict) or geometry.get("type") not in POLYGONS:
        layer.unreadable[row] = "hình học phải là Polygon hoặc MultiPolygon"
        return None
    try:
        with np.errstate(invalid="ignore"):
            return plain_polygon(shape(geometry))
    except (shapely.errors.ShapelyError, ValueError, TypeError, LookupError, AttributeError):
        layer.unreadable[row] = "tọa độ của hình học không đọc được"
        return None


def _epsg(crs: Any, source: str) -> int | None:
    """Of the member "crs", which today's standard dropped but which programs still write for other systems."""
    if crs is None:
        return None
    name = str((crs.get("properties") or {}).get("name") if isinstance(crs, dict) else crs)
    if name.endswith(("CRS84", "CRS84h")):
        return WGS_84
    if found := re.search(r"EPSG:[\d.]*:?(\d{4,6})$", name, re.IGNORECASE):
        return int(found[1])
    raise BadFile(f"{source}: không hiểu hệ tọa độ “{name[:60]}” ghi trong tệp; hãy cho --epsg.")
