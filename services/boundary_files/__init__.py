"""Files of boundaries as offices have them: told apart by content, read whole or refused in one sentence."""

from pathlib import Path

from services.bad_file import BadFile
from services.boundary_files.geojson import read_geojson
from services.boundary_files.geopackage import read_geopackage
from services.boundary_files.layer import Layer, bytes_of, named_path
from services.boundary_files.shapefiles import PARTS, beside, inside_zip, read_shapefile

__all__ = ["Layer", "read_layer"]


def read_layer(path: Path, layer: str | None = None) -> Layer:
    """The polygons and columns of a GeoJSON file, a GeoPackage, or a shapefile (its .shp, or a .zip that holds it)."""
    path = named_path(path)
    start = bytes_of(path, 16)
    if start == b"SQLite format 3\0":
        return read_geopackage(path, layer)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):  # the latter holds nothing
        return read_shapefile(inside_zip(path, layer), path.name)
    elif start[:4] == b"\x00\x00\x27\x0a" or path.suffix.casefold() in PARTS:
        found = read_shapefile(beside(path), path.name)
    elif start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        found = read_geojson(path)
    else:
        raise BadFile(f"{path.name}: không phải GeoJSON, GeoPackage (.gpkg) hay shapefile (.shp, hoặc .zip chứa nó).")
    if layer is not None and layer != found.name:
        raise BadFile(f"{path.name}: không có lớp “{layer}”; tệp chỉ có lớp “{found.name}”.")
    return found
