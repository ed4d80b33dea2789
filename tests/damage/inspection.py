"""What phones were told, held against what the server says, what the tables hold and what lies in the store."""

import hashlib
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import rfc8785

from models import Incident, db
from models.assignments import Assignment, Part
from models.events import Event
from models.photos import STORED, Photo
from tests.damage.places import Place
from tests.damage.storm import Case

SHOWN = 5  # of each kind of complaint


def complaints(place: Place, cases: list[Case]) -> list[str]:
    """Whatever is not as it was told; empty when nothing was lost and nothing doubled."""
    found = said_over_http(place, cases) + replayed_differently(place, cases)
    app = place.app()
    with app.app_context():
        found += incidents_in_tables(cases) + photos_in_tables(place, cases) + events_in_tables() + broken_chains()
        db.session.remove()
        db.engine.dispose()
    if place.is_sqlite:
        with sqlite3.connect(place.file) as file:
            for pragma in ("integrity_check", "foreign_key_check"):
                if (rows := file.execute(f"PRAGMA {pragma}").fetchall()) not in ([], [("ok",)]):
                    found.append(f"{pragma}: {rows[:SHOWN]}")
        file.close()
    return found


def leftovers(place: Place) -> dict[str, int]:
    """Files that nobody will ask for: uploads cut off, drafts of previews, originals without a row."""
    app = place.app()
    with app.app_context():
        known = set(db.session.scalars(db.select(Photo.sha256).where(Photo.state == STORED)))
        db.session.remove()
        db.engine.dispose()
    return {
        "incoming": sum(1 for f in (place.photos / "incoming").iterdir() if f.is_file()),
        "drafts": sum(1 for _ in place.photos.rglob("*.tmp")),
        "orphans": len({f.name for f in originals(place)} - known),
    }


def originals(place: Place) -> list[Path]:
    return [f for f in (place.photos / "originals").rglob("*") if f.is_file()]


def said_over_http(place: Place, cases: list[Case]) -> list[str]:
    """Page by page what each reporter sees."""
    found: list[str] = []
    for username in sorted({case.reporter for case in cases}):
        phone, seen, cursor = place.phone(username), {}, ""
        while cursor is not None:
            answer, _ = phone.insist("GET", f"/incidents?mine=true&limit=100{cursor and '&cursor=' + cursor}")
            seen |= {item["id"]: item for item in answer.json["items"]}
            cursor = answer.json["next"]
        for case in (c for c in cases if c.reporter == username):
            if (shown := seen.get(case.id)) is None:
                found.append(f"LOST: {case.id} {case.number} was acknowledged to {username}")
                continue
            if (shown["number"], shown["content_sha256"]) != (case.number, case.content_sha256):
                found.append(f"another number or content: {case} is now {shown['number']} {shown['content_sha256']}")
            stored = [photo["sha256"] for photo in shown["photos"] if photo["state"] == "stored"]
            if case.photo and stored != [case.photo]:
                found.append(f"photo of {case.id}: acknowledged {case.photo}, there are {stored}")
            if case.key and shown["status"] != "received":
                found.append(f"LOST: the receipt of {case.id}, which is {shown['status']}")
    return found


def replayed_differently(place: Place, cases: list[Case], sample: int = 30) -> list[str]:
    """Asked again under its key, an action is answered as it was, word for word."""
    found, phones = [], {}
    acted = [case for case in cases if case.key]
    for case in acted[:: max(1, len(acted) // sample)]:
        phone = phones.get(case.officer) or phones.setdefault(case.officer, place.phone(case.officer))
        again, _ = phone.insist(
            "POST", f"/incidents/{case.id}/actions", {"action": "receive"}, Idempotency_Key=case.key, If_Match='"1-1"'
        )
        if again.status != 200 or not again.headers.get("Idempotent-Replay"):
            found.append(f"not replayed: {case.id} {case.key}: {again.status}")
        elif rfc8785.dumps(again.json) != rfc8785.dumps(_loaded(case.received)):
            found.append(f"replayed with another answer: {case.id} {case.key}")
    return found


def _loaded(body: bytes) -> Any:
    import json

    return json.loads(body)


def incidents_in_tables(cases: list[Case]) -> list[str]:
    """One row, one number and one lead for each report."""
    rows = db.session.execute(db.select(Incident.id, Incident.number, Incident.content_sha256)).all()
    told = Counter(case.id for case in cases)
    found = [f"told twice: {id}" for id, times in told.items() if times > 1]
    if extra := {str(row.id) for row in rows} - told.keys():
        found.append(f"DOUBLED: rows that no phone knows: {sorted(extra)[:SHOWN]}")
    if lost := told.keys() - {str(row.id) for row in rows}:
        found.append(f"LOST from the table: {sorted(lost)[:SHOWN]}")
    for name, values in (("number", [r.number for r in rows]), ("content", [r.content_sha256 for r in rows])):
        if twice := [value for value, times in Counter(values).items() if times > 1]:
            found.append(f"DOUBLED {name}: {twice[:SHOWN]}")
    leads = Counter(db.session.scalars(db.select(Assignment.incident_id).where(Assignment.role == Part.LEAD)))
    if wrong := [str(row.id) for row in rows if leads[row.id] != 1]:
        found.append(f"not exactly one lead: {wrong[:SHOWN]}")
    return found


def photos_in_tables(place: Place, cases: list[Case]) -> list[str]:
    """One row for each photo, and the very bytes on disk; no bytes without a row, since all was sent to its end."""
    rows = db.session.execute(db.select(Photo.incident_id, Photo.sha256, Photo.state, Photo.size)).all()
    told = Counter((case.id, case.photo) for case in cases if case.photo)
    kept = Counter((str(row.incident_id), row.sha256) for row in rows if row.state == STORED)
    found = [f"photo rows that differ: {sorted(set(told.items()) ^ set(kept.items()))[:SHOWN]}"] if told != kept else []
    files = {file.name: file for file in originals(place)}
    for row in rows:
        file = files.pop(row.sha256, None)
        if file is None:
            found.append(f"LOST: the original of {row.sha256}")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != row.sha256 or file.stat().st_size != row.size:
            found.append(f"other bytes under the name {row.sha256}")
    return [*found, f"originals without a row: {sorted(files)[:SHOWN]}"] if files else found


def events_in_tables() -> list[str]:
    """Each report, photo and receipt stands once in the log."""
    counted = Counter(
        (str(id), kind, facts.get("photo") or facts.get("device") or "")
        for id, kind, facts in db.session.execute(db.select(Event.subject_id, Event.kind, Event.facts))
    )
    twice = [key for key, times in counted.items() if times > 1]
    return [f"DOUBLED events: {twice[:SHOWN]}"] if twice else []


def broken_chains() -> list[str]:
    """Every event's hash made again from its content and the hash before it; positions without a gap."""
    found, last = [], defaultdict(lambda: (0, ""))
    events = db.select(Event).order_by(Event.subject_kind, Event.subject_id, Event.position)
    for event in db.session.scalars(events.execution_options(yield_per=1000)):
        position, previous = last[event.subject_kind, event.subject_id]
        made = hashlib.sha256(rfc8785.dumps(event.content) + previous.encode()).hexdigest()
        if (event.position, event.hash) != (position + 1, made):
            found.append(f"broken chain: {event.subject_kind} {event.subject_id} at {event.position}")
        last[event.subject_kind, event.subject_id] = (event.position, event.hash)
    return found[:SHOWN]
