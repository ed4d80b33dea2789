"""Biên bản kiểm tra hiện trường: what was found on the spot, signed by both sides."""

from typing import Any

from models.assignments import Part
from models.clock import local
from models.documents import Opened
from models.joint_verifications import JointVerification
from models.reference import reference
from models.units import KnownUnit
from services.documents.blocks import Block, field, heading, lines, pair, party, signature, text
from services.documents.bodies import Body, full_name, lowered, with_province
from services.documents.case import forest, found_at, outline, place, routed_unit, type_of
from services.documents.damage import damage_in_words, damage_of, damage_table, timber_table
from services.documents.things import person_in_words, photo_table, things_table
from services.documents.wording import NO_TIME, clock_in_words, day_in_words, joined, moment_in_words, plain

ROOM = 2  # people of a side of whom nobody said who came
OTHER_BODIES = "Thành phần khác"


def fill(paper: Opened, issuer: Body) -> dict[str, Any]:
    found = paper.verification
    sides = _sides(paper)
    return {
        "number": found and plain(found.minutes_number),
        "title": "BIÊN BẢN",
        "about": f"Kiểm tra hiện trường vụ việc {type_of(paper)}\n(số hiệu {paper.incident.number})",
        "date": found and day_in_words(found.held_on),
        "blocks": [
            _opening(found, paper),
            heading("I. THÀNH PHẦN THAM GIA"),
            *_people(paper, sides),
            heading("II. NỘI DUNG KIỂM TRA"),
            *_scene(paper),
            heading("III. THIỆT HẠI"),
            *_damage(paper),
            heading("IV. NGƯỜI, PHƯƠNG TIỆN CÓ LIÊN QUAN"),
            field("Người", joined(*map(person_in_words, paper.people), by=" · ")),
            field("Phương tiện", joined(*map(person_in_words, paper.vehicles), by=" · ")),
            heading("V. TANG VẬT"),
            things_table(paper.incident.exhibits or [], "Tên tang vật"),
            heading("VI. ẢNH, GHI ÂM TẠI HIỆN TRƯỜNG"),
            photo_table(paper),
            heading("VII. KẾT LUẬN, Ý KIẾN CỦA CÁC BÊN"),
            *_conclusion(paper),
            *_closing(found),
        ],
        "signatures": [signature("ĐẠI DIỆN", lowered(unit.name).upper()) for unit in sides]
        + [signature("NGƯỜI GHI BIÊN BẢN"), signature("NGƯỜI CHỨNG KIẾN")],
    }


def _opening(found: JointVerification | None, paper: Opened) -> Block:
    begun, day = clock_in_words(found and found.begun_at), day_in_words(found and found.held_on)
    return text(f"Hôm nay, vào hồi {begun}, {day}, tại {with_province(routed_unit(paper))}, chúng tôi gồm:")


def _sides(paper: Opened) -> list[KnownUnit]:
    """The lead, then the others that came or are at work on it."""
    came = [one["unit_id"] for one in paper.attendants if one.get("unit_id")]
    known = {str(id): unit for id, unit in reference().units.items() if str(id) in came}
    at_work = [r.unit for r in paper.incident.assignments if r.role == Part.SUPPORT and r.is_open and not r.hand_over]
    units = [paper.incident.lead_unit, *(known[id] for id in came), *at_work]
    return list({unit.id: unit for unit in units}.values())


def _people(paper: Opened, sides: list[KnownUnit]) -> list[Block]:
    """Side by side, with room where names are not known or were erased."""
    said: list[Block] = []
    counted = {s["unit_id"]: s["people"] for s in (paper.verification.sides if paper.verification else [])}
    for number, unit in enumerate(sides, 1):
        part = "Đơn vị chủ trì" if unit.id == paper.incident.lead_unit_id else "Đơn vị phối hợp"
        came = [one for one in paper.attendants if one.get("unit_id") == str(unit.id)]
        said += [party(f"{number}. {part}", full_name(unit)), *map(_person, came)]
        said += [_person({})] * (0 if came else counted.get(str(unit.id), ROOM))
    others = [one for one in paper.attendants if not one.get("unit_id")]
    said.append(party(f"{len(sides) + 1}. {OTHER_BODIES}", "" if others else None))
    return said + [_person(one) for one in others]


def _person(one: dict[str, Any]) -> Block:
    title = joined(plain(one.get("title")), plain(one.get("unit_name")), by=", ")
    return pair(("Ông (bà)", plain(one.get("name"))), ("Chức vụ", title))


def _scene(paper: Opened) -> list[Block]:
    return [
        text("Các bên cùng kiểm tra hiện trường và ghi nhận:"),
        field("Thời gian phát hiện", found_at(paper)),
        *place(paper),
        *outline(paper),
        *forest(paper),
        field("Hiện trạng", plain(paper.incident.description)),
    ]


def _damage(paper: Opened) -> list[Block]:
    damage, source = damage_of(paper)
    return [
        field("Tổng thiệt hại", damage_in_words(damage)),
        *([field("Nguồn số liệu", source)] if damage else []),
        damage_table(paper, damage),
        *timber_table(damage),
    ]


def _conclusion(paper: Opened) -> list[Block]:
    agreed = paper.verification and plain(paper.verification.text)
    verified = plain((paper.incident.verified or {}).get("text"))
    said = agreed or verified
    return [text(said), lines(2)] if said else [lines(4)]


def _closing(found: JointVerification | None) -> list[Block]:
    ended = found and found.ended_at
    same_day = not (found and ended) or local(ended).date() == found.held_on
    when = f"{clock_in_words(ended)} cùng ngày" if same_day and ended else moment_in_words(ended)
    return [
        text(
            f"Biên bản kết thúc vào hồi {when or f'{NO_TIME} cùng ngày'}, đã đọc lại cho mọi người cùng nghe, công nhận "
            "là đúng và cùng ký tên xác nhận. Biên bản lập thành …… bản có nội dung như nhau, mỗi bên giữ …… bản."
        )
    ]
