"""Walks of a ranger with a phone: what is recorded in which order, over which line, and what must be there at the end.

A plan names what is recorded; two walks of one plan are the same things under other ids, in another order, sent by
another phone over another line. Whatever commutes must come to the same.
"""

import hashlib
import json
import time
import unicodedata
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from bench.phone import Phone, now
from bench.phone_content import new_id
from models import Incident, Note, Photo, db
from models.events import Event
from tests.chaos import BLACK_HOLE, DOWN, LOST_ANSWER, UP, WHOLE, Chaos, Fault
from tests.damage.places import Place
from tests.damage.storm import a_photo
from tests.mortal import Killed, MortalStore

SPOT = {"lat": 22.2, "lon": 102.714, "accuracy_m": 15.0}
RANGER, OFFICER = "ranger.muong-toong", "officer.muong-toong"
SHORT_S = 0.2  # how long a phone waits on a bad line: a test has no half minutes
LONG_S = 30.0
SETTLED_WITHIN_S = 15.0
TRIES = 30
TOKEN_S = 600  # before another is asked for
PHOTO_BYTES = 3000
PHOTOS = (0, 0, 1, 2)  # of a report
SHOWN = 5


def a_fault(dice: Random) -> Fault:
    """Mostly quick ones; each of them may strike anywhere in a request or an answer."""
    way, after = dice.choice((UP, DOWN)), int(dice.triangular(0, 6000, 300))
    return dice.choices(
        (
            WHOLE,
            Fault(way, after),
            Fault(way, after, reset=True),
            Fault(way, after, strands=True),
            LOST_ANSWER,
            Fault(delay_s=dice.uniform(0, 0.004)),
            Fault(bytes_per_s=dice.randint(100_000, 400_000)),
            BLACK_HOLE,
        ),
        weights=(3, 6, 4, 2, 6, 1, 1, 0.3),
    )[0]


def a_plan(dice: Random) -> list[tuple[str, ...]]:
    """What a ranger records: reports, and for each some notes and photos."""
    plan: list[tuple[str, ...]] = []
    for report in map(str, range(dice.randint(1, 3))):
        plan.append(("report", report, f"Gốc nghiến số {report}."))
        plan += [("note", report, f"Ghi chú {n}") for n in range(dice.randint(0, 2))]
        plan += [("photo", report, f"{n}") for n in range(dice.choice(PHOTOS))]
    return plan


def picture(report: str, name: str) -> bytes:
    return a_photo(Random(f"{report} {name}"), PHOTO_BYTES)


@cache
def picture_hash(report: str, name: str) -> str:
    return hashlib.sha256(picture(report, name)).hexdigest()


class Walk:
    """One phone, on one line, with one plan; told by `names` which id each report of the plan has here."""

    def __init__(self, place: Place, link: Chaos, home: Path, knows: dict[str, str], dice: Random):
        self.place, self.link, self.home, self.dice = place, link, home, dice
        self.names: dict[str, str] = {}
        self.recorded: Counter[str] = Counter()
        self.schedules = self.kills = 0
        home.mkdir(parents=True)
        self.phone = self.switched_on()
        self.phone.store.keep(**knows)

    def switched_on(self, lives: int | None = None) -> Phone:
        return Phone(self.home, self.link.address, patience_s=SHORT_S, store=MortalStore(self.home, lives))

    # Recording

    def record(self, kind: str, report: str, what: str) -> None:
        incident = self.names.setdefault(report, new_id())
        if kind == "report":
            self.phone.report("illegal_logging", SPOT, id=incident, description=what)
        elif kind == "note":
            self.phone.note(incident, what)
        elif kind == "answer":
            self.phone.answer(incident, what)
        else:
            file = self.home / "camera.jpg"
            file.write_bytes(picture(report, what))
            self.phone.photo(incident, file)
        self.recorded[kind] += 1

    # On the line

    def sync(self, tries: int = 3) -> None:
        """Over a line with faults; now and then the phone is killed on the way, and switched on again."""
        self.link.suffer([a_fault(self.dice) for _ in range(self.dice.randint(1, 5))])
        if self.dice.random() < 0.3:
            self.kills += 1
            self.phone.close()
            self.phone = self.switched_on(self.dice.randint(1, 8))
        with suppress(Killed):
            self.phone.sync(tries, sleep=lambda _: None)
        self.schedules += 1
        if self.phone.store.lives is not None:  # type: ignore[attr-defined]
            self.phone.close()
            self.phone = self.switched_on()

    def arrive(self) -> None:
        """In the valley the line is good; whatever is not through now never will be."""
        self.link.suffer([])
        self.phone.line.connection.close()
        self.phone.line.connection.timeout = LONG_S
        until = time.monotonic() + SETTLED_WITHIN_S
        outcome = self.phone.sync(TRIES, sleep=lambda _: None)
        while (found := self.complaints()) and time.monotonic() < until:  # what is new may not have settled yet
            outcome = self.phone.sync()
        assert outcome.trouble is None and not found, (outcome, found)
        self.phone.close()

    def complaints(self) -> list[str]:
        """What the phone still holds, or was told otherwise than it recorded."""
        store, found = self.phone.store, []
        if left := store.database.execute("SELECT operation, problem FROM queue").fetchall():
            found.append(f"still in the queue: {[tuple(row) for row in left[:SHOWN]]}")
        states = Counter(row[0] for row in store.database.execute("SELECT state FROM photos"))
        if states != Counter(stored=self.recorded["photo"]) or list(store.photos.iterdir()):
            found.append(f"photos: {dict(states)}, copies left: {list(store.photos.iterdir())[:SHOWN]}")
        sent = "SELECT incident, content_sha256 FROM receipts WHERE content_sha256 IS NOT NULL"
        for incident, content in store.database.execute(sent):
            row = store.database.execute("SELECT incident FROM incidents WHERE id = ?", [incident]).fetchone()
            if row is None or json.loads(row[0])["content_sha256"] != content:
                found.append(f"{incident} came back otherwise")
        receipts = store.database.execute("SELECT count(DISTINCT operation) FROM receipts").fetchone()[0]
        if receipts < sum(self.recorded.values()):
            found.append(f"{receipts} receipts for {dict(self.recorded)}")
        return found


class Sender:
    """What all walks of a test share: the place, the line, a token that is good, reporters who are asked something."""

    def __init__(self, place: Place, folder: Path):
        self.place, self.link, self.folder = place, Chaos(place.port), folder
        self.made, self.token_until = 0, 0.0
        self.asked: list[str] = []
        self.first = Phone(folder / "first", f"http://127.0.0.1:{place.port}")

    def walk(self, dice: Random) -> Walk:
        """Of a phone that knows all there was until now, so that it is not told of every walk before."""
        if time.monotonic() > self.token_until:
            self.first.store.keep(access_token=self.place.phone(RANGER).token)
            self.token_until = time.monotonic() + TOKEN_S
        assert self.first.sync(TRIES, sleep=lambda _: time.sleep(0.05)).trouble is None
        self.made += 1
        knows = {name: self.first.store.fact(name) for name in ("access_token", "cursor")}
        return Walk(self.place, self.link, self.folder / str(self.made), knows, dice)

    def close(self) -> None:
        self.first.close()
        self.link.close()

    def one_asked(self) -> str:
        self.asked = self.asked or asked_about(self.place, 20)
        return self.asked.pop()


def came_to(place: Place, walks: list[Walk]) -> list[dict[str, Any]]:
    """What each walk came to in the tables, by the names of its plan; ids, numbers and times left out."""
    app = place.app()
    with app.app_context():
        found = [_came_to(walk) for walk in walks]
        db.session.remove()
        db.engine.dispose()
    return found


def _came_to(walk: Walk) -> dict[str, Any]:
    ids = {UUID(id): name for name, id in walk.names.items()}
    made: dict[str, Any] = {name: {"notes": [], "photos": [], "events": []} for name in walk.names}
    incidents = db.select(Incident.id, Incident.status, Incident.description).where(Incident.id.in_(ids))
    for id, status, description in db.session.execute(incidents):
        made[ids[id]] |= {"status": str(status), "description": description}
    for id, text in db.session.execute(db.select(Note.incident_id, Note.text).where(Note.incident_id.in_(ids))):
        made[ids[id]]["notes"].append(text)
    photos = db.select(Photo.incident_id, Photo.sha256, Photo.state).where(Photo.incident_id.in_(ids))
    for id, sha256, state in db.session.execute(photos):
        made[ids[id]]["photos"].append(sha256 if state == "stored" else state)
    for id, kind in db.session.execute(db.select(Event.subject_id, Event.kind).where(Event.subject_id.in_(ids))):
        made[ids[id]]["events"].append(kind)
    return {name: {part: _sorted(value) for part, value in facts.items()} for name, facts in made.items()}


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def must_come_to(plan: list[tuple[str, ...]]) -> dict[str, Any]:
    """What a plan must come to, whatever happened on the way."""
    made: dict[str, Any] = {}
    for kind, report, said in plan:
        what = unicodedata.normalize("NFC", said)
        facts = made.setdefault(report, dict(ASKED) if report == "asked" else {"status": "reported"})
        facts = made[report] = {"notes": [], "photos": [], "events": []} | facts
        if kind == "report":
            facts["description"] = what
        elif kind == "answer":
            facts["status"] = "received"
        else:
            facts[f"{kind}s"] = [*facts[f"{kind}s"], picture_hash(report, what) if kind == "photo" else what]
        facts["events"] = [*facts["events"], f"incident.{kind}"]
    return {name: {part: _sorted(value) for part, value in facts.items()} for name, facts in made.items()}


ASKED = {
    "status": "need_info",
    "description": "Cán bộ hỏi lại.",
    "events": ["incident.report", "incident.receive", "incident.ask"],
}


def asked_about(place: Place, count: int) -> list[str]:
    """Incidents whose reporter is asked something; they wait for an answer."""
    ranger, officer = place.phone(RANGER), place.phone(OFFICER)
    ids = [new_id() for _ in range(count)]
    facts = {"type": "illegal_logging", "found_at": now().isoformat(), "location": SPOT}
    steps = ({"action": "receive"}, {"action": "ask", "question": "Mấy gốc?"})
    made = [
        {"id": new_id(), "kind": "incident.create", "body": {"id": id, "description": ASKED["description"]} | facts}
        for id in ids
    ]
    asked = [
        {"id": new_id(), "kind": "incident.action", "subject": id, "version": version, "body": body}
        for id in ids
        for version, body in enumerate(steps, 1)
    ]
    for phone, operations in ((ranger, made), (officer, asked)):
        answer, _ = phone.insist("POST", "/sync", {"operations": operations})
        assert {one["result"] for one in answer.json["results"]} <= {"created", "applied"}, answer.body
    return ids
