"""Cây Sặt (Mường Toong, Điện Biên) – Nậm Ngà (Tà Tổng, Lai Châu): each side says "not ours", and it is handled all the
same."""

from tests.people import new_report
from tests.stories.telling import Case, hotspot

RANGER, MUONG_TOONG, TA_TONG = "ranger.muong-toong", "officer.muong-toong", "officer.ta-tong"
ARBITER = "leader.dien-bien"
AT_THE_MARKER = {"lat": 22.2425, "lon": 102.6, "accuracy_m": 20.0}


def test_felling_that_nobody_wants_is_led_at_every_moment_decided_verified_together_and_closed(app, as_):
    place = hotspot(as_, MUONG_TOONG, "Nậm Ngà")
    assert (place["border_kind"], place["incidents"]) == ("between_provinces", 0)
    sides = {side["today"]["name"]: side["today"]["id"] for side in place["sides"]}
    assert set(sides) == {"Xã Mường Toong", "Xã Tà Tổng"}

    # Fresh stumps at the line; a household of Nậm Ngà farms there.
    people = [{"name": "Sùng A Kín", "unit_id": sides["Xã Tà Tổng"]}]
    location = {"lat": place["lat"], "lon": place["lon"], "accuracy_m": 20.0}
    case = Case(app, as_, RANGER, new_report(location=location, people=people, damage={"volume_m3": 6.0}))
    first, other = (MUONG_TOONG, TA_TONG) if case.now["lead"]["name"] == "Xã Mường Toong" else (TA_TONG, MUONG_TOONG)
    first_unit, other_unit = case.now["lead"]["name"], (set(sides) - {case.now["lead"]["name"]}).pop()
    assert case.stands == (first_unit, "reported", "proposed"), "the other side is asked at once, by agreement"
    assert case.part_of(other_unit)["contacts"], "and shows whom to phone"

    # "Not ours", says one; "not agreed", says the other. The scene stays guarded.
    refusal = {"reason": "not_our_land", "text": "Bên kia khe.", "basis": {"map": "Tờ 12, tỷ lệ 1:10.000"}}
    case.answer(first, "decline", role="lead", **refusal)
    assert case.stands == (other_unit, "reported", "disputed")
    assert case.now["guard_unit"]["name"] == first_unit
    doubt = {"reason": "disputed_border", "text": "Mốc 17 chưa thống nhất.", "basis": "Biên bản làm việc năm 2019"}
    case.answer(other, "decline", role="lead", **doubt)
    assert case.stands == ("Tỉnh Điện Biên" if first == MUONG_TOONG else "Tỉnh Lai Châu", "reported", "escalated")
    arbiter = ARBITER if first == MUONG_TOONG else "leader.lai-chau"
    assert case.now["next_deadline"]["step"] == "arbitrate"
    assert case.heard(arbiter), "whoever must decide is told"
    assert as_(arbiter).get("/disputes").json["items"][0]["open"] == 1

    # Decided: Tà Tổng leads, for these are its people; it settles the case, not the line.
    case.arbitrate(arbiter, TA_TONG, reason="Người vi phạm là dân Nậm Ngà; không kết luận về đường địa giới.")
    assert case.stands[0] == "Xã Tà Tổng" and case.part_of("Xã Tà Tổng", "lead")["state"] == "accepted"
    assert case.now["guard_unit"]["name"] == "Xã Tà Tổng"
    ledger = as_(arbiter).get("/disputes").json["items"][0]
    assert (ledger["count"], ledger["open"]) == (1, 0)
    assert ledger["places"][0]["settled_by"]["name"] == "Xã Tà Tổng"
    assert ledger["places"][0]["settled_how"] == "arbitration"
    assert len(ledger["places"][0]["refusals"]) == 2, "what was refused is kept"

    # Mường Toong is asked back in, and both go and look.
    case.offer(TA_TONG, MUONG_TOONG, reason="Cùng kiểm tra hiện trường.")
    case.answer(MUONG_TOONG, "accept")
    assert case.stands[2] == "active"
    case.act(TA_TONG, "receive")
    parts = [
        {"unit_id": sides["Xã Tà Tổng"], "volume_m3": 4.5},
        {"unit_id": sides["Xã Mường Toong"], "volume_m3": 2.0},
    ]
    went = [
        {"name": "Vàng Thị Mỷ", "unit_id": sides["Xã Tà Tổng"], "title": "Cán bộ lâm nghiệp"},
        {"name": "Giàng A Sử", "unit_id": sides["Xã Mường Toong"], "title": "Cán bộ lâm nghiệp"},
    ]
    visit = case.post(
        MUONG_TOONG,
        "joint-verifications",
        held_on=case.now["received_at"][:10],
        minutes_number="07/BB-KTHT",
        people=went,
        text="Bảy gốc nghiến, gỗ còn tại bãi.",
        damage={"volume_m3": 6.5, "parts": parts},
        forest_category="protection",
        forest_origin="natural",
    )
    assert sorted(side["people"] for side in visit["sides"]) == [1, 1]
    case.act(TA_TONG, "confirm")  # nothing to type again: the joint minutes say it
    assert case.now["verified"]["damage"]["parts"] == parts

    # Papers for both files, and the end: nobody closes over a partner's head.
    for kind in ("coordination_request", "scene_minutes"):
        paper = as_(TA_TONG).get(f"/incidents/{case.now['id']}/documents/{kind}.pdf")
        assert (paper.status_code, paper.data[:5]) == (200, b"%PDF-"), kind
    case.act(TA_TONG, "process", record_number="12/BB-VPHC", record_date=case.now["received_at"][:10])
    case.act(TA_TONG, "resolve", outcome="sanctioned")
    refused = as_(TA_TONG).act(case.now, "close")
    assert (refused.status_code, refused.json["code"]) == (409, "partners_not_concluded")
    case.answer(MUONG_TOONG, "conclude", text="Đã bàn giao tang vật.")
    case.act(TA_TONG, "close")
    assert case.stands == ("Xã Tà Tổng", "closed", "concluded")
    assert hotspot(as_, MUONG_TOONG, "Nậm Ngà")["incidents"] == 1
    kinds = [event["kind"].partition(".")[2] for event in case.timeline(MUONG_TOONG)]
    assert kinds == [
        *("report", "assignment_decline", "assignment_decline", "arbitrate", "invite", "assignment_accept", "receive"),
        *("joint_verification", "confirm", "process", "resolve", "assignment_conclude", "close"),
    ]
    assert case.heard(RANGER), "and the ranger who found it hears what became of it"


def test_a_case_that_lies_with_the_other_side_is_handed_over_with_its_papers_and_cannot_fall_between(app, as_):
    case = Case(app, as_, RANGER, new_report(location=dict(AT_THE_MARKER)))
    case.act(MUONG_TOONG, "receive")
    case.offer(
        MUONG_TOONG,
        TA_TONG,
        reason="Đối tượng và tang vật ở Nậm Ngà.",
        hand_over=True,
        documents=["Biên bản kiểm tra 07/BB", "Bản ảnh"],
        exhibits=[{"name": "Cưa xăng", "count": 1}],
    )
    assert case.stands[0] == "Xã Mường Toong", "whoever gives leads until somebody takes"
    case.accept_hand_over(TA_TONG)
    assert case.stands[0] == "Xã Tà Tổng"
    assert case.now["guard_unit"]["name"] == "Xã Tà Tổng"
    page = as_(TA_TONG).get(f"/incidents/{case.now['id']}/documents/hand_over_minutes.html")
    assert page.status_code == 200 and "Cưa xăng" in page.text and "Biên bản kiểm tra 07/BB" in page.text
    assert as_(MUONG_TOONG).get(f"/incidents/{case.now['id']}").status_code == 200, "the sender keeps reading"
    assert case.heard(MUONG_TOONG), "and is told that it was taken"
