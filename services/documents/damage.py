"""How much was lost, and how much of it lies in which unit."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.documents import Opened
from models.reference import reference
from services.documents.blocks import LEFT, RIGHT, Block, Cell, numbered, table
from services.documents.bodies import with_province
from services.documents.wording import code_in_words, joined, measured, number, plain


def damage_of(paper: Opened) -> tuple[dict[str, Any], str]:
    """The damage, and where the figures come from: agreed by both sides, verified, or only reported."""
    verified = (paper.incident.verified or {}).get("damage")
    if paper.verification and paper.verification.damage:
        return paper.verification.damage, "các bên thống nhất khi kiểm tra chung tại hiện trường"
    if verified:
        return verified, "theo kết quả xác minh"
    return paper.incident.damage or {}, "theo tin báo ban đầu, cần đo đếm tại hiện trường"


def damage_in_words(damage: Mapping[str, Any]) -> str | None:
    area: Any = damage.get("area_m2")
    value = damage.get("value_vnd")
    return joined(
        measured(area, "m²") and f"diện tích {measured(area, 'm²')} ({number(area / 10_000, 4)} ha)",
        measured(damage.get("trees"), "cây"),
        measured(damage.get("volume_m3"), "m³") and f"khối lượng {measured(damage['volume_m3'], 'm³')}",
        measured(damage.get("individuals"), "cá thể"),
        measured(value, "đồng") and f"trị giá {measured(value, 'đồng')}",
    )


def damage_table(paper: Opened, damage: Mapping[str, Any]) -> Block:
    """How much lies in each unit. Where nobody has said, the units at work stand there with room to write."""
    parts = {UUID(str(p["unit_id"])): p for p in damage.get("parts") or []}
    rows = [r for r in paper.incident.assignments if r.is_lead or r.accepted_at]
    units = list(parts) or list(dict.fromkeys(r.unit_id for r in sorted(rows, key=lambda r: not r.is_lead)))
    lone = not parts and len(units) == 1  # all of it lies with the one

    def amounts(part: Mapping[str, Any]) -> tuple[Cell, Cell]:
        area, volume = part.get("area_m2"), part.get("volume_m3")
        return (None if area is None else number(area), None if volume is None else number(volume))

    filled = [
        (with_province(reference().units[id]), *amounts(damage if lone else parts.get(id, {})))
        for id in units
        if id in reference().units
    ]
    columns = [("Địa bàn", 3.0, LEFT), ("Diện tích (m²)", 1.3, RIGHT), ("Khối lượng (m³)", 1.3, RIGHT)]
    return table(columns, [*filled, ("Cộng", *amounts(damage))], total=True)


def timber_table(damage: Mapping[str, Any]) -> list[Block]:
    """Species by species; nothing where none is known."""
    rows = [
        (
            plain(t.get("species")),
            joined(
                code_in_words("timber_legal_group", t.get("legal_group")),
                code_in_words("timber_technical_group", t.get("technical_group")),
            ),
            code_in_words("product_form", t.get("form")),
            plain(t.get("pieces")),
            plain(t.get("volume_m3")),
        )
        for t in damage.get("timber") or []
    ]
    columns = (("Loài", 1.8, LEFT), ("Nhóm", 2.2, LEFT), ("Dạng", 1.6, LEFT), ("Số lóng, tấm", 1.0, RIGHT))
    return [numbered([*columns, ("Khối lượng (m³)", 1.2, RIGHT)], rows)] if rows else []
