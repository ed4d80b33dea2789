"""What the body of a paper is made of, as plain data. Both forms know these blocks and nothing else."""

from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]
Cell = str | None
LEFT, CENTRE, RIGHT = "left", "center", "right"


def heading(text: str) -> Block:
    return {"is": "heading", "text": text}


def text(text: str) -> Block:
    return {"is": "text", "text": text}


def field(label: str, value: Cell) -> Block:
    """A label and what is known; None: dots to the end of the line."""
    return {"is": "field", "label": label, "value": value}


def party(label: str, value: Cell) -> Block:
    """One of those who come together, above its people."""
    return {"is": "party", "label": label, "value": value}


def pair(first: tuple[str, Cell], second: tuple[str, Cell]) -> Block:
    """Two fields on one line."""
    return {"is": "pair", "fields": [{"label": label, "value": value} for label, value in (first, second)]}


def item(text: str) -> Block:
    return {"is": "item", "text": text}


def lines(number: int) -> Block:
    """Dotted lines to write on."""
    return {"is": "lines", "number": number}


def table(columns: Sequence[tuple[str, float, str]], rows: Sequence[Sequence[Cell]], total: bool = False) -> Block:
    """`columns`: (label, share of the width, side on which it stands); `total`: the last row sums up the others."""
    return {
        "is": "table",
        "columns": [{"label": label, "width": width, "align": align} for label, width, align in columns],
        "rows": [list(row) for row in rows],
        "total": total,
    }


def numbered(columns: Sequence[tuple[str, float, str]], rows: Sequence[Sequence[Cell]], empty: int = 0) -> Block:
    """A table whose first column counts; with so many empty rows to write in when there is nothing to count."""
    counted = [[str(n), *row] for n, row in enumerate(rows, 1)]
    blank: list[list[Cell]] = [[None] * (len(columns) + 1) for _ in range(0 if rows else empty)]
    return table([("STT", 0.6, CENTRE), *columns], [*counted, *blank])


def signature(*who: str, how: str = "Ký, ghi rõ họ tên") -> dict[str, Any]:
    """The place for one; `who` line by line."""
    return {"head": list(who), "note": f"({how})"}
