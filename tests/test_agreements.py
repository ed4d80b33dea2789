"""Agreements as rich as real ones: who enters them, who reads them, and what the next version changes from its day on."""

from datetime import date
from uuid import UUID, uuid4

import pytest
import time_machine

from models import Event, Organisation, Unit, db
from models.base import new_id
from models.organisations import Coverage
from tests.people import INSIDE
from tests.test_assignments import recruit
from tests.test_workflows import OFFICER, REPORTER, report

LEADER, NEIGHBOUR = "leader.muong-nhe", "leader.muong-te"


def code(as_, wanted):
    """The id of a unit of today by its code."""
    for level in ("commune", "district", "province"):
        found = as_(OFFICER).get("/units", query_string={"level": level, "limit": 100}).json["items"]
        for unit in found:
            if unit["code"] == wanted:
                return unit["id"]
    raise KeyError(wanted)


def minutes(as_, parties=("096", "107"), **said):
    return {
        "id": str(uuid4()),
        "name": "Biên bản hợp tác bảo vệ rừng giáp ranh Mường Nhé – Mường Tè",
        "number": "12/BB-HT",
        "signed_on": "2026-01-15",
        "parties": [{"unit_id": code(as_, party)} for party in parties],
    } | said


def listed(as_, who, **query):
    return {a["id"]: a for a in as_(who).get("/agreements", query_string=query).json["items"]}


def test_all_that_real_minutes_say_is_kept(as_):
    chair = code(as_, "096")
    said = minutes(
        as_,
        fields=["Tuần tra chung", "Chữa cháy rừng"],
        buffer_m=1500,
        fire_buffer_m=5000,
        clocks={"partner_answer": {"fire": {"minutes": 20}, "other": {"working_hours": 4}}},
        arbiter_unit_id=code(as_, "12"),
        chairs=[{"from": "2027-01-01", "unit_id": code(as_, "107")}, {"from": "2026-01-15", "unit_id": chair}],
        briefing_every_months=6,
        targets=[{"kind": "joint_patrol", "per_year": 4}],
        valid_to="2030-12-31",
    )
    reply = as_(LEADER).post("/agreements", json=said)
    assert reply.status_code == 201, reply.json
    for name in ("id", "name", "number", "signed_on", "fields", "buffer_m", "clocks", "targets", "valid_to"):
        assert reply.json[name] == said[name], name
    assert reply.json["valid_from"] == "2026-01-15" and reply.json["version"] == 1
    assert [chair["from"] for chair in reply.json["chairs"]] == ["2026-01-15", "2027-01-01"]
    assert [party["unit"]["code"] for party in reply.json["parties"]] == ["096", "107"]
    assert as_(NEIGHBOUR).get(f"/agreements/{said['id']}").json == reply.json
    again = as_(LEADER).post("/agreements", json=said)
    assert (again.status_code, again.json) == (200, reply.json)
    other = as_(LEADER).post("/agreements", json=said | {"name": "Khác"})
    assert (other.status_code, other.json["code"]) == (409, "id_conflict")


def test_the_demos_two_are_there_for_their_parties_above_and_below(as_):
    for who, count in ((REPORTER, 1), (OFFICER, 1), ("leader.dien-bien", 1), ("officer.sa-pa", 1), ("admin", 2)):
        assert len(listed(as_, who)) == count, who
    assert len(listed(as_, "leader.lai-chau")) == 2, "a province stands above parties of both"
    assert all(len(a["fields"]) == 7 for a in listed(as_, "admin").values())


def test_only_leaders_of_a_party_and_admins_enter_one(as_):
    for who, status in ((REPORTER, 403), (OFFICER, 403), ("leader.lao-cai", 403), (LEADER, 201), ("admin", 201)):
        assert as_(who).post("/agreements", json=minutes(as_)).status_code == status, who


def test_who_is_no_party_reads_none_of_it(as_):
    said = minutes(as_)
    as_(LEADER).post("/agreements", json=said)
    assert as_("leader.lao-cai").get(f"/agreements/{said['id']}").status_code == 404
    assert said["id"] not in listed(as_, "leader.lao-cai")


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"parties": []}, "parties"),
        ({"parties": [{"unit_id": str(uuid4())}, {"unit_id": str(uuid4())}]}, "parties"),
        ({"valid_to": "2020-01-01"}, "valid_to"),
        ({"chairs": [{"from": "2026-01-01", "unit_id": str(uuid4())}]}, "chairs"),
        ({"arbiter_unit_id": str(uuid4())}, "arbiter_unit_id"),
        ({"clocks": {"dance": {"fire": {"minutes": 5}}}}, "clocks"),
        ({"targets": [{"kind": "dance", "per_year": 3}]}, "targets"),
        ({"signed_on": "hôm qua"}, "signed_on"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_kept(as_, wrong, field):
    before = listed(as_, LEADER)
    reply = as_(LEADER).post("/agreements", json=minutes(as_) | wrong)
    assert reply.status_code == 422 and field in str(reply.json["errors"])
    assert listed(as_, LEADER) == before


def test_one_unit_is_party_once(as_):
    twice = minutes(as_, parties=("096", "096"))
    assert as_(LEADER).post("/agreements", json=twice).json["code"] == "invalid"


def test_a_new_version_holds_from_its_day_and_the_former_stays_as_it_was(as_):
    first = minutes(as_, buffer_m=1200)
    as_(LEADER).post("/agreements", json=first)
    second = minutes(as_, replaces=first["id"], signed_on="2026-12-01", buffer_m=4000)
    reply = as_(LEADER).post("/agreements", json=second)
    assert (reply.status_code, reply.json["version"], reply.json["replaces"]) == (201, 2, first["id"])
    assert first["id"] in listed(as_, LEADER, at="2026-11-30") and second["id"] not in listed(
        as_, LEADER, at="2026-11-30"
    )
    assert second["id"] in listed(as_, LEADER, at="2026-12-01") and first["id"] not in listed(
        as_, LEADER, at="2026-12-01"
    )
    kept = as_(LEADER).get(f"/agreements/{first['id']}").json
    assert (kept["version"], kept["buffer_m"], kept["valid_to"]) == (1, 1200, None)
    third = minutes(as_, replaces=first["id"], signed_on="2026-12-02")
    assert as_(LEADER).post("/agreements", json=third).status_code == 409, "it has a successor already"
    early = minutes(as_, replaces=second["id"], signed_on="2026-11-01")
    assert as_(LEADER).post("/agreements", json=early).json["code"] == "invalid"


def test_the_widest_buffer_wins_and_the_case_says_whose_it_was(as_):
    """2.7 km from the border: beyond the default, within what the new minutes say."""
    far = {"lat": 22.22, "lon": 102.6, "accuracy_m": 20.0}
    plain = report(as_, location=dict(far))
    said = minutes(as_, buffer_m=6000)
    assert as_(LEADER).post("/agreements", json=said).status_code == 201
    wide = report(as_, location=dict(far))
    assert (plain["routing"]["rule"], wide["routing"]["rule"]) == ("inside", "near_border")
    assert wide["routing"]["agreement_id"] == said["id"]
    assert {r["unit"]["name"] for r in wide["assignments"] if r["role"] == "support"} == {"Xã Tà Tổng"}
    assert as_(OFFICER).read(plain)["routing"] == plain["routing"], "what was routed stays"


def test_an_organisation_is_party_for_what_it_covers(as_, in_app):
    def add():
        station = Organisation(id=new_id(), name="Đồn Biên phòng Tà Tổng", kind="border_post")
        db.session.add(station)
        db.session.flush()
        commune = Unit.by_code("03463")
        db.session.add(Coverage(id=new_id(), organisation_id=station.id, unit_id=commune.id))
        db.session.commit()
        return str(station.id)

    station = in_app(add)
    said = minutes(as_, buffer_m=6000)
    said["parties"] = [{"unit_id": code(as_, "096")}, {"organisation_id": station}]
    reply = as_(LEADER).post("/agreements", json=said)
    assert reply.status_code == 201, reply.json
    assert reply.json["parties"][1]["organisation"]["name"] == "Đồn Biên phòng Tà Tổng"
    wide = report(as_, location={"lat": 22.22, "lon": 102.6, "accuracy_m": 20.0})
    assert wide["routing"]["agreement_id"] == said["id"]


def test_it_is_entered_with_an_event(as_, in_app):
    said = minutes(as_)
    as_(LEADER).post("/agreements", json=said)

    def read():
        own = db.select(Event.kind, Event.actor_id).where(Event.subject_id == UUID(said["id"]))
        return [tuple(row) for row in db.session.execute(own)]

    assert in_app(read) == [("agreement.signed", UUID(as_(LEADER).user["id"]))]


def test_a_party_that_ended_is_replaced_by_what_came_after(as_):
    """Signed by the districts of 2023; since 2025-07-01 their reporting areas stand in their place."""
    old = as_("admin").get("/units", query_string={"level": "district", "at": "2024-01-01", "limit": 100}).json["items"]
    ids = {unit["code"]: unit["id"] for unit in old}
    said = minutes(as_, signed_on="2024-03-01", buffer_m=6000)
    said["parties"] = [{"unit_id": ids["096"]}, {"unit_id": ids["107"]}]
    assert as_("admin").post("/agreements", json=said).status_code == 201
    wide = report(as_, location={"lat": 22.22, "lon": 102.6, "accuracy_m": 20.0})
    assert wide["routing"]["agreement_id"] == said["id"]
    assert report(as_, location=dict(INSIDE))["routing"]["rule"] in ("inside", "near_border")


def test_routing_on_a_day_takes_the_agreements_of_that_day(as_, in_app):
    recruit(in_app, "leader.muong-nhe-hai", "leader", unit="096")
    said = minutes(as_, signed_on=str(date(2027, 1, 1)), buffer_m=6000)
    assert as_(LEADER).post("/agreements", json=said).status_code == 201
    far = {"lat": 22.22, "lon": 102.6, "accuracy_m": 20.0}
    assert report(as_, location=dict(far))["routing"]["rule"] == "inside"
    with time_machine.travel("2027-01-02T03:00:00+00:00"):
        later = as_("leader.muong-nhe-hai").get("/units/locate", query_string=far).json
    assert later["agreement_id"] == said["id"]
