"""Shapefiles: .shp and .dbf with their companions, lying side by side or together in a .zip."""

import io
import struct
import unicodedata
import warnings
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import shapely
from shapely.geometry import shape

from services.bad_file import BadFile
from services.boundary_files.layer import LARGEST_BYTES, Layer, bytes_of, check_count, named_path, plain_polygon
from services.coordinates import epsg_of_definition
from services.old_fonts import old_font

PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")
# pyshp meets broken bytes with whatever they happen to cause.
BROKEN: tuple[type[Exception], ...] = (
    *(struct.error, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError),
    *(OSError, EOFError, MemoryError),
)
POLYGON_TYPES = {5, 15, 25}  # Polygon, PolygonZ, PolygonM
# Letters and signs of Vietnamese text in the Windows code page 1258, once composed.
VIETNAMESE = frozenset(
    "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz0123456789 .,;:/()-–'’\"&+"
    "àảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ"
)


def beside(path: Path) -> dict[str, bytes]:
    """The parts of a shapefile that lie beside one of them, whatever the case of their endings."""
    stem = path.stem.casefold()
    found = {
        other.suffix.casefold(): other
        for other in sorted(path.parent.iterdir())
        if other.stem.casefold() == stem and other.suffix.casefold() in PARTS and other.is_file()
    }
    return {ending: bytes_of(named_path(part)) for ending, part in found.items()}


def inside_zip(path: Path, layer: str | None) -> dict[str, bytes]:
    """The parts of the one shapefile in a .zip; no more is unpacked than a file may have."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir() and not e.filename.startswith("__MACOSX/")]
            shapes = [PurePosixPath(e.filename) for e in entries if e.filename.casefold().endswith(".shp")]
            listed = ", ".join(f"“{s.stem}”" for s in shapes)
            if not shapes:
                raise BadFile(f"{path.name}: trong .zip không có shapefile (.shp) nào.")
            chosen = [s for s in shapes if s.stem == layer] if layer else shapes
            if not chosen:
                raise BadFile(f"{path.name}: không có lớp “{layer}”; trong .zip có {listed}.")
            if len(chosen) > 1:
                raise BadFile(f"{path.name}: trong .zip có nhiều shapefile ({listed}); hãy chọn một bằng --layer.")
            base = str(chosen[0].with_suffix("")).casefold()
            found, left = {}, LARGEST_BYTES
            for entry in entries:
                part = PurePosixPath(entry.filename)
                if str(part.with_suffix("")).casefold() == base and part.suffix.casefold() in PARTS:
                    with archive.open(entry) as file:
                        # What an entry says of its size may be a lie: read to the limit and see.
                        content = file.read(left + 1)
                    if (left := left - len(content)) < 0:
                        raise BadFile(f"{path.name}: nội dung giải nén lớn hơn {LARGEST_BYTES >> 20} MB.")
                    found[part.suffix.casefold()] = content
            return found
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError):
        raise BadFile(f"{path.name}: tệp .zip hỏng hoặc có mật khẩu, không giải nén được.") from None


def read_shapefile(parts: dict[str, bytes], source: str) -> Layer:
    for ending in (".shp", ".dbf"):
        if ending not in parts:
            raise BadFile(f"{source}: shapefile thiếu tệp {ending} đi cùng (cần .shp, .dbf, nên có .shx, .prj, .cpg).")
    columns, records, geometries, unreadable = _content(parts, source)
    check_count(len(records), source)
    decode = _decoder(columns, records, parts.get(".cpg"), source)
    columns = [decode(c) for c in columns]
    rows = [{c: decode(v) if isinstance(v, str) else v for c, v in zip(columns, r, strict=True)} for r in records]
    epsg = None
    if prj := parts.get(".prj", b"").decode("utf-8-sig", "replace").strip("\0 \r\n\t"):
        if (epsg := epsg_of_definition(prj)) is None:
            raise BadFile(f"{source}: không nhận ra hệ tọa độ ghi trong tệp .prj; hãy cho --epsg.")
    return Layer(source, PurePosixPath(source).stem, columns, rows, geometries, epsg, unreadable)


def _content(parts: dict[str, bytes], source: str) -> tuple[list[str], list[list[Any]], list[Any], dict[int, str]]:
    """Columns, records and polygons, the texts still one character for each byte."""
    import shapefile  # only for whoever imports one

    opened = {ending[1:]: io.BytesIO(parts[ending]) for ending in (".shp", ".dbf", ".shx") if ending in parts}
    geometries: list[Any] = []
    unreadable: dict[int, str] = {}
    try:
        with warnings.catch_warnings(action="ignore"), shapefile.Reader(**opened, encoding="latin-1") as reader:
            columns = [f[0] for f in reader.fields if f[0] != "DeletionFlag"]
            records = [list(record) for record in reader.iterRecords()]
            for number, found in enumerate(reader.iterShapes()):
                geometries.append(_polygon(found, number, unreadable))
    except (shapefile.ShapefileException, *BROKEN) as error:
        raise BadFile(f"{source}: shapefile hỏng, không đọc được ({type(error).__name__}).") from None
    if len(geometries) != len(records):
        counted = f".shp có {len(geometries)} hình, .dbf có {len(records)} dòng"
        raise BadFile(f"{source}: các tệp không thuộc về nhau ({counted}).")
    return columns, records, geometries, unreadable


def _polygon(found: Any, row: int, unreadable: dict[int, str]) -> Any:
    if found.shapeType not in POLYGON_TYPES:
        unreadable[row] = "hình học phải là Polygon hoặc MultiPolygon"
        return None
    try:
        if len(found.parts) == 1:
            return plain_polygon(shapely.Polygon([p[:2] for p in found.points]))
        return plain_polygon(shape(found.__geo_interface__))
    except (shapely.errors.ShapelyError, ValueError, TypeError, LookupError):
        unreadable[row] = "tọa độ của hình học không đọc được"
        return None


def _decoder(columns: list[str], records: list[list[Any]], cpg: bytes | None, source: str) -> Any:
    """How to read the bytes: as the .cpg says, else UTF-8, else the Vietnamese code page if that makes sense."""
    texts = [*columns, *(v for record in records for v in record if isinstance(v, str))]
    foreign = [t for t in dict.fromkeys(texts) if not t.isascii()]
    if said := (cpg or b"").decode("ascii", "replace").strip("\0 \r\n\t\ufeff"):
        name = {"65001": "utf-8", "ansi 1258": "cp1258", "1258": "cp1258", "88591": "latin-1"}.get(
            said.casefold(), said
        )
        if (wrong := _wrongly(foreign, name)) is None:
            return _reader(name)
        raise BadFile(f"{source}: tệp .cpg ghi bảng mã “{said[:40]}” nhưng chữ “{wrong[:60]}” không đọc được như vậy.")
    if _wrongly(foreign, "utf-8") is None:
        return _reader("utf-8")
    if _wrongly(foreign, "cp1258") is None and all(_vietnamese(_reader("cp1258")(t)) for t in foreign):
        return _reader("cp1258")
    if any(old_font(t) for t in foreign):
        return _reader("latin-1")  # refused with the remedy when the names are read
    raise BadFile(
        f"{source}: không rõ bảng mã của tệp .dbf (“{foreign[0][:60]}”); hãy lưu lại với UTF-8 (có tệp .cpg)."
    )


def _reader(encoding: str) -> Any:
    return lambda text: unicodedata.normalize("NFC", text.encode("latin-1").decode(encoding))


def _wrongly(texts: list[str], encoding: str) -> str | None:
    """The first text that is none in that encoding."""
    for text in texts:
        try:
            _reader(encoding)(text)
        except (UnicodeError, LookupError):
            return text
    return None


def _vietnamese(text: str) -> bool:
    return VIETNAMESE.issuperset(text.casefold())
