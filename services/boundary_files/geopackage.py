"""GeoPackage (OGC 12-128): an SQLite file, its geometries well-known binary behind a short header."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import shapely

from services.bad_file import BadFile
from services.boundary_files.layer import MOST_FEATURES, Layer, check_count, plain_polygon
from services.coordinates import epsg_of_definition

ENVELOPE_BYTES = (0, 32, 48, 48, 64)  # by the three bits of the header that say which envelope follows
LAYERS = """SELECT g.table_name, g.column_name, s.organization, s.organization_coordsys_id, s.definition
    FROM gpkg_geometry_columns g LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id ORDER BY g.table_name"""


def read_geopackage(path: Path, layer: str | None) -> Layer:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as file:
            file.text_factory = _text
            file.execute("PRAGMA trusted_schema = OFF")  # a view in somebody's file calls no function of ours
            return _read(file, path.name, layer)
    except sqlite3.Error as error:
        raise BadFile(f"{path.name}: không đọc được như GeoPackage ({error}).") from None


def _read(file: sqlite3.Connection, source: str, wanted: str | None) -> Layer:
    if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'gpkg_geometry_columns'").fetchone():
        raise BadFile(f"{source}: là tệp SQLite nhưng không phải GeoPackage (không có lớp hình học nào).")
    layers = {row[0]: row[1:] for row in file.execute(LAYERS)}
    if not layers:
        raise BadFile(f"{source}: GeoPackage không có lớp hình học nào.")
    listed = ", ".join(f"“{name}”" for name in layers)
    if wanted is None and len(layers) > 1:
        raise BadFile(f"{source}: có nhiều lớp ({listed}); hãy chọn một lớp bằng --layer.")
    if (name := wanted or next(iter(layers))) not in layers:
        raise BadFile(f"{source}: không có lớp “{name}”; tệp có {listed}.")
    column, *system = layers[name]
    table = name.replace('"', '""')
    cursor = file.execute(f'SELECT * FROM "{table}" LIMIT {MOST_FEATURES + 1}')
    columns = [c[0] for c in cursor.description]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor]
    check_count(len(rows), source)
    found = Layer(source, name, [c for c in columns if c != column], rows, [], _epsg(system, source), {})
    for number, row in enumerate(rows):
        found.geometries.append(_polygon(row.pop(column, None), number, found))
    return found


def _polygon(blob: Any, row: int, layer: Layer) -> Any:
    assert layer.unreadable is not None
    if blob is None:
        layer.unreadable[row] = "không có hình học, phải là Polygon hoặc MultiPolygon"
        return None
    try:
        geometry = shapely.from_wkb(well_known(blob))
    except (shapely.errors.ShapelyError, ValueError, TypeError, IndexError):
        layer.unreadable[row] = "tọa độ của hình học không đọc được"
        return None
    return plain_polygon(geometry)


def well_known(blob: bytes) -> bytes:
    """The well-known binary in a GeoPackage geometry: behind magic, version, flags, system and envelope."""
    if not isinstance(blob, bytes) or blob[:2] != b"GP" or len(blob) < 8:
        raise ValueError("not a GeoPackage geometry")
    return blob[8 + ENVELOPE_BYTES[(blob[3] >> 1) & 7] :]


def _epsg(system: list[Any], source: str) -> int | None:
    organisation, code, definition = system
    if str(organisation).upper() == "EPSG" and code:
        return int(code)
    if not definition or str(definition).casefold() in ("undefined", "unknown"):
        return None
    if (found := epsg_of_definition(str(definition))) is None:
        raise BadFile(f"{source}: không nhận ra hệ tọa độ ghi trong tệp; hãy cho --epsg.")
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # bytes of an old font: recognised when the names are read
