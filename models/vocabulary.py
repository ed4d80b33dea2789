"""Our codes in people's words, from catalogue/vocabulary.json."""

import json
from functools import cache
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).parent / "catalogue"


@cache
def vocabulary() -> dict[str, list[dict[str, Any]]]:
    """Every list of our own codes: role, status, action …, each entry with code, vi and en."""
    return json.loads((CATALOGUE / "vocabulary.json").read_text("utf-8"))


def word(code: str, language: str) -> str:
    """What a code is called, wherever it stands in the vocabulary; the code itself when nobody named it."""
    for entries in vocabulary().values():
        for entry in entries:
            if entry["code"] == code:
                return entry[language]
    return code


def word_in(name: str, code: str, language: str = "vi") -> str:
    """What a code of one list is called; the code itself when nobody named it."""
    return next((entry[language] for entry in vocabulary()[name] if entry["code"] == code), code)
