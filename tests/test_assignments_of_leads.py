"""A lead that says the place is not its land: who leads next, who guards the scene, and who decides in the end."""

from tests.people import INSIDE
from tests.test_assignments import answer, disable, row_of
from tests.test_workflows import OFFICER, PARTNER, accepts, report, state_of, step

NOT_OURS = {
    "reason": "not_our_land",
    "text": "Điểm chặt nằm bên kia đường phân thuỷ.",
    "basis": {"map": "Bản đồ địa giới 364, mảnh F-48-38-C", "file_reference": "12/BB-2019"},
}
# Quảng Lâm leads, Nậm Kè is near: communes of one area, under no agreement with each other.
ONE_AREA = {"lat": 22.09, "lon": 102.6, "accuracy_m": 20}
# Mường Toong leads; Bum Tở, where nobody serves, comes before Tà Tổng.
THREE = {"lat": 22.276, "lon": 102.72, "accuracy_m": 20}


def declines(as_, who, incident, **changes):
    """The lead declines, and must be allowed to; the incident as it is afterwards."""
    reply = answer(as_(who), as_(who).read(incident), "lead", "decline", **(NOT_OURS | changes))
    assert reply.status_code == 200, reply.json
    return reply.json


def summary(incident):
    lead = row_of(incident, "lead")
    return incident["lead"]["name"], lead["state"], incident["joint_status"], incident["guard_unit"]["name"]


def test_a_lead_declines_only_where_the_border_is_in_doubt_and_with_a_basis(as_):
    incident = report(as_)
    before = state_of(as_(OFFICER), incident)
    for changes, code, missing in (
        ({"reason": "no_capacity", "text": None}, "invalid", "text"),
        ({"reason": "no_capacity", "text": ""}, "incomplete", "text"),
        ({"reason": "other"}, "reason_not_allowed", None),
        ({"basis": {}}, "incomplete", "basis"),
        ({"basis": ""}, "incomplete", "basis"),
        ({"reason": None}, "invalid", "reason"),
    ):
        reply = answer(as_(OFFICER), incident, "lead", "decline", **(NOT_OURS | changes))
        assert (reply.status_code, reply.json["code"]) == (422, code), changes
        assert missing is None or list(reply.json["errors"]) == [missing]
    bare = {k: v for k, v in NOT_OURS.items() if k != "reason"}
    assert list(answer(as_(OFFICER), incident, "lead", "decline", **bare).json["errors"]) == ["reason"]
    assert state_of(as_(OFFICER), incident) == before
    assert row_of(as_(OFFICER).read(incident), "lead")["actions"] == ["accept", "decline"]


def test_a_lead_cannot_decline_what_lies_well_inside(as_):
    incident = report(as_, location=dict(INSIDE))
    assert row_of(as_(OFFICER).read(incident), "lead")["actions"] == ["accept", "decline"], "for want of people"
    reply = answer(as_(OFFICER), incident, "lead", "decline", **NOT_OURS)
    assert (reply.status_code, reply.json["code"]) == (422, "reason_not_allowed")


def test_a_lead_that_has_accepted_cannot_decline_any_more(as_):
    for accepted in (lambda i: answer(as_(OFFICER), i, "lead", "accept"), lambda i: step(as_, i, "receive")):
        incident = report(as_)
        accepted(incident)
        assert row_of(as_(OFFICER).read(incident), "lead")["actions"] == []
        reply = answer(as_(OFFICER), incident, "lead", "decline", **NOT_OURS)
        assert (reply.status_code, reply.json["code"]) == (409, "wrong_status")


def test_the_next_candidates_offered_support_becomes_the_offered_lead_and_the_first_guards_the_scene(as_):
    incident = report(as_)
    offer = row_of(incident, "support")["id"]
    passed = declines(as_, OFFICER, incident)
    assert summary(passed) == ("Xã Tà Tổng", "offered", "disputed", "Xã Mường Toong")
    assert (row_of(passed, "lead")["id"], row_of(passed, "lead")["due_at"]) == (offer, None)
    assert [r["state"] for r in passed["assignments"]] == ["declined", "offered"]
    assert {r["role"] for r in passed["assignments"]} == {"lead"}
    assert passed["version"] > incident["version"]
    assert as_(OFFICER).read(incident)["actions"] == []
    taken = step(as_, incident, "receive", by=PARTNER)
    assert summary(taken) == ("Xã Tà Tổng", "accepted", "single", "Xã Tà Tổng")
    assert taken["number"] == incident["number"]


def test_an_accepted_support_that_becomes_the_lead_has_accepted_it(as_):
    incident = report(as_)
    accepts(as_, incident)
    passed = declines(as_, OFFICER, incident, reason="disputed_border", basis="Hồ sơ 364")
    assert summary(passed) == ("Xã Tà Tổng", "accepted", "single", "Xã Tà Tổng")
    assert row_of(passed, "lead")["actions"] == []


def test_where_the_last_candidate_of_two_provinces_declines_the_first_ones_province_holds_the_lead(as_):
    incident = report(as_)
    declines(as_, OFFICER, incident)
    held = declines(as_, PARTNER, incident)
    assert summary(held) == ("Tỉnh Điện Biên", "accepted", "escalated", "Tỉnh Điện Biên")
    assert [r["state"] for r in held["assignments"]] == ["declined", "declined", "accepted"]
    province = as_("leader.dien-bien")
    assert "receive" in province.read(incident)["actions"]
    assert row_of(province.read(incident), "lead")["actions"] == []
    reply = answer(province, held, "lead", "decline", **NOT_OURS)
    assert (reply.status_code, reply.json["code"]) == (409, "wrong_status")
    assert step(as_, incident, "receive", by="leader.dien-bien")["joint_status"] == "escalated"


def test_where_the_last_candidate_of_one_area_declines_the_area_holds_the_lead(as_):
    incident = report(as_, location=dict(ONE_AREA))
    assert (incident["lead"]["name"], incident["joint_status"]) == ("Xã Quảng Lâm", "single")
    passed = declines(as_, "officer.quang-lam", incident)
    assert summary(passed) == ("Xã Nậm Kè", "offered", "disputed", "Xã Quảng Lâm")
    held = declines(as_, "officer.nam-ke", incident)
    assert summary(held) == ("Khu vực Mường Nhé", "accepted", "escalated", "Khu vực Mường Nhé")


def test_whoever_declined_as_a_support_is_not_asked_to_lead(as_):
    incident = report(as_)
    answer(as_(PARTNER), incident, "support", "decline", reason="no_capacity", text="Không đủ người.")
    held = declines(as_, OFFICER, incident)
    assert summary(held) == ("Tỉnh Điện Biên", "accepted", "escalated", "Tỉnh Điện Biên")


def test_candidates_follow_by_share_then_distance_and_other_supports_stay(as_):
    incident = report(as_, location=dict(THREE))
    supports = [(r["unit"]["name"], r["state"]) for r in incident["assignments"] if r["role"] == "support"]
    assert sorted(supports) == [("Xã Bum Tở", "offered"), ("Xã Tà Tổng", "offered")]
    passed = declines(as_, OFFICER, incident)
    assert passed["lead"]["name"] == "Khu vực Mường Tè", "nobody serves in Bum Tở, so its superior is asked"
    again = declines(as_, "leader.muong-te", incident)
    assert summary(again) == ("Xã Tà Tổng", "offered", "disputed", "Xã Mường Toong")
    assert [r["state"] for r in again["assignments"] if r["unit"]["name"] == "Xã Bum Tở"] == ["offered"]


def test_where_a_superior_stands_in_its_refusal_passes_the_lead_on_as_well(as_, in_app):
    disable(in_app, OFFICER)
    incident = report(as_)
    assert incident["lead"]["name"] == "Khu vực Mường Nhé"
    passed = declines(as_, "leader.muong-nhe", incident)
    assert summary(passed) == ("Xã Tà Tổng", "offered", "disputed", "Khu vực Mường Nhé")


def test_a_unit_with_nothing_above_it_cannot_decline(as_, in_app):
    disable(in_app, OFFICER, "officer.khu-vuc-muong-nhe", "leader.muong-nhe")
    incident = report(as_)
    reply = answer(as_("leader.dien-bien"), incident, "lead", "decline", **NOT_OURS)
    assert (incident["lead"]["name"], reply.status_code, reply.json["code"]) == ("Tỉnh Điện Biên", 409, "no_arbiter")


def test_every_refusal_of_a_border_is_kept_where_it_can_be_read(as_):
    incident = report(as_)
    declines(as_, OFFICER, incident)
    kept = as_(PARTNER).get(f"/incidents/{incident['id']}/timeline").json["items"][-1]
    assert (kept["kind"], kept["facts"]["reason"], kept["facts"]["text"]) == (
        "incident.assignment_decline",
        "not_our_land",
        NOT_OURS["text"],
    )
    assert kept["facts"]["lead_unit"] == as_(PARTNER).user["unit"]["id"]
