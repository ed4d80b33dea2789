"""Joint verification: what both sides found, who reads who was there, and what follows for confirm and the clocks."""

from datetime import datetime, time, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
import time_machine

from models import db
from models.base import now
from models.clock import local, local_zone, today
from models.deadlines import due
from models.erasure import erase
from models.incidents import Incident
from models.users import User
from tests.pictures import jpeg
from tests.secret_words import leaks
from tests.test_hand_over import expire, offer, unit_id
from tests.test_visibility_restricted import readings
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

OUTLINE = {
    "type": "Polygon",
    "coordinates": [[[102.6, 22.2425], [102.601, 22.2425], [102.601, 22.2435], [102.6, 22.2435], [102.6, 22.2425]]],
}


@pytest.fixture
def joint(as_):
    """A felling at the border, received by Mường Toong; Tà Tổng has accepted its support."""
    incident = report(as_)
    accepts(as_, incident)
    return step(as_, incident, "receive")


def minutes(as_, **changes):
    """Of a visit this morning by both sides and a border post."""
    lead, partner = unit_id(as_, OFFICER), unit_id(as_, PARTNER)
    return {
        "id": str(uuid4()),
        "held_on": today().isoformat(),
        "minutes_number": "07/BB-KTHT",
        "people": [
            {"name": "Giàng A Sử", "unit_id": lead, "title": "Kiểm lâm địa bàn"},
            {"name": "Vàng Thị Mỷ", "unit_id": partner},
            {"name": "Hờ A Thầm", "unit_id": partner, "title": "Công an xã"},
            {"name": "Lò Văn Giữ", "unit_name": "Đồn Biên phòng Leng Su Sìn"},
        ],
        "text": "Hai bên thống nhất vị trí và phần thiệt hại của mỗi xã.",
        "outline": OUTLINE,
        "damage": {
            "trees": 7,
            "volume_m3": 4.4,
            "parts": [{"unit_id": lead, "volume_m3": 3.1}, {"unit_id": partner, "volume_m3": 1.3}],
        },
        "forest_category": "protection",
        "forest_origin": "natural",
    } | changes


def record(as_, who, incident, **changes):
    return as_(who).post(f"/incidents/{incident['id']}/joint-verifications", json=minutes(as_, **changes))


def read(as_, who, incident):
    reply = as_(who).get(f"/incidents/{incident['id']}/joint-verifications")
    assert reply.status_code == 200, reply.json
    return reply.json["items"]


def last_event(as_, incident, kind):
    events = as_(REPORTER).get(f"/incidents/{incident['id']}/timeline").json["items"]
    return [event for event in events if event["kind"] == f"incident.{kind}"][-1]


def support_of(incident):
    return next(row for row in incident["assignments"] if row["role"] == "support")


def test_officers_of_the_lead_and_of_a_support_that_accepted_record_it_and_nobody_else(as_):
    incident = report(as_)
    sent = [record(as_, who, incident).status_code for who in (REPORTER, "leader.muong-nhe", PARTNER, "officer.nam-ke")]
    assert sent == [403, 403, 403, 404]
    assert "joint_verification" not in as_(PARTNER).read(incident)["actions"]
    accepts(as_, incident)
    for who in (OFFICER, PARTNER):
        assert "joint_verification" in as_(who).read(incident)["actions"]
        reply = record(as_, who, incident)
        assert (reply.status_code, reply.json["unit"]["id"]) == (201, unit_id(as_, who))
    step(as_, incident, "dismiss")
    assert record(as_, OFFICER, incident).json["code"] == "wrong_status"


def test_the_same_minutes_again_are_the_same_ones_also_at_once_and_once_the_case_is_over(app, as_, joint):
    said, path = minutes(as_), f"/incidents/{joint['id']}/joint-verifications"
    before = as_(OFFICER).read(joint)["version"]
    replies = at_once(app, joint, *[lambda: as_(OFFICER).post(path, json=said)] * 3)
    assert sorted(reply.status_code for reply in replies) == [200, 200, 201]
    assert as_(OFFICER).read(joint)["version"] == before + 1
    other = as_(OFFICER).post(path, json=said | {"text": "Khác."})
    assert (other.status_code, other.json["code"]) == (409, "id_conflict")
    step(as_, joint, "dismiss")
    assert as_(OFFICER).post(path, json=said).status_code == 200
    assert len(read(as_, OFFICER, joint)) == 1


def test_who_was_there_is_read_by_those_at_work_and_noted_others_read_how_many(as_, in_app, joint):
    reply = record(as_, OFFICER, joint)
    names = ("Hờ A Thầm", "Lò Văn Giữ", "Leng Su Sìn")
    told = [
        as_(REPORTER).get(f"/incidents/{joint['id']}{path}").text for path in ("", "/timeline", "/joint-verifications")
    ]
    assert not leaks(reply.text + "".join(told), names)
    [seen] = read(as_, REPORTER, joint)
    assert seen["people"] is None and seen["text"] == minutes(as_)["text"]
    assert [(side["unit"] and side["unit"]["name"], side["people"]) for side in seen["sides"]] == [
        ("Xã Mường Toong", 1),
        ("Xã Tà Tổng", 2),
        (None, 1),
    ]
    assert readings(in_app, joint) == []
    for who in (PARTNER, "leader.dien-bien"):
        [one] = read(as_, who, joint)
        assert [person["name"] for person in one["people"]][2:] == ["Hờ A Thầm", "Lò Văn Giữ"]
    ids = [as_(who).user["id"] for who in (PARTNER, "leader.dien-bien")]
    assert readings(in_app, joint) == [(n, "incident.read_joint_verifications", id) for n, id in enumerate(ids, 1)]


def test_who_was_there_can_be_forgotten_and_what_they_wrote_wherever_it_was_taken_over(as_, in_app, joint):
    record(as_, OFFICER, joint)
    step(as_, joint, "confirm", findings={"forest_category": "protection", "forest_origin": "natural"})
    position = last_event(as_, joint, "joint_verification")["number"]

    def forget():
        incident = db.session.get(Incident, UUID(joint["id"]))
        erase(incident, position, User.named("admin").person, "Theo yêu cầu của người có tên.")
        db.session.commit()

    in_app(forget)
    [one] = read(as_, OFFICER, joint)
    assert (one["people"], one["text"], one["minutes_number"]) == ([], None, None)
    assert [side["people"] for side in one["sides"]] == [1, 2, 1]
    assert "text" not in as_(OFFICER).read(joint)["verified"]


def test_confirm_takes_what_it_is_not_told_from_the_newest_visit_and_says_so(as_, joint):
    assert as_(OFFICER).act(joint, "confirm").json["code"] == "incomplete"
    record(as_, OFFICER, joint)
    newest = record(as_, PARTNER, joint, damage={"trees": 9}, text="Đếm lại: chín gốc.").json
    confirmed = step(as_, joint, "confirm", findings={"text": "Kết luận của xã."})
    assert confirmed["verified"] == {
        "text": "Kết luận của xã.",
        "damage": {"trees": 9},
        "forest_category": "protection",
        "forest_origin": "natural",
    }
    facts = last_event(as_, joint, "confirm")["facts"]
    assert (facts["verification"], facts["prefilled"]) == (
        newest["id"],
        ["damage", "forest_category", "forest_origin"],
    )


def test_confirm_needs_no_findings_once_both_sides_have_said_what_they_found(as_, joint):
    record(as_, OFFICER, joint)
    assert "Missing" not in as_(PARTNER).act(joint, "confirm").text  # who may not, may not all the same
    assert as_(PARTNER).act(joint, "confirm").status_code == 403
    verified = as_(OFFICER).act(joint, "confirm").json["verified"]
    assert (verified["text"], verified["damage"]["volume_m3"]) == (minutes(as_)["text"], 4.4)


def test_minutes_of_an_earlier_visit_that_come_late_count_less_and_move_no_clock(as_, joint):
    """In working time, where ten minutes later is another deadline."""
    monday = today() + timedelta(days=14 - today().weekday())
    morning = datetime.combine(monday, time(9), local_zone())
    found = []
    for minutes_later, days_ago in ((0, 0), (5, 3), (10, 0)):
        with time_machine.travel(morning + timedelta(minutes=minutes_later)):
            at_work = partial(as_, device="máy hôm đó")
            held_on = (monday - timedelta(days=days_ago)).isoformat()
            made = record(at_work, OFFICER, joint, held_on=held_on).json
            newest = next(iter(read(at_work, OFFICER, joint)))
            found.append((newest["id"] == made["id"], support_of(at_work(OFFICER).read(joint))["due_at"]))
    assert [counts for counts, _ in found] == [True, False, True]
    assert found[0][1] == found[1][1] < found[2][1]


def test_a_support_concludes_ten_working_days_after_it_and_is_not_ended_for_being_late(app, as_, joint):
    assert support_of(joint)["due_at"] is None
    recorded_at = now()
    record(as_, OFFICER, joint)
    row = support_of(as_(PARTNER).read(joint))
    lines = {due("conclude", False, recorded_at + timedelta(seconds=s)).isoformat()[:16] for s in (0, 5)}
    assert row["due_at"][:16] in lines
    offer(as_, OFFICER, joint, "officer.quang-lam")  # nor because another offer of the case expires
    expire(app, days=40)
    rows = {row["unit"]["name"]: row for row in as_(PARTNER).read(joint)["assignments"] if row["role"] == "support"}
    assert {name: row["state"] for name, row in rows.items()} == {"Xã Tà Tổng": "accepted", "Xã Quảng Lâm": "expired"}
    assert rows["Xã Tà Tổng"]["actions"] == ["conclude"]


def test_a_support_that_accepts_after_the_visit_has_its_ten_days_too(as_):
    incident = step(as_, report(as_), "receive")
    record(as_, OFFICER, incident)
    offered = support_of(as_(OFFICER).read(incident))
    accepted = support_of(accepts(as_, incident))
    assert accepted["due_at"] > offered["due_at"]


@pytest.mark.only_on("sqlite")
def test_what_cannot_be_is_refused_by_the_name_of_its_field_and_nothing_is_kept(as_, joint):
    lead, partner = unit_id(as_, OFFICER), unit_id(as_, PARTNER)
    bow = [[102.6, 22.2], [102.61, 22.21], [102.61, 22.2], [102.6, 22.23], [102.6, 22.2]]
    wrong = [
        ("damage.parts", {"damage": {"volume_m3": 9, "parts": [{"unit_id": lead, "volume_m3": 8}]}}),
        ("damage.parts", {"damage": {"area_m2": 1000, "parts": [{"unit_id": lead, "area_m2": 994}]}}),
        ("damage.parts", {"damage": {"parts": [{"unit_id": lead, "area_m2": 1}] * 2}}),
        ("damage.parts.unit_id", {"damage": {"parts": [{"unit_id": str(uuid4()), "area_m2": 1}]}}),
        ("people.unit_id", {"people": [{"name": "Ai đó", "unit_id": str(uuid4())}]}),
        ("outline", {"outline": {"type": "Polygon", "coordinates": [bow]}}),
        ("held_on", {"held_on": (today() + timedelta(days=1)).isoformat()}),
        ("photo_id", {"photo_id": str(uuid4())}),
    ]
    swapped = {"type": "Polygon", "coordinates": [[[lat, lon] for lon, lat in OUTLINE["coordinates"][0]]]}
    point = {"type": "Point", "coordinates": [102.6, 22.2]}
    bent = {"type": "Polygon", "coordinates": [[102.6, 22.2]]}
    for field, said in wrong:
        reply = record(as_, OFFICER, joint, **said)
        assert (reply.status_code, list(reply.json["errors"])) == (422, [field]), said
    for odd in (swapped, point, bent, {}, {"type": "Polygon", "coordinates": [[]]}):
        assert record(as_, OFFICER, joint, outline=odd or {"type": "Polygon"}).status_code == 422, odd
    assert record(as_, OFFICER, joint, held_on=None).status_code == 422
    assert read(as_, OFFICER, joint) == []
    rounded = {"area_m2": 1000, "parts": [{"unit_id": lead, "area_m2": 500}, {"unit_id": partner, "area_m2": 496}]}
    assert record(as_, OFFICER, joint, damage=rounded).status_code == 201


@pytest.mark.only_on("sqlite")
def test_the_whole_is_the_sum_of_its_parts_where_nobody_stated_it_and_the_day_is_that_of_its_beginning(as_, joint):
    lead, partner = unit_id(as_, OFFICER), unit_id(as_, PARTNER)
    parts = [{"unit_id": lead, "area_m2": 700, "volume_m3": 2}, {"unit_id": partner, "area_m2": 550.5}]
    begun_at = local(now()).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    said = minutes(as_, damage={"parts": parts}, begun_at=begun_at)
    del said["held_on"]
    reply = as_(OFFICER).post(f"/incidents/{joint['id']}/joint-verifications", json=said)
    assert (reply.json["damage"]["area_m2"], reply.json["damage"]["volume_m3"]) == (1250.5, 2)
    assert reply.json["held_on"] == today().isoformat()
    facts = last_event(as_, joint, "joint_verification")["facts"]
    assert (facts["parts"], facts["area_m2"], facts["held_on"]) == (parts, 1250.5, today().isoformat())


@pytest.mark.only_on("sqlite")
def test_the_signed_minutes_are_a_photo_of_the_case_that_is_here_or_still_to_come(as_, joint):
    photo = as_(OFFICER).post(f"/incidents/{joint['id']}/photos", data=jpeg()).json
    here = record(as_, OFFICER, joint, photo_id=photo["id"])
    assert (here.status_code, here.json["scan_sha256"]) == (201, photo["sha256"])
    coming = "ab" * 32
    assert record(as_, OFFICER, joint, scan_sha256=coming).status_code == 201
    states = {p["sha256"]: p["state"] for p in as_(OFFICER).read(joint)["photos"]}
    assert states == {photo["sha256"]: "stored", coming: "missing"}


@pytest.mark.only_on("sqlite")
def test_a_scan_shows_names_so_it_is_read_as_the_original_alone(as_, joint):
    photo = as_(REPORTER).post(f"/incidents/{joint['id']}/photos", data=jpeg()).json
    assert as_(PARTNER).get(f"/photos/{photo['id']}/view").json["code"] == "preview_pending"
    record(as_, OFFICER, joint, photo_id=photo["id"])
    for who in (REPORTER, OFFICER, PARTNER):
        for size in ("thumb", "view"):
            assert as_(who).get(f"/photos/{photo['id']}/{size}").json["code"] == "preview_unavailable"
    originals = [as_(who).get(f"/photos/{photo['id']}/original").status_code for who in (REPORTER, OFFICER, PARTNER)]
    assert originals == [403, 200, 200]
