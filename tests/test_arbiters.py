"""The arbiter: who it is, that it can decide and must, what it may do meanwhile, and what its word leaves untouched."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from models import Agreement, Assignment, Incident, Unit, db
from models.base import now
from tests.test_assignments import answer, disable, recruit
from tests.test_assignments_of_leads import NOT_OURS, ONE_AREA, declines, summary
from tests.test_disputes import ledger
from tests.test_hand_over import QUANG_LAM, act_on, arbitrate, held, leads, offer, pending, unit_id
from tests.test_workflow_steps import rows
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

pytestmark = pytest.mark.only_on("sqlite")
PROVINCE, CHAIR = "leader.dien-bien", "leader.nam-nhun"


@pytest.fixture
def named(in_app):
    """`named("112")`: the unit of that code decides at the border of Mường Toong and Tà Tổng; None: no agreement."""

    def change(code):
        def write():
            for accord in db.session.scalars(db.select(Agreement)):
                accord.arbiter_unit_id = Unit.by_code(code).id if code else None
                if code is None:
                    accord.valid_to = accord.signed_on
            db.session.commit()

        in_app(write)

    return change


def due_at(incident):
    return datetime.fromisoformat(incident["next_deadline"]["at"])


def test_where_no_leader_serves_the_next_above_decides(as_, in_app):
    """The area has an officer, who may not arbitrate: the case would lie there for ever."""
    disable(in_app, "leader.muong-nhe")
    incident = report(as_, location=dict(ONE_AREA))
    declines(as_, "officer.quang-lam", incident)
    assert "arbitrate" in as_(PROVINCE).read(incident)["actions"]
    last = declines(as_, "officer.nam-ke", incident)
    assert summary(last)[:3] == ("Tỉnh Điện Biên", "accepted", "escalated")
    assert leads(arbitrate(as_, PROVINCE, incident, QUANG_LAM).json) == ["Xã Quảng Lâm"]


def test_a_named_arbiter_without_a_leader_is_passed_over_until_one_serves_there(as_, in_app, named):
    named("112")
    assert held(as_)["lead"]["name"] == "Tỉnh Điện Biên"
    recruit(in_app, CHAIR, "leader", unit="112")
    assert held(as_)["lead"]["name"] == "Khu vực Nậm Nhùn"


def test_two_provinces_without_an_agreement_leave_it_to_that_of_the_first_and_the_other_is_told(as_, named):
    named(None)
    incident = report(as_)
    assert (incident["routing"]["agreement_id"], incident["joint_status"]) == (None, "single")
    declines(as_, OFFICER, incident)
    last = declines(as_, PARTNER, incident)
    assert summary(last)[:3] == ("Tỉnh Điện Biên", "accepted", "escalated")
    event = as_("leader.lai-chau").get(f"/incidents/{incident['id']}/timeline").json["items"][-1]
    assert event["names"][event["facts"]["arbiter_unit"]] == "Tỉnh Điện Biên"
    assert [event["names"][id] for id in event["facts"]["told_units"]] == ["Tỉnh Lai Châu"]
    assert "arbitrate" not in as_("leader.lai-chau").read(incident)["actions"]


def test_the_arbiter_must_decide_and_cannot_decline(as_):
    incident = held(as_)
    row = next(r for r in incident["assignments"] if r["unit"]["name"] == "Tỉnh Điện Biên")
    assert 23.9 < (due_at(incident) - now()) / timedelta(hours=1) < 24.1
    for reason in ({"reason": "no_capacity", "text": "Không có người."}, NOT_OURS):
        assert act_on(as_, PROVINCE, incident, row, "decline", **reason).status_code == 409
    for who in (OFFICER, PARTNER, REPORTER, "leader.lai-chau", "leader.muong-nhe"):
        assert arbitrate(as_, who, incident, OFFICER).json["code"] == "not_allowed", who
    fire = report(as_, type="forest_fire", burning=True)
    declines(as_, OFFICER, fire)
    burning = declines(as_, PARTNER, fire)
    while burning["joint_status"] != "escalated":  # for fires more units are near
        lead = {"Xã Mường Nhé": "officer.khu-vuc-muong-nhe"}.get(burning["lead"]["name"], PROVINCE)
        burning = declines(as_, lead, fire)
    assert 29 < (due_at(burning) - now()) / timedelta(minutes=1) < 31


def test_its_time_begins_when_it_gets_the_lead_also_where_it_had_supported_for_days(as_, in_app, named):
    named("112")
    recruit(in_app, CHAIR, "leader", unit="112")
    incident = report(as_)
    helper = offer(as_, OFFICER, incident, CHAIR).json["assignments"][-1]
    act_on(as_, CHAIR, incident, helper, "accept")

    def days_ago():
        db.session.get(Assignment, UUID(helper["id"])).accepted_at = now() - timedelta(days=5)
        db.session.commit()

    in_app(days_ago)
    declines(as_, OFFICER, incident)
    last = declines(as_, PARTNER, incident)
    assert (summary(last)[:3], last["assignments"][-1]["id"]) == (
        ("Khu vực Nậm Nhùn", "accepted", "escalated"),
        helper["id"],
    )
    assert due_at(last) > now()


def test_the_arbiter_may_name_itself_and_then_leads_like_any_other(as_):
    incident = held(as_)
    own = arbitrate(as_, PROVINCE, incident, PROVINCE).json
    assert summary(own)[:2] == ("Tỉnh Điện Biên", "accepted")
    assert (own["joint_status"], own["next_deadline"]["step"]) == ("single", "receive")
    assert arbitrate(as_, PROVINCE, incident, OFFICER).json["code"] == "wrong_status"
    assert {"receive", "hand_over"} <= set(as_(PROVINCE).read(incident)["actions"])
    for _ in range(2):
        given = pending(offer(as_, PROVINCE, incident, QUANG_LAM, hand_over=True).json)
        kept = act_on(as_, QUANG_LAM, incident, given, "decline", reason="other", text="Quá xa.").json
        assert (leads(kept), kept["joint_status"]) == (["Tỉnh Điện Biên"], "single"), "nobody else could decide"
    given = pending(offer(as_, PROVINCE, incident, QUANG_LAM, hand_over=True).json)
    assert leads(act_on(as_, QUANG_LAM, incident, given, "accept").json) == ["Xã Quảng Lâm"]


def test_its_word_leaves_other_supports_as_they_are_and_is_kept_in_the_ledger(as_):
    incident = report(as_)
    helper = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    act_on(as_, QUANG_LAM, incident, helper, "accept")
    declines(as_, OFFICER, incident)
    decided = arbitrate(as_, PROVINCE, incident, PARTNER)
    assert (leads(decided.json), decided.json["joint_status"]) == (["Xã Tà Tổng"], "active")
    assert [r["state"] for r in decided.json["assignments"] if r["id"] == helper["id"]] == ["accepted"]
    [place] = ledger(as_, PROVINCE)[0]["places"]
    assert (place["state"], place["settled_by"]["name"], place["settled_how"]) == (
        "settled",
        "Xã Tà Tổng",
        "arbitration",
    )
    other = declines(as_, OFFICER, report(as_))
    named_again = arbitrate(as_, PROVINCE, other, QUANG_LAM).json
    assert rows(named_again, "lead") == [
        ("Xã Mường Toong", "declined"),
        ("Xã Tà Tổng", "handed_over"),
        ("Xã Quảng Lâm", "accepted"),
    ]


@pytest.mark.parametrize("ending", ["dismiss", "mark_duplicate"])
def test_an_arbiter_that_ends_the_case_early_has_nothing_to_decide_until_it_is_reopened(as_, ending):
    incident = held(as_)
    ended = step(as_, incident, ending, by=PROVINCE)
    assert (ended["next_deadline"]["step"], "arbitrate" in as_(PROVINCE).read(incident)["actions"]) == ("close", False)
    again = step(as_, incident, "reopen", by=PROVINCE)
    assert (again["joint_status"], again["next_deadline"]["step"]) == ("escalated", "arbitrate")


def test_an_arbiter_that_closes_has_decided_also_when_the_case_is_reopened(as_):
    incident = held(as_)
    for action in ("dismiss", "close"):
        step(as_, incident, action, by=PROVINCE)
    again = step(as_, incident, "reopen", by=PROVINCE)
    assert (again["lead"]["name"], again["joint_status"]) == ("Tỉnh Điện Biên", "single")
    assert again["next_deadline"]["step"] == "verify"


def test_the_arbiter_closes_with_a_reason_while_a_partner_is_still_at_work(as_):
    incident = step(as_, report(as_), "receive")
    accepts(as_, incident)
    for _ in range(2):
        offered = pending(offer(as_, OFFICER, incident, QUANG_LAM, hand_over=True).json)
        act_on(as_, QUANG_LAM, incident, offered, "decline", reason="not_our_land", text="Không thuộc xã.")
    for action in ("confirm", "resolve"):
        step(as_, incident, action, by=PROVINCE)
    reply = as_(PROVINCE).act(incident, "close")
    assert (reply.status_code, reply.json["code"]) == (409, "partners_not_concluded")
    closed = step(as_, incident, "close", by=PROVINCE, reason="Tà Tổng không báo cáo kết quả.")
    assert (closed["status"], rows(closed)[0]) == ("closed", ("Xã Tà Tổng", "concluded"))


def test_a_hand_over_waits_for_no_arbitration_and_a_dispute_for_no_hand_over(as_):
    """While the lead is doubted nobody hands it over; once somebody has taken it, nobody arbitrates."""
    incident = declines(as_, OFFICER, report(as_))
    assert offer(as_, PARTNER, incident, QUANG_LAM, hand_over=True).json["code"] == "not_allowed"
    assert answer(as_(PARTNER), incident, "lead", "accept").status_code == 200
    pending(offer(as_, PARTNER, incident, QUANG_LAM, hand_over=True).json)
    assert arbitrate(as_, PROVINCE, incident, OFFICER).json["code"] == "wrong_status"


def test_where_two_units_claim_the_ground_the_arbiter_may_decide_before_anybody_has_answered(as_, in_app):
    """The rule `overlap` alone is a dispute."""
    incident = report(as_)

    def claim():
        case = db.session.get(Incident, UUID(incident["id"]))
        case.routing = case.routing | {"rule": "overlap"}
        case.assignments_changed()
        db.session.commit()

    in_app(claim)
    assert as_(OFFICER).read(incident)["joint_status"] == "disputed"
    decided = arbitrate(as_, PROVINCE, incident, OFFICER)
    assert summary(decided.json)[:3] == ("Xã Mường Toong", "accepted", "proposed")
    assert unit_id(as_, OFFICER) == decided.json["lead"]["id"]
