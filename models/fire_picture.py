"""What is known of a fire, put together from its updates: of everything the newest, whatever order they arrive in.

Each value stands beside the stamp of the update that said it (when it was, and its id), and only a later stamp
replaces it. So the picture needs no older updates, and the same updates make the same picture in any order.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from models.fire_workflow import FireStatus, follow
from models.incident_types import INCIDENT_TYPES, enums

Picture = dict[str, Any]
NEVER = ""  # before every stamp
VALUES = ("heading", "needs", "commander", "point", "perimeter", "area_m2")
AT_FIRST: Picture = {"updates": 0, "status": [NEVER, FireStatus.REPORTED], "values": {}, "forces": {}}


def stamp_of(update: Any) -> str:
    """Sorts as (counted_at, id): the id decides between two of the same moment."""
    return f"{_moment(update.counted_at)} {update.id}"


def _moment(at: datetime) -> str:
    """All of one length, so that they sort as they follow each other."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def with_update(picture: Picture | None, update: Any) -> Picture:
    """The picture with one more update in it. Raises WrongFireStatus when it is the newest and does not follow.

    One that comes late tells what was: it is never refused for its status, and never turns the clock back.
    """
    known, stamp = AT_FIRST | (picture or {}), stamp_of(update)
    if stamp > known["status"][0]:
        known["status"] = [stamp, str(follow(known["status"][1], update.status))]
    said = {name: value for name in VALUES if (value := getattr(update, name)) is not None}
    known["values"] = _newer(known["values"], said, stamp)
    known["forces"] = _newer(known["forces"], forces_by_unit(update), stamp)
    known["updates"] += 1
    known["updated_at"] = max(known.get("updated_at", NEVER), _moment(update.created_at))
    return known


def _newer(known: Picture, said: Picture, stamp: str) -> Picture:
    return known | {name: [stamp, value] for name, value in said.items() if stamp > known.get(name, [NEVER])[0]}


def forces_by_unit(update: Any) -> dict[str, dict[str, int]]:
    """How many of each kind, for every unit the update speaks of. None at all is said of its own unit alone."""
    if update.forces is None:
        return {}
    counted: dict[str, dict[str, int]] = {} if update.forces else {str(update.unit_id): {}}
    for item in update.forces:
        own = counted.setdefault(item.get("unit_id") or str(update.unit_id), {})
        own[item["kind"]] = own.get(item["kind"], 0) + item["count"]
    return counted


def is_newest(picture: Picture, update: Any) -> bool:
    """Whether what the fire is was said by this update."""
    return picture["status"][0] == stamp_of(update)


def status_of(picture: Picture | None) -> str:
    return (picture or AT_FIRST)["status"][1]


def shown(incident: Any) -> dict[str, Any] | None:
    """As everybody reads it who sees the case; None where nothing burns by its type."""
    if not INCIDENT_TYPES[incident.type].is_fire:
        return None
    known = AT_FIRST | (incident.fire or {})
    newest = known["status"][0]
    values = {name: known["values"].get(name, [NEVER, None])[1] for name in VALUES}
    return values | {
        "status": incident.fire_status,
        "at": datetime.fromisoformat(newest.partition(" ")[0]) if newest else None,
        "forces": sum_of_forces(unit[1] for unit in known["forces"].values()),
        "updates": known["updates"],
        "updated_at": datetime.fromisoformat(known["updated_at"]) if newest else None,
    }


def sum_of_forces(units: Iterable[dict[str, int]]) -> list[dict[str, Any]]:
    """By kind, in the order of the catalogue."""
    total: dict[str, int] = {}
    for counted in units:
        for kind, count in counted.items():
            total[kind] = total.get(kind, 0) + count
    order = [entry["code"] for entry in enums()["force_kind"]]
    return [{"kind": kind, "count": total[kind]} for kind in order if total.get(kind)]


def without(picture: Picture | None, update: Any) -> Picture | None:
    """Once words of an update were erased: what the picture had from it is as it now says."""
    if picture is None:
        return None
    stamp = stamp_of(update)
    values = {n: [at, getattr(update, n) if at == stamp else value] for n, (at, value) in picture["values"].items()}
    return picture | {"values": values}
