"""Whom to phone: who keeps the duty lists, and that nobody who has to ask a neighbour faces an empty one."""

from uuid import UUID, uuid4

import pytest

from models import Event, Organisation, db
from tests.people import INSIDE
from tests.test_agreements import code
from tests.test_assignments import recruit, row_of
from tests.test_assignments_of_leads import THREE
from tests.test_workflows import OFFICER, PARTNER, REPORTER, report

STATION, STATION_OFFICER = "Hạt Kiểm lâm khu vực Mường Nhé", "officer.hat-muong-nhe"


def somebody(**said):
    return {"id": str(uuid4()), "name": "Giàng A Chớ", "phone": "0912 345 678", "role": "coordination"} | said


def path_of(as_, unit):
    return f"/units/{code(as_, unit)}/contacts"


def listed(as_, path, **query):
    return as_(OFFICER).get(path, query_string=query).json["items"]


def station_path(in_app):
    id = in_app(lambda: str(db.session.scalars(db.select(Organisation.id).where(Organisation.name == STATION)).one()))
    return f"/organisations/{id}/contacts"


def test_who_is_entered_is_phoned_on_every_offer_from_then_on(as_, in_app):
    path, said = path_of(as_, "03463"), somebody(name="Lý Gió Xá", hours="7h–17h")
    reply = as_(PARTNER).post(path, json=said)
    assert reply.status_code == 201, reply.json
    assert {name: reply.json[name] for name in said} == said
    assert as_(PARTNER).post(path, json=said).status_code == 200
    assert as_(PARTNER).post(path, json=said | {"hours": "24/24"}).json["code"] == "id_conflict"
    assert len([one for one in listed(as_, path) if one["id"] == said["id"]]) == 1
    assert said["name"] in [one["name"] for one in row_of(report(as_), "support")["contacts"]]

    def events():
        own = db.select(Event).where(Event.subject_id == UUID(said["id"])).options(db.selectinload(Event.texts))
        return [(e.kind, str(e.facts), e.readable_facts["name"]) for e in db.session.scalars(own)]

    [(kind, facts, name)] = in_app(events)
    assert (kind, name) == ("contact.added", said["name"]) and said["name"] not in facts and said["phone"] not in facts


def test_who_is_taken_off_is_phoned_no_more_and_the_line_stays(as_):
    path, said = path_of(as_, "03463"), somebody()
    as_(PARTNER).post(path, json=said)
    one = f"{path}/{said['id']}"
    assert as_(OFFICER).delete(one).status_code == 403
    assert as_(PARTNER).delete(f"{path_of(as_, '107')}/{said['id']}").status_code == 403
    assert as_("leader.muong-te").delete(f"{path_of(as_, '107')}/{said['id']}").status_code == 404, "not on that list"
    assert [as_(PARTNER).delete(one).status_code for _ in range(2)] == [204, 204]
    assert said["id"] not in [found["id"] for found in listed(as_, path)]
    assert as_(PARTNER).post(path, json=said).json["valid_to"], "sent again, it is still the one that ended"


def test_officers_and_leaders_who_answer_for_a_unit_and_admins_keep_its_list(as_):
    path = path_of(as_, "03163")
    for who, status in (
        *((REPORTER, 403), (PARTNER, 403), ("leader.lao-cai", 403), (OFFICER, 201)),
        *(("officer.khu-vuc-muong-nhe", 201), ("leader.dien-bien", 201), ("admin", 201)),
    ):
        assert as_(who).post(path, json=somebody()).status_code == status, who
    assert as_("admin").post(f"/units/{uuid4()}/contacts", json=somebody()).status_code == 404


def test_an_organisations_list_is_kept_by_its_own_people(as_, in_app):
    recruit(in_app, STATION_OFFICER, "officer", organisation=STATION)
    path, said = station_path(in_app), somebody()
    assert as_(OFFICER).post(path, json=said).status_code == 403
    assert as_(STATION_OFFICER).post(path, json=said).status_code == 201
    assert as_("admin").post(path_of(as_, "03163"), json=said).json["code"] == "id_conflict", "it stands elsewhere"
    assert said["id"] in [one["id"] for one in listed(as_, path)]
    assert as_(STATION_OFFICER).delete(f"{path}/{said['id']}").status_code == 204
    assert said["id"] not in [one["id"] for one in listed(as_, path)]
    assert as_(OFFICER).get(f"/organisations/{uuid4()}/contacts").status_code == 404


def test_a_unit_without_a_list_shows_that_of_who_covers_it_then_of_its_superior(as_):
    """Sín Thầu lies in the area of Mường Nhé, which the station covers; nobody of it is on the system."""
    found = listed(as_, path_of(as_, "03158"))
    assert [one["of"] for one in found] == [STATION, "Khu vực Mường Nhé"] * 2
    assert [one["role"] for one in found] == ["coordination"] * 2 + ["fire_duty"] * 2
    as_("leader.muong-nhe").post(path_of(as_, "03158"), json=somebody(name="Pờ Gia Tự"))
    assert [(one["name"], one["of"]) for one in listed(as_, path_of(as_, "03158"))] == [("Pờ Gia Tự", None)]


def test_a_new_commune_has_the_lists_of_those_it_was_made_of(as_):
    """Leng Su Sìn became part of Sín Thầu on 2025-07-01; the number of its officer is still the right one."""
    [old] = as_("admin").get("/units?level=commune&at=2024-01-01&q=leng su sin").json["items"]
    said = somebody(name="Chang Hừ Cà")
    assert as_("admin").post(f"/units/{old['id']}/contacts", json=said).status_code == 201
    first = listed(as_, path_of(as_, "03158"))[0]
    assert (first["name"], first["of"]) == ("Chang Hừ Cà", "Xã Leng Su Sìn")


def test_every_row_lead_and_guard_says_whom_to_phone_and_a_fire_the_fire_duty_first(as_):
    felling, fire = (report(as_, type=kind, location=dict(THREE)) for kind in ("illegal_logging", "forest_fire"))
    for incident, first in ((felling, "coordination"), (fire, "fire_duty")):
        lists = [row["contacts"] for row in incident["assignments"]]
        assert len(lists) >= 3 and {contacts[0]["role"] for contacts in lists} == {first}
        assert incident["lead_contacts"] == incident["guard_contacts"] == row_of(incident, "lead")["contacts"]
    borrowed = next(row for row in fire["assignments"] if row["unit"]["name"] == "Xã Bum Tở")
    assert {one["of"] for one in borrowed["contacts"]} == {"Khu vực Mường Tè"}
    assert as_(OFFICER).get("/incidents").json["items"][0]["lead_contacts"] == fire["lead_contacts"]


def test_phones_keep_for_every_neighbour_whom_to_phone(as_):
    near = as_(REPORTER).get("/bootstrap").json["near"]
    assert near and all(neighbour["contacts"] for neighbour in near)


def test_a_list_is_that_of_a_day(as_):
    path, said = path_of(as_, "03163"), somebody(valid_from="2030-05-01", valid_to="2030-05-31")
    assert as_(OFFICER).post(path, json=said).status_code == 201
    days = ("2030-04-30", "2030-05-01", "2030-05-31", "2030-06-01")
    assert [said["id"] in [one["id"] for one in listed(as_, path, at=day)] for day in days] == [
        False,
        True,
        True,
        False,
    ]
    backwards = somebody(valid_from="2030-05-02", valid_to="2030-05-01")
    assert list(as_(OFFICER).post(path, json=backwards).json["errors"]) == ["valid_to"]


@pytest.mark.only_on("sqlite")
def test_phone_numbers_are_read_as_people_write_them(as_):
    path = path_of(as_, "03163")
    for written, kept in (
        *(("114", "114"), ("0215.3823.114", "0215 3823 114"), ("(0215) 3-823-114", "0215 3 823 114")),
        ("+84 912 345 678", "+84 912 345 678"),
    ):
        assert as_(OFFICER).post(path, json=somebody(phone=written)).json["phone"] == kept
    for wrong in ("", "11", "gọi anh Chớ", "0912 345 678 máy lẻ 2", "9" * 21, "+", "12+3"):
        reply = as_(OFFICER).post(path, json=somebody(phone=wrong))
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["phone"]), wrong
    assert as_(OFFICER).post(path, json=somebody(role="giám đốc")).status_code == 422


def test_no_list_costs_a_query_for_each_row(as_, in_app):
    for _ in range(3):
        report(as_, location=dict(INSIDE))
    as_(OFFICER).get("/incidents")
    asked = []

    def count():
        db.event.listen(db.engine, "before_cursor_execute", note)

    def note(*statement):
        asked.append(statement[2])

    in_app(count)
    items = as_(OFFICER).get("/incidents").json["items"]
    assert len(items) == 3 and all(item["lead_contacts"] for item in items)
    assert asked and not [statement for statement in asked if "contacts" in statement]
    in_app(lambda: db.event.remove(db.engine, "before_cursor_execute", note))
