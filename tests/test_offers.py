"""Offers sent again, expired, accepted late: nobody gets two parts, and nothing void comes back to life."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from models import Unit
from models.base import now
from models.clock import local, week_of
from tests.phones import codes, operation, send, words
from tests.test_assignments import answer, disable, row_of
from tests.test_hand_over import QUANG_LAM, act_on, expire, leads, offer, pending, unit_id
from tests.test_workflows import OFFICER, PARTNER, accepts, report, step

LATE = pytest.mark.only_on("sqlite")
BUSY = {"reason": "no_capacity", "text": "Cả tổ đang chữa cháy."}


@pytest.fixture
def taken(as_):
    """A felling that Mường Toong has received; Tà Tổng is offered support."""
    return step(as_, report(as_), "receive")


def row(incident, id):
    return next(r for r in incident["assignments"] if r["id"] == id)


def refused(reply):
    return reply.status_code, reply.json["code"]


@LATE
def test_an_expired_offer_is_not_accepted_once_the_case_is_over_but_again_when_it_is_reopened(as_, app, taken):
    support = row_of(taken, "support")
    expire(app, days=10)
    over = step(as_, taken, "dismiss")
    assert row(over, support["id"])["state"] == "expired"
    assert row(as_(PARTNER).read(taken), support["id"])["actions"] == []
    assert refused(act_on(as_, PARTNER, taken, support, "accept")) == (409, "wrong_status")
    step(as_, taken, "reopen")
    assert act_on(as_, PARTNER, taken, support, "accept").json["joint_status"] == "active"


@LATE
def test_an_expired_hand_over_brings_no_other_lead_to_a_case_that_is_over(as_, app, taken):
    offered = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    expire(app, days=10)
    step(as_, taken, "dismiss")
    assert refused(act_on(as_, PARTNER, taken, offered, "accept")) == (409, "wrong_status")
    assert leads(as_(OFFICER).read(taken)) == ["Xã Mường Toong"]


@LATE
def test_whoever_was_asked_again_answers_the_newer_offer_and_never_the_older_one_too(as_, app, taken):
    first = row_of(taken, "support")
    expire(app, days=10)
    second = offer(as_, OFFICER, taken, PARTNER).json["assignments"][-1]
    assert refused(act_on(as_, PARTNER, taken, first, "accept")) == (409, "wrong_status")
    assert act_on(as_, PARTNER, taken, second, "decline", **BUSY).status_code == 200
    assert refused(act_on(as_, PARTNER, taken, first, "accept")) == (409, "wrong_status")
    third = offer(as_, OFFICER, taken, PARTNER)
    assert third.status_code == 201, "who declined may be asked again"
    assert act_on(as_, PARTNER, taken, third.json["assignments"][-1], "accept").json["joint_status"] == "active"


@LATE
def test_whoever_leads_or_has_led_since_does_not_support_on_an_old_offer(as_, app, taken):
    """Also where the offer to support came after the one to take over, which was accepted late."""
    first = row_of(taken, "support")
    offered = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    expire(app, days=10)
    second = offer(as_, OFFICER, taken, PARTNER).json["assignments"][-1]
    expire(app, days=20)
    assert leads(act_on(as_, PARTNER, taken, offered, "accept").json) == ["Xã Tà Tổng"]
    for stage in ("leads", "has led"):
        for support in (first, second):
            assert row(as_(PARTNER).read(taken), support["id"])["actions"] == [], stage
            assert refused(act_on(as_, PARTNER, taken, support, "accept")) == (409, "wrong_status"), stage
        if stage == "leads":
            onward = pending(offer(as_, PARTNER, taken, QUANG_LAM, hand_over=True).json)
            assert act_on(as_, QUANG_LAM, taken, onward, "accept").status_code == 200


def counted_in(as_, unit, who):
    week = week_of(local(now() - timedelta(hours=1)).date())
    figures = as_(who).get(f"/summaries/weekly?unit={unit['id']}&week={week}").json
    return figures["sections"]["violations"]["total"]["this_week"]


@LATE
def test_a_case_counts_for_the_commune_that_leads_and_no_longer_for_the_one_before(as_, taken):
    home, there = taken["lead"], as_(PARTNER).user["unit"]
    assert [counted_in(as_, home, OFFICER), counted_in(as_, there, PARTNER)] == [1, 0]
    offered = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    handed = act_on(as_, PARTNER, taken, offered, "accept").json
    assert [counted_in(as_, home, OFFICER), counted_in(as_, there, PARTNER)] == [0, 1]
    assert handed["would_lead"] is None, "the routing names who led before: that was decided"


@LATE
def test_a_correction_within_the_line_of_the_lead_names_nobody_else(as_, in_app):
    """The area leads for a commune where nobody serves; another of its communes is still its own ground."""
    disable(in_app, OFFICER)
    incident = report(as_)
    changes = {"location": {"lat": 22.05, "lon": 102.6, "accuracy_m": 20}}
    moved = step(as_, incident, "correct", by="leader.muong-nhe", changes=changes, reason="Nhầm toạ độ.")
    assert moved["routing"]["lead"]["name"] != incident["routing"]["lead"]["name"]
    assert (moved["lead"]["name"], moved["would_lead"]) == ("Khu vực Mường Nhé", None)


@LATE
def test_of_two_who_were_offered_the_case_in_vain_the_first_to_come_late_leads(as_, app, taken):
    one = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    expire(app, days=10)
    other = pending(offer(as_, OFFICER, taken, QUANG_LAM, hand_over=True).json)
    expire(app, days=20)
    assert leads(act_on(as_, PARTNER, taken, one, "accept").json) == ["Xã Tà Tổng"]
    assert refused(act_on(as_, QUANG_LAM, taken, other, "accept")) == (409, "wrong_status")


@LATE
def test_a_case_handed_back_is_led_as_before_and_what_was_offered_in_the_first_time_stays_void(as_, app, taken):
    before = as_(OFFICER).read(taken)["next_deadline"]
    old = pending(offer(as_, OFFICER, taken, QUANG_LAM, hand_over=True).json)
    expire(app, days=10)
    there = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    assert leads(act_on(as_, PARTNER, taken, there, "accept").json) == ["Xã Tà Tổng"]
    back = pending(offer(as_, PARTNER, taken, OFFICER, hand_over=True).json)
    home = act_on(as_, OFFICER, taken, back, "accept").json
    assert (leads(home), home["guard_unit"]["name"], home["next_deadline"]) == (
        ["Xã Mường Toong"],
        "Xã Mường Toong",
        before,
    )
    assert [r["state"] for r in home["assignments"] if r["role"] == "lead"] == [
        "handed_over",
        "handed_over",
        "accepted",
    ]
    assert row(as_(QUANG_LAM).read(taken), old["id"])["actions"] == []
    assert refused(act_on(as_, QUANG_LAM, taken, old, "accept")) == (409, "wrong_status")


@LATE
def test_refusals_count_for_the_unit_that_leads_and_not_for_the_one_before(as_, taken):
    def refuses(by, who):
        offered = pending(offer(as_, by, taken, who, hand_over=True).json)
        return act_on(as_, who, taken, offered, "decline", reason="not_our_land", text="Không thuộc xã.").json

    refuses(OFFICER, QUANG_LAM)
    there = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    act_on(as_, PARTNER, taken, there, "accept")
    assert leads(refuses(PARTNER, QUANG_LAM)) == ["Xã Tà Tổng"], "its first"
    back = pending(offer(as_, PARTNER, taken, OFFICER, hand_over=True).json)
    act_on(as_, OFFICER, taken, back, "accept")
    assert leads(refuses(OFFICER, QUANG_LAM)) == ["Xã Mường Toong"], "the first since it leads again"
    assert refuses(OFFICER, QUANG_LAM)["joint_status"] == "escalated"


@LATE
def test_an_accepted_support_that_is_sent_to_lead_makes_no_joint_case_with_itself(as_):
    """The superior sends a unit that had helped: it has concluded that part, and nobody else had one."""
    incident = report(as_, location={"lat": 22.19, "lon": 102.575, "accuracy_m": 20})
    helper = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    act_on(as_, QUANG_LAM, incident, helper, "accept")
    answer(as_(OFFICER), incident, "lead", "decline", **BUSY)
    sent = offer(as_, "officer.khu-vuc-muong-nhe", incident, QUANG_LAM, hand_over=True).json
    assert (row(sent, helper["id"])["state"], sent["lead"]["name"]) == ("concluded", "Xã Quảng Lâm")
    assert (row_of(sent, "lead")["state"], sent["joint_status"]) == ("accepted", "single")


def test_an_offer_sent_again_under_its_key_gets_the_same_answer_and_another_body_is_refused(as_, taken):
    path, seen = f"/incidents/{taken['id']}/assignments", as_(OFFICER).get(f"/incidents/{taken['id']}")
    headers = {"If-Match": seen.headers["ETag"], "Idempotency-Key": "k-1"}
    body = {"unit_id": unit_id(as_, QUANG_LAM), "reason": "Nhờ canh lối mòn."}
    first = as_(OFFICER).post(path, json=body, headers=headers)
    again = as_(OFFICER).post(path, json=body, headers=headers)
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    other = as_(OFFICER).post(path, json=body | {"reason": "Khác."}, headers=headers)
    assert refused(other) == (409, "idempotency_key_conflict")
    elsewhere = report(as_)
    id = {"id": str(uuid4())}
    assert as_(OFFICER).post(
        path, json=body | id | {"unit_id": unit_id(as_, "officer.nam-ke")}, headers={"If-Match": "*"}
    )
    reply = as_(OFFICER).post(f"/incidents/{elsewhere['id']}/assignments", json=body | id, headers={"If-Match": "*"})
    assert refused(reply) == (409, "id_conflict"), "an id names one offer of one case"


def test_an_offer_from_a_phone_without_signal_is_the_same_offer_by_either_door(as_, taken):
    body = {"id": str(uuid4()), "unit_id": unit_id(as_, QUANG_LAM), "reason": "Nhờ canh lối mòn."}
    sent = operation("assignment.create", body, subject=taken["id"])
    assert codes(send(as_(OFFICER), sent)) == ["version_missing"]
    [stale] = send(as_(OFFICER), sent | {"version": 1})
    assert (stale["result"], stale["problem"]["current"]["version"]) == ("conflict", 2)
    assert words(send(as_(OFFICER), sent | {"version": 2}, sent)) == ["created", "replayed"]
    path = f"/incidents/{taken['id']}/assignments"
    again = as_(OFFICER).post(path, json=body)
    assert (again.status_code, [r["id"] for r in again.json["assignments"]].count(body["id"])) == (200, 1)
    assert codes(send(as_(OFFICER), sent | {"body": body | {"reason": "Khác."}})) == ["id_conflict"]
    given = operation("assignment.create", body | {"id": str(uuid4()), "hand_over": True}, subject=taken["id"])
    assert codes(send(as_(PARTNER), given | {"version": 3})) == ["not_allowed"]
    assert words(send(as_(OFFICER), given | {"version": 3})) == ["created"]
    assert as_(QUANG_LAM).read(taken)["joint_status"] == "proposed"


@LATE
def test_any_unit_that_exists_today_may_be_asked_also_one_that_no_reform_touched(as_, in_app, taken):
    assert offer(as_, OFFICER, taken, "leader.dien-bien").status_code == 201
    assert offer(as_, OFFICER, taken, "leader.lai-chau", hand_over=True).status_code == 201
    ended = in_app(lambda: str(Unit.by_code("03177", date(2025, 3, 14)).id))
    for gone in (ended, str(uuid4())):
        reply = offer(as_, OFFICER, taken, OFFICER, unit_id=gone)
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["unit_id"])


@LATE
def test_whoever_hands_over_keeps_reading_what_only_few_read(as_, taken):
    accepts(as_, taken)
    offered = pending(offer(as_, OFFICER, taken, QUANG_LAM, hand_over=True).json)
    assert as_(QUANG_LAM).get(f"/incidents/{taken['id']}/restricted").status_code == 403, "not before it accepts"
    act_on(as_, QUANG_LAM, taken, offered, "accept")
    for who in (OFFICER, PARTNER, QUANG_LAM):
        assert as_(who).get(f"/incidents/{taken['id']}/restricted").status_code == 200, who
