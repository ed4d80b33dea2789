"""What every reader of boundary files returns, and the limits that hold for all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from services.bad_file import BadFile

LARGEST_BYTES = 512 * 1024 * 1024  # the whole country at full detail is a third of it
MOST_FEATURES = 100_000


@dataclass
class Layer:
    """One layer of a file as it stands there; nothing of it is understood or checked yet."""

    source: str  # the file's name, for sentences
    name: str
    columns: list[str]
    rows: list[dict[str, Any]]
    geometries: list[Any]  # shapely, in the file's own coordinates; None where a row has none
    epsg: int | None = None  # what the file says of its coordinates
    unreadable: dict[int, str] | None = None  # by row: what is wrong with its geometry


def named_path(path: Path) -> Path:
    if not path.exists():
        raise BadFile(f"{path}: không có tệp này.")
    if not path.is_file():
        raise BadFile(f"{path}: đây là thư mục, không phải tệp.")
    if path.stat().st_size > LARGEST_BYTES:
        raise BadFile(f"{path.name}: tệp lớn hơn {LARGEST_BYTES >> 20} MB; hãy giản lược hoặc chia nhỏ.")
    return path


def bytes_of(path: Path, count: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError as error:
        raise BadFile(f"{path.name}: không đọc được ({error.strerror}).") from None


def check_count(count: int, source: str) -> None:
    if not count:
        raise BadFile(f"{source}: tệp không có đối tượng (feature) nào.")
    if count > MOST_FEATURES:
        raise BadFile(f"{source}: có {count} đối tượng, nhiều hơn mức {MOST_FEATURES} nhận được.")


def plain_polygon(geometry: Any) -> Any:
    """Flat and in one canonical form, so that the same ground is the same bytes whichever format brought it."""
    with np.errstate(invalid="ignore"):  # NaN is found later, and told in words
        flat = shapely.force_2d(geometry)
        if flat.geom_type == "MultiPolygon" and len(flat.geoms) == 1:
            flat = flat.geoms[0]
        return shapely.normalize(flat)
