"""The summary as CSV for a spreadsheet: UTF-8 with BOM, one line a row, formulas made harmless."""

import csv
import io
from typing import Any

COLUMNS = {
    "section": {"vi": "Mục", "en": "Section"},
    "by": {"vi": "Theo", "en": "By"},
    "code": {"vi": "Mã", "en": "Code"},
    "label": {"vi": "Tên", "en": "Name"},
    "this_week": {"vi": "Tuần này", "en": "This week"},
    "last_week": {"vi": "Tuần trước", "en": "Last week"},
    "change": {"vi": "Tăng/giảm (±)", "en": "Change (±)"},
    "same_week_last_year": {"vi": "Cùng kỳ năm trước", "en": "Same week last year"},
    "change_percent": {"vi": "So cùng kỳ (±%)", "en": "Against last year (±%)"},
    "year_to_date": {"vi": "Lũy kế từ đầu năm", "en": "Year to date"},
    "measure": {"vi": "Đơn vị tính", "en": "Counted in"},  # last: programs know the others by their place
}
MEASURES = {
    None: {"vi": "vụ", "en": "cases"},
    "area_ha": {"vi": "ha", "en": "ha"},
    "volume_m3": {"vi": "m³", "en": "m³"},
}
SECTIONS = {
    "violations": {"vi": "Vi phạm", "en": "Violations"},
    "fires": {"vi": "Cháy rừng", "en": "Fires"},
}
BY = {
    "commune": {"vi": "Xã, phường", "en": "Commune"},
    "type": {"vi": "Loại vụ", "en": "Type"},
    "total": {"vi": "Tổng", "en": "Total"},
}


def harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is told to stay text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def write(summary: dict[str, Any], language: str) -> str:
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(labels[language] for labels in COLUMNS.values())
    for name, section in summary["sections"].items():
        for row in [*section["rows"], section["total"], *section["totals"]]:
            words = {"section": SECTIONS[name], "by": BY[row["by"]], "measure": MEASURES[row.get("measure")]}
            shown = row | {column: word[language] for column, word in words.items()}
            lines.writerow("" if shown[c] is None else harmless(shown[c]) for c in COLUMNS)
    return "\ufeff" + out.getvalue()
