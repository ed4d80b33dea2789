"""Disputed grounds: recorded polygons that several units claim; on them all claimants are asked, until it is settled."""

from copy import deepcopy
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import shapely

from models import Event, Incident, db
from models.clock import today
from models.disputed_grounds import DisputedGround, Ground
from models.reference import reference
from models.routing import Place, route
from tests.people import INSIDE
from tests.squares import GEOD
from tests.test_agreements import code
from tests.test_assignments import answer, row_of
from tests.test_assignments_of_leads import ONE_AREA, declines
from tests.test_workflow_versions import at_once
from tests.test_workflows import report, step

# Quảng Lâm and Nậm Kè: communes of one area, between which no agreement holds; ONE_AREA lies in it, on Quảng Lâm's side.
LEADER, STRANGER = "leader.muong-nhe", "leader.lao-cai"
QUANG_LAM, NAM_KE = "officer.quang-lam", "officer.nam-ke"
BESIDE = {"lat": 22.05, "lon": 102.6, "accuracy_m": 20}


def box(west=102.585, south=22.075, east=102.615, north=22.105):
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def claim(as_, *claimants, **said):
    return {
        "id": str(uuid4()),
        "name": "Đồi Huổi Thanh",
        "polygon": box(),
        "claimants": [code(as_, unit) for unit in claimants or ("03164", "03162")],
        "since": "1998-05-01",
        "basis": {"map": "Bản đồ địa giới 364"},
    } | said


def recorded(as_, said=None, who=LEADER):
    reply = as_(who).post("/disputed-grounds", json=said or claim(as_))
    assert reply.status_code == 201, reply.json
    return reply.json


def here(as_, **changes):
    return report(as_, location=dict(ONE_AREA), **changes)


def settle(as_, ground, who=LEADER, **said):
    said = {"how": "Hai xã thống nhất theo đường phân thuỷ.", "on": str(today()), "document": "07/QĐ-UBND"} | said
    return as_(who).put(f"/disputed-grounds/{ground['id']}/settlement", json=said)


def reopened(as_, ground, who=LEADER):
    query = {"reason": "Nậm Kè có ý kiến khác."}
    return as_(who).delete(f"/disputed-grounds/{ground['id']}/settlement", query_string=query)


def test_on_it_the_other_claimant_is_asked_without_an_agreement_until_a_lead_accepts(as_):
    plain, ground = here(as_), recorded(as_)
    on_it, beside = here(as_), report(as_, location=dict(BESIDE))
    assert (plain["routing"]["rule"], [r["role"] for r in plain["assignments"]]) == ("near_border", ["lead"])
    assert (on_it["routing"]["rule"], on_it["joint_status"]) == ("overlap", "disputed")
    assert on_it["lead"] == plain["lead"] and row_of(on_it, "support")["unit"]["name"] == "Xã Nậm Kè"
    assert on_it["routing"]["disputed_ground_ids"] == [ground["id"]]
    assert "chưa thống nhất địa giới giữa Xã Quảng Lâm và Xã Nậm Kè" in on_it["routing"]["explanation"]
    assert beside["routing"]["disputed_ground_ids"] == [] and beside["routing"]["rule"] != "overlap"
    assert answer(as_(NAM_KE), on_it, "support", "accept").json["joint_status"] == "disputed", "no lead accepted yet"
    assert step(as_, on_it, "receive", by=QUANG_LAM)["joint_status"] == "active", "handling is never blocked by it"
    assert step(as_, on_it, "verify", by=QUANG_LAM)["status"] == "verifying"


def test_it_is_asked_about_in_both_languages(as_):
    recorded(as_)
    ask = {"query_string": ONE_AREA, "headers": {"Accept-Language": "en"}}
    said = as_(QUANG_LAM).get("/units/locate", **ask).json["explanation"]
    assert "recorded as disputed between Xã Quảng Lâm and Xã Nậm Kè" in said and "offered at once" in said


def test_once_settled_it_is_a_border_as_any_other_and_what_was_routed_stays(as_):
    ground = recorded(as_)
    before = here(as_)
    assert [settle(as_, ground).json["status"] for _ in range(2)] == ["settled", "settled"]
    assert settle(as_, ground, document="Khác").json["code"] == "wrong_status"
    assert here(as_)["routing"]["rule"] == "near_border"
    assert as_(QUANG_LAM).read(before)["routing"] == before["routing"]
    assert reopened(as_, ground).json["status"] == "open"
    assert reopened(as_, ground).json["code"] == "wrong_status"
    assert here(as_)["routing"]["rule"] == "overlap"


def test_from_the_day_it_was_settled_on_and_since_the_day_it_began(as_):
    ground = recorded(as_, claim(as_, since=str(today() - timedelta(days=20))))
    settle(as_, ground, on=str(today() - timedelta(days=10)))
    days = {n: str(today() - timedelta(days=n)) for n in (21, 20, 11, 10)}
    rules = [
        as_(QUANG_LAM).get("/units/locate", query_string=ONE_AREA | {"at": day}).json["rule"] for day in days.values()
    ]
    assert rules == ["near_border", "overlap", "overlap", "near_border"]
    assert settle(as_, recorded(as_), on=str(today() + timedelta(days=1))).json["code"] == "invalid"
    early = claim(as_, since=str(today() - timedelta(days=2)))
    assert list(settle(as_, recorded(as_, early), on=str(today() - timedelta(days=3))).json["errors"]) == ["on"]


def test_a_decision_can_be_made_again_from_its_stored_inputs(as_, in_app):
    ground = recorded(as_)
    incident = here(as_)
    settle(as_, ground)

    def again():
        stored = db.session.get(Incident, UUID(incident["id"])).routing
        kept, known = stored["inputs"], reference()
        place = Place(kept["lat"], kept["lon"], kept["accuracy_m"], kept["fire"], today())
        found = [db.session.get(DisputedGround, UUID(id)) for id in kept["disputed_grounds"]]
        grounds = [Ground(one.id, one.shape, one.claims_on(today(), known)) for one in found]
        return stored, route(place, known.index, known.accords, grounds).facts

    stored, made = in_app(again)
    assert stored["inputs"]["disputed_grounds"] == [ground["id"]] and made == stored


def test_after_a_lead_that_declines_the_claimant_leads(as_):
    recorded(as_)
    passed_on = declines(as_, QUANG_LAM, here(as_))
    assert (passed_on["lead"]["name"], passed_on["joint_status"]) == ("Xã Nậm Kè", "disputed")


def test_it_is_recorded_once_and_read_by_its_parties_above_and_below(as_):
    said = claim(as_)
    first = recorded(as_, said)
    again = as_(LEADER).post("/disputed-grounds", json=said)
    assert (again.status_code, again.json) == (200, first)
    assert as_(LEADER).post("/disputed-grounds", json=said | {"name": "Khác"}).json["code"] == "id_conflict"
    assert [(c["unit"]["name"], [u["name"] for u in c["today"]]) for c in first["claimants"]] == [
        ("Xã Quảng Lâm", ["Xã Quảng Lâm"]),
        ("Xã Nậm Kè", ["Xã Nậm Kè"]),
    ]
    assert first["polygon"] == said["polygon"] and (first["status"], first["since"]) == ("open", "1998-05-01")
    geodesic = abs(GEOD.geometry_area_perimeter(shapely.geometry.shape(first["polygon"]))[0])
    assert first["area_m2"] == pytest.approx(geodesic, rel=1e-4)
    for who, count in (
        *(("ranger.nam-ke", 1), (QUANG_LAM, 1), (LEADER, 1), ("leader.dien-bien", 1), ("admin", 1)),
        *(("officer.muong-toong", 0), ("leader.muong-te", 0), (STRANGER, 0)),
    ):
        assert len(as_(who).get("/disputed-grounds").json["items"]) == count, who
        assert as_(who).get(f"/disputed-grounds/{said['id']}").status_code == (200 if count else 404), who
    assert as_(STRANGER).post("/disputed-grounds", json=said).status_code == 409


def test_only_leaders_of_a_claimant_and_admins_record_settle_and_note(as_):
    said = claim(as_)
    dialogue = {"id": str(uuid4()), "date": "2026-03-02", "text": "Họp hai xã tại bản Huổi Thanh."}
    for who, status in ((QUANG_LAM, 403), ("ranger.nam-ke", 403), ("leader.muong-te", 403), ("leader.dien-bien", 201)):
        assert as_(who).post("/disputed-grounds", json=said).status_code == status, who
    path = f"/disputed-grounds/{said['id']}"
    assert settle(as_, said, who=QUANG_LAM).status_code == reopened(as_, said, who=NAM_KE).status_code == 403
    assert as_(NAM_KE).post(f"{path}/dialogues", json=dialogue).status_code == 403
    assert as_(STRANGER).post(f"{path}/dialogues", json=dialogue).status_code == 404
    assert as_("admin").post("/disputed-grounds", json=claim(as_)).status_code == 201


def test_dialogues_are_kept_by_their_day_and_each_change_is_an_event(as_, in_app):
    ground = recorded(as_)
    path = f"/disputed-grounds/{ground['id']}/dialogues"
    later = {"id": str(uuid4()), "date": "2026-03-02", "text": "Lần hai: đi thực địa.", "document": "05/BB"}
    first = {"id": str(uuid4()), "date": "2025-11-20", "text": "Lần một tại xã Nậm Kè."}
    assert [as_(LEADER).post(path, json=said).status_code for said in (later, first, later)] == [201, 201, 200]
    assert as_(LEADER).post(path, json=later | {"text": "Khác"}).json["code"] == "id_conflict"
    kept = as_(NAM_KE).get(f"/disputed-grounds/{ground['id']}").json["dialogues"]
    assert kept == [first | {"document": None}, later]
    settle(as_, ground)
    reopened(as_, ground)
    settle(as_, ground)

    def events():
        own = db.select(Event).where(Event.subject_id == UUID(ground["id"])).order_by(Event.position)
        return [(event.kind.partition(".")[2], str(event.facts)) for event in db.session.scalars(own)]

    found = in_app(events)
    assert [kind for kind, _ in found] == ["recorded", "dialogue", "dialogue", "settled", "reopened", "settled"]
    assert not [facts for _, facts in found if "Nậm Kè" in facts or "phân thuỷ" in facts], "words can be erased"


def test_drawn_anew_it_takes_the_place_of_the_former_which_stays(as_):
    former = recorded(as_)
    anew = claim(as_, replaces=former["id"], polygon=box(north=22.08))
    assert as_(LEADER).post("/disputed-grounds", json=anew).json["replaces"] == former["id"]
    kept = as_(LEADER).get(f"/disputed-grounds/{former['id']}").json
    assert (kept["status"], kept["polygon"]) == ("replaced", former["polygon"])
    assert here(as_)["routing"]["rule"] == "near_border", "the new one ends south of here"
    assert as_(LEADER).post("/disputed-grounds", json=claim(as_, replaces=former["id"])).json["code"] == "conflict"
    assert settle(as_, former).json["code"] == "wrong_status"
    opened = as_(LEADER).get("/disputed-grounds?status=open").json["items"]
    assert [ground["id"] for ground in opened] == [anew["id"]]


def test_two_who_draw_it_anew_at_once_do_not_both(app, as_):
    ground = recorded(as_)
    leaders = [as_(LEADER, "máy một"), as_("leader.dien-bien", "máy hai")]
    said = [claim(as_, replaces=ground["id"]) for _ in leaders]
    incident = here(as_)
    replies = at_once(
        app, incident, *[lambda who=who, s=s: who.post("/disputed-grounds", json=s) for who, s in zip(leaders, said)]
    )
    assert sorted(reply.status_code for reply in replies) == [201, 409]


def test_claimants_that_a_reform_put_in_one_commune_dispute_nothing_any_more(as_):
    """Quảng Lâm and Na Cô Sa of 2024 are one commune today."""
    old = as_("admin").get("/units?level=commune&at=2024-01-01&limit=100&q=na co sa").json["items"]
    quang_lam = as_("admin").get("/units?level=commune&at=2024-01-01&q=quang lam").json["items"]
    said = claim(as_, claimants=[old[0]["id"], quang_lam[0]["id"]], polygon=box(south=22.15, north=22.21, west=102.55))
    ground = recorded(as_, said, who="admin")
    assert [c["today"][0]["name"] for c in ground["claimants"]] == ["Xã Quảng Lâm"] * 2
    far = report(as_, location=dict(INSIDE))
    assert (far["routing"]["rule"], [r["unit"]["name"] for r in far["assignments"]]) == ("inside", ["Xã Mường Toong"])


def bad_polygons():
    ring = box()["coordinates"][0]
    bow = [ring[0], ring[2], ring[1], ring[3], ring[0]]
    yield "khép kín", {"type": "Polygon", "coordinates": [ring[:4]]}
    yield "khép kín", {"type": "Polygon", "coordinates": [[ring[0], ring[1], ring[0]]]}
    yield "tự cắt", {"type": "Polygon", "coordinates": [bow]}
    yield "WGS 84", {"type": "Polygon", "coordinates": [[[lat, lon] for lon, lat in ring]]}
    yield "5000", {"type": "Polygon", "coordinates": [[[102 + n / 1e5, 22 + n % 2 / 1e5] for n in range(5001)]]}
    yield "Polygon", {"type": "Point", "coordinates": [102.6, 22.09]}
    yield "Polygon", {}
    yield "danh sách", {"type": "Polygon"}
    yield "danh sách", {"type": "MultiPolygon", "coordinates": [[]]}
    yield "mỗi điểm", {"type": "Polygon", "coordinates": [[["102", "22"], *ring[1:]]]}
    yield "mỗi điểm", {"type": "Polygon", "coordinates": [[[True, False], *ring[1:]]]}
    yield "diện tích", box(east=102.585000001, north=22.075000001)


@pytest.mark.only_on("sqlite")
def test_what_bounds_no_ground_is_refused_in_plain_words(as_):
    for word, polygon in bad_polygons():
        reply = as_(LEADER).post("/disputed-grounds", json=claim(as_, polygon=polygon))
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["polygon"]), polygon
        assert word in reply.json["errors"]["polygon"][0]
    with_hole = deepcopy(box())
    with_hole["coordinates"].append([[102.59, 22.08], [102.6, 22.08], [102.6, 22.09], [102.59, 22.08]])
    two = {
        "type": "MultiPolygon",
        "coordinates": [with_hole["coordinates"], box(south=22.2, north=22.21)["coordinates"]],
    }
    assert recorded(as_, claim(as_, polygon=two))["polygon"] == two
    for claimants in (("03164", "03164"), ("03164",), ("03164", "096"), ()):
        ids = [code(as_, unit) for unit in claimants]
        reply = as_(LEADER).post("/disputed-grounds", json=claim(as_) | {"claimants": ids})
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["claimants"]), claimants
    assert as_(LEADER).post("/disputed-grounds", json=claim(as_, since="2999-01-01")).json["code"] == "invalid"


def test_on_a_map_each_is_its_polygon(as_):
    ground = recorded(as_)
    reply = as_(NAM_KE).get("/disputed-grounds?format=geojson")
    assert reply.mimetype == "application/geo+json"
    [feature] = reply.json["features"]
    assert (feature["geometry"], feature["properties"]["name"]) == (ground["polygon"], ground["name"])
