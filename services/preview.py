"""The child process that opens pictures: `python services/preview.py ORIGINAL THUMB VIEW`.

Whatever a broken or hostile picture does, it does here, shut in: little memory and time, no further file, no network,
no process. It says OPENED once it stands ready, so that a fault of the machine is not blamed on the picture, then what
the EXIF claims as a line of JSON, THUMB once that is written, and what the picture looks like as a line of JSON.
"""

import errno
import io
import json
import os
import resource
import sys
from contextlib import suppress
from itertools import pairwise
from typing import IO, Any

if __name__ == "__main__":  # Reports come first, also before the loading of what follows.
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

# All of it now: once shut in, nothing more can be loaded.
from PIL import Image, ImageCms, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ExifTags import GPS, IFD, Base

PLUGINS = (MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
FORMATS = ("JPEG", "PNG", "WEBP")  # an MPO of newer phones is a JPEG to us: its first frame
LARGEST_PIXELS = 50_000_000
LONGEST_SIDE = 12_000
LONGEST_CLAIM = 200
VIEW_SIDE = 1600
THUMB_SIDE = 256
LIKENESS_SIDE = 8
FLAT = 2  # of 255: a step smaller than this is not there in the next copy
LEAST_STEPS = 0.5  # of all; with fewer a picture is too flat to be told from others
# Largest bytes of the file, and the JPEG qualities tried until it fits.
THUMB = (30_000, (70, 55, 40, 25, 10))
VIEW = (2_000_000, (82, 70, 55, 40, 25))

# Soft and hard are the same, but for time: at the soft one the kernel says why it ends the process.
LIMITS = {
    resource.RLIMIT_AS: (1 << 30, 1 << 30),
    resource.RLIMIT_CPU: (10, 12),
    resource.RLIMIT_FSIZE: (4 << 20, 4 << 20),
    resource.RLIMIT_CORE: (0, 0),
    resource.RLIMIT_NPROC: (0, 0),
    resource.RLIMIT_NOFILE: (0, 0),  # what is open stays open, nothing else is opened: no file, no socket
}

OPENED, THUMB_MADE = b"opened\n", b"thumb\n"
MADE, CANNOT, DISK_FULL = 0, 3, 4

# EXIF orientation, as the way to turn it upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def shut_in() -> None:
    for kind, wanted in LIMITS.items():
        most = resource.getrlimit(kind)[1]
        soft, hard = (value if most == resource.RLIM_INFINITY else min(value, most) for value in wanted)
        resource.setrlimit(kind, (soft, hard))


def claims(exif: Image.Exif) -> dict[str, Any]:
    """Time, camera, software and place as the file states them."""
    inner, gps = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
    found = {
        "taken_at": inner.get(Base.DateTimeOriginal),
        "offset": inner.get(Base.OffsetTimeOriginal),
        "make": exif.get(Base.Make),
        "model": exif.get(Base.Model),
        "software": exif.get(Base.Software),
    }
    kept: dict[str, Any] = {name: text(value) for name, value in found.items() if isinstance(value, str | bytes)}
    with suppress(KeyError, TypeError, ValueError, ArithmeticError):
        kept |= {
            "lat": degrees(gps[GPS.GPSLatitude], gps[GPS.GPSLatitudeRef] == "S"),
            "lon": degrees(gps[GPS.GPSLongitude], gps[GPS.GPSLongitudeRef] == "W"),
        }
    return kept


def text(value: str | bytes) -> str:
    """Phones write UTF-8 where the standard says ASCII; Pillow reads it as Latin-1."""
    raw = value.encode("latin-1", "replace") if isinstance(value, str) else value
    return raw[: 4 * LONGEST_CLAIM].decode("utf-8", "replace")[:LONGEST_CLAIM]


def degrees(parts: Any, negative: bool) -> float:
    d, m, s = (float(p) for p in parts)
    return round((d + m / 60 + s / 3600) * (-1 if negative else 1), 7)


def shrunk(picture: Image.Image, orientation: Any) -> Image.Image:
    """At most as large as the view, upright, opaque, in sRGB."""
    profile = picture.info.get("icc_profile")
    scale = VIEW_SIDE / max(picture.size)
    if scale < 1:  # decode a JPEG at the smallest size that is enough
        picture.draft("RGB", (int(picture.width * scale) or 1, int(picture.height * scale) or 1))
    small = smooth(picture)
    small.thumbnail((VIEW_SIDE, VIEW_SIDE), Image.Resampling.HAMMING)
    small = in_srgb(on_white(small), profile)
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return small.transpose(turn) if turn is not None else small


def smooth(picture: Image.Image) -> Image.Image:
    """In a mode that can be made smaller smoothly."""
    if picture.mode.startswith("I"):  # 16 bit of grey
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    if "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode in ("1", "P", "PA"):
        return picture.convert({"1": "L", "P": "RGB", "PA": "RGBA"}[picture.mode])
    return picture


def on_white(picture: Image.Image) -> Image.Image:
    """What shows through is white, not whatever colour lies beneath."""
    if "A" not in picture.getbands():
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return white


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that the profile means; the profile itself is left behind."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            seen = ImageCms.profileToProfile(picture, meant, ImageCms.createProfile("sRGB"), outputMode="RGB")
            assert seen is not None
            return seen
    return picture.convert("RGB")


def encoded(picture: Image.Image, largest: int, qualities: tuple[int, ...]) -> bytes:
    """A JPEG of the pixels and nothing else, small enough."""
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    for quality in qualities:
        out = io.BytesIO()
        clean.save(out, "JPEG", quality=quality)
        if out.tell() <= largest:
            break
    return out.getvalue()


def likeness(picture: Image.Image) -> str | None:
    """Whether each spot is brighter than the one left of it (dHash, 8 rows of 8), as 16 hexadecimal digits.

    Copies that were saved again, made smaller or brighter differ in few bits. None for what is too flat.
    """
    size = (LIKENESS_SIDE + 1, LIKENESS_SIDE)
    spots = list(picture.convert("L").resize(size, Image.Resampling.LANCZOS).tobytes())
    rows = [spots[at : at + size[0]] for at in range(0, len(spots), size[0])]
    steps = [right - left for row in rows for left, right in pairwise(row)]
    if sum(abs(step) >= FLAT for step in steps) < LEAST_STEPS * len(steps):
        return None
    return f"{int(''.join('1' if step > 0 else '0' for step in steps), 2):016x}"


def say(what: bytes) -> None:
    sys.stdout.buffer.write(what)
    sys.stdout.buffer.flush()


def make(original: IO[bytes], thumb: IO[bytes], view: IO[bytes]) -> None:
    """Say the claims, write both previews, the small one first, or raise what is wrong with the picture."""
    with Image.open(original, formats=FORMATS) as picture:
        if picture.width * picture.height > LARGEST_PIXELS or max(picture.size) > LONGEST_SIDE:
            raise ValueError("too many pixels")
        orientation = None
        with suppress(Exception):  # EXIF can be broken in more ways than Pillow names
            exif = picture.getexif()
            orientation = exif.get(Base.Orientation)
            say(json.dumps(claims(exif)).encode() + b"\n")
        large = shrunk(picture, orientation)
    small = large.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.HAMMING)
    thumb.write(encoded(small, *THUMB))
    thumb.flush()
    say(THUMB_MADE)
    say(json.dumps({"likeness": likeness(small)}).encode() + b"\n")
    view.write(encoded(large, *VIEW))


def main(original: str, *drafts: str) -> int:
    Image.preinit()
    with open(original, "rb") as read, open(drafts[0], "xb") as thumb, open(drafts[1], "xb") as view:
        shut_in()
        say(OPENED)
        try:
            make(read, thumb, view)
            view.flush()
            return MADE
        except OSError as error:
            return DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else CANNOT
        except Exception:  # noqa: BLE001  whatever it is, the picture caused it
            return CANNOT


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
