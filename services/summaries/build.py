"""From the figures of a week to the summary that people read."""

from typing import Any

from models.base import now
from models.incident_types import INCIDENT_TYPES
from models.summaries import PERIODS, Section, Week, columns

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
    """Cases of every commune and of each type there was; then area and volume, where there was any."""
    rows, total = rows_of(week, counted, language)
    totals = []
    for measure, amounts in counted.measures.items():
        more, whole = rows_of(week, amounts, language, measure)
        rows += [row for row in more if any(row[period] for period in PERIODS)]
        totals.append(whole)
    return {"rows": rows, "total": total, "totals": totals}


def rows_of(
    week: Week, counted: Section, language: str, measure: str | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of communes and types, and that of all."""

    def row(by: str, code: str, label: str, counts: dict[str, int]) -> dict[str, Any]:
        return {"by": by, "code": code, "label": label} | columns(counts, week.has_last_year, measure)

    rows = [row("commune", u.code, u.name, counted.communes[u.id]) for u in week.communes]
    rows += [
        row("type", code, kind.labels[language], counted.types[code])
        for code, kind in INCIDENT_TYPES.items()
        if code in counted.types
    ]
    return rows, row("total", week.unit.code, TOTAL[language], counted.total)
