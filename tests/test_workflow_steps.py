"""What single steps of an incident mean: where an answer leads, who is dropped and asked again, what is kept."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from models import EventText, Incident, db
from models.base import now
from models.clock import local, week_of
from services import worker
from tests.people import INSIDE, new_report
from tests.pictures import jpeg
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, accepts, report, state_of, step, walk

LEADER = "leader.muong-nhe"


def rows(incident, role="support"):
    return [(r["unit"]["name"], r["state"]) for r in incident["assignments"] if r["role"] == role]


def refused(reply):
    return reply.status_code, reply.json["code"]


@pytest.mark.parametrize("source", ["received", "verifying"])
def test_an_answer_leads_back_to_where_the_question_came_from(as_, source):
    incident = walk(as_, source)
    asked = step(as_, incident, "ask")
    assert (asked["status"], asked["handling"]["question"]) == ("need_info", SAID["ask"]["question"])
    assert step(as_, incident, "answer", by=REPORTER)["status"] == source
    step(as_, incident, "ask")
    assert step(as_, incident, "answer", by=OFFICER)["status"] == source


def test_the_leads_first_step_accepts_the_case_but_a_retraction_does_not(as_):
    taken, retracted = report(as_), report(as_)
    assert rows(taken, "lead") == [("Xã Mường Toong", "offered")]
    assert rows(step(as_, taken, "dismiss"), "lead") == [("Xã Mường Toong", "accepted")]
    assert rows(step(as_, retracted, "retract"), "lead") == [("Xã Mường Toong", "offered")]


def test_forest_damage_is_confirmed_only_with_category_and_origin(as_):
    incident = walk(as_, "received")
    reply = as_(OFFICER).act(incident, "confirm", findings={"text": "Đã kiểm tra."})
    assert refused(reply) == (422, "incomplete")
    assert set(reply.json["errors"]) == {"forest_category", "forest_origin"}
    partly = {"text": "Đã kiểm tra.", "forest_category": "protection"}
    reply = as_(OFFICER).act(incident, "confirm", findings=partly)
    assert set(reply.json["errors"]) == {"forest_origin"}
    assert step(as_, incident, "confirm")["verified"]["forest_origin"] == "natural"


def test_what_was_reported_of_the_forest_counts_and_other_types_need_none(as_):
    known = walk(as_, "received", forest_category="protection", forest_origin="natural")
    assert step(as_, known, "confirm", findings={"text": "Đúng như tin báo."})["status"] == "confirmed"
    transport = walk(as_, "received", type="illegal_transport")
    assert step(as_, transport, "confirm", findings={"text": "Ba hộp gỗ xẻ."})["status"] == "confirmed"
    assert list(as_(OFFICER).act(walk(as_, "received"), "confirm", findings={}).json["errors"]) == ["findings"]


def test_a_case_is_not_closed_while_a_partner_works_unless_a_leader_says_why(as_):
    incident = walk(as_, "resolved", partner=True)
    before = state_of(as_(OFFICER), incident)
    for who, said in ((OFFICER, {}), (OFFICER, {"reason": "Muốn xong việc."}), (LEADER, {})):
        assert refused(as_(who).act(incident, "close", **said)) == (409, "partners_not_concluded")
    assert state_of(as_(OFFICER), incident) == before
    closed = step(as_, incident, "close", by=LEADER, reason="Hết thời hạn phối hợp.")
    assert (closed["status"], rows(closed), rows(closed, "lead")) == (
        "closed",
        [("Xã Tà Tổng", "concluded")],
        [("Xã Mường Toong", "concluded")],
    )


def test_a_case_whose_partner_has_concluded_is_closed_by_the_officer(as_):
    incident = walk(as_, "resolved", partner=True)
    assert as_(PARTNER).answer(incident, "conclude", text="Đã xong phần việc.").status_code == 200
    assert step(as_, incident, "close")["status"] == "closed"


def test_closing_withdraws_what_is_still_offered_and_lets_nothing_but_reopening_happen(as_):
    closed = walk(as_, "closed")
    assert (rows(closed), rows(closed, "lead")) == ([("Xã Tà Tổng", "withdrawn")], [("Xã Mường Toong", "concluded")])
    assert closed["actions"] == ["reopen"]
    assert not [r["actions"] for r in closed["assignments"] if r["actions"]]


@pytest.mark.parametrize("ending", ["dismiss", "mark_duplicate"])
def test_an_early_end_withdraws_offers_and_concludes_accepted_supports(as_, ending):
    assert rows(step(as_, report(as_), ending)) == [("Xã Tà Tổng", "withdrawn")]
    joint = report(as_)
    accepts(as_, joint)
    ended = step(as_, joint, ending)
    assert (rows(ended), rows(ended, "lead")) == ([("Xã Tà Tổng", "concluded")], [("Xã Mường Toong", "accepted")])


@pytest.mark.parametrize("ending", ["dismiss", "mark_duplicate"])
def test_a_former_partner_may_object_and_is_asked_again(as_, ending):
    incident = report(as_)
    accepts(as_, incident)
    step(as_, incident, ending)
    assert refused(as_(LEADER).act(incident, "object", **SAID["object"])) == (403, "not_allowed")
    assert as_(PARTNER).read(incident)["actions"] == ["object"]
    again = step(as_, incident, "object")
    assert (again["status"], again["duplicate_of"]) == ("received", None)
    assert rows(again, "lead") == [("Xã Mường Toong", "accepted")]
    assert rows(again) == [("Xã Tà Tổng", "concluded"), ("Xã Tà Tổng", "offered")]


def test_after_three_working_days_nobody_objects_and_nobody_is_told_they_may(as_, in_app):
    incident = walk(as_, "unfounded", partner=True)

    def let_days_pass():
        db.session.get(Incident, UUID(incident["id"])).status_since = now() - timedelta(days=30)
        db.session.commit()

    in_app(let_days_pass)
    assert as_(PARTNER).act(incident, "object", **SAID["object"]).status_code in (403, 409)
    assert as_(PARTNER).read(incident)["actions"] == []


@pytest.mark.parametrize("by", [OFFICER, LEADER])
def test_reopening_sets_the_lead_back_to_work_and_asks_former_supports_again(as_, by):
    incident = walk(as_, "resolved", partner=True)
    as_(PARTNER).answer(incident, "conclude")
    step(as_, incident, "close")
    again = step(as_, incident, "reopen", by=by)
    assert (again["status"], rows(again, "lead")) == ("received", [("Xã Mường Toong", "accepted")])
    assert rows(again) == [("Xã Tà Tổng", "concluded"), ("Xã Tà Tổng", "offered")]
    assert again["joint_status"] == "proposed"
    assert [r["due_at"] for r in again["assignments"] if r["state"] == "offered"] != [None]


def test_only_the_reporter_retracts_and_only_until_somebody_has_received_it(as_):
    incident = report(as_)
    for who in (OFFICER, LEADER, PARTNER):
        assert refused(as_(who).act(incident, "retract", **SAID["retract"])) == (403, "not_allowed")
    step(as_, incident, "receive")
    assert refused(as_(REPORTER).act(incident, "retract", **SAID["retract"])) == (409, "wrong_status")
    assert step(as_, report(as_), "retract")["status"] == "unfounded"


def test_a_correction_keeps_the_old_values_in_the_log_and_off_the_timeline(as_, in_app):
    incident = report(as_, people=[{"name": "Sùng A Kín"}])
    changes = {"description": "Chín gốc.", "people": [{"name": "Giàng A Tỏ"}]}
    corrected = step(as_, incident, "correct", by=REPORTER, changes=changes, reason="Đếm lại.")
    assert (corrected["status"], corrected["description"]) == ("reported", "Chín gốc.")
    old = in_app(lambda: db.session.scalars(db.select(EventText.value).where(EventText.name == "old")).all())
    assert len(old) == 1
    assert incident["description"] in old[0]
    assert "Sùng A Kín" in old[0]
    timeline = as_(OFFICER).get(f"/incidents/{incident['id']}/timeline")
    assert timeline.json["items"][-1]["facts"]["changed"] == ["description", "people"]
    assert incident["description"] not in timeline.text
    assert "Sùng A Kín" not in timeline.text


def test_once_received_only_the_lead_corrects(as_):
    incident = walk(as_, "received")
    for who in (REPORTER, PARTNER, LEADER):
        assert refused(as_(who).act(incident, "correct", **SAID["correct"])) == (403, "not_allowed")
    assert step(as_, incident, "correct")["description"] == SAID["correct"]["changes"]["description"]


def test_a_corrected_place_or_type_is_routed_again_but_the_lead_stays(as_):
    incident = walk(as_, "received")
    across = {"location": {"lat": 22.26, "lon": 102.6, "accuracy_m": 20}}
    moved = step(as_, incident, "correct", changes=across, reason="Nhầm toạ độ.")
    assert (moved["routing"]["lead"]["name"], moved["lead"]["name"]) == ("Xã Tà Tổng", "Xã Mường Toong")
    assert (incident["would_lead"], moved["would_lead"]["name"]) == (None, "Xã Tà Tổng")
    last = as_(PARTNER).get(f"/incidents/{incident['id']}/timeline").json["items"][-1]
    assert last["names"][last["facts"]["would_lead"]] == "Xã Tà Tổng"
    assert moved["assignments"] == incident["assignments"]
    burning = {"type": "forest_fire", "location": dict(INSIDE)}
    fire = step(as_, incident, "correct", changes=burning, reason="Là cháy rừng.")
    assert (fire["type"], fire["fire_status"], fire["lead"]["name"]) == ("forest_fire", "reported", "Xã Mường Toong")
    assert {c["unit"]["name"] for c in fire["routing"]["candidates"]} == {"Xã Mường Toong", "Xã Mường Nhé"}
    assert fire["would_lead"] is None


def test_a_correction_to_a_place_outside_every_unit_is_refused_and_changes_nothing(as_):
    incident = report(as_)
    before = state_of(as_(OFFICER), incident)
    hanoi = {"location": {"lat": 21.03, "lon": 105.85}}
    reply = as_(OFFICER).act(incident, "correct", changes=hanoi, reason="Sai toạ độ.")
    assert refused(reply) == (422, "outside_territory")
    assert state_of(as_(OFFICER), incident) == before


def test_merging_brings_the_reporters_and_photos_of_the_duplicate(as_):
    photo = {"sha256": "a" * 64, "size": 5}
    original = report(as_)
    theirs = as_("ranger.ta-tong").post("/incidents", json=new_report(photos=[photo])).json
    step(as_, theirs, "mark_duplicate", by=OFFICER, duplicate_of=original["id"])
    merged = as_("ranger.ta-tong").read(original)
    assert [p["sha256"] for p in merged["photos"]] == ["a" * 64]
    assert merged["status"] == "reported"


def test_a_photo_of_the_duplicate_gets_its_previews_with_the_original_too(as_, app):
    original, theirs = report(as_), report(as_)
    assert as_(REPORTER).post(f"/incidents/{theirs['id']}/photos", data=jpeg()).status_code == 201
    step(as_, theirs, "mark_duplicate", duplicate_of=original["id"])
    while worker.run_once(app):
        pass
    (photo,) = as_(OFFICER).read(original)["photos"]
    assert as_(OFFICER).get(f"/photos/{photo['id']}/view").status_code == 200


def test_the_original_must_be_another_case_that_one_sees_and_no_duplicate_itself(as_):
    incident, original, copy = report(as_), report(as_), report(as_)
    step(as_, copy, "mark_duplicate", duplicate_of=original["id"])
    hidden = as_("ranger.sa-pa").post(
        "/incidents", json=new_report(location={"lat": 22.33, "lon": 103.83, "accuracy_m": 20})
    )
    assert hidden.status_code == 201
    before = state_of(as_(OFFICER), incident)
    for other, status in ((incident, 422), (copy, 422), (hidden.json, 404), ({"id": str(uuid4())}, 404)):
        reply = as_(OFFICER).act(incident, "mark_duplicate", duplicate_of=other["id"])
        assert reply.status_code == status, reply.json
    assert state_of(as_(OFFICER), incident) == before


def test_a_closed_duplicate_is_still_no_original(as_):
    incident, copy = report(as_), walk(as_, "duplicate")
    step(as_, copy, "close")
    reply = as_(OFFICER).act(incident, "mark_duplicate", duplicate_of=copy["id"])
    assert (reply.status_code, list(reply.json.get("errors", {}))) == (422, ["duplicate_of"])


def test_a_duplicate_counts_once_also_when_it_is_closed(as_):
    original, copy = report(as_), report(as_)
    step(as_, copy, "mark_duplicate", duplicate_of=original["id"])
    step(as_, copy, "close")
    week = week_of(local(now() - timedelta(hours=1)).date())
    figures = as_(OFFICER).get(f"/summaries/weekly?unit={original['lead']['id']}&week={week}").json
    assert figures["sections"]["violations"]["total"]["this_week"] == 1
