"""What a phone makes up by itself: ids in the order of their time, and the hash that says what "the same report" means."""

import hashlib
import json
import math
import os
import time
import unicodedata
from typing import Any
from uuid import UUID


def new_id() -> str:
    """A UUIDv7 (RFC 9562): no server is needed to choose one, and ids sort by when they were made."""
    number = int.from_bytes((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10), "big")
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0b11 << 62) | 0b10 << 62))


def content_sha256(body: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a report without its photos, in lower-case hexadecimal digits."""
    return hashlib.sha256(canonical({k: v for k, v in body.items() if k != "photos"}).encode()).hexdigest()


def canonical(value: Any) -> str:
    """RFC 8785: members sorted by their UTF-16 code units, no spaces, numbers as JavaScript writes them; text in NFC."""
    if isinstance(value, dict):
        named = sorted(((nfc(k), v) for k, v in value.items()), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{quoted(name)}:{canonical(one)}" for name, one in named) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return quoted(nfc(value))
    if isinstance(value, float):
        return number(value)
    return json.dumps(value)


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def number(value: float) -> str:
    """As ECMAScript's Number::toString: the shortest digits, an exponent only below 1e-6 and from 1e21."""
    if not math.isfinite(value):
        raise ValueError("JSON has no such number")
    if value == 0:
        return "0"
    sign, value = ("-", -value) if value < 0 else ("", value)
    digits, _, exponent = f"{value!r}".partition("e")
    whole, _, part = digits.partition(".")
    part = part.rstrip("0") if part.strip("0") else ""
    point = len(whole) + int(exponent or 0)
    figures = (whole + part).lstrip("0")
    point -= len(whole + part) - len(figures)
    figures = figures.rstrip("0")
    if 0 < point <= 21:
        return sign + (figures.ljust(point, "0") if point >= len(figures) else f"{figures[:point]}.{figures[point:]}")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{figures}"
    shown = figures if len(figures) == 1 else f"{figures[0]}.{figures[1:]}"
    return f"{sign}{shown}e{'+' if point > 0 else '-'}{abs(point - 1)}"
