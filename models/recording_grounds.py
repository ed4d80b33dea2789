"""Disputed grounds as people record them: who does, who reads them, and how the dispute is settled.

The claimants, above and below read them; leaders of a claimant and admins record. Each change is an event; a ground
drawn anew takes the place of the former, which stays as it was.
"""

from datetime import date
from typing import Any
from uuid import UUID

import shapely

from models.base import db, new_id
from models.boundaries import SLIVER_M2, area_m2
from models.clock import today
from models.disputed_grounds import OPEN, REPLACED, SETTLED, Claimant, DisputedGround
from models.drawn import polygon_of
from models.errors import Conflict, IdConflict, Invalid, NotAllowed, NotFound, WrongStatus
from models.events import Event
from models.parties import concern, standing_today
from models.reference import reference
from models.users import Person, Role


def grounds_of(user: Person, status: str | None = None, at: date | None = None) -> list[DisputedGround]:
    """Those that concern a person's scope; `at`: open on that day."""
    query = DisputedGround.open_on(at) if at else db.select(DisputedGround)
    if status:
        query = query.where(DisputedGround.status == status)
    found = db.session.scalars(query.options(db.selectinload(DisputedGround.claimants)))
    return [ground for ground in found if _is_shown(ground, user)]


def find(id: UUID, user: Person, lock: bool = False) -> DisputedGround:
    """Also one that was settled or replaced. Raises NotFound."""
    ground = db.session.get(DisputedGround, id, with_for_update=lock or None, populate_existing=lock)
    if ground is None or not _is_shown(ground, user):
        raise NotFound()
    return ground


def record(
    user: Person,
    polygon: Any,
    claimants: list[UUID],
    id: UUID | None = None,
    replaces: UUID | None = None,
    since: date | None = None,
    **facts: Any,
) -> tuple[DisputedGround, bool]:
    """A ground, and whether it is new: the same id and content again is the same. Raises NotAllowed, Invalid,
    NotFound, IdConflict, Conflict."""
    if known := DisputedGround.sent_before(id, content_sha256=facts.get("content_sha256")):
        if not _is_shown(known, user):
            raise IdConflict()
        return known, False
    _check_claimants(claimants)
    _check_may_record(user, claimants)
    _check_is_past("since", since)
    shape = polygon_of(polygon)
    if (area := area_m2(shape)) < SLIVER_M2:
        raise Invalid("polygon", "vùng có diện tích / a polygon that bounds a surface")
    before = _replace(replaces, user) if replaces else None
    ground = DisputedGround(
        id=id or new_id(),
        wkb=shapely.to_wkb(shape),
        area_m2=area,
        since=since,
        status=OPEN,
        dialogues=[],
        replaces_id=before and before.id,
        claimants=[Claimant(unit_id=unit, position=at) for at, unit in enumerate(claimants)],
        **facts,
    )
    db.session.add(ground)
    db.session.flush()
    said: dict[str, Any] = {"claimants": [str(unit) for unit in claimants], "area_m2": round(area, 1)}
    Event.record(ground, "recorded", user, replaces=str(replaces) if replaces else None, **said)
    if before:
        Event.record(before, REPLACED, user, by=str(ground.id))
    return ground, True


def settle(ground: DisputedGround, user: Person, on: date, how: str, document: str) -> DisputedGround:
    """From that day on nobody claims it beside its owner. Told again in the same words, nothing changes."""
    _check_may_record(user, [c.unit_id for c in ground.claimants])
    said = {"how": how, "on": on.isoformat(), "document": document}
    if ground.status == SETTLED and ground.settlement == said:
        return ground
    if ground.status != OPEN:
        raise WrongStatus(action="settle", status=ground.status)
    _check_is_past("on", on)
    if ground.since and on < ground.since:
        raise Invalid("on", f"không trước {ground.since} / not before {ground.since}")
    ground.status, ground.ended_on, ground.settlement = SETTLED, on, said
    db.session.flush()
    Event.record(ground, SETTLED, user, texts={"how": how, "document": document}, on=said["on"])
    return ground


def reopen(ground: DisputedGround, user: Person, reason: str) -> DisputedGround:
    """The settlement did not hold."""
    _check_may_record(user, [c.unit_id for c in ground.claimants])
    if ground.status != SETTLED:
        raise WrongStatus(action="reopen", status=ground.status)
    before = ground.settlement or {}
    ground.status, ground.ended_on, ground.settlement = OPEN, None, None
    db.session.flush()
    Event.record(ground, "reopened", user, texts={"reason": reason}, settled_on=before.get("on"))
    return ground


def note_dialogue(
    ground: DisputedGround, user: Person, date: date, text: str, document: str | None, id: UUID, content_sha256: str
) -> bool:
    """Add what the sides said to each other, and whether it is new. Raises IdConflict, NotAllowed, Invalid."""
    _check_may_record(user, [c.unit_id for c in ground.claimants])
    if known := next((d for d in ground.dialogues if d["id"] == str(id)), None):
        if known["content_sha256"] != content_sha256:
            raise IdConflict()
        return False
    _check_is_past("date", date)
    said = {"id": str(id), "date": date.isoformat(), "text": text, "document": document}
    ground.dialogues = sorted([*ground.dialogues, said | {"content_sha256": content_sha256}], key=lambda d: d["date"])
    db.session.flush()
    Event.record(
        ground, "dialogue", user, texts={"text": text, "document": document}, dialogue=str(id), date=said["date"]
    )
    return True


def _is_shown(ground: DisputedGround, user: Person) -> bool:
    return concern(standing_today(c.unit_id for c in ground.claimants), user, reference())


def _check_may_record(user: Person, claimants: list[UUID]) -> None:
    """An admin, or a leader who answers for one of the claimants."""
    units = reference().units
    if user.role is Role.ADMIN:
        return
    if user.role is not Role.LEADER or not any(user.acts_for(units[id]) for id in standing_today(claimants)):
        raise NotAllowed(action="record_ground")


def _check_claimants(ids: list[UUID]) -> None:
    units = [reference().units.get(id) for id in ids]
    if any(unit is None or unit.level == "village" for unit in units):
        raise Invalid("claimants", "các xã, khu vực hoặc tỉnh đã có / communes, areas or provinces that exist")
    known = [unit for unit in units if unit]
    apart = all(a is b or not a.lineage.startswith(b.lineage) for a in known for b in known)
    if len(set(ids)) < 2 or len(set(ids)) != len(ids) or not apart:
        raise Invalid(
            "claimants",
            "ít nhất hai bên, mỗi bên một lần, không bên nào thuộc bên kia"
            " / at least two, each once, none of which belongs to another",
        )


def _check_is_past(field: str, day: date | None) -> None:
    if day and day > today():
        raise Invalid(field, "một ngày đã qua hoặc hôm nay / a day that has come")


def _replace(id: UUID, user: Person) -> DisputedGround:
    """The former one, which ends today."""
    before = find(id, user, lock=True)
    _check_may_record(user, [c.unit_id for c in before.claimants])
    if before.status != OPEN:
        raise Conflict()
    before.status, before.ended_on = REPLACED, today()
    return before
