"""The ledger of places where the boundary is not agreed, and calls: what was refused is kept, also once it is settled."""

from uuid import uuid4

from models import db
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


def record(as_, who="admin"):
    """A ground around BORDER that both sides claim; what was said of it, and its id."""
    ring = [[102.59, 22.235], [102.61, 22.235], [102.61, 22.25], [102.59, 22.25], [102.59, 22.235]]
    sides = [unit_id(as_, side) for side in (OFFICER, PARTNER)]
    said = {"name": "Mốc 17", "polygon": {"type": "Polygon", "coordinates": [ring]}, "claimants": sides}
    return said, as_(who).post("/disputed-grounds", json=said).json["id"]


def test_recorded_grounds_stand_under_their_border_with_the_cases_in_them_and_the_hotspots_they_touch(as_):
    said, ground = record(as_, "leader.muong-te")
    [alone] = ledger(as_, PARTNER)
    assert (alone["count"], alone["first_at"], alone["grounds"][0]["incidents"]) == (0, None, 0)
    spot = {"name": "Dốc mốc 17", "sides": said["claimants"], "lat": 22.2425, "lon": 102.6, "radius_m": 300}
    as_(OFFICER).post("/hotspots", json=spot)
    refused, calm = report(as_), report(as_)
    declines(as_, OFFICER, refused)
    [border] = ledger(as_, PARTNER)
    [found] = border["grounds"]
    assert (border["count"], found["id"], found["status"], found["incidents"]) == (1, ground, "open", 2)
    assert set(found["incident_ids"]) == {refused["id"], calm["id"]}
    assert border["grounds_area_m2"] == found["area_m2"] > 1e6
    assert [hotspot["name"] for hotspot in border["hotspots"]] == ["Dốc mốc 17"], "the demo's own lies 8 km away"
    features = {
        feature["properties"]["kind"]: feature for feature in ledger(as_, PARTNER, format="geojson")["features"]
    }
    assert features["ground"]["geometry"] == said["polygon"] and features["place"]["properties"]["count"] == 1
    assert ledger(as_, "ranger.ta-tong")[0]["grounds"][0]["incidents"] == 0, "it may see none of the cases"
    assert ledger(as_, "leader.lao-cai") == []


def test_a_ground_settled_stays_in_the_ledger_but_its_area_is_no_longer_disputed(as_):
    _, ground = record(as_)
    settlement = {"how": "Cắm mốc.", "on": "2026-01-05", "document": "01/BB"}
    assert as_("admin").put(f"/disputed-grounds/{ground}/settlement", json=settlement).status_code == 200
    [border] = ledger(as_, OFFICER)
    assert (border["grounds"][0]["status"], border["grounds_area_m2"]) == ("settled", 0)
    assert border["grounds"][0]["settlement"] == settlement


def test_the_ledger_asks_the_database_as_often_for_many_cases_as_for_one(as_, in_app):
    asked = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    def statements():
        ledger(as_, OFFICER)  # what is remembered from now on
        in_app(lambda: db.event.listen(db.engine, "before_cursor_execute", note))
        asked.clear()
        ledger(as_, OFFICER)
        in_app(lambda: db.event.remove(db.engine, "before_cursor_execute", note))
        return len(asked)

    record(as_)
    declines(as_, OFFICER, report(as_))
    one = statements()
    for _ in range(4):
        declines(as_, OFFICER, report(as_))
    assert statements() == one > 0


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
