"""Who handles a case changes: invited, handed over, assigned by a superior, decided by the arbiter; one lead always."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from models import Agreement, Unit, db
from models.base import now
from services import worker
from tests.people import INSIDE
from tests.test_assignments import answer, recruit
from tests.test_assignments_of_leads import declines, summary
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

WHY = "Vị trí nằm sâu bên Tà Tổng, hồ sơ và tang vật bàn giao tại mốc 17."
QUANG_LAM = "officer.quang-lam"


def unit_id(as_, who):
    return as_(who).user["unit"]["id"]


def offer(as_, who, incident, unit, **said):
    """Invite a unit, or with hand_over=True offer the case to it; `unit` is whose of the cast."""
    seen = as_(who).get(f"/incidents/{incident['id']}")
    body = {"id": str(uuid4()), "unit_id": unit_id(as_, unit), "reason": WHY} | said
    headers = {"If-Match": seen.headers.get("ETag", '"1-1"')}
    return as_(who).post(f"/incidents/{incident['id']}/assignments", json=body, headers=headers)


def arbitrate(as_, who, incident, unit, **said):
    seen = as_(who).get(f"/incidents/{incident['id']}")
    body = {"lead_unit_id": unit_id(as_, unit), "reason": "Theo bản đồ 364."} | said
    headers = {"If-Match": seen.headers.get("ETag", '"1-1"')}
    return as_(who).post(f"/incidents/{incident['id']}/arbitration", json=body, headers=headers)


def leads(incident):
    return [
        r["unit"]["name"]
        for r in incident["assignments"]
        if r["role"] == "lead" and r["state"] in ("offered", "accepted", "concluded")
    ]


def pending(incident):
    return next(r for r in incident["assignments"] if r["hand_over"] and r["state"] == "offered")


@pytest.fixture
def taken(as_):
    """A felling that Mường Toong has received; Tà Tổng is offered support."""
    return step(as_, report(as_), "receive")


def test_a_case_is_handed_over_when_the_other_accepts_and_not_before(as_, taken):
    documents, exhibits = ["Biên bản kiểm tra 07/BB", {"name": "Bản ảnh", "sheets": 12}], [{"name": "Cưa xăng"}]
    offered = offer(as_, OFFICER, taken, PARTNER, hand_over=True, documents=documents, exhibits=exhibits)
    assert offered.status_code == 201
    row = pending(offered.json)
    assert (row["role"], row["unit"]["name"], row["reason"]) == ("support", "Xã Tà Tổng", WHY)
    assert row["documents"] == [{"name": "Biên bản kiểm tra 07/BB"}, {"name": "Bản ảnh", "sheets": 12}]
    assert row["exhibits"] == [{"name": "Cưa xăng"}] and row["due_at"] and row["contacts"]
    assert (leads(offered.json), offered.json["joint_status"]) == (["Xã Mường Toong"], "proposed")
    reply = act_on(as_, PARTNER, taken, row, "accept")
    assert reply.status_code == 200
    assert summary(reply.json) == ("Xã Tà Tổng", "accepted", "concluded", "Xã Tà Tổng")
    assert leads(reply.json) == ["Xã Tà Tổng"]
    states = {(r["unit"]["name"], r["role"]): r["state"] for r in reply.json["assignments"]}
    assert states[("Xã Mường Toong", "lead")] == "handed_over"
    assert states[("Xã Tà Tổng", "support")] == "withdrawn", "what it was asked to support and had not answered is void"
    assert reply.json["number"] == taken["number"]
    assert as_(OFFICER).read(taken)["actions"] == [] and "verify" in as_(PARTNER).read(taken)["actions"]
    kinds = [e["kind"] for e in as_(OFFICER).get(f"/incidents/{taken['id']}/timeline").json["items"]]
    assert kinds[-2:] == ["incident.hand_over", "incident.assignment_accept"]


def act_on(as_, who, incident, row, action, **said):
    seen = as_(who).get(f"/incidents/{incident['id']}")
    path = f"/incidents/{incident['id']}/assignments/{row['id']}/actions"
    headers = {"If-Match": seen.headers.get("ETag", '"1-1"')}
    return as_(who).post(path, json={"action": action} | said, headers=headers)


def test_an_accepted_support_that_takes_over_has_concluded_its_part(as_, taken):
    accepts(as_, taken)
    row = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    done = act_on(as_, PARTNER, taken, row, "accept").json
    support = next(r for r in done["assignments"] if r["role"] == "support")
    assert (support["state"], leads(done)) == ("concluded", ["Xã Tà Tổng"])


def test_clocks_do_not_start_anew_with_another_lead(as_, taken):
    before = as_(OFFICER).read(taken)["next_deadline"]
    row = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    assert act_on(as_, PARTNER, taken, row, "accept").json["next_deadline"] == before


@pytest.mark.parametrize("end", ["decline", "withdraw", "expire"])
def test_an_offer_that_comes_to_nothing_changes_nothing(as_, app, taken, end):
    row = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    if end == "decline":
        assert (
            act_on(as_, PARTNER, taken, row, "decline", reason="not_our_land", text="Bên kia khe.").status_code == 200
        )
    elif end == "withdraw":
        assert act_on(as_, OFFICER, taken, row, "withdraw").json["errors"].keys() == {"reason"}
        assert act_on(as_, PARTNER, taken, row, "withdraw", reason="Nhầm.").status_code == 403
        assert act_on(as_, OFFICER, taken, row, "withdraw", reason="Đã thoả thuận lại.").status_code == 200
    else:
        expire(app, days=10)
    after = as_(OFFICER).read(taken)
    ended = next(r for r in after["assignments"] if r["id"] == row["id"])
    assert ended["state"] == {"decline": "declined", "withdraw": "withdrawn", "expire": "expired"}[end]
    assert (leads(after), after["status"], after["guard_unit"]["name"]) == (
        ["Xã Mường Toong"],
        "received",
        "Xã Mường Toong",
    )
    if end == "expire":  # may still be accepted late
        assert leads(act_on(as_, PARTNER, taken, row, "accept").json) == ["Xã Tà Tổng"]


def expire(app, **later):
    with time_machine.travel(now() + timedelta(**later)):
        worker.prepare(app)
        while worker.run_once(app):
            pass


def test_whoever_accepts_late_leads_and_what_was_offered_to_others_meanwhile_is_void(as_, app, taken):
    late = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    expire(app, days=10)
    other = pending(offer(as_, OFFICER, taken, QUANG_LAM, hand_over=True).json)
    done = act_on(as_, PARTNER, taken, late, "accept").json
    assert leads(done) == ["Xã Tà Tổng"]
    void = next(r for r in done["assignments"] if r["id"] == other["id"])
    assert (void["state"], void["reason"]) == ("withdrawn", "lead_changed")
    assert act_on(as_, QUANG_LAM, taken, other, "accept").status_code == 404, "it leaves the list of the other again"


def test_only_officers_of_a_lead_that_accepted_hand_over(as_, taken):
    fresh = report(as_)
    assert offer(as_, OFFICER, fresh, PARTNER, hand_over=True).status_code == 403
    assert "hand_over" not in as_(OFFICER).read(fresh)["actions"]
    assert {"hand_over", "invite"} <= set(as_(OFFICER).read(taken)["actions"])
    for who, status in ((REPORTER, 403), (PARTNER, 403), ("leader.dien-bien", 403), ("officer.nam-ke", 404)):
        assert offer(as_, who, taken, QUANG_LAM, hand_over=True).status_code == status, who
    assert offer(as_, OFFICER, taken, OFFICER, hand_over=True).json["code"] == "already_assigned"
    assert offer(as_, OFFICER, taken, PARTNER, hand_over=True).status_code == 201
    assert offer(as_, OFFICER, taken, QUANG_LAM, hand_over=True).status_code == 409, "one at a time"


def test_refused_twice_the_case_goes_to_the_arbiter_who_decides(as_, taken):
    for _ in range(2):
        row = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
        last = act_on(as_, PARTNER, taken, row, "decline", reason="not_our_land", text="Không thuộc xã.").json
    assert summary(last) == ("Tỉnh Điện Biên", "accepted", "escalated", "Tỉnh Điện Biên")
    assert last["next_deadline"]["step"] == "arbitrate"
    assert offer(as_, "leader.dien-bien", taken, PARTNER, hand_over=True).status_code == 403, "it decides"
    assert arbitrate(as_, "leader.lai-chau", taken, OFFICER).status_code == 403
    decided = arbitrate(as_, "leader.dien-bien", taken, PARTNER)
    assert decided.status_code == 200
    assert summary(decided.json)[:2] == ("Xã Tà Tổng", "accepted")
    assert decided.json["joint_status"] != "escalated" and decided.json["next_deadline"]["step"] == "verify"


def test_the_arbiter_decides_a_dispute_and_may_name_who_declined(as_):
    incident = report(as_)
    declines(as_, OFFICER, incident)
    assert "arbitrate" in as_("leader.dien-bien").read(incident)["actions"]
    assert "arbitrate" not in as_("leader.lai-chau").read(incident)["actions"]
    assert arbitrate(as_, OFFICER, incident, OFFICER).status_code == 403
    decided = arbitrate(as_, "leader.dien-bien", incident, OFFICER).json
    assert summary(decided) == ("Xã Mường Toong", "accepted", "concluded", "Xã Mường Toong") or summary(decided)[
        :2
    ] == (
        "Xã Mường Toong",
        "accepted",
    )
    assert leads(decided) == ["Xã Mường Toong"]
    assert decided["joint_status"] not in ("disputed", "escalated")
    again = arbitrate(as_, "leader.dien-bien", incident, PARTNER)
    assert (again.status_code, again.json["code"]) == (409, "wrong_status")
    reasons = [r["reason"] for r in decided["assignments"] if r["state"] == "declined"]
    assert reasons == ["not_our_land"], "the refusal is kept"


def test_a_lead_without_people_asks_its_superior_which_sends_somebody_of_its_line_or_leads_itself(as_):
    incident = report(as_, location=dict(INSIDE))
    reply = answer(as_(OFFICER), incident, "lead", "decline", reason="no_capacity", text="Cả tổ đang chữa cháy.")
    assert reply.status_code == 200
    assert summary(reply.json)[:3] == ("Xã Mường Toong", "offered", "single"), "nothing moves across the border"
    area = "officer.khu-vuc-muong-nhe"
    assert reply.json["assignments"][0]["asked_unit"]["name"] == "Khu vực Mường Nhé"
    assert "assign" in as_(area).read(incident)["actions"]
    assert offer(as_, area, incident, PARTNER, hand_over=True).json["code"] == "invalid", "not of its line"
    sent = offer(as_, area, incident, QUANG_LAM, hand_over=True)
    assert (sent.status_code, summary(sent.json)[:2]) == (201, ("Xã Quảng Lâm", "offered"))
    again = report(as_, location=dict(INSIDE))
    answer(as_(OFFICER), again, "lead", "decline", reason="no_capacity", text="Cả tổ đang chữa cháy.")
    assert answer(as_(OFFICER), again, "lead", "decline", reason="no_capacity", text="Vẫn thế.").status_code == 409
    itself = offer(as_, area, again, area, hand_over=True).json
    assert summary(itself)[:2] == ("Khu vực Mường Nhé", "accepted")


def test_lead_and_accepted_support_invite_others_and_the_lead_takes_back(as_, taken):
    assert offer(as_, PARTNER, taken, QUANG_LAM).status_code == 403, "not accepted yet"
    accepts(as_, taken)
    invited = offer(as_, PARTNER, taken, QUANG_LAM)
    assert invited.status_code == 201
    row = invited.json["assignments"][-1]
    assert (row["unit"]["name"], row["role"], row["state"]) == ("Xã Quảng Lâm", "support", "offered")
    assert as_(QUANG_LAM).get(f"/incidents/{taken['id']}").status_code == 200
    assert offer(as_, OFFICER, taken, QUANG_LAM).json["code"] == "already_assigned"
    assert act_on(as_, OFFICER, taken, row, "withdraw", reason="Nhầm xã.").status_code == 200
    assert as_(QUANG_LAM).get(f"/incidents/{taken['id']}").status_code == 404
    assert offer(as_, OFFICER, taken, QUANG_LAM).status_code == 201, "a new row, never the old one again"


def test_an_offer_sent_again_is_the_same_offer_whatever_came_between(as_, taken):
    id = str(uuid4())
    first = offer(as_, OFFICER, taken, QUANG_LAM, id=id)
    answer(as_(PARTNER), taken, "support", "accept")
    path, body = f"/incidents/{taken['id']}/assignments", {"id": id, "unit_id": unit_id(as_, QUANG_LAM), "reason": WHY}
    again = as_(OFFICER).post(path, json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert [r["id"] for r in again.json["assignments"]].count(id) == 1
    other = as_(OFFICER).post(path, json=body | {"reason": "Khác."})
    assert (other.status_code, other.json["code"]) == (409, "id_conflict")


def test_two_who_accept_a_hand_over_at_once_are_one_lead(app, as_, in_app, taken):
    recruit(in_app, "officer.ta-tong-hai", "officer", unit="03463")
    row = pending(offer(as_, OFFICER, taken, PARTNER, hand_over=True).json)
    tag = as_(PARTNER).get(f"/incidents/{taken['id']}").headers["ETag"]
    path = f"/incidents/{taken['id']}/assignments/{row['id']}/actions"
    people = [as_(PARTNER), as_("officer.ta-tong-hai")]
    calls = [lambda p=p: p.post(path, json={"action": "accept"}, headers={"If-Match": tag}) for p in people]
    replies = at_once(app, taken, *calls)
    assert sorted(r.status_code for r in replies) in ([200, 409], [200, 412])
    assert leads(as_(PARTNER).read(taken)) == ["Xã Tà Tổng"]


def test_nobody_is_asked_into_a_case_that_is_over(as_):
    incident = step(as_, report(as_), "dismiss")
    reply = offer(as_, OFFICER, incident, QUANG_LAM)
    assert (reply.status_code, reply.json["code"]) == (409, "wrong_status")
    assert not {"invite", "hand_over"} & set(as_(OFFICER).read(incident)["actions"])


@pytest.fixture
def agreed(in_app):
    """`agreed(arbiter=code, chairs=[(day, code)])`: what the agreement of the border at Tà Tổng says of deciding."""

    def change(arbiter=None, chairs=()):
        def write():
            found = db.session.scalars(db.select(Agreement).order_by(Agreement.signed_on.desc()))
            accord = next(a for a in found if {p.unit.code for p in a.parties} & {"107"})
            codes = {p.unit.code: str(p.unit_id) for p in accord.parties}
            accord.chairs = [{"from": day, "unit_id": codes[code]} for day, code in chairs]
            accord.arbiter_unit_id = Unit.by_code(arbiter).id if arbiter else None
            db.session.commit()

        in_app(write)

    return change


def held(as_):
    """Both sides of the border said no: who holds the lead."""
    incident = report(as_)
    declines(as_, OFFICER, incident)
    return declines(as_, PARTNER, incident)


def test_the_named_arbiter_of_the_agreement_decides(as_, agreed):
    agreed(arbiter="12")
    assert summary(held(as_))[:3] == ("Tỉnh Lai Châu", "accepted", "escalated")


def test_in_a_rotation_the_first_neutral_party_from_the_chair_decides(as_, agreed, in_app):
    """From the chair of the day on: Mường Tè holds Tà Tổng, Nậm Nhùn is neutral, but only once somebody serves there."""
    agreed(chairs=[("2025-01-01", "096"), ("2026-06-01", "107")])
    assert held(as_)["lead"]["name"] == "Tỉnh Điện Biên"
    recruit(in_app, "leader.nam-nhun", "leader", unit="112")
    incident = held(as_)
    assert summary(incident)[:3] == ("Khu vực Nậm Nhùn", "accepted", "escalated")
    decided = arbitrate(as_, "leader.nam-nhun", incident, PARTNER).json
    assert summary(decided)[:2] == ("Xã Tà Tổng", "accepted")


def test_whoever_would_decide_sees_the_joint_cases_of_the_agreement_but_takes_no_step(as_, agreed, in_app):
    agreed(chairs=[("2025-01-01", "112")])
    recruit(in_app, "leader.nam-nhun", "leader", unit="112")
    joint, single = report(as_), report(as_, location=dict(INSIDE))
    chair = as_("leader.nam-nhun")
    assert chair.get(f"/incidents/{joint['id']}").status_code == 200
    assert chair.read(joint)["actions"] == []
    assert chair.get(f"/incidents/{single['id']}").status_code == 404
