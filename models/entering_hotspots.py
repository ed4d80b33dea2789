"""Hotspots as people enter, read and change them: the parties, above and below see them; officers and leaders of a
side and admins enter them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from models import signing_agreements
from models.base import db, new_id
from models.clock import start_of, today
from models.drawn import as_geojson, line_of
from models.errors import IdConflict, Invalid, NotAllowed, NotFound
from models.events import Event
from models.hotspots import Hotspot
from models.parties import concern, standing_today
from models.places import cases_in
from models.reference import reference
from models.users import Person, Role

MAY_CHANGE = ("name", "disputed", "agreement_id", "note", "valid_to")
A_YEAR = timedelta(days=365)
WORDS = ("name", "note")  # written by people: they stand where they can be erased


def hotspots_of(user: Person, on: date | None = None) -> list[Hotspot]:
    """Those in force on a day that concern a person's scope."""
    return [found for found in db.session.scalars(Hotspot.in_force(on or today())) if _is_shown(found, user)]


def find(id: UUID, user: Person, lock: bool = False) -> Hotspot:
    """Also one that has ended. Raises NotFound."""
    hotspot = db.session.get(Hotspot, id, with_for_update=lock or None, populate_existing=lock)
    if hotspot is None or not _is_shown(hotspot, user):
        raise NotFound()
    return hotspot


def counted(hotspots: list[Hotspot], user: Person, since: date | None = None) -> list[Hotspot]:
    """With the number of cases in each since a day (a year ago), of those this person may see."""
    day = since or today() - A_YEAR
    areas = [hotspot.area for hotspot in hotspots]
    for hotspot, cases in zip(hotspots, cases_in(areas, user, start_of(day)), strict=True):
        hotspot.incidents, hotspot.incidents_since = len(cases), day
    return hotspots


def enter(
    user: Person,
    sides: list[UUID],
    id: UUID | None = None,
    stretch: Any = None,
    valid_from: date | None = None,
    **facts: Any,
) -> tuple[Hotspot, bool]:
    """A hotspot, and whether it is new: the same id and content again is the same. Raises NotAllowed, Invalid,
    IdConflict."""
    if known := Hotspot.sent_before(id, content_sha256=facts.get("content_sha256")):
        if not _is_shown(known, user):
            raise IdConflict()
        return known, False
    if len(set(sides)) != 2 or any(side not in reference().units for side in sides):
        raise Invalid("sides", "hai đơn vị khác nhau đã có / two different units that exist")
    _check_may_enter(user, sides)
    _check_place(stretch, facts)
    _check_agreement(facts.get("agreement_id"), user)
    begins = valid_from or today()
    _check_end(begins, facts.get("valid_to"))
    line = as_geojson(line_of(stretch)) if stretch else None
    one, other = sides
    hotspot = Hotspot(id=id or new_id(), side_a_id=one, side_b_id=other, stretch=line, valid_from=begins, **facts)
    db.session.add(hotspot)
    db.session.flush()
    said: dict[str, Any] = {
        "sides": [str(side) for side in sides],
        "disputed": hotspot.disputed,
        "from": begins.isoformat(),
    }
    Event.record(hotspot, "entered", user, texts={name: getattr(hotspot, name) for name in WORDS}, **said)
    return hotspot, True


def change(hotspot: Hotspot, user: Person, **changes: Any) -> Hotspot:
    """Of what may change, the facts given; `valid_to` ends it. Told again, nothing changes. Place and sides stay."""
    _check_may_enter(user, list(hotspot.side_ids))
    new = {name: value for name, value in changes.items() if value != getattr(hotspot, name)}
    if "agreement_id" in new:
        _check_agreement(new["agreement_id"], user)
    if "valid_to" in new:
        _check_end(hotspot.valid_from, new["valid_to"])
    if not new:
        return hotspot
    texts = {f"{name}_before": getattr(hotspot, name) for name in WORDS if name in new}
    for name, value in new.items():
        setattr(hotspot, name, value)
    db.session.flush()
    texts |= {name: new[name] for name in WORDS if name in new}
    plain = {name: value for name, value in new.items() if name not in WORDS}
    said: dict[str, Any] = {n: v if isinstance(v, bool) else v and str(v) for n, v in plain.items()}
    Event.record(hotspot, "changed", user, texts=texts, fields=[*new], **said)
    return hotspot


def _is_shown(hotspot: Hotspot, user: Person) -> bool:
    return concern(standing_today(hotspot.side_ids), user, reference())


def _check_may_enter(user: Person, sides: list[UUID]) -> None:
    """An admin; officers and leaders who answer for one of the sides."""
    units = reference().units
    answers = any(user.acts_for(units[id]) for id in standing_today(sides))
    if user.role is not Role.ADMIN and not (user.decides and answers):
        raise NotAllowed(action="enter_hotspot")


def _check_place(stretch: Any, facts: dict[str, Any]) -> None:
    point = [facts.get(name) is not None for name in ("lat", "lon", "radius_m")]
    if (
        any(point) == bool(stretch)
        or any(point) != all(point)
        or bool(stretch) != (facts.get("corridor_m") is not None)
    ):
        raise Invalid(
            "lat",
            "một điểm (lat, lon, radius_m) hoặc một đoạn ranh giới (stretch, corridor_m)"
            " / a point (lat, lon, radius_m) or a stretch of border (stretch, corridor_m)",
        )


def _check_agreement(id: UUID | None, user: Person) -> None:
    try:
        if id:
            signing_agreements.find(id, user)
    except NotFound:
        raise Invalid("agreement_id", "một biên bản hợp tác của các bên / an agreement of the parties") from None


def _check_end(begins: date, ends: date | None) -> None:
    if ends and ends < begins:
        raise Invalid("valid_to", f"không trước {begins} / not before {begins}")
