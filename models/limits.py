"""Defaults of the rules, dated, from catalogue/limits.json: one table instead of numbers in the code."""

import json
from datetime import date
from functools import cache
from typing import Any

from models.vocabulary import CATALOGUE


@cache
def _table() -> dict[str, Any]:
    return json.loads((CATALOGUE / "limits.json").read_text("utf-8"))


def _newest(rows: list[dict[str, Any]], on: date) -> dict[str, Any]:
    return max((r for r in rows if not r["from"] or date.fromisoformat(r["from"]) <= on), key=_since)


def _since(row: dict[str, Any]) -> str:
    return row["from"] or ""


def steps() -> set[str]:
    """The steps that have a clock."""
    return {row["step"] for row in _table()["deadlines"]}


def limit(name: str, on: date) -> float:
    """The value of a rule's number on a day; its unit is in its name."""
    return _newest([r for r in _table()["limits"] if r["name"] == name], on)["value"]


def accuracy_m(stated_m: float | None, on: date) -> float:
    """How far off a place may be, in metres: as the phone said, or what is assumed of one that did not say."""
    return limit("accuracy_unknown_m", on) if stated_m is None else stated_m


def deadline_rule(step: str, fire: bool, on: date) -> dict[str, int]:
    """How long a step may take: one of minutes, working_hours, working_days."""
    row = _newest([r for r in _table()["deadlines"] if r["step"] == step], on)
    return row["fire" if fire else "other"]


def overdue_rule(name: str, on_the_clock: bool, on: date) -> dict[str, int]:
    """How long after a deadline: the `next_level` is told, or a `reminder` comes again."""
    row = _newest([r for r in _table()["overdue"] if r["name"] == name], on)
    return row["fire" if on_the_clock else "other"]
