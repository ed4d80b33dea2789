"""People may belong to another unit than the land: their unit is told, and sees neither the case nor a name."""

from uuid import UUID

import pytest

from models import Event, Unit, db
from tests.people import INSIDE
from tests.tellings import tell
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

NEIGHBOUR = "officer.nam-ke"  # Nậm Kè has no part in a case of Mường Toong and Tà Tổng
NAME = "Sùng A Kín"


def home(as_, who=NEIGHBOUR):
    return as_(who).user["unit"]["id"]


def person(unit_id, **more):
    return {"name": NAME, "unit_id": unit_id} | more


def told(as_, incident, who=OFFICER):
    """What each event of a case says was told to whom, as somebody reads it."""
    events = as_(who).get(f"/incidents/{incident['id']}/timeline").json["items"]
    return [(e["kind"], e["facts"]["told"]) for e in events if "told" in e["facts"]]


def units(as_, incident, who=OFFICER):
    return [unit["id"] for unit in as_(who).read(incident)["people_units"]]


def test_the_unit_of_a_person_on_a_report_is_told_and_learns_nothing_else(app, as_, in_app):
    incident = report(as_, people=[person(home(as_)), {"name": "Vàng Thị Mỷ"}])
    assert incident["findings"] == []
    assert told(as_, incident) == [("incident.report", [home(as_)])]
    assert as_(NEIGHBOUR).get(f"/incidents/{incident['id']}").status_code == 404
    assert as_(NEIGHBOUR).get("/incidents").json["items"] == []
    tell(app)
    (notice,) = as_(NEIGHBOUR).get("/notices").json["items"]
    assert "có người thuộc địa bàn của bạn" in notice["text"] and NAME not in notice["text"] and notice["contacts"]
    facts = in_app(lambda: str(db.session.scalars(db.select(Event.facts)).all()))
    assert home(as_) in facts and NAME not in facts


def test_where_they_belong_is_for_whoever_may_read_who_they_are(as_):
    incident = report(as_, people=[person(home(as_))])
    assert incident["people_units"] == [], "a ranger reads no restricted facts, not even their own"
    assert units(as_, incident) == [home(as_)]
    for who in (REPORTER, PARTNER):
        assert (units(as_, incident, who), told(as_, incident, who)) == ([], [])
    accepts(as_, incident)
    assert (units(as_, incident, PARTNER), len(told(as_, incident, PARTNER))) == ([home(as_)], 1)
    listed = as_(OFFICER).get("/incidents").json["items"][0]["people_units"]
    assert [unit["name"] for unit in listed] == ["Xã Nậm Kè"] and NAME not in str(listed)


def test_units_at_work_on_the_case_need_not_be_told(as_):
    incident = report(as_, people=[person(home(as_, OFFICER)), person(home(as_, PARTNER))])
    assert told(as_, incident) == []
    assert set(units(as_, incident)) == {home(as_, OFFICER), home(as_, PARTNER)}
    assert told(as_, report(as_)) == [] == units(as_, report(as_))


def test_a_correction_tells_those_it_names_for_the_first_time(as_):
    incident = report(as_, people=[person(home(as_))], location=dict(INSIDE))
    step(as_, incident, "receive")
    both = [person(home(as_)), person(home(as_, "officer.quang-lam")), person(home(as_, OFFICER))]
    for people in (both, both, None):
        changes = {"people": people} if people else {"description": "Đếm lại."}
        step(as_, incident, "correct", changes=changes, reason="Đã rõ nơi ở.")
    said = ("incident.people_unit", [home(as_, "officer.quang-lam")])
    assert told(as_, incident) == [("incident.report", [home(as_)]), said]
    kinds = [e["kind"] for e in as_(REPORTER).get(f"/incidents/{incident['id']}/timeline").json["items"]]
    assert kinds == ["incident.report", "incident.receive", *["incident.correct"] * 3], (
        "the reporter reads nothing of it"
    )
    assert len(units(as_, incident)) == 3
    step(as_, incident, "correct", changes={"people": []}, reason="Nhầm người.")
    assert units(as_, incident) == []


@pytest.mark.parametrize("said", [str(UUID(int=7)), NAME, 7, ["Nậm Kè"], {"id": 1}, True])
@pytest.mark.only_on("sqlite")
def test_a_unit_that_is_not_known_is_a_finding_and_never_a_refusal(as_, said):
    incident = report(as_, people=[{"name": "Vàng Thị Mỷ"}, person(said)])
    assert incident["findings"] == [{"check": "people_unit", "value": "people.1.unit_id"}], (
        "not a word of what was written"
    )
    assert (told(as_, incident), units(as_, incident)) == ([], [])
    kept = as_(OFFICER).get(f"/incidents/{incident['id']}/restricted").json["people"]
    assert kept[1]["unit_id"] == said
    step(as_, incident, "receive")
    mended = step(as_, incident, "correct", changes={"people": [person(home(as_))]}, reason="Đã rõ nơi ở.")
    assert mended["findings"] == []


def test_a_unit_of_before_is_told_as_what_stands_in_its_place_and_a_village_as_its_commune(as_, in_app):
    def add():
        village = Unit.add("village", "nn", "Bản Nậm Ngà", Unit.by_code("03463"))
        db.session.commit()
        return str(village.id)

    village = in_app(add)
    old = as_("admin").get("/units", query_string={"q": "huổi lếch", "at": "2025-01-01"}).json["items"][0]
    incident = report(as_, people=[person(old["id"]), person(village)])
    assert [unit["name"] for unit in as_(OFFICER).read(incident)["people_units"]] == ["Xã Mường Toong", "Xã Tà Tổng"]
