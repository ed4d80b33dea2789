"""What ended and begins again: who may object until when, who is asked again, and with which lead."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
import time_machine

from models import Assignment, db
from models.base import now
from models.clock import local, week_of
from models.incident_workflow import partner_in_time
from tests.people import new_report
from tests.test_assignments import answer
from tests.test_assignments_of_leads import declines
from tests.test_hand_over import QUANG_LAM, act_on, leads, offer, pending
from tests.test_workflow_steps import rows
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, accepts, report, step, walk

RULES = pytest.mark.only_on("sqlite")
LEADER = "leader.muong-nhe"


@pytest.mark.parametrize(
    "ended, last",
    [  # working time in Vietnam, UTC+7: 08–12 and 13–17
        ((2026, 10, 12, 3, 30), (2026, 10, 15, 3, 30)),
        ((2026, 10, 16, 9, 0), (2026, 10, 21, 9, 0)),  # Friday 16:00: over the weekend
        ((2026, 10, 17, 2, 0), (2026, 10, 21, 10, 0)),  # Saturday: from Monday morning to Wednesday evening
        ((2026, 11, 23, 3, 30), (2026, 11, 27, 3, 30)),  # Monday: over the Day of Culture, a holiday since 2026
    ],
)
def test_a_partner_objects_within_exactly_three_working_days(ended, last):
    partner = SimpleNamespace(decides=True, acts_for=lambda unit: True)
    row = SimpleNamespace(role="support", state="concluded", unit_id=1, unit=None)
    case = SimpleNamespace(assignments=[row], lead_unit_id=2, status_since=datetime(*ended, tzinfo=UTC))
    until = datetime(*last, tzinfo=UTC)
    for later, allowed in ((timedelta(0), True), (timedelta(milliseconds=1), False)):
        with time_machine.travel(until + later, tick=False):
            assert partner_in_time(partner, case) is allowed


@RULES
def test_only_units_that_had_accepted_to_support_object(as_):
    incident = report(as_)
    accepts(as_, incident)
    invited = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    act_on(as_, QUANG_LAM, incident, invited, "decline", reason="no_capacity", text="Không có người.")
    step(as_, incident, "dismiss")
    for who, status in ((REPORTER, 403), (OFFICER, 403), (LEADER, 403), (QUANG_LAM, 403), ("officer.nam-ke", 404)):
        assert as_(who).act(incident, "object", **SAID["object"]).status_code == status, who
    for who in (PARTNER, "leader.muong-te", "leader.lai-chau"):
        assert as_(who).read(incident)["actions"] == ["object"], who
    assert step(as_, incident, "object", by="leader.lai-chau")["status"] == "received"


@RULES
def test_whoever_leads_after_having_supported_reopens_and_does_not_object(as_):
    incident = step(as_, report(as_), "receive")
    accepts(as_, incident)
    offered = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    act_on(as_, PARTNER, incident, offered, "accept")
    step(as_, incident, "dismiss", by=PARTNER)
    assert set(as_(PARTNER).read(incident)["actions"]) >= {"reopen", "close"}
    assert "object" not in as_(PARTNER).read(incident)["actions"]
    assert as_(PARTNER).act(incident, "object", **SAID["object"]).status_code == 403


@RULES
def test_after_a_change_of_the_lead_the_last_one_goes_on_and_only_the_others_are_asked_again(as_):
    incident = step(as_, report(as_), "receive")
    helper = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    act_on(as_, QUANG_LAM, incident, helper, "accept")
    accepts(as_, incident)
    offered = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    act_on(as_, PARTNER, incident, offered, "accept")
    for action in ("confirm", "resolve"):
        step(as_, incident, action, by=PARTNER)
    step(as_, incident, "close", by="leader.muong-te", reason="Hết thời hạn phối hợp.")
    again = step(as_, incident, "reopen", by="leader.muong-te")
    assert (leads(again), rows(again, "lead")[-1]) == (["Xã Tà Tổng"], ("Xã Tà Tổng", "accepted"))
    asked = [r["unit"]["name"] for r in again["assignments"] if r["state"] == "offered"]
    assert asked == ["Xã Quảng Lâm"], "neither who leads nor who handed over"


@RULES
def test_whoever_has_led_since_is_not_asked_to_support_however_the_offers_crossed(as_):
    """The case is offered to Tà Tổng, which is then invited anew and supports before it takes over."""
    incident = step(as_, report(as_), "receive")
    offered = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    accepts(as_, incident)
    as_(PARTNER).answer(incident, "conclude")
    again = offer(as_, OFFICER, incident, PARTNER).json["assignments"][-1]
    for row in (again, offered):
        assert act_on(as_, PARTNER, incident, row, "accept").status_code == 200
    for lead in (PARTNER, QUANG_LAM):
        step(as_, incident, "dismiss", by=lead)
        reopened = step(as_, incident, "reopen", by=lead)
        assert leads(reopened) == [as_(lead).user["unit"]["name"]]
        assert [r for r in reopened["assignments"] if r["state"] == "offered"] == [], "neither itself nor who led"
        if lead == PARTNER:
            onward = pending(offer(as_, PARTNER, incident, QUANG_LAM, hand_over=True).json)
            assert act_on(as_, QUANG_LAM, incident, onward, "accept").status_code == 200


@RULES
def test_who_was_only_offered_the_case_or_declined_last_is_not_asked_to_support(as_):
    incident = step(as_, report(as_), "receive")
    accepts(as_, incident)
    offer(as_, OFFICER, incident, QUANG_LAM, hand_over=True)
    step(as_, incident, "dismiss")
    again = step(as_, incident, "reopen")
    assert rows(again)[-1] == ("Xã Tà Tổng", "offered")
    assert ("Xã Quảng Lâm", "offered") not in rows(again), "it had been offered to lead, not to support"
    newest = again["assignments"][-1]
    act_on(as_, PARTNER, incident, newest, "decline", reason="no_capacity", text="Không có người.")
    step(as_, incident, "dismiss")
    assert [r["state"] for r in step(as_, incident, "reopen")["assignments"] if r["state"] == "offered"] == []


@RULES
@pytest.mark.parametrize("action", ["close", "reopen"])
def test_a_leader_above_who_ends_or_reopens_what_nobody_had_taken_takes_it_for_the_lead(as_, in_app, action):
    incident = walk(as_, "reported")
    step(as_, incident, "retract")
    assert rows(as_(OFFICER).read(incident), "lead") == [("Xã Mường Toong", "offered")]
    done = step(as_, incident, action, by=LEADER, **SAID.get(action, {}))
    state = {"close": "concluded", "reopen": "accepted"}[action]
    assert rows(done, "lead") == [("Xã Mường Toong", state)]
    row = UUID(done["assignments"][0]["id"])
    assert in_app(lambda: db.session.get(Assignment, row).accepted_at)


@RULES
def test_a_lead_does_not_decline_what_its_reporter_took_back(as_):
    """Nobody is asked about what is over: it would reach the next unit only to be closed there."""
    incident = step(as_, report(as_), "retract")
    assert as_(OFFICER).read(incident)["assignments"][0]["actions"] == ["accept"]
    said = {"reason": "not_our_land", "text": "Bên kia khe.", "basis": {"map": "Tờ 12"}}
    assert answer(as_(OFFICER), incident, "lead", "decline", **said).json["code"] == "wrong_status"
    assert as_(PARTNER).get(f"/incidents/{incident['id']}").status_code == 404
    step(as_, incident, "reopen", by=OFFICER)


@RULES
def test_a_duplicate_that_is_reopened_counts_by_itself_again_and_its_reporter_still_sees_both(as_):
    original = report(as_)
    copy = as_("ranger.nam-ke").post("/incidents", json=new_report()).json
    step(as_, copy, "mark_duplicate", duplicate_of=original["id"])
    again = step(as_, copy, "reopen")
    assert (again["status"], again["duplicate_of"], again["lead"]["name"]) == ("received", None, "Xã Mường Toong")
    week = week_of(local(now() - timedelta(hours=1)).date())
    figures = as_(OFFICER).get(f"/summaries/weekly?unit={original['lead']['id']}&week={week}").json
    assert figures["sections"]["violations"]["total"]["this_week"] == 2
    for case in (original, copy):
        assert as_("ranger.nam-ke").get(f"/incidents/{case['id']}").status_code == 200
    assert step(as_, again, "mark_duplicate", duplicate_of=original["id"])["duplicate_of"] == original["id"]


@RULES
def test_a_dispute_that_is_settled_stays_settled_when_the_case_is_reopened(as_):
    incident = report(as_)
    declines(as_, OFFICER, incident)
    step(as_, incident, "dismiss", by=PARTNER)
    again = step(as_, incident, "reopen", by=PARTNER)
    assert (leads(again), again["joint_status"]) == (["Xã Tà Tổng"], "single")
