"""The ledger of places where the boundary is not agreed, and calls: what was refused is kept, also once it is settled."""

from uuid import uuid4

from tests.test_assignments import answer
from tests.test_assignments_of_leads import ONE_AREA, declines
from tests.test_hand_over import arbitrate, unit_id
from tests.test_workflows import OFFICER, PARTNER, REPORTER, report, step


def ledger(as_, who, **query):
    reply = as_(who).get("/disputes", query_string=query)
    assert reply.status_code == 200, reply.json
    return reply.json if query else reply.json["items"]


def test_each_refusal_stands_under_its_border_open_until_somebody_accepts(as_):
    assert ledger(as_, OFFICER) == []
    open_one, accepted, decided = (report(as_, damage={"area_m2": 300}) for _ in range(3))
    for incident in (open_one, accepted, decided):
        declines(as_, OFFICER, incident)
    assert answer(as_(PARTNER), as_(PARTNER).read(accepted), "lead", "accept").status_code == 200
    assert arbitrate(as_, "leader.dien-bien", decided, OFFICER).status_code == 200
    [border] = ledger(as_, PARTNER)
    assert {unit["name"] for unit in border["between"]} == {"Xã Mường Toong", "Xã Tà Tổng"}
    assert (border["count"], border["open"], border["area_m2"]) == (3, 1, 900)
    places = {place["number"]: place for place in border["places"]}
    assert (places[open_one["number"]]["state"], places[open_one["number"]]["settled_by"]) == ("open", None)
    how = [(p["settled_by"]["name"], p["settled_how"]) for p in (places[accepted["number"]], places[decided["number"]])]
    assert how == [("Xã Tà Tổng", "accepted"), ("Xã Mường Toong", "arbitration")]
    [refusal] = places[decided["number"]]["refusals"]
    assert (refusal["unit"]["name"], refusal["reason"]) == ("Xã Mường Toong", "not_our_land")
    assert refusal["basis"]["file_reference"] == "12/BB-2019"


def test_borders_come_by_how_often_and_only_of_cases_one_may_see(as_):
    for _ in range(2):
        declines(as_, OFFICER, report(as_))
    declines(as_, "officer.quang-lam", report(as_, location=dict(ONE_AREA)))
    assert [border["count"] for border in ledger(as_, "leader.dien-bien")] == [2, 1]
    assert [border["count"] for border in ledger(as_, PARTNER)] == [2]
    assert ledger(as_, "leader.lao-cai") == ledger(as_, "admin") == []


def test_as_points_for_a_map(as_):
    incident = report(as_)
    declines(as_, OFFICER, incident)
    found = ledger(as_, PARTNER, format="geojson")
    [feature] = found["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [102.6, 22.2425]}
    assert sorted(feature["properties"]["between"]) == ["Xã Mường Toong", "Xã Tà Tổng"]
    assert feature["properties"]["number"] == incident["number"]
    assert as_(PARTNER).get("/disputes", query_string={"format": "tranh"}).status_code == 422


def test_a_support_that_declines_disputes_nothing(as_):
    answer(as_(PARTNER), report(as_), "support", "decline", reason="disputed_border", text="Chưa rõ mốc.")
    assert ledger(as_, PARTNER) == []


def test_a_call_is_kept_in_the_timeline_and_leaves_the_clock_alone(as_):
    incident = step(as_, report(as_), "receive")
    path = f"/incidents/{incident['id']}"
    before = as_(OFFICER).read(incident)
    said = {"id": str(uuid4()), "unit_id": unit_id(as_, PARTNER), "answered": True}
    said |= {"name": "Vàng Thị Mỷ", "phone": "0215 000 001", "answer": "Sáng mai cử ba người lên mốc 17."}
    reply = as_(OFFICER).post(f"{path}/calls", json=said)
    assert (reply.status_code, reply.json["unit"]["name"], reply.json["answered"]) == (201, "Xã Tà Tổng", True)
    assert as_(OFFICER).post(f"{path}/calls", json=said).status_code == 200
    assert as_(OFFICER).post(f"{path}/calls", json=said | {"answered": False}).json["code"] == "id_conflict"
    calls = [e for e in as_(PARTNER).get(f"{path}/timeline").json["items"] if e["kind"] == "incident.call"]
    assert [call["facts"]["answer"] for call in calls] == [said["answer"]]
    after = as_(OFFICER).read(incident)
    assert (after["next_deadline"], after["version"]) == (before["next_deadline"], before["version"])
    assert as_(REPORTER).post(f"{path}/calls", json=said | {"id": str(uuid4())}).status_code == 403
