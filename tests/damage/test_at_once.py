"""The same thing sent many times at the same moment, by processes of their own: it is done once."""

import json
import random
from collections import Counter
from uuid import uuid4

from models import Incident, db
from models.events import Event
from models.photos import Photo
from tests.damage.crowd import at_once
from tests.damage.storm import a_photo
from tests.people import new_report


def reported(place):
    phone = place.phone()
    answer = phone.ask("POST", "/incidents", new_report(location={"lat": 22.2, "lon": 102.714, "accuracy_m": 15.0}))
    assert answer.status == 201
    return phone, answer.json


def rows(place, query):
    app = place.app()
    with app.app_context():
        try:
            return db.session.execute(query).all()
        finally:
            db.session.remove()
            db.engine.dispose()


def test_one_report_sent_fifty_times_at_once_is_one_row_with_one_number(place):
    phone, report = place.phone(), new_report()
    answers = at_once(phone, 50, "/incidents", json.dumps(report).encode())
    assert Counter(a.status for a in answers) == {201: 1, 200: 49}
    assert len({(a.json["id"], a.json["number"], a.json["content_sha256"]) for a in answers}) == 1
    assert answers[0].json["id"] == report["id"]
    kept = rows(place, db.select(Incident.id, Incident.number))
    (mine,) = [row for row in kept if str(row.id) == report["id"]]
    assert [row.number for row in kept].count(mine.number) == 1 and mine.number == answers[0].json["number"]
    events = rows(place, db.select(Event.kind).where(Event.subject_id == mine.id))
    assert [event.kind for event in events] == ["incident.report"]


def test_one_photo_sent_twenty_times_at_once_is_one_row_and_one_file(place):
    phone, incident = reported(place)
    photo = a_photo(random.Random(incident["id"]))
    answers = at_once(phone, 20, f"/incidents/{incident['id']}/photos", photo, Content_Type="image/jpeg")
    assert Counter(a.status for a in answers) == {201: 1, 200: 19}
    assert len({(a.json["id"], a.json["sha256"]) for a in answers}) == 1
    shown = phone.ask("GET", f"/incidents/{incident['id']}").json
    assert [p["sha256"] for p in shown["photos"]] == [answers[0].json["sha256"]]
    assert len(rows(place, db.select(Photo.id).where(Photo.sha256 == answers[0].json["sha256"]))) == 1
    (file,) = (place.photos / "originals").rglob(answers[0].json["sha256"])
    assert file.read_bytes() == photo
    assert not list((place.photos / "incoming").iterdir())
    kinds = [e["kind"] for e in phone.ask("GET", f"/incidents/{incident['id']}/timeline").json["items"]]
    assert kinds == ["incident.report", "incident.photo"]


def test_one_action_sent_twenty_times_at_once_under_its_key_is_taken_once(place):
    phone, incident = reported(place)
    officer = place.phone("officer.muong-toong")
    body, key = json.dumps({"action": "receive"}).encode(), str(uuid4())
    headers = {"Idempotency_Key": key, "If_Match": '"1-1"'}
    answers = at_once(officer, 20, f"/incidents/{incident['id']}/actions", body, **headers)
    assert Counter(a.status for a in answers) == {200: 20}
    assert Counter("Idempotent-Replay" in a.headers for a in answers) == {True: 19, False: 1}
    assert len({json.dumps(a.json, sort_keys=True) for a in answers}) == 1
    kinds = [e["kind"] for e in phone.ask("GET", f"/incidents/{incident['id']}/timeline").json["items"]]
    assert kinds == ["incident.report", "incident.receive"]
