"""What is overdue: said once for each deadline and level, told up the line, reminded of until somebody phones."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Event, Incident, Notice, db
from models.assignments import State
from models.base import now
from models.database import write_transaction
from models.deadlines import add_working_time
from models.notices import UNACKED
from models.overdue import OVERDUE, REMINDER, Clock, Said, due_to_say, levels
from models.unacked import GIVEN_UP
from services import overdue, worker
from services.unacked import climb as climb_job
from tests.people import INSIDE
from tests.reforms import activate, turn_back
from tests.server import ROOT
from tests.tellings import Told, ask
from tests.test_agreement_clocks import sign
from tests.test_assignments_of_leads import declines
from tests.test_deadlines import MOMENTS, at, shown
from tests.test_hand_over import act_on, offer, pending, unit_id
from tests.test_joint_verifications import record
from tests.test_workflows import OFFICER, PARTNER, report, step

AREA, TOONG, TONG = "officer.khu-vuc-muong-nhe", "Xã Mường Toong", "Xã Tà Tổng"
NHE, TE, DIEN_BIEN, LAI_CHAU = "Khu vực Mường Nhé", "Khu vực Mường Tè", "Tỉnh Điện Biên", "Tỉnh Lai Châu"
DEEP = {"lat": 22.155, "lon": 102.59, "accuracy_m": 20}  # in Mường Toong, farther from all others than a fire is told
FELLING, FIRE = SimpleNamespace(urgent=False), SimpleNamespace(urgent=True)
SQLITE = pytest.mark.only_on("sqlite")


# What is said when: without a database


def clock(step_, due_at, state=None):
    row = SimpleNamespace(id=uuid4(), state=state) if state else None
    return Clock(step_, due_at, uuid4(), row)


def followed(case, running, looks, called_at=None):
    """What a worker says that looks at these moments, each as (when, kind, level or how often)."""
    told, reminders, last_at, log = frozenset(), 0, None, []
    for moment in looks:
        new, _ = due_to_say(case, running, Said(told, reminders, last_at), called_at, moment)
        for kind, count in new:
            log.append((moment, kind, count))
            told, reminders = told | ({count} if kind == OVERDUE else set()), reminders + (kind == REMINDER)
            last_at = moment
    return log


def looking_when_told(case, running, until, called_at=None):
    """The same, looking only when the one before said so."""
    moment, looks = running.due_at, []
    while moment and moment < until:
        looks.append(moment)
        said = followed(case, running, looks, called_at)
        told = frozenset(count for _, kind, count in said if kind == OVERDUE)
        count = sum(kind == REMINDER for _, kind, _ in said)
        _, moment = due_to_say(
            case, running, Said(told, count, max((m for m, *_ in said), default=None)), called_at, moment
        )
    return followed(case, running, looks, called_at)


@pytest.mark.parametrize(
    "case, step_, expected",
    [
        (FELLING, "receive", ["20/11 16:00", "23/11 16:00", "26/11 16:00", "30/11 16:00", "02/12 16:00"]),
        (FIRE, "receive", ["20/11 16:00", "20/11 16:30", "20/11 17:30", "20/11 18:30", "20/11 19:30"]),
        (FIRE, "process", ["20/11 16:00", "23/11 16:00", "26/11 16:00", "30/11 16:00", "02/12 16:00"]),
    ],
    ids=["a felling", "a fire", "the paper work of a fire"],
)
def test_the_unit_above_is_told_then_one_more_then_all_three_times_again(case, step_, expected):
    """From a Friday afternoon on; a fire does not wait for Monday. The 24th is Ngày Văn hóa Việt Nam."""
    said = looking_when_told(case, clock(step_, at("2026-11-20 16:00")), at("2027-06-01 00:00"))
    assert [(kind, count) for _, kind, count in said] == [
        (OVERDUE, 1),
        (OVERDUE, 2),
        *((REMINDER, n) for n in (1, 2, 3)),
    ]
    assert [datetime.strptime(shown(m), "%Y-%m-%d %H:%M").strftime("%d/%m %H:%M") for m, *_ in said] == expected


@pytest.mark.parametrize("state", [State.OFFERED, State.EXPIRED])
def test_nobody_is_reminded_of_an_offer_that_ran_out_and_of_a_part_that_was_accepted_everybody_is(state):
    until = at("2027-06-01 00:00")
    kinds = [
        kind for _, kind, _ in looking_when_told(FELLING, clock("partner_answer", at("2026-11-20 16:00"), state), until)
    ]
    assert kinds == [OVERDUE, OVERDUE]
    helping = clock("conclude", at("2026-11-20 16:00"), State.ACCEPTED)
    assert len(looking_when_told(FELLING, helping, until)) == 5


def test_a_call_since_the_deadline_stops_the_reminders_and_nothing_else():
    running, until = clock("receive", at("2026-11-20 16:00")), at("2027-06-01 00:00")
    for called, reminders in (("2026-11-20 15:59", 3), ("2026-11-20 16:00", 0), ("2026-11-25 09:00", 0)):
        kinds = [kind for _, kind, _ in looking_when_told(FELLING, running, until, at(called))]
        assert (kinds.count(OVERDUE), kinds.count(REMINDER)) == (2, reminders), called


def test_a_worker_that_was_off_for_a_week_says_both_levels_once_and_reminds_from_then_on():
    running, back = clock("receive", at("2026-11-20 16:00")), at("2026-12-02 09:00")
    later = [back + timedelta(minutes=n) for n in range(0, 3 * 24 * 60, 60)]
    said = followed(FELLING, running, later)
    assert said[:2] == [(back, OVERDUE, 1), (back, OVERDUE, 2)]
    assert [(shown(m), kind) for m, kind, _ in said[2:]] == [("2026-12-04 09:00", REMINDER)]


@settings(max_examples=60)
@given(MOMENTS, st.sampled_from([FELLING, FIRE]), st.lists(st.integers(0, 60 * 24 * 60), min_size=1, max_size=12))
def test_however_often_and_late_a_worker_looks_each_level_is_said_once_and_never_too_early(due_at, case, minutes):
    running = clock("receive", due_at)
    said = followed(case, running, [due_at + timedelta(minutes=m - 60) for m in sorted(minutes)])
    assert len({(kind, count) for _, kind, count in said}) == len(said)
    reached = levels(case, running)
    assert all(moment >= reached[count - 1] for moment, kind, count in said if kind == OVERDUE)
    assert all(moment > reached[-1] for moment, kind, _ in said if kind == REMINDER)
    assert [count for _, kind, count in said if kind == REMINDER] == list(
        range(1, 1 + sum(k == REMINDER for _, k, _ in said))
    )
    assert sum(kind == REMINDER for _, kind, _ in said) <= 3


@settings(max_examples=20)
@given(MOMENTS, st.sampled_from([FELLING, FIRE]))
def test_looking_only_when_the_last_look_said_so_misses_nothing(due_at, case):
    running, until = clock("receive", due_at), due_at + timedelta(days=50)
    levels_only = [s for s in looking_when_told(case, running, until) if s[1] == OVERDUE]
    assert levels_only == [(moment, OVERDUE, n) for n, moment in enumerate(levels(case, running), 1)]


# With a worker


@pytest.fixture
def told(app):
    return Told(app)


def look(app, kind="overdue", **later):
    """The worker does its minute's work, so much later."""
    with time_machine.travel(now() + timedelta(**later)):
        ask(app, kind)
        while worker.run_once(app):
            pass


def said_of(in_app, incident):
    """What the log says of its deadlines: kind, step, level, how often reminded."""

    def read():
        own = db.select(Event).where(Event.subject_id == UUID(incident["id"]), Event.kind.like("incident.overdue%"))
        events = db.session.scalars(own.order_by(Event.position))
        return [(e.facts["step"], e.facts["level"], e.facts.get("reminder")) for e in events]

    return in_app(read)


def make_late(in_app, incident, **by):
    """Its next step was due so long ago."""

    def write():
        case = db.session.get_one(Incident, UUID(incident["id"]))
        case.deadline_at = now() - timedelta(**by)
        case.watch()
        db.session.commit()

    in_app(write)


def test_a_case_that_nobody_receives_is_told_to_the_area_then_to_the_province(app, as_, in_app, told):
    """Tà Tổng has not answered either: of its part its own line hears, beside what it heard as the offer ran out."""
    incident = report(as_)
    told.skip()
    look(app, minutes=30)
    assert told() == {} and said_of(in_app, incident) == []
    received = datetime.fromisoformat(incident["received_at"])
    first = add_working_time(received, 4) - received
    look(app, seconds=first.total_seconds() + 60)
    assert told() == {TOONG: "overdue", NHE: "overdue_below"}
    look(app, days=20)
    assert said_of(in_app, incident)[1:] == [
        ("receive", 2, None),
        ("partner_answer", 1, None),
        ("partner_answer", 2, None),
    ]
    assert told.all_of(incident, "overdue_below") == [NHE, DIEN_BIEN, TE, LAI_CHAU]


def test_the_answer_says_since_when_and_how_far_up_and_a_phone_hears_of_it(app, as_, in_app):
    incident = report(as_, location=dict(INSIDE))
    fresh = incident["next_deadline"]
    assert (fresh["overdue"], fresh["level"], fresh["called_at"]) == (False, 0, None)
    before = as_(OFFICER).get(f"/incidents/{incident['id']}").headers["ETag"]
    before_that = {"unit_id": unit_id(as_, OFFICER), "answered": True, "at": (now() - timedelta(hours=1)).isoformat()}
    assert as_(AREA).post(f"/incidents/{incident['id']}/calls", json=before_that).status_code == 201
    make_late(in_app, incident, minutes=1)
    look(app)
    late = as_(OFFICER).get(f"/incidents/{incident['id']}")
    assert late.json["next_deadline"]["called_at"] is None, "somebody phoned before it was late"
    assert late.json["next_deadline"]["level"] == 1 and late.json["next_deadline"]["overdue"]
    assert late.headers["ETag"] != before and late.json["version"] == incident["version"], "nobody decided on it"
    make_late(in_app, incident, days=40)
    assert as_(OFFICER).read(incident)["next_deadline"]["level"] == 2
    listed = as_(OFFICER).get("/incidents?overdue=true").json["items"]
    assert [i["id"] for i in listed] == [incident["id"]]
    assert as_(OFFICER).get("/incidents?overdue=false").json["items"] == []
    event = as_(OFFICER).get(f"/incidents/{incident['id']}/timeline").json["items"][-1]
    assert event["kind"] == "incident.overdue" and NHE in event["names"].values()


def test_run_again_run_by_two_at_once_and_run_late_it_says_the_same_once(app, as_, in_app, told):
    incident = report(as_, location=dict(INSIDE))
    told.skip()
    make_late(in_app, incident, days=40)

    def write():
        with app.app_context(), write_transaction():
            overdue.overdue(app, "overdue", {})()
            db.session.commit()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(write) for _ in range(3)]:
            done.result()
    expected = [("receive", 1, None), ("receive", 2, None)]
    assert said_of(in_app, incident) == expected
    assert told() == {TOONG: "overdue", NHE: "overdue_below", DIEN_BIEN: "overdue_below"}
    revision = as_(OFFICER).read(incident)["revision"]
    as_(OFFICER).post(f"/incidents/{incident['id']}/notes", json={"text": "Đang đi."})
    in_app(lambda: db.session.get_one(Incident, UUID(incident["id"])).watch() or db.session.commit())
    look(app)
    assert said_of(in_app, incident) == expected and as_(OFFICER).read(incident)["revision"] == revision + 1


def test_reminders_come_until_somebody_phones_and_the_case_stays_overdue(app, as_, in_app, told):
    incident = report(as_, location=dict(INSIDE))
    make_late(in_app, incident, days=40)
    look(app)
    told.skip()
    look(app, days=20)
    assert told() == {TOONG: "reminded", NHE: "reminded_below", DIEN_BIEN: "reminded_below"}
    called = {"unit_id": unit_id(as_, OFFICER), "answered": True, "answer": "Chiều nay đi."}
    assert as_(AREA).post(f"/incidents/{incident['id']}/calls", json=called).status_code == 201
    look(app, days=60)
    assert told() == {} and said_of(in_app, incident)[-1] == ("receive", 2, 1)
    now_ = as_(OFFICER).read(incident)
    assert (
        now_["next_deadline"]["overdue"] and now_["next_deadline"]["called_at"] == now_["handling"]["last_call"]["at"]
    )


@SQLITE
def test_a_step_taken_a_moment_before_the_worker_looks_wins_and_a_new_deadline_counts_anew(app, as_, in_app):
    incident = report(as_, location=dict(INSIDE))
    make_late(in_app, incident, minutes=5)
    step(as_, incident, "receive")
    look(app)
    assert said_of(in_app, incident) == []
    make_late(in_app, incident, minutes=5)
    look(app)
    assert said_of(in_app, incident) == [("verify", 1, None)]
    step(as_, incident, "verify")
    for minutes in (5, 4):  # the second: as after a case was opened again and came to the same step
        make_late(in_app, incident, minutes=minutes)
        look(app)
    assert said_of(in_app, incident) == [("verify", 1, None), ("confirm", 1, None), ("confirm", 1, None)]


@SQLITE
def test_a_hand_over_starts_no_clock_anew_and_repeats_nothing(app, as_, in_app, told):
    incident = step(as_, report(as_), "receive")
    make_late(in_app, incident, minutes=5)
    look(app)
    told.skip()
    row = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    handed = act_on(as_, PARTNER, incident, row, "accept").json
    assert handed["next_deadline"]["overdue"] and handed["lead"]["name"] == TONG
    told.skip()
    look(app)
    assert told() == {} and said_of(in_app, incident) == [("verify", 1, None)]
    look(app, days=20)
    assert told.all_of(incident, "overdue_below")[-1] == LAI_CHAU, "the next level is of the line that leads now"


@SQLITE
def test_a_support_that_does_not_conclude_is_late_itself(app, as_, in_app, told):
    incident = report(as_)
    as_(PARTNER).answer(incident, "accept")
    step(as_, incident, "receive")
    assert record(as_, OFFICER, incident).status_code == 201
    told.skip()

    def late():
        case = db.session.get_one(Incident, UUID(incident["id"]))
        next(r for r in case.assignments if r.role == "support").due_at = now() - timedelta(minutes=1)
        case.watch()
        db.session.commit()

    in_app(late)
    seen = as_(PARTNER).get("/incidents?overdue=true").json["items"]
    assert [r["overdue"] for i in seen for r in i["assignments"]] == [False, True]
    look(app)
    assert told() == {TONG: "overdue", TE: "overdue_below", TOONG: "partner_overdue"}
    assert said_of(in_app, incident) == [("conclude", 1, None)]
    as_(PARTNER).answer(incident, "conclude", text="Đã đo xong.")
    look(app, days=1)
    assert [s for s in said_of(in_app, incident) if s[0] == "conclude"] == [("conclude", 1, None)]
    assert as_(PARTNER).get("/incidents?overdue=true").json["items"] == []


@SQLITE
def test_an_arbiter_that_does_not_decide_is_told_as_its_leader(app, as_, in_app, told):
    incident = report(as_)
    declines(as_, OFFICER, incident)
    declines(as_, PARTNER, incident)
    told.skip()
    look(app, hours=25)
    assert told() == {DIEN_BIEN: "arbiter_overdue"} and said_of(in_app, incident)[0] == ("arbitrate", 1, None)
    (notice,) = [n for n in as_("leader.dien-bien").get("/notices").json["items"] if n["kind"] == "arbiter_overdue"]
    assert "Lãnh đạo cần quyết định ngay" in notice["text"]


def test_a_case_that_cannot_be_read_through_keeps_no_other_back(app, as_, in_app, caplog):
    broken, fine = report(as_, location=dict(INSIDE)), report(as_, location=dict(INSIDE))
    for incident in (broken, fine):
        make_late(in_app, incident, minutes=5)

    def break_it():
        db.session.get_one(Incident, UUID(broken["id"])).type = "không có"
        db.session.commit()

    in_app(break_it)
    look(app)
    assert said_of(in_app, fine) == [("receive", 1, None)] and said_of(in_app, broken) == []
    assert "is not looked at" in caplog.text


@SQLITE
def test_what_is_due_is_one_index_range_and_where_nothing_is_new_nothing_is_written(app, as_, in_app):
    incident = report(as_, location=dict(INSIDE))
    written = []

    def plan(query):
        text = query.compile(db.engine, compile_kwargs={"literal_binds": True})
        return str(db.session.execute(db.text(f"EXPLAIN QUERY PLAN {text}")).all())

    due = db.select(Incident.id).where(Incident.look_at <= now()).order_by(Incident.look_at).limit(50)
    assert "ix_incidents_look_at" in in_app(lambda: plan(due)) and "TEMP B-TREE" not in in_app(lambda: plan(due))
    unacked = db.select(Notice.id).where(db.text(UNACKED), Notice.at > now() - GIVEN_UP, Notice.at <= now())
    assert "ix_notices_unacked" in in_app(lambda: plan(unacked))
    make_late(in_app, incident, minutes=5)
    look(app)

    def idle():
        db.event.listen(db.engine, "before_cursor_execute", lambda *said: written.append(said[2]))
        with write_transaction():
            for job in (overdue.overdue, climb_job):
                assert job(app, "", {})() is False
            db.session.commit()

    in_app(idle)
    assert {text.split()[0] for text in written} <= {"SELECT", "BEGIN", "PRAGMA"}


DIES = """
import os, signal, sys
from pathlib import Path
from api import create_app
from models import overdue
from models.base import db
from services import worker

def dies(incident, *said):
    say(incident, *said)
    db.session.flush()
    os.kill(os.getpid(), signal.SIGKILL)

say, overdue._say = overdue._say, dies
app = create_app(SQLALCHEMY_DATABASE_URI=sys.argv[1], KEY_FOLDER=Path(sys.argv[2]))
while worker.run_once(app):
    pass
"""


@SQLITE
def test_a_worker_killed_in_the_middle_has_said_nothing_and_the_next_says_all_of_it_once(app, as_, in_app):
    incident = report(as_, location=dict(INSIDE))
    make_late(in_app, incident, days=40)

    ask(app, "overdue")
    address = in_app(lambda: db.engine.url.render_as_string(hide_password=False))
    command = [sys.executable, "-c", DIES, address, str(app.config["KEY_FOLDER"])]
    killed = subprocess.run(command, cwd=ROOT, env=os.environ, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert said_of(in_app, incident) == []
    worker.release_of_the_dead(app)
    look(app)
    assert said_of(in_app, incident) == [("receive", 1, None), ("receive", 2, None)]


def test_what_a_notice_says_is_due_is_due_by_the_agreement(app, as_):
    sign(as_, clocks={"receive": {"other": {"minutes": 45}}})
    incident = report(as_)
    Told(app).skip()
    (asked,) = as_(OFFICER).get("/notices").json["items"]
    due = datetime.fromisoformat(incident["next_deadline"]["at"])
    assert due.astimezone(at("2026-01-01 00:00").tzinfo) and shown(due)[-5:] in asked["text"]


# An urgent notice of which nobody takes note


@pytest.fixture
def a_fire(as_, told):
    fire = report(as_, type="forest_fire", location=dict(DEEP), burning=True)
    assert told() == {TOONG: "lead_asked"}
    return fire


def climb(app, minutes):
    look(app, "climb", minutes=minutes)


def test_a_fire_of_which_nobody_takes_note_climbs_twice_and_nobody_hears_it_twice(app, as_, in_app, told, a_fire):
    climb(app, 9)
    assert told() == {}
    for _ in range(2):
        climb(app, 11)
    assert told() == {NHE: "unacked_below"}
    for minutes in (22, 23, 60, 600):
        climb(app, minutes)
    assert told() == {DIEN_BIEN: "unacked_below"}
    (seen,) = [n for n in as_(AREA).get("/notices").json["items"] if n["kind"] == "unacked_below"]
    assert seen["urgent"] and TOONG in seen["text"] and seen["contacts"]
    assert in_app(lambda: len({n.id for n in db.session.scalars(db.select(Notice))})) == 3


NOTED = ["says so", "acts", "is acted for by the area", "is taken over by the unit above"]


@pytest.mark.parametrize("noted", NOTED)
def test_it_stops_as_soon_as_somebody_takes_note(app, as_, told, a_fire, noted):
    if noted == "acts":
        assert as_(OFFICER).post(f"/incidents/{a_fire['id']}/notes", json={"text": "Đang đi."}).status_code == 201
    elif noted == "is acted for by the area":
        step(as_, a_fire, "receive", by=AREA)
        told.skip()
    elif noted == "says so":
        (waits,) = as_(OFFICER).get("/notices").json["items"]
        assert as_(OFFICER).post(f"/notices/{waits['id']}/ack").status_code == 200
    else:
        climb(app, 11)
        assert told() == {NHE: "unacked_below"}
        with time_machine.travel(now() + timedelta(minutes=15)):
            area = as_(AREA, "máy của ca sau")
            (waits,) = [n for n in area.get("/notices").json["items"] if n["kind"] == "unacked_below"]
            assert area.post(f"/notices/{waits['id']}/ack").status_code == 200
    for minutes in (11, 25, 60):
        climb(app, minutes)
    assert told() == {}


@SQLITE
def test_a_felling_does_not_climb_and_what_reaches_the_units_above_by_itself_does_not_either(
    app, as_, in_app, told, a_fire
):
    report(as_, location=dict(INSIDE))
    step(as_, a_fire, "receive")
    make_late(in_app, a_fire, minutes=1)
    look(app)
    assert told(of=a_fire) == {TOONG: "overdue", NHE: "overdue_below"}
    climb(app, 20)
    assert told(of=a_fire) == {}


@SQLITE
def test_no_event_says_that_the_unit_of_somebody_on_the_report_is_silent(app, as_, in_app, told):
    """Where they belong is for few to read, and the timeline is for all who see the case."""
    home = unit_id(as_, "officer.nam-ke")
    people = [{"name": "Sùng A Kín", "unit_id": home}]
    fire = report(as_, type="forest_fire", location=dict(DEEP), burning=True, people=people)
    assert told() == {TOONG: "lead_asked", "Xã Nậm Kè": "people_of_yours"}
    climb(app, 11)
    assert told() == {NHE: "unacked_below"}
    assert home not in str(
        [e["facts"] for e in as_("ranger.muong-toong").get(f"/incidents/{fire['id']}/timeline").json["items"]]
    )


@SQLITE
@pytest.mark.parametrize("noted", [False, True])
def test_what_climbs_climbs_in_the_tree_of_today_and_successors_may_take_note(app, as_, in_app, told, noted):
    turn_back(in_app)
    place = {"lat": 22.184, "lon": 102.717, "accuracy_m": 10.0}
    fire = report(as_, type="forest_fire", location=place, burning=True)
    assert "Xã Huổi Lếch" in told(of=fire)
    activate(in_app)
    told.skip()
    if noted:
        assert as_(OFFICER).post(f"/incidents/{fire['id']}/notes", json={"text": "Đang đi."}).status_code == 201
        told.skip()
    climb(app, 11)
    reached = told(of=fire)
    assert reached == ({} if noted else {NHE: "unacked_below"})
