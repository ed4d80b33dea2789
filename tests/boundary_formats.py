"""Small files of boundaries in every format, written by the tests themselves."""

import io
import json
import sqlite3
import struct
import unicodedata
import zipfile

import numpy as np
import pyproj
import shapefile
import shapely

COLUMNS = ("code", "name", "province_code", "province_name")


def to_grid(polygon, epsg):
    """From longitude and latitude to a grid, by pyproj."""
    turn = pyproj.Transformer.from_crs(4326, epsg, always_xy=True).transform
    return shapely.transform(polygon, lambda points: np.column_stack(turn(points[:, 0], points[:, 1])))


def as_geojson(path, rows, crs=None):
    """`rows`: (dict of columns, polygon). Outer rings anticlockwise, as RFC 7946 wants; shapefiles have it otherwise."""
    shapes = [shapely.geometry.mapping(shapely.orient_polygons(polygon)) for _, polygon in rows]
    features = [{"type": "Feature", "properties": p, "geometry": g} for (p, _), g in zip(rows, shapes, strict=True)]
    content = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return path


def packed(polygon, srs_id=4326, envelope=True):
    """A GeoPackage geometry: header, the envelope if wanted, well-known binary."""
    if polygon is None:
        return None
    x_1, y_1, x_2, y_2 = polygon.bounds
    box = struct.pack("<4d", x_1, x_2, y_1, y_2) if envelope else b""
    return b"GP" + struct.pack("<BBi", 0, 1 | (2 if envelope else 0), srs_id) + box + shapely.to_wkb(polygon)


def as_geopackage(path, layers, epsg=4326, definition="undefined", envelope=True):
    """`layers`: rows by layer name, as for GeoJSON. Without an EPSG code the definition speaks."""
    path.unlink(missing_ok=True)
    file = sqlite3.connect(path)
    file.executescript(
        """CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,
               organization_coordsys_id INTEGER, definition TEXT);
           CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, identifier TEXT, srs_id INTEGER);
           CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT,
               srs_id INTEGER, z TINYINT, m TINYINT);"""
    )
    owner = ("EPSG", epsg) if epsg else ("NONE", 0)
    file.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?)", ("hệ", 4326, *owner, definition))
    for name, rows in layers.items():
        columns = list(rows[0][0])
        quoted = ", ".join(f'"{c}" TEXT' for c in columns)
        file.execute(f'CREATE TABLE "{name}" (fid INTEGER PRIMARY KEY, geom BLOB, {quoted})')
        file.execute("INSERT INTO gpkg_contents VALUES (?, 'features', ?, 4326)", (name, name))
        file.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'MULTIPOLYGON', 4326, 0, 0)", (name,))
        for properties, polygon in rows:
            values = [packed(polygon, envelope=envelope), *properties.values()]
            marks = ", ".join("?" for _ in values)
            file.execute(f'INSERT INTO "{name}" (geom, {", ".join(columns)}) VALUES ({marks})', values)
    file.commit()
    file.close()
    return path


def shapefile_parts(rows, epsg=None, encoding="utf-8", cpg=None, prj=None):
    """The bytes of each part by its ending. Column names are cut to ten letters, as the format demands."""
    parts = {ending: io.BytesIO() for ending in ("shp", "shx", "dbf")}
    with shapefile.Writer(**parts, encoding="latin-1", shapeType=shapefile.POLYGON) as writer:
        for column in rows[0][0]:
            writer.field(column[:10], "C", size=100)
        for properties, polygon in rows:
            writer.shape(shapely.geometry.mapping(shapely.orient_polygons(polygon, exterior_cw=True)))
            writer.record(*(in_bytes(str(v), encoding).decode("latin-1") for v in properties.values()))
    done = {ending: part.getvalue() for ending, part in parts.items()}
    if epsg:
        prj = pyproj.CRS.from_epsg(epsg).to_wkt("WKT1_ESRI")
    if prj:
        done["prj"] = prj.encode()
    if cpg:
        done["cpg"] = cpg.encode()
    return done


def in_bytes(text, encoding):
    """In an encoding; the Vietnamese code page of Windows keeps tones behind their letters."""
    if encoding != "cp1258":
        return text.encode(encoding)
    tones = "\u0300\u0301\u0303\u0309\u0323"
    done = b""
    for letter in unicodedata.normalize("NFC", text):
        decomposed = unicodedata.normalize("NFD", letter)
        tone = "".join(c for c in decomposed if c in tones)
        base = unicodedata.normalize("NFC", "".join(c for c in decomposed if c not in tones))
        done += (base + tone).encode("cp1258")
    return done


def as_shapefile(path, rows, without=(), **how):
    for ending, content in shapefile_parts(rows, **how).items():
        if ending not in without:
            path.with_suffix(f".{ending}").write_bytes(content)
    return path


def as_zip(path, rows, layers=("xã",), **how):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for layer in layers:
            for ending, content in shapefile_parts(rows, **how).items():
                archive.writestr(f"ranh giới/{layer}.{ending}", content)
    return path
