"""People, vehicles and informants: read by few, in one place only, and never without a trace."""

import json
from uuid import UUID

from models import Event, db
from tests.test_assignments import answer
from tests.test_permissions import CAST, Scene, all_routes
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

SECRETS = {
    "people": [{"name": "Sùng A Kín", "id_number": "040099001122", "unit": "Bản Nậm Ngà"}],
    "vehicles": [{"plate": "27-B1 234.56", "kind": "Xe máy Win đỏ"}],
    "informant": {"name": "Mùa Thị Giấu", "phone": "0987 654 321"},
}
WORDS = ("Sùng A Kín", "040099001122", "27-B1 234.56", "Win đỏ", "Mùa Thị Giấu", "0987 654 321")
LATER = {"people": [{"name": "Lầu Bí Sửa"}], "informant": {"name": "Hờ Thị Kín Đáo"}}
LATER_WORDS = ("Lầu Bí Sửa", "Hờ Thị Kín Đáo")


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


def leaks(text, words):
    """Which words a text gives away, as they are written or as JSON may escape them."""
    return [word for word in words if word in text or json.dumps(word)[1:-1] in text]


def test_no_route_but_restricted_ever_shows_a_person_a_vehicle_or_an_informant(app, as_, in_app):
    scene = Scene(app, as_, in_app, **SECRETS)
    words = (*WORDS, *LATER_WORDS)
    accepts(as_, scene.incident)
    replies = [
        as_(OFFICER).act(scene.incident, "receive"),
        as_(OFFICER).act(scene.incident, "correct", changes=LATER, reason="Đã rõ danh tính."),
    ]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert not leaks(str(scene.incident), words)
    assert not [leak for reply in replies for leak in leaks(reply.text, words)]
    asked = 0
    for rule, method in all_routes(app):
        if method == "GET" and rule.endpoint != "incidents.read_restricted_facts":
            for people in CAST.values():
                for who in people:
                    reply = scene.knock(who, rule, method)
                    text = reply.data.decode("utf-8", "replace")
                    assert not leaks(text, words), (who, rule)
                    asked += 1
    assert asked > 250
    shown = restricted(as_(OFFICER), scene.incident).text
    assert len(leaks(shown, words)) == 4, "what was corrected is read here: two names, a plate and its vehicle"


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
