"""What of a case anybody reads who was asked to help: nothing restricted, nobody's name but those on duty lists and of
who commands at a fire."""

from typing import Any

from models.assignments import State
from models.photos import READY, Photo
from models.reference import unit_of

LONGEST_DESCRIPTION = 2_000  # characters, on a page that must come over a bad line
MEASURES = ("trees", "area_m2", "volume_m3", "individuals", "value_vnd")


def shared_part(incident: Any) -> dict[str, Any]:
    """Facts and codes. Left out: people, vehicles, informant, reporter, findings, notes, reasons of the units.

    The description is in it: every unit that is asked reads it, before it answers.
    """
    described = incident.description or ""
    return {
        "number": incident.number,
        "type": incident.type,
        "status": incident.status,
        "fire_status": incident.fire_status,
        "fire": shown_fire(incident),
        "found_at": incident.found_at_corrected or incident.found_at,
        "received_at": incident.received_at,
        "lat": incident.lat,
        "lon": incident.lon,
        "accuracy_m": incident.location.get("accuracy_m"),
        "place": incident.routing["lead"]["name"],
        "explanation": incident.routing["explanation"],
        "damage": measures(incident.damage or {}),
        "description": described[:LONGEST_DESCRIPTION],
        "is_cut": len(described) > LONGEST_DESCRIPTION,
        "photos": shown_photos(incident),
        "units": units_at_work(incident),
    }


def measures(damage: dict[str, Any]) -> dict[str, float]:
    """Only what is measured: anything else that came along may name people."""
    return {name: damage[name] for name in MEASURES if isinstance(damage.get(name), int | float) and damage[name]}


def shown_fire(incident: Any) -> dict[str, Any] | None:
    """Whoever is to help at a fire must know whom to ask there: who commands, what is on the spot, what is missing."""
    fire = incident.fire_now
    return fire and {name: fire[name] for name in ("commander", "forces", "needs")}


def shown_photos(incident: Any) -> list[Photo]:
    """Those of which there is a small picture without metadata."""
    return [photo for photo in incident.photos if photo.preview == READY]


def duty_role(incident: Any) -> str:
    """Whom of a duty list such a case concerns: fire duty when it burns, else whoever coordinates."""
    return "fire_duty" if incident.urgent else "coordination"


def units_at_work(incident: Any) -> list[dict[str, Any]]:
    """The lead, then each other unit with the last that became of it, and whom to phone there."""
    last = {row.unit_id: row for row in incident.assignments if not row.hand_over and row.state != State.WITHDRAWN}
    lead, first = incident.lead, duty_role(incident)
    rows = [lead, *(row for unit_id, row in last.items() if unit_id != lead.unit_id)]
    return [
        {
            "name": unit_of(row.unit_id).name,
            "role": row.role,
            "state": row.state,
            "contacts": sorted(row.contacts, key=lambda contact: contact["role"] != first),
        }
        for row in rows
    ]
