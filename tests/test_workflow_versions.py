"""On which version somebody decided, and what a step sent twice does: ETag, If-Match, Idempotency-Key."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from models import Incident, db
from models.database import write_transaction
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, state_of, step, walk

AREA_OFFICER = "officer.khu-vuc-muong-nhe"
JPEG = b"\xff\xd8\xff\xe0 khong phai anh that"


def send(person, incident, action, tag=None, key=None, **said):
    headers = {"If-Match": tag, "Idempotency-Key": key}
    return person.post(
        f"/incidents/{incident['id']}/actions",
        json={"action": action} | said,
        headers={name: value for name, value in headers.items() if value is not None},
    )


def tag_of(person, incident):
    return person.get(f"/incidents/{incident['id']}").headers["ETag"]


def at_once(app, incident, *calls, pause_s=0.3):
    """All calls are under way, stopped at the incident's row or the writer's turn, before any of them may go on."""
    started = threading.Barrier(len(calls) + 1)

    def run(call):
        started.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool, app.app_context():
        with write_transaction():
            db.session.get(Incident, UUID(incident["id"]), with_for_update=True)
            answers = [pool.submit(run, call) for call in calls]
            started.wait()
            time.sleep(pause_s)
        return [answer.result(timeout=20) for answer in answers]


def test_the_etag_is_version_and_revision_and_notes_and_photos_move_only_the_revision(as_):
    incident = report(as_)
    officer, path = as_(OFFICER), f"/incidents/{incident['id']}"
    assert tag_of(officer, incident) == '"1-1"' == f'"{incident["version"]}-{incident["revision"]}"'
    assert officer.post(f"{path}/notes", json={"text": "Đã gọi trưởng bản."}).status_code == 201
    assert tag_of(officer, incident) == '"1-2"'
    assert officer.post(f"{path}/photos", data=JPEG).status_code == 201
    assert tag_of(officer, incident) == '"1-3"'
    received = send(officer, incident, "receive", tag='"1-1"')
    assert (received.status_code, received.headers["ETag"]) == (200, '"2-4"')
    assert as_(PARTNER).answer(incident, "accept").headers["ETag"] == '"3-5"'
    assert officer.get(path, headers={"If-None-Match": '"3-5"'}).status_code == 304


@pytest.mark.parametrize("who", [OFFICER, "leader.muong-nhe", PARTNER])
def test_officers_and_leaders_say_on_which_version_they_decide(as_, who):
    incident = report(as_)
    before = state_of(as_(who), incident)
    assert (send(as_(who), incident, "receive").status_code, send(as_(who), incident, "receive").json["code"]) == (
        428,
        "version_missing",
    )
    row = incident["assignments"][0]["id"]
    bare = as_(who).post(f"/incidents/{incident['id']}/assignments/{row}/actions", json={"action": "accept"})
    assert bare.status_code == 428
    assert state_of(as_(who), incident) == before


def test_a_decision_on_a_version_that_is_gone_is_refused(as_):
    incident = report(as_)
    old = tag_of(as_(OFFICER), incident)
    step(as_, incident, "receive")
    before = state_of(as_(OFFICER), incident)
    for tag in (old, '"0-0"', '""', "không phải phiên bản".encode().decode("latin-1")):
        reply = send(as_(OFFICER), incident, "verify", tag=tag)
        assert (reply.status_code, reply.json["code"]) == (412, "stale_version"), tag
    row = incident["assignments"][1]["id"]
    reply = as_(PARTNER).post(
        f"/incidents/{incident['id']}/assignments/{row}/actions", json={"action": "accept"}, headers={"If-Match": old}
    )
    assert reply.status_code == 412
    assert state_of(as_(OFFICER), incident) == before
    assert send(as_(OFFICER), incident, "verify", tag='W/"2-1:br"').status_code == 200


def test_a_ranger_in_the_forest_answers_without_a_version(as_):
    incident = walk(as_, "need_info")
    reply = send(as_(REPORTER), incident, "answer", **SAID["answer"])
    assert (reply.status_code, reply.json["status"]) == (200, "received")
    assert send(as_(REPORTER), report(as_), "retract", **SAID["retract"]).status_code == 200


def test_a_step_sent_again_with_its_key_gets_the_same_answer_also_when_its_version_is_stale(as_):
    incident, officer = report(as_), as_(OFFICER)
    tag = tag_of(officer, incident)
    first = send(officer, incident, "receive", tag, "k-1")
    step(as_, incident, "verify")
    before = state_of(officer, incident)
    again = send(officer, incident, "receive", tag, "k-1")
    assert (again.status_code, again.json, again.headers["ETag"]) == (200, first.json, first.headers["ETag"])
    assert again.headers["Idempotent-Replay"] == "true"
    assert state_of(officer, incident) == before


def test_a_key_belongs_to_one_body_one_person_and_one_address(as_):
    incident, other, officer = report(as_), report(as_), as_(OFFICER)
    tag = tag_of(officer, incident)
    assert send(officer, incident, "receive", tag, "k-1").status_code == 200
    before = state_of(officer, incident)
    reply = send(officer, incident, "dismiss", tag, "k-1", reason="Nhầm.")
    assert (reply.status_code, reply.json["code"]) == (409, "idempotency_key_conflict")
    assert send(as_(AREA_OFFICER), incident, "receive", tag, "k-1").status_code == 412
    assert state_of(officer, incident) == before
    assert send(officer, other, "receive", tag, "k-1").json["id"] == other["id"]


def test_a_refusal_is_not_remembered_under_its_key(as_):
    incident, officer = report(as_), as_(OFFICER)
    assert send(officer, incident, "receive", '"9-9"', "k-1").status_code == 412
    assert send(officer, incident, "receive", '"1-1"', "k-1").status_code == 200


def test_of_two_officers_acting_at_the_same_moment_exactly_one_wins(app, as_):
    incident = report(as_)
    calls = [
        lambda who=who, action=action, said=said: send(as_(who), incident, action, '"1-1"', **said)
        for who, action, said in ((OFFICER, "receive", {}), (AREA_OFFICER, "dismiss", SAID["dismiss"]))
    ]
    for who in (OFFICER, AREA_OFFICER):
        assert tag_of(as_(who), incident) == '"1-1"'
    statuses = sorted(reply.status_code for reply in at_once(app, incident, *calls))
    assert statuses in ([200, 409], [200, 412])
    assert as_(OFFICER).read(incident)["version"] == 2


def test_a_step_sent_twice_at_the_same_moment_acts_once_and_both_get_its_answer(app, as_):
    incident, officer = report(as_), as_(OFFICER)
    tag, clients = tag_of(officer, incident), [as_(OFFICER), as_(OFFICER, "máy thứ hai")]
    clients[1].read(incident)
    calls = [lambda person=person: send(person, incident, "receive", tag, "k-1") for person in clients]
    replies = at_once(app, incident, *calls)
    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].json == replies[1].json
    assert officer.read(incident)["version"] == 2


def test_duplicates_of_one_original_marked_at_the_same_moment_are_all_taken(app, as_):
    original, copies, officer = report(as_), [report(as_) for _ in range(3)], as_(OFFICER)
    clients = [as_(OFFICER, f"máy {number}") for number in range(3)]
    for client in clients:
        client.read(original)
    said = {"duplicate_of": original["id"]}
    calls = [
        lambda client=client, copy=copy: send(client, copy, "mark_duplicate", '"1-1"', **said)
        for client, copy in zip(clients, copies, strict=True)
    ]
    assert [reply.status_code for reply in at_once(app, original, *calls)] == [200, 200, 200]
    events = officer.get(f"/incidents/{original['id']}/timeline").json["items"]
    assert [event["kind"] for event in events] == ["incident.report"] + ["incident.absorb"] * 3
    assert officer.read(original)["version"] == 4


def test_an_answer_without_a_body_is_given_again_too(as_):
    ranger, key = as_("ranger.muong-toong"), {"Idempotency-Key": "thoát hết"}
    first = ranger.delete("/me/devices", headers=key)
    again = ranger.delete("/me/devices", headers=key)
    assert (first.status_code, again.status_code, again.data) == (204, 204, b"")
    assert (first.headers.get("Idempotent-Replay"), again.headers["Idempotent-Replay"]) == (None, "true")
