"""The child process that opens pictures: `python -m services.preview ORIGINAL THUMB VIEW`.

Whatever a broken or hostile picture does, it does here, under limits. Prints the EXIF claims as JSON.
"""

import json
import os
import resource
import sys
from typing import Any

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 10
LARGEST_PIXELS = 50_000_000
LONGEST_SIDE = 12_000
SIZES = {"thumb": (256, 70), "view": (1600, 82)}  # longest side in pixels, JPEG quality


def limit_myself() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    os.nice(10)  # reports come first …
    if hasattr(os, "SCHED_IDLE"):  # … and previews take only what nobody else wants
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def claims(exif: Any) -> dict[str, Any]:
    """Time, camera, software and place as the file states them."""
    from PIL.ExifTags import GPS, IFD, Base

    inner, gps = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
    found = {
        "taken_at": inner.get(Base.DateTimeOriginal),
        "offset": inner.get(Base.OffsetTimeOriginal),
        "make": exif.get(Base.Make),
        "model": exif.get(Base.Model),
        "software": exif.get(Base.Software),
    }
    kept: dict[str, Any] = {k: str(v).strip("\x00 ")[:200] for k, v in found.items() if v}
    try:
        kept["lat"] = degrees(gps[GPS.GPSLatitude], gps[GPS.GPSLatitudeRef] == "S")
        kept["lon"] = degrees(gps[GPS.GPSLongitude], gps[GPS.GPSLongitudeRef] == "W")
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        kept.pop("lat", None)
    return kept


def degrees(parts: Any, negative: bool) -> float:
    d, m, s = (float(p) for p in parts)
    return round((d + m / 60 + s / 3600) * (-1 if negative else 1), 7)


def make(original: str, thumb: str, view: str) -> dict[str, Any]:
    """Write both previews, upright and without metadata; returns the claims of the original."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS
    # An MPO of newer phones is a JPEG to us: Pillow opens its first frame.
    with Image.open(original, formats=("JPEG", "PNG", "WEBP")) as picture:
        if picture.width * picture.height > LARGEST_PIXELS or max(picture.size) > LONGEST_SIDE:
            raise ValueError("too many pixels")
        exif = claims(picture.getexif())
        side, _ = SIZES["view"]
        picture.draft("RGB", (side, side))  # decode a JPEG at the smallest size that is enough
        orientation = picture.getexif()
        small = picture.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.BICUBIC)
    small.getexif().update(orientation)
    small = ImageOps.exif_transpose(small)
    for path, name in ((view, "view"), (thumb, "thumb")):
        side, quality = SIZES[name]
        small.thumbnail((side, side), Image.Resampling.BICUBIC)
        clean = Image.new("RGB", small.size)
        clean.paste(small)
        clean.save(path, "JPEG", quality=quality, optimize=True)
    return exif


if __name__ == "__main__":
    limit_myself()
    print(json.dumps(make(*sys.argv[1:4])))
