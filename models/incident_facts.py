"""What is known of an incident: the reported facts, how they are corrected, and what is read only by few."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from models import clocks, damage, deciding, fire_picture, people_units
from models.base import Json, db, now
from models.clock import local
from models.errors import NotAllowed
from models.events import Event
from models.findings import but_comparisons
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import set_deadline
from models.limits import limit
from models.permissions import reads_informant, reads_restricted
from models.photos import MISSING, PARTIAL

RESTRICTED = ("people", "vehicles", "informant")
PLAIN = (
    "type",
    "found_at",
    "act_from",
    "act_to",
    "description",
    "severity",
    "burning",
    "source",
    "channel",
    "plots",
    "forest_category",
    "forest_origin",
    "forest_owner",
    "damage",
    "details",
    "exhibits",
    "decisions",
    "payments",
    "patrol_id",
)
# What is found in the facts themselves, again with each correction.
JUDGED_AGAIN = ("details", "clock", "gps_clock", "mock_location", "retired_type", "parts", "people_unit")


class Restricted(db.Model):  # type: ignore[name-defined]
    """People, vehicles and informants: apart, so that no list and no export touches them by accident."""

    __tablename__ = "incident_restricted"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    people: Mapped[list[Any] | None] = mapped_column(Json)
    vehicles: Mapped[list[Any] | None] = mapped_column(Json)
    informant: Mapped[dict[str, Any] | None] = mapped_column(Json)


class Facts:
    """The columns of an incident that somebody reported or corrected."""

    type: Mapped[str]
    found_at: Mapped[datetime]
    # By the clock's offset as the sync measured it (models/clocks.py), else by the satellite's time; found_at stays.
    found_at_corrected: Mapped[datetime | None]
    clock_offset_s: Mapped[float | None]
    gps_at: Mapped[datetime | None]  # the satellite's time, beside the phone's (found_at) and ours (received_at)
    act_from: Mapped[datetime | None]
    act_to: Mapped[datetime | None]
    lat: Mapped[float]  # degrees WGS 84
    lon: Mapped[float]
    location: Mapped[dict[str, Any]] = mapped_column(Json)  # as entered, with accuracy and source
    description: Mapped[str | None]
    severity: Mapped[str | None]
    burning: Mapped[bool | None]
    fire_status: Mapped[str | None]
    fire: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what its updates say together (models/fire_picture.py)
    source: Mapped[str | None]
    channel: Mapped[str | None]
    patrol_id: Mapped[str | None]
    plots: Mapped[list[Any] | None] = mapped_column(Json)
    forest_category: Mapped[str | None]
    forest_origin: Mapped[str | None]
    forest_owner: Mapped[dict[str, Any] | None] = mapped_column(Json)
    damage: Mapped[dict[str, Any] | None] = mapped_column(Json)  # as reported
    verified: Mapped[dict[str, Any] | None] = mapped_column(Json)  # as found on the spot
    details: Mapped[dict[str, Any] | None] = mapped_column(Json)
    exhibits: Mapped[list[Any] | None] = mapped_column(Json)
    decisions: Mapped[list[Any] | None] = mapped_column(Json)
    payments: Mapped[list[Any] | None] = mapped_column(Json)
    extras: Mapped[dict[str, Any] | None] = mapped_column(Json)  # sent, but not understood: kept all the same
    findings: Mapped[list[Any]] = mapped_column(Json, default=list)
    people_unit_ids: Mapped[list[Any] | None] = mapped_column(
        Json
    )  # of people on the report; who they are stands apart

    @property
    def fire_now(self: Any) -> dict[str, Any] | None:
        return fire_picture.shown(self)

    @declared_attr
    def restricted(cls) -> Mapped[Restricted | None]:
        return relationship(Restricted, cascade="all, delete-orphan")

    def take_facts(self: Any, facts: dict[str, Any]) -> None:
        """Write the reported facts; whatever looks odd becomes a finding, never a refusal."""
        for name in PLAIN:
            setattr(self, name, facts.get(name))
        self.damage = damage.complete(self.damage)
        self.people_unit_ids = people_units.named_by(facts.get("people"))
        self.extras = facts.get("extras") or None
        self._place(facts["location"])
        if any(facts.get(name) for name in RESTRICTED):
            self.restricted = Restricted(incident_id=self.id, **{name: facts.get(name) for name in RESTRICTED})
        else:
            self.restricted = None
        self.clock_offset_s = facts.get("clock_offset_s")
        self.findings = (facts.get("findings") or []) + self._odd_facts()
        self._count_when()
        set_deadline(self)

    def change(self: Any, changes: dict[str, Any]) -> None:
        """Correct some facts. A new place or type is routed again; who leads changes only by hand-over."""
        for name in PLAIN:
            if name in changes:
                setattr(self, name, changes[name])
        self.damage = damage.complete(self.damage)
        if "people" in changes:
            self.people_unit_ids = people_units.named_by(changes["people"])
        if "found_at" in changes:  # what people put right needs no correction
            self.clock_offset_s = None
        if "location" in changes:
            self._place(changes["location"])
        if touched := {n: changes[n] for n in RESTRICTED if n in changes}:
            self.restricted = self.restricted or Restricted()
            for name, value in touched.items():
                setattr(self.restricted, name, value)
        if {"location", "type"} & changes.keys():
            decision = deciding.route_at(self.location, self.type, self.received_at)
            self.routing = decision.facts
            self.count_for_lead()
            is_fire = INCIDENT_TYPES[self.type].is_fire
            self.fire_status = fire_picture.status_of(self.fire) if is_fire else None
        moved = {"location", "found_at", "type"} & changes.keys()
        kept = but_comparisons(self.findings) if moved else self.findings
        self.findings = [f for f in kept if f["check"] not in JUDGED_AGAIN] + self._odd_facts()
        if moved:
            for photo in self.photos:
                photo.judge()
        self._count_when()
        set_deadline(self)
        damage.lie_anew(self)

    def old_values(self: Any, changes: dict[str, Any]) -> str | None:
        """What the facts were before a correction, as JSON text: it may name people, so it can be erased."""
        old = {n: getattr(self, n) for n in (*PLAIN, "location") if n in changes}
        if self.restricted:
            old |= {n: getattr(self.restricted, n) for n in RESTRICTED if n in changes}
        if {"location", "type"} & changes.keys():
            old["routing"] = self.routing
        return json.dumps(old, ensure_ascii=False, default=str, sort_keys=True)

    def _place(self: Any, location: dict[str, Any]) -> None:
        self.lat, self.lon = location["lat"], location["lon"]
        self.gps_at = location.get("captured_at")
        self.location = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in location.items()}

    def _odd_facts(self: Any) -> list[dict[str, Any]]:
        findings: list[dict[str, Any]] = []
        kind = INCIDENT_TYPES[self.type]
        for complaint in kind.complaints(self.details or {}):
            findings.append({"check": "details", "value": complaint})
        if not self._plausible(self.found_at):
            findings.append({"check": "clock", "value": self.found_at.isoformat()})
        elif self.gps_at and (off_s := self._gps_off_s()):
            findings.append({"check": "gps_clock", "value": off_s})
        if self.location.get("mock") or self.location.get("source") == "mock":
            findings.append({"check": "mock_location", "value": True})
        if kind.retired_on:
            findings.append({"check": "retired_type", "value": kind.retired_on})
        people = self.restricted.people if self.restricted else None
        return findings + damage.findings(self.damage) + people_units.findings(people)

    def _gps_off_s(self: Any) -> int:
        """Seconds by which the time of the finding is ahead of the satellite's; 0 where they agree well enough."""
        right = clocks.corrected(self.found_at, self.clock_offset_s, self.received_at) or self.found_at
        off_s = round((right - self.gps_at).total_seconds())
        return off_s if abs(off_s) > limit("gps_clock_off_s", local(self.received_at).date()) else 0

    def _plausible(self: Any, moment: datetime | None) -> bool:
        day = local(self.received_at).date()
        ahead = timedelta(hours=limit("clock_ahead_max_hours", day))
        behind = timedelta(days=limit("clock_behind_max_days", day))
        return moment is not None and self.received_at - behind <= moment <= self.received_at + ahead

    def _count_when(self: Any) -> None:
        """The first plausible of: found_at on a right clock, found_at as sent, the satellite's time; else receipt."""
        right = clocks.corrected(self.found_at, self.clock_offset_s, self.received_at)
        chosen = next((m for m in (right, self.found_at, self.gps_at) if self._plausible(m)), None)
        self.found_at_corrected = chosen if chosen is not self.found_at else None
        self.counted_at = chosen or self.received_at


def is_urgent(incident: Any) -> bool:
    late = incident.received_at - incident.counted_at > timedelta(hours=24)
    return INCIDENT_TYPES[incident.type].is_fire and (bool(incident.burning) or not late)


def read_restricted(incident: Any, user: Any) -> dict[str, Any]:
    """People, vehicles, informant. Its event is written first, on a chain that leaves the case's ETag alone."""
    if not reads_restricted(user, incident):
        raise NotAllowed(action="restricted")
    Event.record(incident, "read_restricted", user, kind="access")
    kept = incident.restricted or Restricted()
    return {
        "people": kept.people or [],
        "vehicles": kept.vehicles or [],
        "informant": kept.informant if reads_informant(user, incident) else None,
    }


def copy_of_photo(photo: Any) -> dict[str, Any]:
    names = ("sha256", "size", "content_type", "captured_at", "state", "preview", "exif", "uploaded_by", "stored_at")
    copy = {name: getattr(photo, name) for name in names} | {"findings": list(photo.findings), "created_at": now()}
    if photo.state == PARTIAL and photo.uploaded_by is None:  # the upload that is on its way leads to the other
        copy["state"] = MISSING
    return copy
