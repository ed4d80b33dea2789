"""Pictures as phones, scanners, old programs and attackers make them. Each is (bytes, what becomes of its previews)."""

import io
import struct
import zlib
from functools import cache

from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base

from tests.pictures import jpeg

READY, UNAVAILABLE = "ready", "unavailable"
GREEN, RED = (70, 110, 60), (200, 40, 40)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(size=(64, 48), colour=GREEN, mode="RGB"):
    return Image.new(mode, size, colour)


def several(kind):
    """Two frames, the first of them green."""
    return saved(plain(), kind, save_all=True, append_images=[plain(colour=RED)])


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(*chunks, size=(64, 48)):
    """A PNG with more chunks after its header, whose size may be a lie."""
    whole = saved(plain(), "PNG")
    header = whole[16:29]
    lied = struct.pack(">II", *size) + header[8:]
    return whole[:8] + chunk(b"IHDR", lied) + b"".join(chunks) + whole[33:]


def jpeg_that_says(width, height):
    whole = jpeg(size=(64, 48))
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def jpeg_with_exif(raw):
    return saved(plain(), "JPEG", exif=b"Exif\0\0" + raw)


def exif_in_a_circle():
    """A directory that says the next one is itself, and that its own EXIF part is itself."""
    entry = struct.pack("<HHII", IFD.Exif, 4, 1, 8)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 8)


def exif_of_nonsense():
    tags = Image.Exif()
    tags[Base.Make] = ("Ma\0de\x07 by \u202e" + "x" * 50_000).encode()
    tags[Base.Model] = b"\xff\xfe\xfd model"
    tags[Base.Orientation] = 99
    tags[IFD.GPSInfo] = {
        GPS.GPSLatitudeRef: "N",
        GPS.GPSLatitude: (12345.0, 0.0, 0.0),
        GPS.GPSLongitudeRef: "E",
        GPS.GPSLongitude: (4000.0, 0.0, 0.0),
    }
    whole = tags.tobytes()
    for order in "<>":  # a latitude of zero parts of nothing
        whole = whole.replace(struct.pack(f"{order}II", 12345, 1), bytes(8))
    return whole


def grey_of_16_bit():
    """From black to white: read as 8 bit it would be white almost everywhere."""
    line = b"".join(struct.pack("<H", x * 1024) for x in range(64))
    return Image.frombytes("I;16", (64, 48), line * 48)


def half_transparent():
    """A palette whose first colour, red, is transparent: green to the left, nothing to the right."""
    image = Image.new("P", (64, 48), 1)
    image.putpalette([*RED, *GREEN])
    image.paste(0, (32, 0, 64, 48))
    return image


def swapped_profile():
    """A profile in which red means green and green means red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def bomb(name, head):
    """A chunk of a few kilobytes that becomes 80 MB."""
    return chunk(name, head + zlib.compress(bytes(80 << 20), 1))


@cache
def odd_pictures():
    noise = Image.effect_noise((900, 900), 120)
    whole = jpeg(size=(640, 480), Make="Máy thử".encode())
    return {
        "of a phone with several pictures in one": (several("MPO"), READY),
        "moving PNG": (several("PNG"), READY),
        "moving WebP": (several("WEBP"), READY),
        "CMYK of a printer": (saved(plain(mode="CMYK", colour=(120, 40, 140, 60)), "JPEG"), READY),
        "grey": (saved(plain(mode="L", colour=90), "JPEG"), READY),
        "grey of 16 bit": (saved(grey_of_16_bit(), "PNG"), READY),
        "black and white": (saved(plain(mode="1", colour=1), "PNG"), READY),
        "palette with a transparent colour": (saved(half_transparent(), "PNG", transparency=0), READY),
        "colour key": (saved(plain(), "PNG", transparency=GREEN), READY),
        "grey with transparency": (saved(plain(mode="LA", colour=(90, 10)), "PNG"), READY),
        "see-through WebP": (saved(plain(mode="RGBA", colour=(*RED, 0)), "WEBP"), READY),
        "colours by a profile": (saved(plain(colour=RED), "JPEG", icc_profile=swapped_profile()), READY),
        "broken profile": (saved(plain(), "JPEG", icc_profile=b"no profile" * 300), READY),
        "progressive": (saved(plain((300, 200)), "JPEG", progressive=True), READY),
        "nothing but noise": (saved(Image.merge("RGB", [noise, noise.rotate(90), noise.rotate(180)]), "PNG"), READY),
        "one pixel as JPEG": (saved(plain((1, 1)), "JPEG"), READY),
        "one pixel as PNG": (saved(plain((1, 1)), "PNG"), READY),
        "one pixel as WebP": (saved(plain((1, 1)), "WEBP"), READY),
        "a line": (saved(plain((12_000, 1)), "PNG"), READY),
        "too long a line": (saved(plain((12_001, 1)), "PNG"), UNAVAILABLE),
        "no EXIF but zeros": (jpeg_with_exif(bytes(40)), READY),
        "EXIF cut off": (jpeg_with_exif(b"II*\0\x08\0\0\0\xff\xff\x0f\x01"), READY),
        "EXIF in a circle": (jpeg_with_exif(exif_in_a_circle()), READY),
        "EXIF of nonsense": (saved(plain(), "JPEG", exif=exif_of_nonsense()), READY),
        "cut short in the middle": (whole[: len(whole) // 2], UNAVAILABLE),
        "cut short in its head": (whole[:200], UNAVAILABLE),
        "says it is larger": (jpeg_that_says(4000, 3000), READY),
        "says it is as large as can be": (jpeg_that_says(65_500, 65_500), UNAVAILABLE),
        "says it is nothing": (png_with(size=(0, 0)), UNAVAILABLE),
        "PNG that says it is larger": (png_with(size=(6_000, 6_000)), UNAVAILABLE),
        "PNG that says it is enormous": (png_with(size=(2**31 - 1, 2**31 - 1)), UNAVAILABLE),
        "bomb of pixels": (saved(Image.new("1", (10_000, 10_000)), "PNG"), UNAVAILABLE),
        "bomb of text": (png_with(bomb(b"zTXt", b"Comment\0\0")), UNAVAILABLE),
        "bomb of a profile": (png_with(bomb(b"iCCP", b"profile\0\0")), UNAVAILABLE),
        "PNG cut short": (saved(noise, "PNG")[:200_000], UNAVAILABLE),
        "JPEG head, then nothing": (b"\xff\xd8\xff", UNAVAILABLE),
        "WebP head, then nothing": (b"RIFF\x04\0\0\0WEBP", UNAVAILABLE),
        "HEIC": (b"\0\0\0\x18ftypheic" + bytes(64), UNAVAILABLE),
        "HEIC by its second brand": (b"\0\0\0\x18ftypmif1\0\0\0\0heicmiaf" + bytes(64), UNAVAILABLE),
    }


NO_PICTURES = {
    "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(64),
    "AVIF by its second brand": b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf" + bytes(64),
    "film": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(64),
    "GIF": saved(plain(), "GIF"),
    "TIFF": saved(plain(), "TIFF"),
    "TIFF of a Mac": b"MM\0*" + bytes(60),
    "BMP": saved(plain(), "BMP"),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "PDF": b"%PDF-1.7\n%\xff\xd8\xff",
    "text": "Bảy gốc nghiến mới chặt.".encode(),
    "page": b"<!doctype html><script>alert(1)</script>",
    "program": b"\x7fELF" + bytes(60),
    "nothing": b"",
    "one byte": b"\xff",
    "two bytes": b"\xff\xd8",
}
