"""The day the boundaries change: what is open passes to who stands there now, once, with events saying so; and back."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine

from models import (
    Assignment,
    CaseLink,
    Contact,
    Coverage,
    Event,
    Hotspot,
    Incident,
    Notice,
    Passing,
    Succession,
    Unit,
    User,
    db,
    passing,
)
from models.assignments import Part
from models.base import now
from models.clock import today
from models.database import write_transaction
from models.errors import NoSuccessor, TooLate
from models.passing_holders import HISTORY, OWN_WAY, READ_BY_DATE, moving_columns
from models.reference import unit_of
from models.reporting import Draft
from services import audit, worker
from services.demo.load import LAST_OF_OLD, REFORM
from services.passing import pass_on_today
from tests.people import new_report
from tests.reforms import activate, edition_of, effect_of, give_back, new, old, turn_back
from tests.test_assignments import answer, row_of
from tests.test_assignments_of_leads import NOT_OURS
from tests.test_hand_over import act_on, leads, pending
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, step

LECH, CO_SA, LAM = "officer.huoi-lech", "officer.na-co-sa", "officer.quang-lam"
# Between the old communes Huổi Lếch and Mường Toong, which become one; and inside each.
IN_LECH = {"lat": 22.184, "lon": 102.717, "accuracy_m": 10.0}
IN_TOONG = {"lat": 22.191, "lon": 102.589, "accuracy_m": 10.0}
TONG_BORDER = {"lat": 22.2425, "lon": 102.6, "accuracy_m": 20.0}


@pytest.fixture
def before(in_app, as_):
    turn_back(in_app)


@pytest.fixture
def file(as_, before):
    def send(location, who=REPORTER, **more):
        reply = as_(who).post("/incidents", json=new_report(location=dict(location), **more))
        assert reply.status_code == 201, reply.json
        return reply.json

    return send


def states(incident):
    return sorted((r["unit"]["name"], r["role"], r["state"]) for r in incident["assignments"])


def lead_of(incident):
    return incident["lead"]["name"], incident["lead"]["valid_from"]


def timeline(as_, who, incident):
    return as_(who).get(f"/incidents/{incident['id']}/timeline").json["items"]


def test_officers_of_old_communes_work_on_the_next_minute_and_the_case_is_the_same(as_, in_app, file):
    taken = step(as_, file(IN_LECH), "receive", by=LECH)
    assert lead_of(taken) == ("Xã Huổi Lếch", None)
    activate(in_app)
    seen = as_(LECH).read(taken)
    assert lead_of(seen) == ("Xã Mường Toong", "2025-07-01") and seen["guard_unit"]["valid_from"] == "2025-07-01"
    for same in ("number", "status", "next_deadline", "routing", "received_at"):
        assert seen[same] == taken[same], same
    assert seen["version"] == taken["version"] + 1 and "verify" in seen["actions"]
    for who in (OFFICER, "leader.muong-nhe", "leader.dien-bien"):
        assert as_(who).read(taken)["id"] == taken["id"], who
    assert step(as_, seen, "verify", by=OFFICER)["status"] == "verifying", "the other half of the new commune"
    event = next(e for e in timeline(as_, LECH, seen) if e["kind"] == "incident.passed_on")
    assert [event["names"][event["facts"][name]] for name in ("from", "to")] == ["Xã Huổi Lếch", "Xã Mường Toong"]
    assert (event["facts"]["by"], event["actor"]["role"]) == ("succeeded", "admin")


def test_rows_that_fall_together_become_one(as_, in_app, file):
    """Lead beats support, accepted beats offered; the other is concluded."""
    joint = step(as_, file(IN_LECH), "receive", by=LECH)
    ask(as_, in_app, LECH, joint, "03163")
    fresh = file(IN_TOONG)
    invited = _invited(as_, in_app, fresh)
    assert effect_of(in_app).merged == 2
    assert activate(in_app).merged == 2
    seen = as_(OFFICER).read(joint)
    assert states(seen) == [("Xã Mường Toong", "lead", "accepted"), ("Xã Mường Toong", "support", "concluded")]
    assert (seen["joint_status"], next(r for r in seen["assignments"] if r["role"] == "support")["reason"]) == (
        "single",
        "merged",
    )
    seen = as_(OFFICER).read(fresh)
    assert row_of(seen, "lead")["state"] == "accepted", "the support had accepted"
    assert {str(r["id"]): r["state"] for r in seen["assignments"]}[invited] == "concluded"


def ask(as_, in_app, who, case, code, **said):
    """One of them asks a commune of then to support, or to take over."""
    seen = as_(who).get(f"/incidents/{case['id']}")
    body = {"id": str(uuid4()), "unit_id": str(in_app(lambda: old(code).id)), "reason": "Cùng vào rừng."} | said
    path = f"/incidents/{case['id']}/assignments"
    reply = as_(who).post(path, json=body, headers={"If-Match": seen.headers["ETag"]})
    assert reply.status_code == 201, reply.json
    return reply.json


def _invited(as_, in_app, case):
    """Huổi Lếch has accepted to support a case that nobody has received."""

    def invite():
        incident = db.session.get_one(Incident, UUID(case["id"]))
        incident.offer(unit_of(old("03177").id), Part.SUPPORT, from_unit_id=incident.lead_unit_id).accept()
        incident.assignments_changed()
        db.session.commit()
        return str(incident.row_at_work(old("03177").id).id)

    return in_app(invite)


def test_who_was_asked_to_take_over_is_asked_still_unless_they_are_one_now(as_, in_app, file):
    away = step(as_, file(TONG_BORDER), "receive", by=OFFICER)
    ask(as_, in_app, OFFICER, away, "03463", hand_over=True)
    home = step(as_, file(IN_LECH), "receive", by=LECH)
    ask(as_, in_app, LECH, home, "03163", hand_over=True)
    activate(in_app)
    row = pending(as_(PARTNER).read(away))
    done = act_on(as_, PARTNER, away, row, "accept")
    assert done.status_code == 200 and leads(done.json) == ["Xã Tà Tổng"]
    handed = next(r for r in as_(OFFICER).read(home)["assignments"] if r["hand_over"])
    assert (handed["state"], handed["reason"]) == ("concluded", "merged")


@pytest.mark.only_on("sqlite")
def test_agreements_cover_their_borders_still_and_say_what_became_of_their_parties(as_, in_app, file):
    earlier = file(TONG_BORDER)
    assert ("Xã Tà Tổng", "support", "offered") in states(earlier)
    activate(in_app)
    later = file(TONG_BORDER)
    assert states(later) == states(as_(OFFICER).read(earlier)), "led and supported as it is now"
    said = in_app(lambda: [e.facts for e in _events("agreement.party_passed_on")])
    names = in_app(lambda: {str(u.id): u.name for u in db.session.scalars(db.select(Unit))})
    pairs = {(names[a], names[b]) for f in said for a, b in zip(f["from_units"], f["to_units"], strict=True)}
    assert ("Huyện Mường Nhé", "Khu vực Mường Nhé") in pairs and len(said) == 2
    kinds = in_app(lambda: {h.name: h.border_kind for h in db.session.scalars(Hotspot.in_force(today()))})
    assert "within" in kinds.values() and "between_provinces" in kinds.values()


def _events(kind):
    return list(db.session.scalars(db.select(Event).where(Event.kind == kind).order_by(Event.number)))


@pytest.mark.only_on("sqlite")
def test_the_effect_is_what_happens_and_looking_changes_nothing(as_, in_app, file):
    file(IN_LECH), step(as_, file(TONG_BORDER), "receive", by=OFFICER), file(IN_TOONG, who="ranger.nam-ke")
    events = in_app(lambda: len(db.session.scalars(db.select(Event)).all()))
    seen = effect_of(in_app)
    assert in_app(lambda: len(db.session.scalars(db.select(Event)).all())) == events
    done = activate(in_app)
    assert (seen.counts, seen.moved) == (done.counts, done.moved)
    lech = next(m for m in done.moved["incidents"] if m.was.code == "03177")
    assert ([u.name for u in lech.becomes], lech.reason) == (["Xã Mường Toong"], "succeeded")
    assert {m.name for m in done.moved["users"]} >= {LECH, OFFICER, "leader.muong-nhe", "leader.lao-cai"}
    assert "leader.dien-bien" not in {m.name for m in done.moved["users"]}, "the province stays what it is"
    assert done.heirless == [] and {"contacts", "coverages", "agreements", "hotspots"} <= set(done.counts)
    assert {(was.name, new[0].code) for was, new in done.units} >= {("Tỉnh Lào Cai", "15"), ("Xã Huổi Lếch", "03163")}


@pytest.mark.only_on("sqlite")
def test_provinces_areas_people_and_duty_lists_pass_on_too(as_, in_app, before):
    activate(in_app)
    homes = {who: as_(who).get("/me").json["unit"] for who in ("leader.lao-cai", "leader.sa-pa", "ranger.sa-pa", LECH)}
    assert {who: (home["code"], home["valid_from"]) for who, home in homes.items()} == {
        "leader.lao-cai": ("15", "2025-07-01"),
        "leader.sa-pa": ("088", "2025-07-01"),
        "ranger.sa-pa": ("03006", "2025-07-01"),
        LECH: ("03163", "2025-07-01"),
    }
    ended = in_app(lambda: {u.id for u in db.session.scalars(db.select(Unit).where(Unit.valid_to == LAST_OF_OLD))})
    for model in (User, Contact):
        held = in_app(lambda model=model: set(db.session.scalars(db.select(model.unit_id))))
        assert not held & ended, model
    covered = in_app(lambda: {c.unit_id: (c.valid_from, c.valid_to) for c in db.session.scalars(db.select(Coverage))})
    assert {covered[id][1] for id in covered if id in ended} == {LAST_OF_OLD}
    assert {covered[id] for id in covered if id not in ended} == {(REFORM, None)}
    moved = in_app(lambda: [e.facts for e in _events("user.passed_on")])
    assert all(fact["from"] != fact["to"] and fact["by"] == "succeeded" for fact in moved)


def test_twice_is_as_once(as_, in_app, file):
    file(IN_LECH)
    activate(in_app)
    kept = in_app(_everything)
    assert not any(activate(in_app).counts.get(kind) for kind in ("incidents", "users", "contacts", "coverages"))
    assert in_app(_everything) == kept
    assert in_app(passing.is_anything_left) is False


def test_two_who_do_it_at_once_do_it_once(app, as_, in_app, file):
    cases = [file(IN_LECH), file(TONG_BORDER)]

    def put():
        edition_of(REFORM).activated_at = now()
        db.session.commit()

    def pass_on():
        with app.app_context(), write_transaction():
            passing.pass_on(edition_of(REFORM), User.named("admin").person)
            db.session.commit()

    in_app(put)
    at_once(app, cases[0], pass_on, pass_on)
    assert in_app(lambda: len(_events("incident.passed_on"))) == len(cases)
    kept = in_app(lambda: [(p.holder, p.row_id) for p in db.session.scalars(db.select(Passing))])
    assert len(kept) == len(set(kept)), "no row moved twice"


def _everything(*besides):
    """All rows that pass on, as they are."""
    models = (Assignment, Incident, CaseLink, User, Contact, Coverage, Unit)
    skipped = {"version", "revision", "search", "findings", *besides}
    found = {}
    for model in models:
        columns = [c for c in model.__table__.columns if c.key not in skipped]
        rows = db.session.execute(db.select(*columns))
        found[model.__tablename__] = sorted(map(str, rows))
    found["viewers"] = sorted(
        map(str, db.session.execute(db.text("SELECT incident_id, viewer_id FROM incident_viewers")))
    )
    return found


def test_given_back_the_same_day_everything_stands_as_it_stood(as_, in_app, file):
    joint = step(as_, file(IN_LECH), "receive", by=LECH)
    link = {"id": str(uuid4()), "agency": "Công an xã", "reason": "Xác minh người."}
    assert as_(LECH).post(f"/incidents/{joint['id']}/links", json=link).status_code == 201
    ask(as_, in_app, LECH, joint, "03163")
    file(TONG_BORDER)
    kept = in_app(_everything)
    assert activate(in_app).counts["links"] == 1
    assert in_app(_everything) != kept
    seen, done = give_back(in_app, look=True), give_back(in_app)
    assert seen.counts == done.counts and done.counts["incidents"] == 2
    after = in_app(_everything)
    assert {name: [r for r in rows if r not in kept[name]] for name, rows in after.items() if rows != kept[name]} == {}
    assert states(as_(LECH).read(joint)) == [
        ("Xã Huổi Lếch", "lead", "accepted"),
        ("Xã Mường Toong", "support", "offered"),
    ]
    assert [e["kind"] for e in timeline(as_, LECH, joint)][-2:] == ["incident.passed_on", "incident.given_back"]
    activate(in_app)
    assert lead_of(as_(LECH).read(joint))[1] == "2025-07-01", "and it can be put in force again"
    assert in_app(lambda: audit.verify().problems) == [], "every chain of events is whole"
    with time_machine.travel(now() + timedelta(days=1)), pytest.raises(TooLate):
        give_back(in_app)


def test_what_people_did_meanwhile_goes_back_with_its_state(as_, in_app, file):
    waiting, closed = file(IN_LECH), step(as_, file(IN_LECH), "dismiss", by=LECH)
    activate(in_app)
    step(as_, waiting, "receive", by=OFFICER)
    step(as_, closed, "close", by=OFFICER)
    meanwhile = step(as_, file(IN_LECH), "receive", by=OFFICER)
    assert lead_of(meanwhile)[1] == "2025-07-01"
    give_back(in_app)
    for case, status in ((waiting, "received"), (closed, "closed"), (meanwhile, "received")):
        seen = as_(LECH).read(case)
        assert (lead_of(seen), seen["status"]) == (("Xã Huổi Lếch", None), status)
    assert step(as_, meanwhile, "verify", by=LECH)["status"] == "verifying"
    assert as_(OFFICER).get(f"/incidents/{meanwhile['id']}").status_code == 404, "they are two communes again"
    assert in_app(lambda: db.session.get_one(Incident, UUID(meanwhile["id"])).counted_unit_id == old("03177").id)


@pytest.mark.only_on("sqlite")
def test_a_unit_without_successor_that_holds_open_work_is_named_and_nothing_is_done(as_, in_app, file):
    file(IN_LECH)

    def forget():
        lech = old("03177")
        for known in db.session.scalars(db.select(Succession).filter_by(old_unit_id=lech.id)):
            db.session.delete(known)
        lech.valid_to = LAST_OF_OLD
        db.session.commit()

    in_app(forget)
    assert [u.name for u in effect_of(in_app).heirless] == ["Xã Huổi Lếch"]
    kept = in_app(_everything)
    with pytest.raises(NoSuccessor, match=r"Xã Huổi Lếch \(03177\)"):
        activate(in_app)
    assert in_app(_everything) == kept
    effect = activate(in_app, by_itself=True)
    assert [m.name for m in effect.stranded] == [LECH], "nobody is made an officer of the unit above"
    assert in_app(lambda: db.session.scalars(db.select(Incident.lead_unit_id)).one() == new("096").id)


def by_itself(app):
    """What the worker does, once."""
    write = pass_on_today(app, "pass_on", {})
    with write_transaction():
        write()
        db.session.commit()


def work(app):
    worker.prepare(app)
    while worker.run_once(app):
        pass


def test_an_edition_of_tomorrow_passes_on_tomorrow_by_itself_and_once(app, as_, in_app, file):
    case = file(IN_LECH)

    def announce():
        edition = edition_of(REFORM)
        edition.valid_from, edition.activated_at = today() + timedelta(days=1), now()
        db.session.flush()
        effect = passing.pass_on(edition, None)
        db.session.commit()
        return effect.counts["incidents"]

    assert in_app(announce) == 1
    work(app)
    assert lead_of(as_(LECH).read(case))[1] is None
    with time_machine.travel(now() + timedelta(days=1)):
        work(app)
        seen = in_app(lambda: _lead_began(case))
        kept = in_app(_everything)
        work(app)
        assert (seen, in_app(_everything)) == (REFORM, kept)


def _lead_began(case):
    return db.session.get_one(Unit, db.session.get_one(Incident, UUID(case["id"])).lead_unit_id).valid_from


def test_a_worker_that_dies_in_the_middle_has_done_nothing(app, as_, in_app, file, monkeypatch):
    file(IN_LECH)

    def put():
        edition_of(REFORM).activated_at = now()
        db.session.commit()

    in_app(put)
    kept = in_app(_everything)
    with monkeypatch.context() as patch:
        patch.setattr("models.passing.tell_units", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            in_app(lambda: by_itself(app))
    assert in_app(_everything) == kept
    in_app(lambda: by_itself(app))
    assert in_app(passing.is_anything_left) is False


@pytest.mark.only_on("sqlite")
def test_phones_of_those_who_moved_begin_anew(as_, in_app, file):
    case = file(IN_LECH)
    cursor = as_(LECH).get("/sync").json["cursor"]
    activate(in_app)
    page = as_(LECH).get("/sync", query_string={"since": cursor}).json
    assert page["reset"] and [i["incident"]["id"] for i in page["items"]] == [case["id"]]
    assert page["items"][0]["incident"]["lead"]["valid_from"] == "2025-07-01"


@pytest.mark.only_on("sqlite")
def test_each_unit_is_told_once_how_much_it_takes_over(app, as_, in_app, file):
    for _ in range(3):
        file(IN_LECH)
    work(app)
    activate(in_app)
    work(app)
    asked = next(n for n in as_(OFFICER).get("/notices").json["items"] if n["kind"] == "lead_asked")
    assert as_(OFFICER).post(f"/notices/{asked['id']}/ack").json["acked_by"]["name"], (
        "what they were told before is theirs"
    )
    told = [n for n in as_(OFFICER).get("/notices").json["items"] if n["kind"].startswith("cases_")]
    assert [n["text"] for n in told] == [
        "Đơn vị bạn kế thừa 3 vụ việc đang xử lý của Xã Huổi Lếch. Số vụ, thời hạn và hồ sơ giữ nguyên."
    ]
    assert in_app(lambda: len(db.session.scalars(db.select(Notice).where(Notice.kind == "cases_passed_on")).all())) == 1


def test_what_was_written_down_before_is_read_as_it_stands_now(as_, in_app, file):
    """What is opened again passes on at once; the next candidate after a decline is who stands there."""
    over = step(as_, step(as_, file(IN_LECH), "dismiss", by=LECH), "close", by=LECH)
    open_still = file(TONG_BORDER)
    activate(in_app)
    assert lead_of(as_(OFFICER).read(over)) == ("Xã Huổi Lếch", None), "what is closed stays as it was"
    again = step(as_, over, "reopen", by=OFFICER)
    assert lead_of(again) == ("Xã Mường Toong", "2025-07-01") and step(as_, again, "verify", by=OFFICER)
    reply = answer(as_(OFFICER), open_still, "lead", "decline", **NOT_OURS)
    assert reply.status_code == 200, reply.json
    assert lead_of(as_(PARTNER).read(open_still)) == ("Xã Tà Tổng", "2025-07-01")


def _received(day, found_on, place):
    """Received on a day of the summer of 2025: who leads, and who would have led when it was found."""
    utc = now().tzinfo
    facts = {"type": "illegal_logging", "found_at": datetime(2025, 6, found_on, 2, tzinfo=utc), "location": dict(place)}
    person = User.named(REPORTER).person
    incident, _ = Draft(person, "0" * 64, datetime(2025, *day, 3, tzinfo=utc), **facts).file()
    db.session.commit()
    return incident.lead_unit.name, incident.unit_at_found_id and unit_of(incident.unit_at_found_id).name


@pytest.mark.only_on("sqlite")
def test_the_past_is_told_in_the_units_of_today(as_, in_app, before):
    """A week before the reform asked for a new commune counts what became it, once; a phone that was offline for days
    reaches who stands there now, and it is kept who stood there."""
    assert in_app(lambda: _received((6, 18), 18, IN_LECH)) == ("Xã Huổi Lếch", None)
    in_app(lambda: _received((6, 19), 19, IN_TOONG))
    activate(in_app)
    assert in_app(lambda: _received((7, 3), 30, IN_LECH)) == ("Xã Mường Toong", "Xã Huổi Lếch")
    totals = {}
    for code, who in (("03163", OFFICER), ("096", "leader.muong-nhe"), ("11", "leader.dien-bien")):
        unit = in_app(lambda code=code: (new(code) if code != "11" else Unit.by_code(code)).id)
        for week in ("2025-W25", "2025-W27"):
            shown = as_(who).get(f"/summaries/weekly?unit={unit}&week={week}").json["sections"]["violations"]
            totals[code, week] = shown["total"]["this_week"]
            if week == "2025-W27":
                rows = {r["label"] for r in shown["rows"] if r["by"] == "commune" and r["this_week"]}
                assert rows == {"Xã Mường Toong"}, "a straddling week reports in new units"
    assert {week: {totals[code, week] for code in ("03163", "096", "11")} for week in ("2025-W25", "2025-W27")} == {
        "2025-W25": {2},
        "2025-W27": {1},
    }


@pytest.mark.only_on("sqlite")
def test_every_table_that_names_a_unit_says_how_it_passes_on():
    named = {
        f"{table.name}.{column.key}"
        for table in db.metadata.tables.values()
        for column in table.columns
        if any(key.column.table.name == "units" for key in column.foreign_keys)
    }
    said = [moving_columns(), READ_BY_DATE, OWN_WAY, set(HISTORY)]
    assert named == set().union(*said), "decide it in models/passing_holders.py"
    assert sum(map(len, said)) == len(named), "in two ways"
