"""What is found about reports: named, with what was measured, and never a reason to refuse."""

import ast
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from models import Change, Incident, Job, db
from models.base import now
from models.database import write_transaction
from models.vocabulary import vocabulary
from services import worker
from tests.people import BORDER, INSIDE, new_report
from tests.phones import create, send, settle, words
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

ROOT = Path(__file__).parent.parent
FAR = INSIDE  # 6.36 km from the place at the border


def examine(app):
    """The job, as often as there is more of it to do."""
    settle(app)
    with app.app_context(), write_transaction():
        db.session.execute(db.delete(Job).where(Job.kind != "examine"))
        Job.ask("examine", "examine", every_s=3600)
        db.session.execute(db.update(Job).values(due_at=now()))
        db.session.commit()
    while worker.run_once(app):
        pass


def ago(**span):
    return (now() - timedelta(**span)).isoformat()


def findings(as_, incident, who=OFFICER):
    return as_(who).read(incident)["findings"]


def place(lat=BORDER["lat"], lon=BORDER["lon"], **more):
    return {"lat": lat, "lon": lon, "accuracy_m": 20.0} | more


# In the report itself


@pytest.mark.parametrize("said", [{"mock": True}, {"source": "mock"}, {"mock": True, "source": "gps"}])
def test_a_place_that_the_phone_says_was_made_up_is_named(as_, said):
    reply = as_(REPORTER).post("/incidents", json=new_report(location=BORDER | said))
    assert (reply.status_code, reply.json["findings"]) == (201, [{"check": "mock_location", "value": True}])


@pytest.mark.parametrize("said", [{"mock": False}, {"mock": None}, {"source": "gps"}, {"source": "mocked"}])
def test_any_other_place_is_not(as_, said):
    reply = as_(REPORTER).post("/incidents", json=new_report(location=BORDER | said))
    assert (reply.status_code, reply.json["findings"]) == (201, [])


def test_a_mock_that_cannot_be_read_is_kept_aside(as_):
    reply = as_(REPORTER).post("/incidents", json=new_report(location=BORDER | {"mock": "có"}))
    assert reply.json["findings"] == [{"check": "unreadable_field", "value": "location.mock"}]


@pytest.mark.parametrize("minutes, off", [(0, None), (25, None), (-25, None), (45, 2700), (-45, -2700)])
def test_satellite_time_far_from_the_time_of_the_finding_is_named(as_, minutes, off):
    found_at = now() - timedelta(hours=5)
    fix = (found_at - timedelta(minutes=minutes)).isoformat()
    incident = report(as_, found_at=found_at.isoformat(), location=BORDER | {"captured_at": fix})
    assert incident["findings"] == ([{"check": "gps_clock", "value": off}] if off else [])


def test_a_clock_whose_error_is_known_is_not_blamed_a_second_time(as_):
    """Three hours ahead by the sync and by the satellite: one finding says it."""
    true = now() - timedelta(hours=4)
    shown = true + timedelta(hours=3)
    made = create(found_at=shown.isoformat(), location=BORDER | {"captured_at": true.isoformat()})
    assert words(send(as_(REPORTER), made, device_time=(now() + timedelta(hours=3)).isoformat())) == ["created"]
    assert [f["check"] for f in findings(as_, made["body"])] == ["device_clock"]


def test_a_correction_judges_place_and_time_again(as_):
    found_at = now() - timedelta(hours=5)
    fix = (found_at - timedelta(hours=2)).isoformat()
    incident = report(as_, found_at=found_at.isoformat(), location=BORDER | {"captured_at": fix, "mock": True})
    assert [f["check"] for f in incident["findings"]] == ["gps_clock", "mock_location"]
    step(as_, incident, "receive")
    step(as_, incident, "correct", changes={"found_at": fix}, reason="Ghi nhầm giờ.")
    assert findings(as_, incident) == [{"check": "mock_location", "value": True}]
    step(as_, incident, "correct", changes={"location": dict(INSIDE)}, reason="Đo lại tại chỗ.")
    assert findings(as_, incident) == []


# Against other reports


def test_a_speed_that_nobody_travels_at_is_named_on_the_report_that_came_later(app, as_):
    first = report(as_, found_at=ago(minutes=60), location=dict(FAR))
    second = report(as_, found_at=ago(minutes=59))
    examine(app)
    assert findings(as_, first) == []
    (finding,) = findings(as_, second)
    assert (finding["check"], finding["incidents"]) == ("impossible_speed", [first["id"]])
    assert finding["value"] == pytest.approx((6.36 - 0.04) * 60, rel=0.01)


@pytest.mark.parametrize(
    "change",
    [
        {"found_at": ago(hours=1.1)},  # 6 km in seven minutes
        {"location": place(BORDER["lat"] - 0.015)},  # 1.7 km in a minute
        {"location": FAR | {"accuracy_m": 30_000.0}},  # nobody knows where that was
        {"found_at": "1970-01-01T00:00:00Z"},  # nobody knows when that was
    ],
)
def test_what_a_person_can_do_is_not(app, as_, change):
    report(as_, **({"found_at": ago(minutes=60), "location": dict(FAR)} | change))
    second = report(as_, found_at=ago(minutes=59))
    examine(app)
    assert findings(as_, second) == []


def test_reports_of_others_say_nothing_of_my_speed(app, as_):
    as_("ranger.ta-tong").post("/incidents", json=new_report(found_at=ago(minutes=60)))
    second = report(as_, found_at=ago(minutes=59), location=dict(FAR))
    examine(app)
    assert findings(as_, second) == []


def test_a_report_that_comes_late_is_held_against_the_ones_before_and_after_it(app, as_):
    later = report(as_, found_at=ago(minutes=31), location=dict(FAR))
    examine(app)
    late = report(as_, found_at=ago(minutes=32))
    examine(app)
    assert [f["incidents"] for f in findings(as_, late)] == [[later["id"]]]
    assert findings(as_, later) == []


def test_coordinates_that_come_again_at_another_time_are_counted(app, as_):
    here = place(22.2412345, 102.6012345)
    first = report(as_, found_at=ago(hours=9), location=here)
    same_stop = report(as_, found_at=ago(hours=9, minutes=-5), location=here)
    again = report(as_, found_at=ago(hours=2), location=here)
    near = report(as_, found_at=ago(hours=1), location=here | {"lat": 22.2412346})
    examine(app)
    assert [findings(as_, incident) for incident in (first, same_stop, near)] == [[], [], []]
    named = sorted([first["id"], same_stop["id"]])
    assert findings(as_, again) == [{"check": "identical_coordinates", "value": 2, "incidents": named}]


def test_after_a_month_only_my_own_coordinates_count(app, as_, in_app):
    here = place(22.2412345, 102.6012345)
    theirs = as_("ranger.ta-tong").post("/incidents", json=new_report(found_at=ago(hours=9), location=here)).json
    mine = report(as_, found_at=ago(hours=8), location=here)

    def age():
        old = now() - timedelta(days=31)
        db.session.execute(db.update(Incident).values(received_at=old - timedelta(hours=1), counted_at=old))
        db.session.commit()

    in_app(age)
    again = report(as_, found_at=ago(hours=2), location=here)
    examine(app)
    (finding,) = findings(as_, again)
    assert finding["incidents"] == [mine["id"]] and theirs["id"] not in str(finding)


def test_nobody_learns_of_a_report_they_cannot_see(app, as_):
    """Of what others reported at the very same place: who reported reads nothing, who handles it how often, and the
    cases by name only as far as they see them; a neighbour only once it accepted its part."""
    here = place(22.2412345, 102.6012345)
    theirs = as_("officer.nam-ke").post("/incidents", json=new_report(found_at=ago(hours=9), location=here)).json
    mine = report(as_, found_at=ago(hours=2), location=here)
    assert as_(REPORTER).get(f"/incidents/{theirs['id']}").status_code == 404
    examine(app)
    named = [{"check": "identical_coordinates", "value": 1, "incidents": [theirs["id"]]}]
    assert findings(as_, mine, REPORTER) == [] and findings(as_, mine) == named
    for path in (f"/incidents/{mine['id']}", "/incidents", "/sync", f"/incidents/{mine['id']}/timeline"):
        assert theirs["id"] not in as_(REPORTER).get(path).text
    hidden = (
        as_("officer.nam-ke").post("/incidents", json=new_report(found_at=ago(hours=8), location=dict(INSIDE))).json
    )
    at_border = report(as_, found_at=ago(hours=7), location=INSIDE | {"accuracy_m": 9000.0})
    examine(app)
    assert as_(PARTNER).get(f"/incidents/{hidden['id']}").status_code == 404
    assert findings(as_, at_border, PARTNER) == []
    accepts(as_, at_border)
    assert findings(as_, at_border, PARTNER) == [{"check": "identical_coordinates", "value": 1, "incidents": []}]
    assert findings(as_, at_border)[0]["incidents"] == [hidden["id"]]


def test_the_job_changes_no_version_tells_phones_once_and_may_run_again(app, as_, in_app):
    first = report(as_, found_at=ago(minutes=60), location=dict(FAR))
    second = report(as_, found_at=ago(minutes=59))
    before = as_(OFFICER).read(second)
    examine(app)
    after = as_(OFFICER).read(second)
    assert (after["version"], after["revision"]) == (before["version"], before["revision"] + 1)

    def noted():
        return db.session.scalars(db.select(Change.incident_id)).all()

    assert in_app(noted) == [UUID(second["id"])]

    def from_the_beginning():
        db.session.execute(db.delete(Job))
        db.session.commit()

    in_app(from_the_beginning)
    examine(app)
    assert as_(OFFICER).read(second) == after and in_app(noted) == [UUID(second["id"])]
    assert findings(as_, first) == []


def test_a_correction_is_examined_again_with_those_that_were_held_against_it(app, as_):
    first = report(as_, found_at=ago(minutes=60), location=dict(FAR))
    second = report(as_, found_at=ago(minutes=59))
    examine(app)
    assert findings(as_, second)
    for incident in (first, second):
        step(as_, incident, "receive")
    step(as_, first, "correct", changes={"location": dict(BORDER)}, reason="Nhập nhầm tọa độ.")
    examine(app)
    assert findings(as_, second) == []
    step(as_, second, "correct", changes={"location": dict(FAR)}, reason="Nhập nhầm tọa độ.")
    assert findings(as_, second) == []  # at once, what held no more is gone
    examine(app)
    assert [f["check"] for f in findings(as_, second)] == ["impossible_speed"]


def test_a_patrol_that_comes_in_one_batch_is_held_against_itself(app, as_):
    batch = [create(found_at=ago(hours=5 - n), location=place(22.2412345, 102.6012345)) for n in range(3)]
    assert words(send(as_(REPORTER), *batch)) == ["created"] * 3
    examine(app)
    values = [[f["value"] for f in findings(as_, made["body"])] for made in batch]
    assert sorted(values) == [[], [1], [2]]


# Words


def test_every_check_has_its_words():
    known = {entry["code"] for entry in vocabulary()["finding"] if entry["vi"] and entry["en"]}
    assert checks_in_the_code() == known


def checks_in_the_code():
    found = set()
    for path in (p for room in ("api", "models", "services") for p in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                values = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "check"]
                found |= {v.value for v in values if isinstance(v, ast.Constant)}
    from models.clocks import CHECK
    from models.findings import COMPARISONS

    return found | {CHECK, *COMPARISONS}


def test_phones_get_the_words_of_findings(as_):
    words = {entry["code"]: entry for entry in as_(REPORTER).get("/bootstrap").json["enums"]["finding"]}
    assert (words["mock_location"]["vi"], words["mock_location"]["en"]) == ("Vị trí giả lập", "Mock location")
