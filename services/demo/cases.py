"""One believable week of cases, the same week last year, a few open and overdue. Dates follow the clock."""

import io
import math
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from models import answers
from models.base import now
from models.clock import same_week_last_year, start_of, today, week_of
from models.incidents import Incident
from models.photos import Photo
from models.reporting import Draft
from models.users import Person
from services.notices import pass_over
from services.storage import Store

SPACE = UUID("5f0c6d52-8f1a-4f0b-9d52-6b1d8a3f2c10")

# Who, what, where (latitude, longitude), days before today and hour of finding (today: half of it ago), what was
# seen, the damage, and what the officer did about it.
# fmt: off
CASES: tuple[tuple[Any, ...], ...] = (
    ("ranger.muong-toong", "illegal_logging",   22.2425, 102.6440, 0,  0, "Phát hiện 7 gốc nghiến mới chặt, gỗ đã kéo về phía suối giáp Tà Tổng.", {"area_m2": 600, "trees": 7, "volume_m3": 4.2}, ("receive",)),
    ("ranger.ta-tong",     "forest_clearing",   22.2490, 102.6460, 2, 15, "Nương mới phát sát đường phân giới, khoảng 1,5 ha rừng tái sinh.", {"area_m2": 15000}, ("receive", "verify")),
    ("ranger.quang-lam",   "forest_clearing",   21.9990, 102.5950, 3, 10, "Khu vực Dền Thàng – Huổi Thủng: phát nương lấn vào rừng tự nhiên.", {"area_m2": 3200}, ("receive", "verify", "confirm")),
    ("ranger.nam-ke",      "encroachment",      22.0310, 102.5480, 4,  8, "Rào đất trồng sắn trong rừng phòng hộ, giáp Quảng Lâm.", {"area_m2": 1800}, ("receive", "dismiss")),
    ("ranger.sa-pa",       "forest_fire",       22.3530, 103.7700, 0,  0, "Cháy thảm khô gần đèo Ô Quý Hồ, gió tây, đang cháy lan.", {"area_m2": 5000}, ("receive",)),
    ("ranger.binh-lu",     "forest_fire",       22.3480, 103.7550, 5, 14, "Đốt nương cháy lan lên rừng trồng, đã dập được.", {"area_m2": 2500}, ("receive", "verify", "confirm", "resolve")),
    ("ranger.muong-toong", "wildlife",          22.1900, 102.5750, 6,  7, "Gỡ 23 bẫy dây phanh xe đạp dọc lối mòn.", {}, ("receive", "verify", "confirm", "process")),
    ("ranger.ta-tong",     "illegal_transport", 22.2960, 102.6200, 9, 21, "Xe máy chở 3 hộp gỗ xẻ không giấy tờ, bỏ lại xe.", {"volume_m3": 0.4}, ("receive",)),
    ("ranger.binh-lu",     "boundary_dispute",  22.3500, 103.7620, 8, 11, "Hai bên cùng nhận khu đất trồng thảo quả trên đèo.", {"area_m2": 9000}, ()),
    ("ranger.muong-toong", "illegal_logging",   22.2100, 102.5900, 12, 10, "Gốc pơ mu cũ, chặt đã vài tháng.", {"trees": 2}, ("receive", "verify", "confirm", "resolve", "close")),
)

# The same, in the same week last year: the day is counted from its Monday.
CASES_LAST_YEAR: tuple[tuple[Any, ...], ...] = (
    ("ranger.muong-toong", "illegal_logging",   22.2300, 102.6100, 1,  9, "Ba cây dổi bị hạ.", {"trees": 3, "volume_m3": 2.1}, ("receive", "verify", "confirm", "resolve", "close")),
    ("ranger.ta-tong",     "forest_clearing",   22.2700, 102.6300, 2, 10, "Phát nương trong rừng sản xuất.", {"area_m2": 4000}, ("receive", "verify", "confirm", "resolve", "close")),
    ("ranger.sa-pa",       "forest_fire",       22.3300, 103.8300, 3, 12, "Cháy cỏ lau, không thiệt hại rừng.", {"area_m2": 800}, ("receive", "verify", "confirm", "resolve", "close")),
)
# fmt: on

ARGUMENTS: dict[str, dict[str, Any]] = {
    "confirm": {
        "findings": {
            "text": "Đã kiểm tra hiện trường cùng kiểm lâm địa bàn.",
            "forest_category": "protection",
            "forest_origin": "natural",
        }
    },
    "dismiss": {"reason": "Đất nương cũ của hộ dân, nằm ngoài quy hoạch rừng."},
    "process": {"record_number": "03/BB-VPHC", "record_date": "2026-01-05"},
    "resolve": {"outcome": "remedy_no_offender", "note": "Chưa xác định đối tượng."},
}


def load_cases(people: dict[str, Person], store: Store) -> int:
    """Report every case and do what was done about it; how many there are."""
    day = today()
    monday = same_week_last_year(week_of(day)) or day - timedelta(days=364 + day.weekday())
    found = [
        *((case, day - timedelta(days=case[4])) for case in CASES),
        *((case, monday + timedelta(days=case[4])) for case in CASES_LAST_YEAR),
    ]
    for number, (case, found_on) in sorted(enumerate(found), key=lambda pair: pair[0] < len(CASES)):
        if number == 0:
            pass_over()  # nobody is told today of what was closed last year
        begin = start_of(found_on)
        half_of_today = begin + (now() - begin) / 2
        found_at = half_of_today if found_on == day else begin + timedelta(hours=case[5])
        _load_case(number, case, found_at, people, store)
    return len(found)


def _load_case(number: int, case: tuple[Any, ...], found_at: datetime, people: dict[str, Person], store: Store) -> None:
    who, type, lat, lon, _days, _hour, description, damage, steps = case
    reporter = people[who]
    incident, _ = Draft(
        reporter,
        content_sha256=f"{number:064x}",
        received_at=min(found_at + timedelta(minutes=40), now()),
        id=uuid5(SPACE, str(number)),
        type=type,
        found_at=found_at,
        location={"lat": lat, "lon": lon, "accuracy_m": 15.0, "source": "gps"},
        description=description,
        damage=damage or None,
        severity="high" if type == "forest_fire" else "medium",
        burning=(type == "forest_fire" and steps == ("receive",)) or None,
        source="patrol",
        channel="app",
        details={},
    ).file()
    add_photo(incident, reporter, store, picture(number, type))
    officer = next(p for n, p in people.items() if n.startswith("officer.") and p.answers_for(incident.lead_unit))
    for step in steps:
        arguments = dict(ARGUMENTS.get(step, {}))
        if step == "resolve" and type == "forest_fire":
            arguments["outcome"] = "extinguished"
        if step == "close" and any(r.role == "support" and r.state == "accepted" for r in incident.assignments):
            continue
        incident.perform(step, officer, **arguments)
    if number == 0:  # the neighbour has agreed to help
        for row in incident.assignments:
            helper = next((p for p in people.values() if p.role == "officer" and p.unit_id == row.unit_id), None)
            if row.role == "support" and helper:
                answers.act(incident, row.id, "accept", helper)


def add_photo(incident: Incident, user: Person, store: Store, content: bytes) -> None:
    incoming = store.receive(len(content))
    try:
        incoming.write(content)
        incoming.keep()
        Photo.store(incident, user, incoming.sha256, incoming.size, "image/jpeg", incoming.stored)
    finally:
        incoming.close()


def picture(number: int, type: str) -> bytes:
    """A hillside made by code: sky, ridges, and what the case is about."""
    from PIL import Image, ImageDraw

    width, height = 1200, 900
    image = Image.new("RGB", (width, height), (176, 203, 222))
    draw = ImageDraw.Draw(image)
    for ridge in range(5):
        top = 240 + ridge * 120
        line = [
            (x, top + 60 * math.sin(x / (90 + 25 * ridge) + number * 1.7 + ridge)) for x in range(0, width + 20, 20)
        ]
        shade = (96 - ridge * 14, 136 - ridge * 18, 90 - ridge * 12)
        draw.polygon([(0, height), *line, (width, height)], fill=shade)
    for trunk in range(9):
        x, y = 70 + trunk * 130 + (number * 37) % 60, 660 + (trunk * 53 + number * 29) % 180
        if type == "forest_fire":
            draw.polygon([(x, y), (x + 22, y - 90), (x + 46, y)], fill=(226, 112 + trunk * 8, 38))
        else:
            draw.ellipse([x, y, x + 54, y + 22], fill=(150, 104, 62), outline=(92, 60, 34), width=4)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()
