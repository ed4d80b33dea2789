"""Joint verification: both sides of a border look at the scene together and agree on what lies where.

Who was there is restricted: names stand in the event's texts alone, where they can be erased.
"""

import json
from collections import Counter
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models import damage as damages
from models.assignments import Assignment, Part, State
from models.base import BigNumber, Json, Record, db, new_id, now
from models.clock import local, today
from models.deadlines import due_for
from models.drawn import polygon_of
from models.errors import Incomplete, Invalid
from models.events import Event, EventText
from models.leading import acting_unit_id, check
from models.permissions import reads_restricted
from models.photos import Photo
from models.reference import reference
from models.users import Person, person

PEOPLE = "people"  # the text of the event that holds the names
PREFILLS = ("text", "damage", "forest_category", "forest_origin")
SHOWN = ("id", "held_on", "begun_at", "ended_at", "minutes_number", *PREFILLS, "outline", "scan_sha256")
KNOWN_UNIT = "đơn vị đã có / a unit that exists"


class JointVerification(Record):
    """One visit. A later one is a row of its own; the newest counts."""

    __tablename__ = "joint_verifications"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))  # in whose name it was entered
    held_on: Mapped[date]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    minutes_number: Mapped[str | None]
    text: Mapped[str | None]  # what both sides conclude
    outline: Mapped[dict[str, Any] | None] = mapped_column(Json)  # GeoJSON
    damage: Mapped[dict[str, Any] | None] = mapped_column(Json)
    forest_category: Mapped[str | None]
    forest_origin: Mapped[str | None]
    scan_sha256: Mapped[str | None]  # the signed minutes, among the photos of the incident
    sides: Mapped[list[Any]] = mapped_column(Json)  # [{unit_id (null: another body), people}]
    event_number: Mapped[int] = mapped_column(BigNumber, ForeignKey("events.number"))
    content_sha256: Mapped[str | None]

    @classmethod
    def record(
        cls,
        incident: Any,
        author: Person,
        id: UUID | None = None,
        content_sha256: str | None = None,
        people: list[dict[str, Any]] | None = None,
        **facts: Any,
    ) -> tuple["JointVerification", bool]:
        """The verification, and whether it is new: the same id and content again is the same one."""
        if known := cls.sent_before(id, incident_id=incident.id, content_sha256=content_sha256):
            return known, False
        check("joint_verification", author, incident)
        facts, people = _checked(incident, people or [], facts)
        made = cls(id=id or new_id(), incident_id=incident.id, author_id=author.id, created_at=now(), **facts)
        made.unit_id, made.content_sha256 = acting_unit_id(author, incident), content_sha256
        made.sides = _sides(people)
        made.event_number = made._tell(incident, author, people).number
        db.session.add(made)
        db.session.flush()
        if newest_of(incident) is made:
            for row in incident.assignments:
                set_conclude_due(row)
        incident.assignments_changed()
        return made, True

    def _tell(self, incident: Any, author: Person, people: list[dict[str, Any]]) -> Event:
        said = {"text": self.text, "minutes_number": self.minutes_number}
        said |= {PEOPLE: json.dumps(people, ensure_ascii=False) if people else None}
        damage = self.damage or {}
        return Event.record(
            incident,
            "joint_verification",
            author,
            texts=said,
            verification=str(self.id),
            held_on=self.held_on.isoformat(),
            sides=self.sides or None,
            area_m2=damage.get("area_m2"),
            volume_m3=damage.get("volume_m3"),
            parts=damage.get("parts") or None,
            scan_sha256=self.scan_sha256,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What everybody reads who sees the case: of people their number only."""
        units = reference().units
        sides = [{"unit": s["unit_id"] and units[UUID(s["unit_id"])], "people": s["people"]} for s in self.sides]
        return {name: getattr(self, name) for name in SHOWN} | {
            "sides": sides,
            "unit": units[self.unit_id],
            "author": person(self.author_id),
            "recorded_at": self.created_at,
        }


def _checked(
    incident: Any, people: list[dict[str, Any]], facts: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """As it is kept: one day, one scan, damage whose parts make up the whole. Raises Invalid, Incomplete."""
    begun_at, damage = facts.get("begun_at"), facts.get("damage")
    held_on = facts.get("held_on") or (local(begun_at).date() if begun_at else None)
    if held_on is None:
        raise Incomplete("held_on")
    if held_on > today() or (begun_at and local(begun_at).date() != held_on):
        raise Invalid("held_on", "ngày đã kiểm tra / the day on which it was held")
    if facts.get("outline"):
        polygon_of(facts["outline"], "outline")
    people = [_with_unit(one, "people.unit_id") for one in people]
    if damage:
        damage = damage | {"parts": [_with_unit(part, "damage.parts.unit_id") for part in damage.get("parts") or []]}
        damages.check(damage, "damage")
        damage = damages.complete({name: value for name, value in damage.items() if value != []})
    scan = _scan(incident, facts.pop("photo_id", None), facts.get("scan_sha256"))
    return facts | {"held_on": held_on, "damage": damage, "scan_sha256": scan}, people


def _with_unit(thing: dict[str, Any], field: str) -> dict[str, Any]:
    """The same with its unit, which must exist, as text."""
    if (id := thing.get("unit_id")) is None:
        return thing
    if id not in reference().units:
        raise Invalid(field, KNOWN_UNIT)
    return thing | {"unit_id": str(id)}


def _scan(incident: Any, photo_id: UUID | None, sha256: str | None) -> str | None:
    """The hash of the signed minutes. One that has not come yet is announced as a photo of the case."""
    if photo_id:
        photo = next((p for p in incident.photos if p.id == photo_id), None)
        if photo is None or sha256 not in (None, photo.sha256):
            raise Invalid("photo_id", "một ảnh của vụ việc này / a photo of this case")
        return photo.sha256
    if sha256:
        Photo.unite(incident, [{"sha256": sha256}])
    return sha256


def _sides(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many came for each unit; of other bodies not even the name is said, for people wrote it."""
    found = Counter(one.get("unit_id") for one in people)
    return [{"unit_id": id, "people": number} for id, number in found.items()]


def of_incident(incident: Any) -> list[JointVerification]:
    """The newest visit first; of one day, what was entered last."""
    own = db.select(JointVerification).where(JointVerification.incident_id == incident.id)
    order = (JointVerification.held_on.desc(), JointVerification.created_at.desc(), JointVerification.id.desc())
    return list(db.session.scalars(own.order_by(*order)))


def newest_of(incident: Any) -> JointVerification | None:
    return next(iter(of_incident(incident)), None)


def names_in(verifications: list[JointVerification]) -> dict[UUID, list[dict[str, Any]]]:
    """Who was there, by verification; none where it was erased. Whoever asks writes the event of reading first."""
    texts = db.select(EventText.event_number, EventText.value).where(
        EventText.event_number.in_([v.event_number for v in verifications]), EventText.name == PEOPLE
    )
    kept = {number: json.loads(value) for number, value in db.session.execute(texts) if value}
    return {v.id: kept.get(v.event_number, []) for v in verifications}


def read(incident: Any, user: Person) -> list[dict[str, Any]]:
    """All, the newest first; names for those only who may read what is restricted, and noted first."""
    found = of_incident(incident)
    if not found or not reads_restricted(user, incident):
        return [v.facts | {"people": None} for v in found]
    Event.record(incident, "read_joint_verifications", user, kind="access")
    names = names_in(found)
    return [v.facts | {"people": names[v.id]} for v in found]


def set_conclude_due(row: Assignment) -> None:
    """From the receipt of the minutes, as all clocks; only supports at work have something to conclude."""
    if row.role == Part.SUPPORT and row.state == State.ACCEPTED:
        row.due_at = due_for(row.incident, "conclude", now())


def fill_findings(incident: Any, findings: dict[str, Any] | None) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Findings with what they lack taken from the newest verification, and what its event says of that."""
    newest = newest_of(incident)
    kept = {name: getattr(newest, name) for name in PREFILLS} if newest else {}
    lacking = {name: value for name, value in kept.items() if value and not (findings or {}).get(name)}
    if newest is None or not lacking:
        return findings, {}
    return (findings or {}) | lacking, {"verification": str(newest.id), "prefilled": sorted(lacking)}


def is_scan(photo: Photo) -> bool:
    """Whether it shows signed minutes, with everybody's name: read as the original alone, which is noted."""
    of_minutes = db.select(JointVerification.id).filter_by(incident_id=photo.incident_id, scan_sha256=photo.sha256)
    return db.session.scalar(of_minutes.limit(1)) is not None


def forget(id: UUID, texts: set[str | None]) -> None:
    """What an erasure takes out of the event is taken out here."""
    kept = db.session.get_one(JointVerification, id)
    for name in ("text", "minutes_number"):
        if getattr(kept, name) in texts:
            setattr(kept, name, None)
