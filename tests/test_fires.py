"""A fire from report to ashes: what each unit may say of it and when, whatever the order in which it arrives."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from models import Incident, db
from models.base import now
from models.erasure import erase
from models.users import User
from tests.people import BORDER, INSIDE, new_report
from tests.phones import Copy, operation, send
from tests.test_assignments import disable, recruit, row_of
from tests.test_permissions import CAST
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, state_of, step

ACROSS = {"lat": 22.26, "lon": 102.63, "accuracy_m": 20.0}  # 2 km into Tà Tổng, far from all others
WEST, SOUTH, EAST, NORTH = 102.625, 22.235, 102.635, 22.255
# From Mường Toong into Tà Tổng.
OUTLINE = {
    "type": "Polygon",
    "coordinates": [[[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]],
}
COMMANDER = {"name": "Lò Văn Hặc", "phone": "0915 000 114"}
ON_SQLITE = pytest.mark.only_on("sqlite")


@pytest.fixture
def fire(as_):
    """Reported by Mường Toong's ranger, far from Tà Tổng."""
    return report(as_, type="forest_fire", location=dict(INSIDE))


def at(minutes):
    """So many minutes after two hours ago."""
    return (datetime.now(UTC) + timedelta(minutes=minutes) - timedelta(hours=2)).isoformat()


def tell(as_, who, incident, status, **said):
    body = {"id": str(uuid4()), "status": status} | said
    return as_(who).post(f"/incidents/{incident['id']}/fire-updates", json=body)


def told(as_, who, incident, status, **said):
    """An update that must be taken; the case as it is afterwards."""
    reply = tell(as_, who, incident, status, **said)
    assert reply.status_code == 201, reply.json
    return as_(who).read(incident)


def supports(incident):
    return [(r["unit"]["name"], r["state"], r["reason"]) for r in incident["assignments"] if r["role"] == "support"]


def named(as_, ids):
    return [as_(REPORTER).get(f"/units/{id}").json["name"] for id in ids]


def updates(as_, incident, **query):
    return as_(OFFICER).get(f"/incidents/{incident['id']}/fire-updates", query_string=query).json


def test_what_was_said_of_a_fire_stands_on_the_case_for_all_who_see_it(as_, fire):
    assert fire["fire"]["status"] == fire["fire_status"] == "reported" and fire["fire"]["updates"] == 0
    assert "fire_update" in fire["actions"]
    said = {"forces": [{"kind": "rangers", "count": 6}, {"kind": "blower", "count": 2, "note": "Mượn của xã"}]}
    said |= {"needs": "20 người, nước uống", "heading": "lên đỉnh Pu Si Lung", "point": INSIDE, "at": at(10)}
    reply = tell(as_, REPORTER, fire, "fighting", commander=COMMANDER, **said)
    assert (reply.status_code, reply.json["fire_status"], reply.json["unit"]["name"]) == (
        201,
        "fighting",
        "Xã Mường Toong",
    )
    read = as_("leader.dien-bien").read(fire)
    assert (read["fire_status"], read["version"], read["revision"]) == ("fighting", 2, 2)
    known = read["fire"]
    assert known["commander"] == COMMANDER and known["needs"] == said["needs"] and known["heading"] == said["heading"]
    assert known["forces"] == [{"kind": "rangers", "count": 6}, {"kind": "blower", "count": 2}]
    assert (known["point"], known["perimeter"], known["area_m2"], known["updates"]) == (INSIDE, None, None, 1)
    assert as_(OFFICER).get("/incidents").json["items"][0]["fire"] == known
    kept = updates(as_, fire)["items"][0]
    assert kept["forces"] == said["forces"] and kept["author"]["name"] and kept["offered"] == kept["told"] == []
    event = as_(OFFICER).get(f"/incidents/{fire['id']}/timeline").json["items"][-1]
    assert event["kind"] == "incident.fire_update"
    facts = {"update": kept["id"], "status": "fighting", "before": "reported", "after": "fighting", "offered": []}
    assert event["facts"].items() >= (facts | {"told": [], "commander_phone": COMMANDER["phone"]}).items()


def test_one_sent_twice_is_there_once_and_one_id_says_one_thing(as_, fire):
    body = {"id": str(uuid4()), "status": "fighting", "at": at(5), "commander": COMMANDER, "point": None}
    path = f"/incidents/{fire['id']}/fire-updates"
    first, again = (as_(REPORTER).post(path, json=body) for _ in range(2))
    assert (first.status_code, again.status_code, first.json) == (201, 200, again.json)
    other = as_(REPORTER).post(path, json=body | {"status": "contained"})
    assert (other.status_code, other.json["code"]) == (409, "id_conflict") and other.json["content_sha256"]
    stranger = as_(OFFICER).post(path, json=body)
    assert (stranger.status_code, stranger.json["code"]) == (409, "id_conflict")
    assert "content_sha256" not in stranger.json
    another = report(as_, type="forest_fire")
    assert tell(as_, REPORTER, another, **body).json["code"] == "id_conflict"
    assert as_(REPORTER).read(fire)["fire"]["updates"] == 1


def test_two_at_once_with_one_id_are_one(app, as_, fire):
    body = {"id": str(uuid4()), "status": "fighting", "point": ACROSS}
    path = f"/incidents/{fire['id']}/fire-updates"
    calls = [lambda: as_(REPORTER).post(path, json=body).status_code] * 3
    as_(REPORTER)
    assert sorted(at_once(app, fire, *calls)) == [200, 200, 201]
    assert supports(as_(OFFICER).read(fire)) == [("Xã Tà Tổng", "offered", "fire_spread")]


def test_an_older_one_is_kept_and_shown_and_never_turns_the_clock_back(as_, fire):
    told(as_, REPORTER, fire, "contained", at=at(60), needs="Canh tàn lửa")
    late = told(as_, OFFICER, fire, "fighting", at=at(20), needs="Thêm người", commander=COMMANDER, point=ACROSS)
    assert (late["fire_status"], late["fire"]["needs"]) == ("contained", "Canh tàn lửa")
    assert late["fire"]["commander"] == COMMANDER, "nobody has said who commands since"
    assert supports(late) == [("Xã Tà Tổng", "offered", "fire_spread")], "there it burned all the same"
    told(as_, REPORTER, fire, "false_alarm", at=at(10))
    page = updates(as_, fire, limit=2)
    assert [u["status"] for u in page["items"]] == ["contained", "fighting"]
    assert [u["status"] for u in updates(as_, fire, limit=2, cursor=page["next"])["items"]] == ["false_alarm"]


@ON_SQLITE
def test_what_does_not_follow_is_refused_in_plain_words_and_changes_nothing(as_, fire):
    told(as_, REPORTER, fire, "contained")
    before = state_of(as_(OFFICER), fire), updates(as_, fire)
    reply = tell(as_, OFFICER, fire, "fighting", point=ACROSS)
    assert (reply.status_code, reply.json["code"]) == (409, "wrong_status")
    assert reply.json["detail"] == "Đám cháy đang “Đã khống chế”, không thể chuyển sang “Đang chữa cháy”."
    assert (state_of(as_(OFFICER), fire), updates(as_, fire)) == before
    again = told(as_, OFFICER, fire, "reignited")
    assert (again["fire_status"], again["fire"]["status"]) == ("fighting", "fighting")
    assert updates(as_, fire)["items"][0]["status"] == "reignited"


@ON_SQLITE
def test_nothing_happened_tomorrow_and_no_clock_is_a_reason_to_refuse(as_, fire):
    ahead = tell(as_, REPORTER, fire, "fighting", at=at(60 * 24)).json
    assert ahead["at_corrected"] == ahead["received_at"] < ahead["at"]
    assert told(as_, OFFICER, fire, "contained")["fire_status"] == "contained"
    lost = tell(as_, REPORTER, fire, "watching", at="1970-01-01T05:30:00+07:00").json
    assert (lost["at_corrected"], lost["fire_status"]) == (lost["received_at"], "watching")


# Spreading


@ON_SQLITE
def test_a_fire_that_crosses_the_border_brings_the_other_side_in_once(as_, fire):
    assert supports(fire) == []
    reply = tell(as_, REPORTER, fire, "fighting", point=BORDER)
    assert named(as_, reply.json["offered"]) == ["Xã Tà Tổng"]
    seen = as_(PARTNER).read(fire)
    assert supports(seen) == [("Xã Tà Tổng", "offered", "near_border")]
    assert (seen["lead"], seen["joint_status"]) == (fire["lead"], "proposed")
    assert seen["fire"]["commander"] is None and "fire_update" in seen["actions"]
    due = datetime.fromisoformat(row_of(seen, "support")["due_at"])
    assert due - datetime.fromisoformat(row_of(seen, "support")["offered_at"]) == timedelta(minutes=30)
    for said in (
        {"point": BORDER},
        {"point": BORDER | {"accuracy_m": 90_000.0}},
        {"point": ACROSS},
        {"perimeter": OUTLINE},
    ):
        again = tell(as_, REPORTER, fire, "fighting", **said)
        assert again.json["offered"] == again.json["told"] == [], said
    assert len(as_(PARTNER).read(fire)["assignments"]) == 2


@ON_SQLITE
def test_every_unit_that_an_outline_touches_is_asked_and_its_area_is_shown(as_, fire):
    box = {"west": 102.5, "east": 102.7, "south": 22.12, "north": 22.26}
    ring = [[box[x], box[y]] for x, y in (("west", "south"), ("east", "south"), ("east", "north"), ("west", "north"))]
    outline = {"type": "MultiPolygon", "coordinates": [[[*ring, ring[0]]]]}
    reply = tell(as_, OFFICER, fire, "fighting", perimeter=outline)
    asked, heard = named(as_, reply.json["offered"]), named(as_, reply.json["told"])
    assert {"Xã Tà Tổng", "Xã Quảng Lâm"} <= set(asked) and not set(asked) & set(heard)
    read = as_("officer.quang-lam").read(fire)
    assert {reason for _, _, reason in supports(read)} <= {"fire_spread", "near_border"}
    assert read["fire"]["perimeter"] == outline and 3.1e8 < read["fire"]["area_m2"] < 3.3e8
    smaller = tell(as_, OFFICER, fire, "contained", perimeter=OUTLINE)
    assert (smaller.json["offered"], smaller.json["told"]) == ([], [])
    assert len(as_(OFFICER).read(fire)["assignments"]) == 1 + len(asked), "it adds, and never removes"


@ON_SQLITE
def test_who_is_only_near_and_under_no_agreement_is_told_once_and_sees_nothing(as_, fire):
    place = {"lat": 22.12, "lon": 102.6, "accuracy_m": 20.0}
    routed = as_(REPORTER).get("/units/locate", query_string=place | {"type": "forest_fire"}).json
    told_already = {c["unit"]["id"] for c in fire["routing"]["candidates"]}
    reply = tell(as_, REPORTER, fire, "fighting", point=place)
    near = {c["unit"]["id"] for c in routed["candidates"] if not c["inside"] and not c["support_offered"]}
    assert near - told_already, "or this place shows nothing"
    assert set(reply.json["told"]) == near - told_already
    assert tell(as_, REPORTER, fire, "fighting", point=place).json["told"] == []
    names = named(as_, reply.json["told"])
    assert "Xã Nậm Kè" in names and as_("officer.nam-ke").get(f"/incidents/{fire['id']}").status_code == 404


@ON_SQLITE
def test_who_declined_is_asked_again_only_when_the_fire_comes_onto_their_land(as_, fire):
    busy = {"reason": "no_capacity", "text": "Đang chữa cháy ở Nậm Ngà."}
    told(as_, REPORTER, fire, "fighting", point=BORDER)
    as_(PARTNER).answer(fire, "decline", **busy)
    assert tell(as_, REPORTER, fire, "fighting", point=BORDER).json["offered"] == []
    assert named(as_, tell(as_, REPORTER, fire, "fighting", point=ACROSS).json["offered"]) == ["Xã Tà Tổng"]
    newest = row_of(as_(PARTNER).read(fire), "support")
    path = f"/incidents/{fire['id']}/assignments/{newest['id']}/actions"
    decline = {"action": "decline"} | busy
    assert as_(PARTNER).post(path, json=decline, headers={"If-Match": "*"}).status_code == 200
    for said in ({"point": ACROSS}, {"perimeter": OUTLINE}):
        assert tell(as_, REPORTER, fire, "fighting", **said).json["offered"] == []
    told(as_, REPORTER, fire, "extinguished")
    anew = tell(as_, REPORTER, fire, "reignited", perimeter=OUTLINE)
    assert named(as_, anew.json["offered"]) == ["Xã Tà Tổng"], "put out, it burns there anew"


@ON_SQLITE
def test_a_commune_whose_superior_leads_in_its_stead_is_not_asked_beside_it(as_, in_app):
    disable(in_app, OFFICER)
    fire = report(as_, type="forest_fire", location=dict(INSIDE))
    assert fire["lead"]["name"] == "Khu vực Mường Nhé"
    read = told(as_, REPORTER, fire, "fighting", point=INSIDE)
    assert supports(read) == [] and "fire_update" in read["actions"], "the ranger serves beneath the unit that leads"


@ON_SQLITE
@pytest.mark.parametrize(
    "said, field, words",
    [
        ({"perimeter": {"type": "Point", "coordinates": [102.6, 22.2]}}, "perimeter", "Polygon hoặc MultiPolygon"),
        ({"point": {"lat": 22.35, "lon": 103.77}}, "point", "trong vòng 20 km"),
        ({"forces": [{"kind": "pump", "count": 1, "unit_id": str(uuid4())}]}, "forces", "đơn vị đã có"),
        ({"forces": [{"kind": "ufo", "count": 1}]}, "forces.0.kind", "một trong"),
        ({"heading": 400}, "heading", "360"),
    ],
)
def test_what_cannot_be_is_said_in_plain_words_and_changes_nothing(as_, fire, said, field, words):
    reply = tell(as_, REPORTER, fire, "fighting", **said)
    assert reply.status_code == 422 and list(reply.json["errors"]) == [field], reply.json
    assert words in reply.json["errors"][field][0]
    assert as_(REPORTER).read(fire) == fire


@ON_SQLITE
def test_nobody_is_called_to_a_false_alarm(as_, fire):
    reply = tell(as_, REPORTER, fire, "false_alarm", point=ACROSS)
    assert (reply.json["offered"], reply.json["told"], reply.json["fire_status"]) == ([], [], "false_alarm")
    burns = tell(as_, OFFICER, fire, "fighting", point=ACROSS)
    assert named(as_, burns.json["offered"]) == ["Xã Tà Tổng"], "whoever stands before flames is believed"


# Who


def test_every_unit_at_work_may_say_how_the_fire_stands_and_nobody_else(as_, in_app):
    recruit(in_app, "leader.muong-toong", "leader", unit="03163")
    recruit(in_app, "ranger.hai", "ranger", unit="03163")
    fire = report(as_, type="forest_fire")
    expected = {"reporter": 201, "officers": 201, "leaders": 201, "partners": 201, "strangers": 404}
    for part, people in CAST.items():
        for who in people:
            assert tell(as_, who, fire, "fighting").status_code == expected[part], who
            listed = as_(who).get(f"/incidents/{fire['id']}").json.get("actions", [])
            assert ("fire_update" in listed) == (part != "strangers"), who
    as_(PARTNER).answer(fire, "decline", reason="other", text="Không thuộc phạm vi.")
    reply = tell(as_, PARTNER, fire, "fighting")
    assert (reply.status_code, reply.json["code"]) == (403, "not_allowed"), "no longer at work on it"
    assert "fire_update" not in as_(PARTNER).read(fire)["actions"] and updates(as_, fire)["items"]


@ON_SQLITE
def test_having_reported_it_is_not_enough_for_a_ranger_of_a_unit_that_is_not_at_work(as_):
    fire = as_("ranger.ta-tong").post("/incidents", json=new_report(type="forest_fire", location=INSIDE)).json
    assert "fire_update" not in fire["actions"]
    assert tell(as_, "ranger.ta-tong", fire, "fighting").json["code"] == "not_allowed"
    told(as_, OFFICER, fire, "fighting", point=ACROSS)
    assert told(as_, "ranger.ta-tong", fire, "fighting", forces=[{"kind": "residents", "count": 9}])


@ON_SQLITE
def test_forces_are_the_sum_of_the_latest_of_each_unit(as_, fire):
    told(as_, REPORTER, fire, "fighting", point=ACROSS, forces=[{"kind": "rangers", "count": 6}], at=at(1))
    theirs = as_(PARTNER).user["unit"]["id"]
    told(
        as_, PARTNER, fire, "fighting", forces=[{"kind": "rangers", "count": 4}, {"kind": "pump", "count": 1}], at=at(9)
    )
    late = [{"kind": "rangers", "count": 30, "unit_id": theirs}, {"kind": "militia", "count": 12}]
    read = told(as_, OFFICER, fire, "fighting", forces=late, at=at(5))
    assert {f["kind"]: f["count"] for f in read["fire"]["forces"]} == {"rangers": 4, "pump": 1, "militia": 12}
    read = told(as_, PARTNER, fire, "fighting", forces=[], at=at(10))
    assert read["fire"]["forces"] == [{"kind": "militia", "count": 12}], "they have left"


# The case


@ON_SQLITE
def test_only_of_a_fire_that_was_not_found_to_be_none(as_, a_felling, fire):
    assert (a_felling["fire"], a_felling["fire_status"]) == (None, None)
    reply = tell(as_, OFFICER, a_felling, "fighting")
    assert (reply.status_code, reply.json["code"]) == (409, "not_a_fire")
    assert "fire_update" not in a_felling["actions"] and updates(as_, a_felling)["items"] == []
    body = {"id": str(uuid4()), "status": "fighting"}
    as_(REPORTER).post(f"/incidents/{fire['id']}/fire-updates", json=body)
    for action in ("dismiss", "close"):
        ended = step(as_, fire, action, reason="Khói bếp của lán nương.")
        assert "fire_update" not in ended["actions"]
        reply = tell(as_, OFFICER, fire, "fighting")
        assert (reply.status_code, reply.json["code"]) == (409, "wrong_status"), action
    again = as_(REPORTER).post(f"/incidents/{fire['id']}/fire-updates", json=body)
    assert again.status_code == 200, "what was taken before is there"


@ON_SQLITE
def test_a_case_of_another_type_burns_no_more_and_corrected_back_it_is_the_same_fire(as_, fire):
    known = told(as_, REPORTER, fire, "contained", commander=COMMANDER)["fire"]
    changed = step(as_, fire, "correct", changes={"type": "forest_clearing"}, reason="Phát nương.")
    assert (changed["fire_status"], changed["fire"]) == (None, None)
    back = step(as_, fire, "correct", changes={"type": "forest_fire"}, reason="Có cháy lan.")
    assert (back["fire_status"], back["fire"]) == ("contained", known)


@pytest.fixture
def closed(as_, fire):
    """Put out with Tà Tổng's help, resolved and closed."""
    told(as_, REPORTER, fire, "fighting", point=ACROSS)
    accepts(as_, fire)
    told(as_, PARTNER, fire, "extinguished")
    as_(PARTNER).answer(fire, "conclude", text="Đã rút quân.")
    for action in ("receive", "confirm"):
        step(as_, fire, action)
    step(as_, fire, "resolve", outcome="extinguished")
    return step(as_, fire, "close")


@ON_SQLITE
def test_a_fire_that_burns_again_after_its_case_was_closed_opens_it_again(as_, closed):
    assert closed["status"] == "closed" and "fire_update" in closed["actions"]
    reply = tell(as_, REPORTER, closed, "reignited", point=ACROSS)
    assert (reply.status_code, named(as_, reply.json["told"])) == (201, ["Xã Mường Toong"])
    read = as_(PARTNER).read(closed)
    assert (read["status"], read["fire_status"], read["next_deadline"]["step"]) == ("received", "fighting", "verify")
    assert (read["lead"]["name"], row_of(read, "lead")["state"]) == ("Xã Mường Toong", "accepted")
    assert supports(read)[-1] == ("Xã Tà Tổng", "offered", "reopened") and reply.json["offered"] == []
    events = as_(OFFICER).get(f"/incidents/{closed['id']}/timeline").json["items"][-2:]
    assert [e["kind"] for e in events] == ["incident.fire_update", "incident.reopen"]
    assert events[1]["facts"] == {"before": "closed", "after": "received", "because": "fire_burns"}


@ON_SQLITE
def test_what_comes_late_to_a_closed_case_is_kept_and_wakes_nobody(as_, closed):
    read = told(as_, OFFICER, closed, "fighting", at=at(1), point=BORDER, needs="Nước uống")
    assert (read["status"], read["fire_status"], read["fire"]["updates"]) == ("closed", "extinguished", 3)
    elsewhere = tell(as_, OFFICER, closed, "watching", point={"lat": 22.12, "lon": 102.6})
    assert (elsewhere.json["offered"], elsewhere.json["told"], elsewhere.json["fire_status"]) == ([], [], "watching")
    assert as_(OFFICER).read(closed)["status"] == "closed"
    assert tell(as_, PARTNER, closed, "reignited").json["code"] == "not_allowed", (
        "its part has ended: it writes no more"
    )


@ON_SQLITE
def test_a_case_resolved_while_it_still_burned_is_opened_by_whoever_fights_on_and_not_by_old_news(as_, fire):
    for action in ("receive", "confirm"):
        step(as_, fire, action)
    step(as_, fire, "resolve", outcome="extinguished")
    assert told(as_, REPORTER, fire, "dispatched", at=at(0))["status"] == "resolved"
    assert told(as_, REPORTER, fire, "fighting")["status"] == "received"


@ON_SQLITE
def test_who_commanded_can_be_forgotten_and_the_chain_still_holds(as_, in_app, fire):
    secret = {"commander": COMMANDER, "needs": "Gọi ông Hặc", "heading": "về nhà ông Hặc"}
    secret["forces"] = [{"kind": "residents", "count": 3, "note": "Nhà ông Hặc"}]
    told(as_, REPORTER, fire, "fighting", **secret)
    told(as_, OFFICER, fire, "fighting", forces=[{"kind": "rangers", "count": 2}])

    def forget():
        incident = db.session.get(Incident, UUID(fire["id"]))
        erase(incident, 2, User.named("admin").person, "Theo yêu cầu.")
        db.session.commit()

    in_app(forget)
    everything = [
        as_(OFFICER).get(f"/incidents/{fire['id']}{below}").text for below in ("", "/fire-updates", "/timeline")
    ]
    assert not any(word in text for text in everything for word in ("Hặc", COMMANDER["phone"]))
    known = as_(OFFICER).read(fire)["fire"]
    assert (known["commander"], known["needs"], known["heading"]) == (None, None, None)
    assert known["forces"] == [{"kind": "rangers", "count": 2}] and known["updates"] == 2


# From a phone's queue


def update(incident, status, **said):
    return operation("fire.update", {"id": str(uuid4()), "status": status} | said, subject=incident["id"])


@ON_SQLITE
def test_a_queue_brings_updates_and_each_stands_or_falls_alone(app, as_, fire):
    phone = Copy(as_(OFFICER))
    phone.update()
    first, wrong, bad = (
        update(fire, "contained", at=at(30), commander=COMMANDER),
        update(fire, "dispatched", at=at(40)),
        update(fire, "fighting", perimeter={}),
    )
    stray = update({"id": str(uuid4())}, "fighting")
    results = send(as_(REPORTER), first, wrong, bad, stray, first)
    assert [r["result"] for r in results] == ["created", "conflict", "rejected", "rejected", "replayed"]
    assert results[1]["problem"]["code"] == "wrong_status"
    assert results[1]["problem"]["current"]["fire_status"] == "contained"
    assert list(results[2]["problem"]["errors"]) == ["perimeter"] and results[3]["problem"]["code"] == "unknown_subject"
    assert results[0]["receipt"] and phone.update() == [fire["id"]]
    assert phone.incidents[fire["id"]]["fire"]["commander"] == COMMANDER
    live = as_(REPORTER).post(f"/incidents/{fire['id']}/fire-updates", json=first["body"])
    assert live.status_code == 200, "it is the same thing at both doors"
    nameless = operation("fire.update", {"status": "watching"}, subject=fire["id"])
    assert [r["result"] for r in send(as_(REPORTER), nameless, nameless)] == ["created", "replayed"]


@ON_SQLITE
def test_a_phone_whose_clock_is_behind_is_not_taken_for_one_that_comes_late(as_, fire):
    told(as_, OFFICER, fire, "fighting", at=at(90))
    behind = timedelta(hours=3)
    shows = (now() - behind).isoformat()
    recorded = update(fire, "contained", at=(now() - behind - timedelta(minutes=5)).isoformat())
    results = send(as_(REPORTER), recorded, device_time=shows)
    assert [r["result"] for r in results] == ["created"]
    kept = updates(as_, fire)["items"][0]
    assert kept["status"] == as_(OFFICER).read(fire)["fire_status"] == "contained"
    off = datetime.fromisoformat(kept["at_corrected"]) - datetime.fromisoformat(kept["at"])
    assert abs(off - behind) < timedelta(seconds=5)
