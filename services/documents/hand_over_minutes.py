"""Biên bản bàn giao hồ sơ: which documents and exhibits go from one unit to another."""

from typing import Any

from models.clock import local
from models.documents import Opened
from models.units import KnownUnit
from models.vocabulary import word
from services.documents.blocks import Block, field, heading, pair, signature, text
from services.documents.bodies import Body, full_name, lowered
from services.documents.case import found_at, place, type_of
from services.documents.damage import damage_in_words, damage_of
from services.documents.things import photo_table, things_table
from services.documents.wording import BLANK, NO_TIME, clock_in_words, day_in_words, moment_in_words, plain


def fill(paper: Opened, issuer: Body) -> dict[str, Any]:
    row = paper.row
    taken_at = row.accepted_at if row else None
    day = local(taken_at).date() if taken_at else None
    sides = (("ĐẠI DIỆN BÊN NHẬN", paper.to), ("ĐẠI DIỆN BÊN GIAO", paper.unit))
    return {
        "title": "BIÊN BẢN",
        "about": f"Bàn giao hồ sơ, tang vật vụ việc {type_of(paper)}\n(số hiệu {paper.incident.number})",
        "date": day_in_words(day) if day else None,
        "blocks": [
            text(f"Hôm nay, vào hồi {clock_in_words(taken_at)}, {day_in_words(day)}, tại {BLANK * 2}, chúng tôi gồm:"),
            heading("I. BÊN GIAO"),
            *_side(paper.unit),
            heading("II. BÊN NHẬN"),
            *_side(paper.to),
            heading("III. NỘI DUNG BÀN GIAO"),
            *_case(paper),
            heading("IV. HỒ SƠ, TÀI LIỆU"),
            things_table((row and row.documents) or [], "Tên tài liệu", empty=3),
            heading("V. TANG VẬT, PHƯƠNG TIỆN"),
            things_table((row and row.exhibits) or paper.incident.exhibits or [], "Tên tang vật, phương tiện"),
            heading("VI. ẢNH, GHI ÂM TRONG HỒ SƠ ĐIỆN TỬ"),
            photo_table(paper),
            heading("VII. TRÁCH NHIỆM CỦA CÁC BÊN"),
            *_duties(),
        ],
        "signatures": [signature(head, *([lowered(unit.name).upper()] if unit else [])) for head, unit in sides],
    }


def _side(unit: KnownUnit | None) -> list[Block]:
    people = [pair(("Ông (bà)", None), ("Chức vụ", None))] * 2
    return [field("Đơn vị", full_name(unit) if unit else None), *people]


def _case(paper: Opened) -> list[Block]:
    incident, row = paper.incident, paper.row
    damage, source = damage_of(paper)
    said, due = damage_in_words(damage), incident.next_deadline
    return [
        field("Thời gian phát hiện", found_at(paper)),
        *place(paper),
        field("Tình trạng xử lý", word(incident.status, "vi")),
        field("Biên bản vi phạm", _record(incident.handling)),
        field("Thiệt hại", said and f"{said} ({source})"),
        field("Lý do bàn giao", plain(row and row.reason)),
        field("Thời hạn của bước tiếp theo", due and moment_in_words(due["at"])),
    ]


def _record(handling: dict[str, Any]) -> str | None:
    if not handling.get("record_number"):
        return None
    year, month, day = handling["record_date"].split("-")
    return f"số {plain(handling['record_number'])}, ngày {day}/{month}/{year}"


def _duties() -> list[Block]:
    return [
        text(
            "Kể từ khi hai bên ký biên bản này, bên nhận chủ trì xử lý vụ việc và giữ hồ sơ, tang vật đã nhận; bên giao "
            "tiếp tục cung cấp thông tin khi được yêu cầu. Thời hạn xử lý tính tiếp, không tính lại từ đầu."
        ),
        text(
            f"Biên bản kết thúc vào hồi {NO_TIME} cùng ngày, đã đọc lại cho mọi người cùng nghe, công nhận là đúng và "
            "cùng ký tên xác nhận. Biên bản lập thành …… bản có nội dung như nhau, mỗi bên giữ …… bản."
        ),
    ]
