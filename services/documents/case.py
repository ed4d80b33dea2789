"""What several papers say of a case in the same words: what, when, where, how much, which photos."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.documents import Opened
from models.incident_types import INCIDENT_TYPES
from models.outlines import outline_area_m2, polygons_of
from models.photos import STORED
from models.reference import reference
from models.units import KnownUnit
from services.coordinates import to_vn2000, zone_of
from services.documents.blocks import CENTRE, LEFT, RIGHT, Block, Cell, field, numbered, table, text
from services.documents.bodies import province_of, with_province
from services.documents.wording import (
    code_in_words,
    degrees,
    grid,
    joined,
    measured,
    metres,
    moment_in_words,
    number,
    plain,
    zone_in_words,
)

MOST_CORNERS = 40
HASH_SHOWN = 16  # digits
PLOT = {"compartment": "tiểu khu", "sub_compartment": "khoảnh", "plot": "lô"}
PLOT |= {"tieu_khu": "tiểu khu", "khoanh": "khoảnh", "lo": "lô"}
OWNER = ("name", "ten", "type")
NAMES = ("name", "ten", "species", "kind", "title", "description")
QUANTITIES = ("quantity", "so_luong", "number", "count", "pieces", "sheets", "pages")
UNITS = ("unit", "don_vi", "unit_of_measure")
# What else is often said of a thing or a person, in the words of a paper.
WORDS = {
    "address": "nơi ở",
    "birth_year": "năm sinh",
    "born": "năm sinh",
    "condition": "tình trạng",
    "copies": "số bản",
    "id_number": "số định danh",
    "note": "ghi chú",
    "number": "số",
    "plate": "biển kiểm soát",
    "seal": "niêm phong",
    "unit": "đơn vị",
    "volume_m3": "khối lượng (m³)",
    "weight_kg": "khối lượng (kg)",
    "phone": "điện thoại",
    "ethnicity": "dân tộc",
    "sheets": "số tờ",
    "pages": "số trang",
    "kind": "loại",
}


def type_of(paper: Opened) -> str:
    """As it stands inside a sentence."""
    label = INCIDENT_TYPES[paper.incident.type].labels["vi"]
    return label[0].lower() + label[1:]


def routed_unit(paper: Opened) -> KnownUnit:
    """The commune in which the place lies, as it was routed."""
    return reference().units[UUID(paper.incident.routing["lead"]["id"])]


def found_at(paper: Opened) -> str | None:
    incident = paper.incident
    return moment_in_words(incident.found_at_corrected or incident.found_at)


def place(paper: Opened) -> list[Block]:
    """Where: both grids, how exact, plots, and why it is whose."""
    incident, commune = paper.incident, routed_unit(paper)
    province = province_of(commune)
    accuracy = incident.location.get("accuracy_m")
    return [
        field("Địa điểm", with_province(commune)),
        field("Tọa độ WGS 84", degrees(incident.lat, incident.lon)),
        field("Tọa độ VN-2000", grid(incident.lat, incident.lon, province.name) if province else None),
        field("Sai số định vị", measured(accuracy, "m") and f"± {measured(accuracy, 'm')}"),
        field("Tiểu khu, khoảnh, lô", plots(incident.plots)),
        field("Xác định địa bàn", plain(incident.routing["explanation"]["vi"])),
    ]


def plots(known: list[Any] | None) -> str | None:
    """ "tiểu khu 562A, khoảnh 3, lô 2" """
    said = [_facts(plot, PLOT, ", ", " ") if isinstance(plot, dict) else plain(plot) for plot in known or []]
    return joined(*said)


def forest(paper: Opened) -> list[Block]:
    """Category and origin as verified, else as reported, and whose forest it is."""
    incident, found = paper.incident, paper.verification
    verified = incident.verified or {}

    def known(name: str) -> str | None:
        code = (found and getattr(found, name)) or verified.get(name) or getattr(incident, name)
        return code_in_words(name, code)

    owner = incident.forest_owner or {}
    return [
        field("Loại rừng, nguồn gốc", joined(known("forest_category"), known("forest_origin"))),
        field("Chủ rừng", plain(next((owner[n] for n in OWNER if owner.get(n)), None))),
    ]


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


def outline(paper: Opened) -> list[Block]:
    """The area both sides agreed on: how large, and its corners where they can be read on paper."""
    drawn = paper.verification and paper.verification.outline
    if not drawn:
        return [field("Ranh giới khu vực kiểm tra", None)]
    area = outline_area_m2(drawn)
    said = field("Ranh giới khu vực kiểm tra", f"theo ranh giới các bên thống nhất, {number(area, 0)} m²")
    province = province_of(routed_unit(paper))
    zone = zone_of(province.name) if province else None
    corners = [spot for polygon in polygons_of(drawn).geoms for spot in list(polygon.exterior.coords)[:-1]]
    if zone is None or len(corners) > MOST_CORNERS:
        return [said, text(f"Tọa độ {len(corners)} đỉnh của ranh giới lưu trong hồ sơ điện tử.")]
    rows = [tuple(metres(value) for value in to_vn2000(lat, lon, zone)) for lon, lat in corners]
    columns = [("X (Đông)", 2.0, RIGHT), ("Y (Bắc)", 2.0, RIGHT)]
    return [said, text(f"Tọa độ các đỉnh (VN-2000, {zone_in_words(zone)}):"), numbered(columns, rows)]


def photo_table(paper: Opened) -> Block:
    """Photos and voice notes by hash, so that a print can be held against the file."""
    rows = [
        (
            moment_in_words(photo.captured_at),
            photo.sha256[:HASH_SHOWN],
            "đã lưu" if photo.state == STORED else "chưa nhận đủ",
        )
        for photo in paper.incident.photos
    ]
    columns = (("Thời điểm chụp", 2.4, LEFT), (f"Mã SHA-256 ({HASH_SHOWN} ký tự đầu)", 2.2, LEFT))
    return numbered([*columns, ("Tệp gốc", 1.2, CENTRE)], rows, empty=1)


def things_table(things: list[Any], names: str, empty: int = 2) -> Block:
    """Documents or exhibits, in whatever words they were entered."""
    rows = []
    for thing in things:
        known = thing if isinstance(thing, dict) else {"name": thing}
        name = next((n for n in NAMES if plain(known.get(n))), None)
        amount = next((n for n in QUANTITIES if plain(known.get(n))), None)
        unit = next((n for n in UNITS if plain(known.get(n))), None) if amount else None
        called = known.get(name) if name else None
        said = joined(amount and plain(known[amount]), unit and plain(known[unit]), by=" ")
        if amount in ("sheets", "pages"):
            said = f"{said} {'tờ' if amount == 'sheets' else 'trang'}"
        rest = {k: v for k, v in known.items() if k not in (name, amount, unit)}
        rows.append((_coded(name, called), said, _facts(rest)))
    columns = ((names, 2.6, LEFT), ("Số lượng", 1.0, CENTRE), ("Đặc điểm, tình trạng", 2.2, LEFT))
    return numbered(columns, rows, empty)


def person_in_words(person: Any) -> str | None:
    """ "Sùng A Kín; số định danh: 040099001122" """
    known = person if isinstance(person, dict) else {"name": person}
    name = next((n for n in ("name", "plate", *NAMES) if plain(known.get(n))), None)
    rest = {k: v for k, v in known.items() if k != name}
    return joined(plain(known.get(name)) if name else None, _facts(rest))


def _coded(name: str | None, value: Any) -> str | None:
    return code_in_words("exhibit_kind", value) if name == "kind" else plain(value)


def _facts(
    known: Mapping[str, Any], words: Mapping[str, str] = WORDS, by: str = "; ", between: str = ": "
) -> str | None:
    """All that is said in an object without a fixed form: each fact with what it is called."""
    said = []
    for name, value in known.items():
        if isinstance(value, dict):
            shown = _facts(value, words)
        elif isinstance(value, list):
            shown = joined(*(_facts(v, words) if isinstance(v, dict) else plain(v) for v in value), by=", ")
        else:
            shown = plain(value)
        if shown:
            said.append(f"{words.get(name, plain(name))}{between}{shown}")
    return joined(*said, by=by)
