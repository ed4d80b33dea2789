"""How papers write things: dates, numbers, places, and the dots where a fact is missing."""

import re
import unicodedata
from datetime import date, datetime
from typing import Any

from models.clock import local
from models.incident_types import enums
from services.coordinates import to_vn2000, zone_name, zone_of

BLANK = "…………"
NO_DATE = "ngày …… tháng …… năm 20……"
NO_TIME = "…… giờ …… phút"
# Marks that no printer shows, but that turn the order of what follows or hide it; line breaks stay.
SEPARATORS = str.maketrans(",.", ".,")
UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")


def plain(value: Any) -> str | None:
    """What people wrote, fit for paper: lines kept, nothing unseen; None for nothing at all."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "có" if value else "không"
    if isinstance(value, float):
        return number(value).replace(".", "")
    text = UNSEEN.sub("", unicodedata.normalize("NFC", str(value)))
    lines = ("".join(c if unicodedata.category(c) != "Cc" else " " for c in line) for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines).strip() or None


def number(value: float, digits: int = 3) -> str:
    """As it is written in Vietnam: "1.234,5"."""
    text = f"{value:,.{digits}f}".translate(SEPARATORS)
    return text.rstrip("0").rstrip(",") if digits else text


def measured(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{number(value)} {unit}"


def day_in_words(day: date | None) -> str:
    """Days below ten and the months one and two open with a nought, so that nobody writes a figure before them."""
    if day is None:
        return NO_DATE
    return f"ngày {day.day:02d} tháng {f'{day.month:02d}' if day.month < 3 else day.month} năm {day.year}"


def clock_in_words(moment: datetime | None) -> str:
    """The local time of day."""
    return f"{local(moment):%H} giờ {local(moment):%M} phút" if moment else NO_TIME


def moment_in_words(moment: datetime | None) -> str | None:
    return f"{clock_in_words(moment)}, ngày {local(moment):%d/%m/%Y}" if moment else None


def code_in_words(name: str, code: str | None) -> str | None:
    """The Vietnamese word for a code of one list; the code itself when nobody named it."""
    return next((entry["vi"] for entry in enums()[name] if entry["code"] == code), plain(code))


def joined(*parts: str | None, by: str = "; ") -> str | None:
    return by.join(part for part in parts if part) or None


def degrees(lat: float, lon: float) -> str:
    """Degrees of WGS 84 as decimals and as degrees, minutes and seconds."""
    north, east = "B" if lat >= 0 else "N", "Đ" if lon >= 0 else "T"
    decimals = "; ".join(f"{abs(v):.6f}°".replace(".", ",") + f" {side}" for v, side in ((lat, north), (lon, east)))
    return f"{decimals} ({_sexagesimal(lat)} {north}; {_sexagesimal(lon)} {east})"


def _sexagesimal(value: float) -> str:
    tenths = round(abs(value) * 36_000)  # of a second
    minutes, seconds = divmod(tenths, 600)
    text = f"{seconds / 10:04.1f}".replace(".", ",")
    return f"{minutes // 60}°{minutes % 60:02d}′{text}″"


def grid(lat: float, lon: float, province: str) -> str | None:
    """VN-2000 metres in the zone of the province; None for a province whose zone nobody prescribed."""
    if (epsg := zone_of(province)) is None:
        return None
    east, north = to_vn2000(lat, lon, epsg)
    return f"X (Đông) = {metres(east)}; Y (Bắc) = {metres(north)} ({zone_in_words(epsg)})"


def metres(value: float) -> str:
    """To the decimetre, so that columns stand one below the other."""
    return f"{value:,.1f} m".translate(SEPARATORS)


def zone_in_words(epsg: int) -> str:
    """ "kinh tuyến trục 103°00′, múi chiếu 3°, EPSG 9205" """
    meridian = zone_name(epsg).rsplit(" ", 1)[-1].replace("-", "°")
    return f"kinh tuyến trục {meridian}′, múi chiếu 3°, EPSG {epsg}"
