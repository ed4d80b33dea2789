"""What putting an edition in force, or taking it back, moves: as it is shown to an administrator, and its digest.

Numbers, counts and units only: an administrator sees no case. Units that an edition is to create have no id yet, so all
of them are told by code and first day, and the same effect has the same digest each time it is worked out.
"""

import hashlib
from typing import Any

import rfc8785

from models.passing import Effect, Moved
from models.units import KnownUnit

UNIT = ("code", "name", "level", "valid_from")
SHOWN = 200  # of each kind; all of them are counted, and all go into the digest


def shown(effect: Effect) -> dict[str, Any]:
    """{"day", "units", "without_successor", "stranded", "counts", "merged", "moved"}: each list as {"count", "items"}."""
    return _facts(effect, SHOWN)


def digest(effect: Effect) -> str:
    """SHA-256 of the whole effect, hexadecimal: who agrees to an effect says it."""
    return hashlib.sha256(rfc8785.dumps(_facts(effect, None))).hexdigest()


def _facts(effect: Effect, most: int | None) -> dict[str, Any]:
    units = [{"unit": unit_facts(was), "becomes": _all(becomes)} for was, becomes in effect.units]
    moved = {kind: [_thing(thing) for thing in things] for kind, things in sorted(effect.moved.items())}
    return {
        "day": effect.day.isoformat(),
        "units": listed(sorted(units, key=_by_unit), most),
        "without_successor": listed(_all(effect.heirless), most),
        "stranded": listed(sorted((_thing(thing) for thing in effect.stranded), key=_by_name), most),
        "counts": dict(sorted(effect.counts.items())),
        "merged": effect.merged,
        "moved": {kind: listed(sorted(things, key=_by_name), most) for kind, things in moved.items()},
    }


def listed(things: list[Any], most: int | None) -> dict[str, Any]:
    return {"count": len(things), "items": things[:most]}


def unit_facts(unit: KnownUnit) -> dict[str, Any]:
    return {name: unit.facts[name] for name in UNIT}


def _all(units: Any) -> list[dict[str, Any]]:
    return sorted((unit_facts(unit) for unit in units), key=_by_code)


def _thing(thing: Moved) -> dict[str, Any]:
    return {
        "name": thing.name,
        "was": unit_facts(thing.was),
        "becomes": _all(thing.becomes),
        "reason": thing.reason,
        "merged": thing.merged,
    }


def _by_code(unit: dict[str, Any]) -> Any:
    return unit["level"], unit["code"], unit["valid_from"] or ""


def _by_unit(entry: dict[str, Any]) -> Any:
    return _by_code(entry["unit"])


def _by_name(thing: dict[str, Any]) -> Any:
    return thing["name"], _by_code(thing["was"]), [_by_code(unit) for unit in thing["becomes"]], thing["reason"]
