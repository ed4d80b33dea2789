"""What may be the same case: near in place and time, of the same kind; across an agreement only that there is one."""

from datetime import timedelta
from uuid import UUID

import pytest

from models import Incident, db
from models.base import now
from models.possible_duplicates import around
from tests.people import BORDER, new_report
from tests.test_assignments_of_leads import ONE_AREA
from tests.test_hand_over import act_on
from tests.test_workflow_versions import at_once, send
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

M = 1 / 111_195  # degrees of a metre to the north


def at(metres=0.0, where=BORDER, **more):
    return where | {"lat": where["lat"] + metres * M} | more


def ago(**span):
    return (now() - timedelta(**span)).isoformat()


def possible(as_, incident, who=OFFICER):
    reply = as_(who).get(f"/incidents/{incident['id']}/possible-duplicates")
    assert reply.status_code == 200, reply.json
    return reply.json["items"]


def numbers(as_, incident, who=OFFICER):
    return [item["number"] for item in possible(as_, incident, who)]


def test_near_in_place_and_time_and_of_the_same_kind(as_):
    mine = report(as_)
    close = report(as_, type="forest_clearing", location=at(-300), found_at=ago(days=2, hours=1))
    closer = report(as_, type="encroachment", location=at(200))
    for other in (
        {"location": at(-1010)},
        {"location": at(800, lon=BORDER["lon"] + 800 * M)},  # 1090 m as the crow flies
        {"found_at": ago(days=7, hours=2)},
        {"type": "forest_fire"},
        {"type": "wildlife"},
    ):
        report(as_, **({"location": at(50)} | other))
    edge = report(as_, location=at(-990), found_at=ago(days=7))
    assert numbers(as_, mine) == [closer["number"], close["number"], edge["number"]]
    second = possible(as_, mine)[1]
    assert second == {
        "id": close["id"],
        "number": close["number"],
        "unit": close["lead"],
        "distance_m": 300,
        "days_apart": 2.0,
        "visible": True,
        "type": "forest_clearing",
        "status": "reported",
        "found_at": second["found_at"],
    }
    fire = report(as_, type="forest_fire", location=at(20))
    assert len(possible(as_, fire)) == 1 and mine["number"] not in numbers(as_, fire)


def test_only_whoever_handles_a_case_is_reminded(as_):
    incident, other = report(as_), report(as_, location=at(100))
    path = f"/incidents/{incident['id']}/possible-duplicates"
    answers = {who: as_(who).get(path).status_code for who in (REPORTER, PARTNER, "officer.nam-ke", "admin")}
    assert answers == {REPORTER: 403, PARTNER: 403, "officer.nam-ke": 404, "admin": 404}
    accepts(as_, incident)
    assert numbers(as_, incident, PARTNER) == [other["number"]] == numbers(as_, incident, "leader.dien-bien")


def theirs(as_, **changes):
    """A case that Tà Tổng leads 700 m away, having taken back that Mường Toong was asked: nobody there sees it."""
    location = at(700)
    case = as_("ranger.ta-tong").post("/incidents", json=new_report(location=location, **changes)).json
    assert case["lead"]["name"] == "Xã Tà Tổng"
    row = next(r for r in case["assignments"] if r["role"] == "support")
    assert act_on(as_, PARTNER, case, row, "withdraw", reason="Đã đủ người.").status_code == 200
    return case


def test_across_an_agreement_only_number_unit_and_distance_are_told(as_):
    mine, other = report(as_), theirs(as_, description="Sùng A Kín chỉ chỗ.")
    assert as_(OFFICER).get(f"/incidents/{other['id']}").status_code == 404
    told = {"id": None, "number": other["number"], "unit": other["lead"], "distance_m": 700}
    assert possible(as_, mine) == [told | {"visible": False, "days_apart": None}]
    reply = as_(OFFICER).act(mine, "mark_duplicate", duplicate_of=other["id"])
    assert reply.status_code == 404, "it must be seen first: the neighbour invites"
    accepts(as_, mine)
    assert possible(as_, mine, PARTNER)[0]["id"] == other["id"], "its own officer sees it"


def test_without_an_agreement_not_even_that_there_is_one(as_):
    """Quảng Lâm and Nậm Kè: communes of one area under no agreement with each other."""
    mine = as_("ranger.quang-lam").post("/incidents", json=new_report(location=dict(ONE_AREA))).json
    across = None
    for metres in range(-900, 901, 300):
        case = as_("ranger.nam-ke").post("/incidents", json=new_report(location=at(metres, ONE_AREA))).json
        across = case if case["lead"]["name"] == "Xã Nậm Kè" else across
    assert mine["lead"]["name"] == "Xã Quảng Lâm" and across
    assert as_("officer.quang-lam").get(f"/incidents/{across['id']}").status_code == 404
    assert across["number"] not in numbers(as_, mine, "officer.quang-lam")
    assert across["number"] in numbers(as_, mine, "leader.muong-nhe"), "who sees both is reminded of both"


def test_in_the_place_of_a_duplicate_stands_its_original_and_what_is_settled_is_not_named(as_):
    mine, far = report(as_), report(as_, location=at(-2000))
    copy = report(as_, location=at(-900))
    step(as_, copy, "mark_duplicate", duplicate_of=far["id"])
    assert [(i["number"], i["distance_m"]) for i in possible(as_, mine)] == [(far["number"], 2000)]
    step(as_, copy, "close")
    assert numbers(as_, mine) == [far["number"]]
    empty = report(as_, location=at(10))
    step(as_, empty, "dismiss")
    assert numbers(as_, mine) == [far["number"]], "what was unfounded is no original"
    step(as_, empty, "close")
    assert numbers(as_, mine) == [far["number"]]
    step(as_, far, "mark_duplicate", duplicate_of=mine["id"])
    assert numbers(as_, mine) == [] == numbers(as_, far) == numbers(as_, copy), "merged already, also by way of another"


def test_merging_counts_once_and_brings_reporters_and_photos(as_):
    original, copy = report(as_), as_("ranger.ta-tong").post("/incidents", json=new_report()).json
    photo = {"data": b"\xff\xd8\xff\xe0 khong phai anh that"}
    assert as_("ranger.ta-tong").post(f"/incidents/{copy['id']}/photos", **photo).status_code == 201
    assert as_("ranger.ta-tong").get(f"/incidents/{original['id']}").status_code == 404
    step(as_, copy, "mark_duplicate", duplicate_of=original["id"])
    merged = as_("ranger.ta-tong").read(original)
    assert (len(merged["photos"]), merged["status"]) == (1, "reported")


@pytest.mark.parametrize("held", [0, 1])
def test_two_cases_marked_as_duplicates_of_each_other_at_once_make_no_circle(app, as_, monkeypatch, held):
    """Without one order of locks PostgreSQL would have to end one of them; so here nobody is tried again."""
    monkeypatch.setattr("api.transaction.TRIES", 1)
    pair = sorted([report(as_), report(as_, location=at(100))], key=lambda case: case["id"])
    clients = [as_(OFFICER), as_(OFFICER, "máy thứ hai")]
    for client in clients:
        client.read(pair[0])
    calls = [
        lambda n=n: send(clients[n], pair[n], "mark_duplicate", '"1-1"', duplicate_of=pair[1 - n]["id"]) for n in (0, 1)
    ]
    replies = at_once(app, pair[held], *calls)
    assert sorted(reply.status_code for reply in replies) == [200, 412], [reply.json for reply in replies]
    seen = [as_(OFFICER).read(case) for case in pair]
    assert sorted(case["status"] for case in seen) == ["duplicate", "reported"]
    assert [case["duplicate_of"] for case in seen].count(None) == 1


@pytest.mark.only_on("sqlite")  # with one case in its table PostgreSQL rightly plans something else
def test_what_is_near_is_found_by_the_place_however_many_cases_there_are(in_app, a_felling):
    def plan():
        query = around(db.session.get(Incident, UUID(a_felling["id"])), 1000)
        text = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
        return str(db.session.execute(db.text(f"EXPLAIN QUERY PLAN {text}")).all())

    assert "USING INDEX ix_incidents_lat_lon (lat>? AND lat<?)" in in_app(plan)
