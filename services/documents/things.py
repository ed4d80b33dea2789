"""Photos, documents, exhibits, people: lists of what was entered without a fixed form."""

from collections.abc import Mapping
from typing import Any

from models.documents import Opened
from models.photos import STORED
from services.documents.blocks import CENTRE, LEFT, Block, numbered
from services.documents.wording import code_in_words, joined, moment_in_words, plain

HASH_SHOWN = 16  # digits
NAMES = ("name", "ten", "species", "kind", "title", "description")
QUANTITIES = ("quantity", "so_luong", "count", "pieces", "sheets", "pages")
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
        rows.append((_coded(name, called), said, facts_in_words(rest)))
    columns = ((names, 2.6, LEFT), ("Số lượng", 1.0, CENTRE), ("Đặc điểm, tình trạng", 2.2, LEFT))
    return numbered(columns, rows, empty)


def person_in_words(person: Any) -> str | None:
    """ "Sùng A Kín; số định danh: 040099001122" """
    known = person if isinstance(person, dict) else {"name": person}
    name = next((n for n in ("name", "plate", *NAMES) if plain(known.get(n))), None)
    rest = {k: v for k, v in known.items() if k != name}
    return joined(plain(known.get(name)) if name else None, facts_in_words(rest))


def _coded(name: str | None, value: Any) -> str | None:
    return code_in_words("exhibit_kind", value) if name == "kind" else plain(value)


def facts_in_words(
    known: Mapping[str, Any], words: Mapping[str, str] = WORDS, by: str = "; ", between: str = ": "
) -> str | None:
    """All that is said in an object without a fixed form: each fact with what it is called."""
    said = []
    for name, value in known.items():
        if isinstance(value, dict):
            shown = facts_in_words(value, words)
        elif isinstance(value, list):
            shown = joined(*(facts_in_words(v, words) if isinstance(v, dict) else plain(v) for v in value), by=", ")
        else:
            shown = plain(value)
        if shown:
            said.append(f"{words.get(name, plain(name))}{between}{shown}")
    return joined(*said, by=by)
