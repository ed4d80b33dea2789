"""Who sees which case: reporters, and whoever answers for a unit that has or had a part in it. Nobody else."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from models import Role, Unit, User, db
from models.base import new_id
from models.reporting import Draft
from tests.people import INSIDE, new_report
from tests.test_assignments import answer, recruit
from tests.test_permissions import CAST, Scene, all_routes
from tests.test_workflows import OFFICER, PARTNER, SAID, report, step

PASS = {"lat": 22.35, "lon": 103.762, "accuracy_m": 20}  # Bình Lư, 1.2 km from any neighbour
FANSIPAN = {"lat": 22.303, "lon": 103.835, "accuracy_m": 20}

# Which of four cases each person sees: at the border, inside Mường Toong, in Bình Lư, near Sa Pa.
# fmt: off
SEES = {
    "ranger.muong-toong":         {"border", "inside"},
    "ranger.hai":                 set(),
    "ranger.ta-tong":             set(),
    "ranger.binh-lu":             {"pass"},
    "officer.muong-toong":        {"border", "inside"},
    "officer.ta-tong":            {"border"},
    "officer.nam-ke":             set(),
    "officer.quang-lam":          set(),
    "officer.binh-lu":            {"pass"},
    "officer.khu-vuc-muong-nhe":  {"border", "inside"},
    "leader.muong-nhe":           {"border", "inside"},
    "leader.muong-te":            {"border"},
    "leader.tam-duong":           {"pass"},
    "leader.sa-pa":               {"peak"},
    "leader.dien-bien":           {"border", "inside"},
    "leader.lai-chau":            {"border", "pass"},
    "leader.lao-cai":             {"peak"},
    "admin":                      set(),
}
# fmt: on


def test_everybody_sees_their_own_reports_and_the_cases_of_their_scope_and_no_others(as_, in_app):
    recruit(in_app, "ranger.hai", "ranger", unit="03163")
    cases = {
        "border": report(as_),
        "inside": report(as_, location=dict(INSIDE)),
        "pass": as_("ranger.binh-lu").post("/incidents", json=new_report(location=PASS)).json,
        "peak": as_("ranger.sa-pa").post("/incidents", json=new_report(location=FANSIPAN)).json,
    }
    names = {case["id"]: name for name, case in cases.items()}
    area = cases["border"]["assignments"][0]["unit"]["parent_id"]
    for who, seen in SEES.items():
        person = as_(who)
        assert {names[i["id"]] for i in person.get("/incidents").json["items"]} == seen, who
        assert {names[id] for id in names if person.get(f"/incidents/{id}").status_code == 200} == seen, who
        narrowed = {names[i["id"]] for i in person.get(f"/incidents?unit={area}").json["items"]}
        assert narrowed == seen & {"border", "inside"}, "a filter never widens what one sees"


def test_not_there_and_not_yours_are_one_and_the_same_answer(app, as_, in_app):
    scene = Scene(app, as_, in_app)
    pairs = [(r, m) for r, m in all_routes(app) if r.endpoint.startswith(("incidents.", "photos.", "summaries."))]
    compared = set()
    for who in CAST["strangers"]:
        for rule, method in pairs:
            real, none = scene.knock(who, rule, method), scene.knock(who, rule, method, hidden=str(uuid4()))
            if "<" in rule.rule or rule.endpoint.startswith("summaries."):
                compared.add(rule.endpoint)
                headers = [{k: v for k, v in r.headers.items() if k != "X-Request-Id"} for r in (real, none)]
                assert (real.status_code, real.data) == (404, none.data), (who, rule)
                assert headers[0] == headers[1], (who, rule)
    assert len(compared) >= 13
    hidden, nothing = (
        as_("officer.nam-ke").get(path).json["detail"]
        for path in (f"/incidents/{scene.incident['id']}", "/khong-co-duong-nay")
    )
    assert hidden == nothing


def test_a_hidden_case_cannot_be_told_by_sending_its_id(as_):
    incident, stranger = report(as_), as_("ranger.sa-pa")
    reply = stranger.post("/incidents", json=new_report(id=incident["id"]))
    assert (reply.status_code, reply.json["code"]) == (409, "id_conflict")
    assert "content_sha256" not in reply.json
    own = stranger.post("/incidents", json=new_report(location=FANSIPAN)).json
    lead = as_("leader.sa-pa")
    answers = [lead.act(own, "mark_duplicate", duplicate_of=id) for id in (incident["id"], str(uuid4()))]
    assert answers[0].data == answers[1].data


@pytest.mark.parametrize("ending", ["dismiss", "mark_duplicate", "retract"])
def test_an_offer_withdrawn_before_an_answer_leaves_the_eyes_of_its_unit(as_, ending):
    incident = report(as_)
    assert as_(PARTNER).get(f"/incidents/{incident['id']}").status_code == 200
    step(as_, incident, ending)
    for who in (PARTNER, "leader.muong-te", "leader.lai-chau"):
        for path in ("", "/timeline", "/restricted"):
            assert as_(who).get(f"/incidents/{incident['id']}{path}").status_code == 404
        assert incident["id"] not in [i["id"] for i in as_(who).get("/incidents").json["items"]]
    assert as_(OFFICER).get(f"/incidents/{incident['id']}").status_code == 200


def test_a_part_once_held_is_remembered(as_):
    declined, concluded, passed_on = report(as_), report(as_), report(as_)
    answer(as_(PARTNER), declined, "support", "decline", reason="other", text="Ngoài địa bàn.")
    answer(as_(PARTNER), concluded, "support", "accept")
    answer(as_(PARTNER), concluded, "support", "conclude")
    said = {"reason": "not_our_land", "text": "Bên kia suối.", "basis": {"map": "Tờ 12"}}
    answer(as_(OFFICER), passed_on, "lead", "decline", **said)
    for incident in (declined, concluded, passed_on):
        for who in (OFFICER, PARTNER, "leader.muong-nhe", "leader.lai-chau"):
            assert as_(who).get(f"/incidents/{incident['id']}").status_code == 200


def test_reopening_shows_the_case_again_to_whoever_is_asked_again(as_):
    incident = report(as_)
    step(as_, incident, "dismiss")
    assert as_(PARTNER).get(f"/incidents/{incident['id']}").status_code == 404
    step(as_, incident, "reopen")
    assert as_(PARTNER).get(f"/incidents/{incident['id']}").status_code == 200


def test_whoever_moves_to_another_unit_sees_its_cases_at_the_next_request(as_, in_app):
    incident, officer = report(as_), as_("officer.nam-ke")
    assert officer.get(f"/incidents/{incident['id']}").status_code == 404

    def move():
        User.named("officer.nam-ke").unit_id = Unit.by_code("03163").id
        User.named(OFFICER).unit_id = Unit.by_code("03162").id
        db.session.commit()

    in_app(move)
    assert officer.get(f"/incidents/{incident['id']}").status_code == 200
    assert as_(OFFICER).get(f"/incidents/{incident['id']}").status_code == 404
    assert as_(OFFICER).get("/incidents").json["items"] == []


def test_an_officer_who_files_for_a_caller_keeps_seeing_that_report(as_):
    abroad = as_("officer.nam-ke").post("/incidents", json=new_report()).json
    reply = as_("officer.nam-ke").get(f"/incidents/{abroad['id']}")
    assert (reply.status_code, reply.json["lead"]["name"]) == (200, "Xã Mường Toong")
    assert as_("officer.nam-ke").get(f"/incidents/{abroad['id']}/restricted").status_code == 403


def test_the_reporter_of_a_merged_duplicate_sees_the_original(as_):
    original = report(as_)
    copy = as_("ranger.nam-ke").post("/incidents", json=new_report()).json
    assert as_("ranger.nam-ke").get(f"/incidents/{original['id']}").status_code == 404
    step(as_, copy, "mark_duplicate", duplicate_of=original["id"])
    assert as_("ranger.nam-ke").get(f"/incidents/{original['id']}").status_code == 200


def test_private_notes_are_read_by_the_unit_that_wrote_them(as_):
    incident = report(as_)
    path = f"/incidents/{incident['id']}"
    note = {"text": "Nghi có người trong bản tiếp tay.", "private": True}
    assert as_(OFFICER).post(f"{path}/notes", json=note).status_code == 201
    assert as_("ranger.muong-toong").post(f"{path}/notes", json=note).status_code == 403
    readers = {
        who
        for people in CAST.values()
        for who in people
        if who not in ("leader.muong-toong", "ranger.hai")
        and note["text"] in (as_(who).get(f"{path}/private-notes").get_data(as_text=True))
    }
    assert readers == {OFFICER, "officer.khu-vuc-muong-nhe", "leader.muong-nhe", "leader.dien-bien"}


OLD_CASES = {
    # A commune of 2024: its code then, where, who answers for its successor, who does not.
    "Xã Huổi Lếch": ("03177", (22.184, 102.717), OFFICER, ("officer.quang-lam", "officer.nam-ke", PARTNER)),
    "Xã Na Cô Sa": ("03167", (21.976, 102.594), "officer.quang-lam", (OFFICER, "officer.nam-ke", PARTNER)),
}


@pytest.mark.parametrize("name", OLD_CASES)
def test_officers_of_a_commune_see_the_cases_of_the_units_it_was_made_of(as_, in_app, name):
    code, (lat, lon), successor, others = OLD_CASES[name]
    spring = datetime(2025, 3, 14, 3, tzinfo=UTC)

    def report_then():
        unit = Unit.by_code(code, date(2025, 3, 14))
        known = User.named("admin")
        facts = {"role": Role.OFFICER, "unit_id": unit.id, "password_hash": known.password_hash}
        db.session.add(User(id=new_id(), username="officer.cu", name="Vàng A Lử", **facts))
        db.session.flush()
        incident, _ = Draft(
            User.named("ranger.sa-pa"),
            content_sha256="0" * 64,
            received_at=spring,
            type="illegal_logging",
            found_at=spring,
            location={"lat": lat, "lon": lon, "accuracy_m": 10},
        ).file()
        db.session.commit()
        return str(incident.id)

    incident = {"id": in_app(report_then)}
    seen = as_(successor).get(f"/incidents/{incident['id']}")
    assert (seen.status_code, seen.json["lead"]["name"], seen.json["lead"]["code"]) == (200, name, code)
    assert UUID(seen.json["lead"]["id"]) != UUID(as_(successor).user["unit"]["id"])
    for who in (successor, "leader.muong-nhe", "leader.dien-bien"):
        assert [i["id"] for i in as_(who).get("/incidents").json["items"]] == [incident["id"]], who
    for who in (*others, "leader.lai-chau", "leader.lao-cai", "admin"):
        assert as_(who).get(f"/incidents/{incident['id']}").status_code == 404, who
    assert step(as_, incident, "receive", by=successor)["status"] == "received"
    assert step(as_, incident, "dismiss", by=successor, **SAID["dismiss"])["status"] == "unfounded"
