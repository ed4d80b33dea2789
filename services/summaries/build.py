"""From the figures of a week to the summary that people read."""

from typing import Any

from models.base import now
from models.incident_types import INCIDENT_TYPES
from models.summaries import Section, Week, columns

TOTAL = {"vi": "Tổng cộng", "en": "Total"}


def build(week: Week, language: str) -> dict[str, Any]:
    """The summary as api.md shapes it, labels in one language."""
    return {
        "unit": week.unit.facts,
        "week": week.week,
        "from": week.monday.isoformat(),
        "to": week.sunday.isoformat(),
        "as_of": now().isoformat(),
        "status": "provisional",
        "sections": {
            "violations": section(week, week.violations, language),
            "fires": section(week, week.fires, language),
        },
    }


def section(week: Week, counted: Section, language: str) -> dict[str, Any]:
    def row(by: str, code: str, label: str, counts: dict[str, int]) -> dict[str, Any]:
        return {"by": by, "code": code, "label": label} | columns(counts, week.has_last_year)

    rows = [row("commune", u.code, u.name, counted.communes[u.id]) for u in week.communes]
    rows += [
        row("type", code, kind.labels[language], counted.types[code])
        for code, kind in INCIDENT_TYPES.items()
        if code in counted.types
    ]
    return {"rows": rows, "total": row("total", week.unit.code, TOTAL[language], counted.total)}
