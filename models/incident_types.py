"""The catalogue of incident types and the coded lists. To add one, add an entry to the JSON; nothing else changes.

Phones draw their forms from it (GET /incident-types); tests check every entry.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from itertools import islice
from typing import Any

from models.vocabulary import CATALOGUE, vocabulary

FIRE = "forest_fire"
MOST_COMPLAINTS = 20
LONGEST_COMPLAINT = 200  # characters: a complaint quotes what it complains of
# What the summary counts neither as a violation nor as a fire.
NO_VIOLATION = frozenset({FIRE, "pest_disease", "natural_damage", "boundary_dispute"})


@dataclass(frozen=True)
class IncidentType:
    """`measures` are units of damage, `forest` whether category and origin apply, `details` a JSON Schema."""

    code: str
    labels: dict[str, str]
    field: bool
    measures: list[str]
    forest: bool
    photos_expected: int
    articles: list[dict[str, Any]]
    criminal_article: str
    retired_on: str | None
    details: dict[str, Any]
    alike: str = ""  # one word for types between which people on the spot cannot tell; none: the type itself

    @property
    def public(self) -> dict[str, Any]:
        """What phones need to draw its form."""
        names = ("code", "labels", "field", "measures", "forest", "photos_expected", "articles", "details")
        return {n: getattr(self, n) for n in names} | {"criminal_article": self.criminal_article or None}

    @property
    def is_fire(self) -> bool:
        return self.code == FIRE

    @property
    def is_violation(self) -> bool:
        return self.code not in NO_VIOLATION

    @property
    def same_kind(self) -> set[str]:
        """The types that a report of the same thing may have."""
        mine = self.alike or self.code
        return {kind.code for kind in INCIDENT_TYPES.values() if mine == (kind.alike or kind.code)}

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self.details)

    def complaints(self, details: dict[str, Any]) -> list[str]:
        """What in the details does not fit the schema; never a reason to refuse a report."""
        errors = islice(self._validator.iter_errors(details), MOST_COMPLAINTS)
        return [f"{'.'.join(str(p) for p in e.path)}: {e.message}"[:LONGEST_COMPLAINT] for e in errors]

    def article_on(self, day: date) -> dict[str, Any] | None:
        """The legal article by date of the act."""
        known = [a for a in self.articles if not a["from"] or date.fromisoformat(a["from"]) <= day]
        return max(known, key=lambda a: a["from"] or "", default=None)


@cache
def _read(name: str) -> Any:
    return json.loads((CATALOGUE / f"{name}.json").read_text("utf-8"))


INCIDENT_TYPES: dict[str, IncidentType] = {t["code"]: IncidentType(**t) for t in _read("incident_types")}


def enums() -> dict[str, list[dict[str, Any]]]:
    """Every coded list, each entry with its code and labels: the published ones and our own."""
    return _read("enums") | vocabulary()


def codes(name: str) -> set[str]:
    return {entry["code"] for entry in enums()[name]}
