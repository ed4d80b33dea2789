"""Photos made by code, with the EXIF that phones write."""

import io
import random
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from models import Job, db
from models.base import now


def jpeg(colour: tuple[int, int, int] = (70, 110, 60), size: tuple[int, int] = (640, 480), **exif: Any) -> bytes:
    """A JPEG of one colour with a stripe on its left; EXIF by the names of PIL.ExifTags.Base, place included."""
    image = Image.new("RGB", size, colour)
    image.paste((200, 40, 40), (0, 0, size[0] // 8, size[1]))
    out = io.BytesIO()
    tags = Image.Exif()
    for name, value in exif.items():
        if name == "place":
            tags[IFD.GPSInfo] = place_tags(*value)
        elif name == "DateTimeOriginal":
            tags[IFD.Exif] = {Base.DateTimeOriginal: value}
        else:
            tags[getattr(Base, name)] = value
    image.save(out, "JPEG", quality=85, exif=tags)
    return out.getvalue()


def place_tags(lat: float, lon: float) -> dict[int, Any]:
    def parts(value: float) -> tuple[float, float, float]:
        degrees = int(value)
        minutes = int((value - degrees) * 60)
        return (float(degrees), float(minutes), round((value - degrees - minutes / 60) * 3600, 4))

    return {
        GPS.GPSLatitudeRef: "N",
        GPS.GPSLatitude: parts(lat),
        GPS.GPSLongitudeRef: "E",
        GPS.GPSLongitude: parts(lon),
    }


def as_format(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (70, 110, 60)).save(out, kind)
    return out.getvalue()


def job_failed_and_is_due_again(app):
    """Why the one job that waits failed; from now on it is due at once."""
    with app.app_context():
        job = db.session.scalars(db.select(Job)).one()
        assert job.attempts == 1 and job.due_at > now()
        job.due_at = now()
        db.session.commit()
        return job.last_error


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A picture with soft light and shade all over it, as of a forest; the same for the same seed."""
    light = Image.frombytes("RGB", (12, 9), random.Random(seed).randbytes(12 * 9 * 3))
    return light.resize(size, Image.Resampling.BICUBIC)


def jpeg_of(picture: Image.Image, quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
