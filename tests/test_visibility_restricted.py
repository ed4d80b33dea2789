"""People, vehicles and informants: read by few, in one place only, and never without a trace."""

import io
import json
import re
import zipfile
import zlib
from uuid import UUID

import pytest
from flask import Response
from sqlalchemy.exc import OperationalError

from models import Event, Incident, Reply, db
from tests.people import new_report
from tests.pictures import jpeg
from tests.secret_words import ALL_WORDS, NOT_UNDERSTOOD, PLANTED, SecretScene, allowed, found_in, leaks
from tests.test_assignments import answer
from tests.test_permissions import CAST, all_routes
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

SECRETS = {
    "people": [{"name": "Sùng A Kín", "id_number": "040099001122", "unit": "Bản Nậm Ngà"}],
    "vehicles": [{"plate": "27-B1 234.56", "kind": "Xe máy Win đỏ"}],
    "informant": {"name": "Mùa Thị Giấu", "phone": "0987 654 321"},
}
WORDS = ("Sùng A Kín", "040099001122", "27-B1 234.56", "Win đỏ", "Mùa Thị Giấu", "0987 654 321")


def restricted(person, incident):
    return person.get(f"/incidents/{incident['id']}/restricted")


def readings(in_app, incident):
    """Every reading kept on the access chain of a case: (position, kind, actor)."""
    chain = db.select(Event).where(Event.subject_kind == "access", Event.subject_id == UUID(incident["id"]))
    return in_app(
        lambda: [
            (event.position, event.kind, str(event.actor_id))
            for event in db.session.scalars(chain.order_by(Event.position))
        ]
    )


def walk(scene, pairs, query=None):
    """Every route as every person: what was given away to whom it must not be, and where what was shown."""
    wrong, shown, answered = [], set(), set()
    for rule, method in pairs:
        for part, people in scene.cast().items():
            for who in people:
                reply = scene.knock(who, rule, method, query=query)
                found = found_in(reply)
                wrong += [(who, f"{method} {rule}", group) for group in found - allowed(rule.endpoint, part)]
                shown |= {(rule.endpoint, part, group) for group in found}
                if reply.status_code < 300:
                    answered.add(rule.endpoint)
    return wrong, shown, answered


def with_forms(app, pairs):
    """Those that answer in a form one asks for, as the contract says."""
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]

    def takes_one(rule, method):
        operation = paths.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), {}).get(method.lower(), {})
        return any(parameter["name"] == "format" for parameter in operation.get("parameters", ()))

    return [pair for pair in pairs if takes_one(*pair)]


def test_no_answer_of_any_route_to_anybody_holds_a_word_that_is_not_for_them(app, as_, in_app):
    scene = SecretScene(app, as_, in_app)
    assert not leaks(json.dumps(scene.said, ensure_ascii=False), ALL_WORDS)
    routes = all_routes(app)
    reading = [(rule, method) for rule, method in routes if method == "GET"]
    wrong, shown, answered = walk(scene, reading)
    assert not wrong
    # What may be read is read, or the words were never there to be found.
    assert shown == {
        (endpoint, part, group)
        for group, (_, places) in PLANTED.items()
        for endpoint, parts in places.items()
        for part in parts
    }
    # A new route stands here by itself. If nobody gets an answer from it, tell tests/test_permissions.py how to knock.
    if scene.cast() == CAST:
        assert {rule.endpoint for rule, _ in reading} - answered == set()
    for form in ("geojson", "csv", "xlsx"):
        assert not walk(scene, with_forms(app, reading), query={"format": form})[0], form
    assert not walk(scene, [(rule, method) for rule, method in routes if method != "GET"])[0]


@pytest.mark.parametrize(
    "answer",
    [
        "Sùng A Kín",
        json.dumps({"tên": "Sùng A Kín"}),
        json.dumps({"tên": "Sùng A Kín"}, ensure_ascii=False),
        "27-B1 234.56",
        "\ufeff;Sùng A Kín;".encode("utf-16"),
        b"%PDF-1.7\nstream\n" + zlib.compress("(Sùng A Kín) Tj".encode()) + b"\nendstream",
    ],
)
def test_a_word_is_found_however_it_is_written(answer):
    assert found_in(Response(answer)) == {"people"}


def test_a_word_is_found_in_a_spreadsheet_and_in_a_header():
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", "<t>Mùa Thị Giấu</t>")
    assert found_in(Response(book.getvalue())) == {"informant"}
    assert found_in(Response(headers={"X-Ten": "27-B1 234.56"})) == {"people"}


def test_an_unreadable_informant_is_kept_and_shown_to_nobody(as_):
    incident = report(as_, informant="Mùa Thị Giấu", people="Sùng A Kín")
    for who in (REPORTER, OFFICER, PARTNER, "leader.dien-bien"):
        for path in ("", "/timeline"):
            assert not leaks(as_(who).get(f"/incidents/{incident['id']}{path}").text, WORDS)


def test_restricted_facts_are_read_by_the_lead_and_by_supports_once_they_accepted(as_):
    incident = report(as_, **SECRETS)
    for who in (OFFICER, "officer.khu-vuc-muong-nhe", "leader.muong-nhe", "leader.dien-bien"):
        assert restricted(as_(who), incident).json == SECRETS, who
    for who in (REPORTER, PARTNER, "leader.muong-te", "leader.lai-chau"):
        reply = restricted(as_(who), incident)
        assert (reply.status_code, reply.json["code"]) == (403, "not_allowed"), who
        assert not leaks(reply.text, WORDS)
    for who in ("ranger.ta-tong", "officer.nam-ke", "leader.lao-cai", "admin"):
        assert restricted(as_(who), incident).status_code == 404, who
    accepts(as_, incident)
    for who in (PARTNER, "leader.muong-te", "leader.lai-chau"):
        assert restricted(as_(who), incident).json == SECRETS | {"informant": None}, who
    assert restricted(as_(REPORTER), incident).status_code == 403


def test_who_declined_never_reads_them_and_who_takes_over_the_lead_reads_the_informant(as_):
    declined, passed_on = report(as_, **SECRETS), report(as_, **SECRETS)
    answer(as_(PARTNER), declined, "support", "decline", reason="other", text="Ngoài địa bàn.")
    assert restricted(as_(PARTNER), declined).status_code == 403
    said = {"reason": "not_our_land", "text": "Bên kia suối.", "basis": {"map": "Tờ 12"}}
    answer(as_(OFFICER), passed_on, "lead", "decline", **said)
    assert restricted(as_(OFFICER), passed_on).status_code == 403
    assert restricted(as_(PARTNER), passed_on).json == SECRETS


def test_each_reading_is_recorded_on_its_own_chain_and_leaves_the_case_as_it_was(as_, in_app):
    incident = report(as_, **SECRETS)
    path = f"/incidents/{incident['id']}"
    before = as_(OFFICER).get(path)
    timeline = as_(OFFICER).get(f"{path}/timeline").json
    assert readings(in_app, incident) == []
    for who in (OFFICER, "leader.muong-nhe", OFFICER):
        assert restricted(as_(who), incident).status_code == 200
    assert restricted(as_(REPORTER), incident).status_code == 403
    ids = [as_(who).user["id"] for who in (OFFICER, "leader.muong-nhe", OFFICER)]
    assert readings(in_app, incident) == [(n, "incident.read_restricted", id) for n, id in enumerate(ids, 1)]
    after = as_(OFFICER).get(path)
    assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"])
    assert as_(OFFICER).get(f"{path}/timeline").json == timeline


def test_readings_at_the_same_moment_are_all_answered_and_all_recorded(app, as_, in_app):
    incident = report(as_, **SECRETS)
    people = [as_(OFFICER, f"máy {number}") for number in range(7)]
    for person in people:
        person.read(incident)
    for _ in range(2):
        replies = at_once(app, incident, *[lambda person=person: restricted(person, incident) for person in people])
        assert [reply.status_code for reply in replies] == [200] * 7
    assert [position for position, *_ in readings(in_app, incident)] == list(range(1, 15))


def test_what_is_restricted_stays_so_when_the_case_is_closed(as_):
    incident = report(as_, **SECRETS)
    accepts(as_, incident)
    step(as_, incident, "dismiss")
    step(as_, incident, "close")
    assert restricted(as_(OFFICER), incident).json == SECRETS
    assert restricted(as_(PARTNER), incident).json == SECRETS | {"informant": None}
    assert restricted(as_(REPORTER), incident).status_code == 403


# No event, no data


def events_cannot_be_written(in_app):
    def take_away():
        db.session.execute(db.text("ALTER TABLE events RENAME TO events_away"))
        db.session.commit()

    in_app(take_away)


def test_when_the_reading_cannot_be_recorded_nothing_is_read(as_, in_app):
    incident = report(as_, **SECRETS)
    photo = as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=jpeg(Make="ViVu-X7")).json
    paths = [f"/incidents/{incident['id']}/restricted", f"/photos/{photo['id']}/original"]
    assert [as_(OFFICER).get(path).status_code for path in paths] == [200, 200]
    events_cannot_be_written(in_app)
    for path in paths:
        reply = as_(OFFICER).get(path)
        assert reply.status_code >= 500
        assert not leaks(reply.text, (*WORDS, "ViVu-X7"))
        assert reply.content_type == "application/problem+json"


def test_when_the_record_of_a_reading_is_not_committed_nothing_is_read(as_, in_app, monkeypatch):
    incident = report(as_, **SECRETS)
    photo = as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=jpeg(Make="ViVu-X7")).json
    as_(OFFICER).read(incident)

    def fails():
        raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr("api.transaction.commit_and_remember", fails)
        for path in (f"/incidents/{incident['id']}/restricted", f"/photos/{photo['id']}/original"):
            reply = as_(OFFICER).get(path)
            assert (reply.status_code, reply.json["code"]) == (507, "disk_full")
            assert not leaks(reply.text, (*WORDS, "ViVu-X7"))
    assert readings(in_app, incident) == []


def test_each_reading_of_an_original_is_recorded_before_it_is_handed_out(as_, in_app):
    incident = report(as_)
    photo = as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=jpeg()).json
    path = f"/photos/{photo['id']}/original"
    headers = {"Range": "bytes=0-9"}
    assert [as_(OFFICER).get(path, headers=h).status_code for h in ({}, headers)] == [200, 206]
    assert [as_(who).get(path).status_code for who in (REPORTER, PARTNER)] == [403, 403]
    kept = in_app(lambda: db.session.scalars(db.select(Event.facts).where(Event.subject_kind == "access")).all())
    assert kept == [{"incident": incident["id"]}] * 2


def test_an_idempotency_key_keeps_no_copy_of_what_was_read(as_, in_app):
    incident = report(as_, **SECRETS)
    path, key = f"/incidents/{incident['id']}/restricted", {"Idempotency-Key": "doc-lai"}
    replies = [as_(OFFICER).get(path, headers=key) for _ in range(3)]
    assert [reply.json for reply in replies] == [SECRETS] * 3
    assert len(readings(in_app, incident)) == 3
    assert in_app(lambda: db.session.scalars(db.select(Reply.id)).all()) == []


# What was not understood, and what goes wrong


def test_what_was_not_understood_is_kept_and_only_named_where_a_program_named_it(as_, in_app):
    reply = as_(REPORTER).post("/incidents", json=new_report(**NOT_UNDERSTOOD))
    assert [f["value"] for f in reply.json["findings"]] == ["peoples", "informants", "?", "burning"]
    assert in_app(lambda: db.session.scalars(db.select(Incident.extras)).one()) == NOT_UNDERSTOOD


def test_a_failure_logs_and_answers_nothing_of_what_was_sent(as_, in_app, caplog):
    def take_away():
        db.session.execute(db.text("ALTER TABLE incident_restricted RENAME TO away"))
        db.session.commit()

    in_app(take_away)
    reply = as_(REPORTER).post("/incidents", json=new_report(**SECRETS, description="Thấy Sùng A Kín."))
    assert reply.status_code >= 500
    assert "incident_restricted" in caplog.text
    assert not leaks(caplog.text + reply.text, WORDS)
