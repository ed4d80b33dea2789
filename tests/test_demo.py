"""The demo: loaded into an empty database alone, schematic and said to be so, with one believable week."""

import os
import time
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import time_machine

from models import Incident, Photo, Unit, User, db
from models.clock import today, week_of
from models.summaries import weekly
from services.demo import PASSWORD
from services.demo.cases import load_cases
from tests.people import BORDER, Person, new_report
from tests.test_cli import contents, refusal, succeeds
from tests.world import app_on

# As api.md promises them.
COMMUNES = ("ranger.muong-toong", "officer.muong-toong", "ranger.ta-tong", "officer.ta-tong", "officer.quang-lam")
COMMUNES += ("officer.nam-ke", "officer.sa-pa", "officer.binh-lu")
LEADERS = {"leader.muong-nhe": "096", "leader.muong-te": "107", "leader.tam-duong": "106", "leader.sa-pa": "088"}
LEADERS |= {"leader.dien-bien": "11", "leader.lai-chau": "12", "leader.lao-cai": "15"}
SIGN_INS = (*COMMUNES, "officer.khu-vuc-muong-nhe", *LEADERS, "admin")
PROVINCES = ("leader.dien-bien", "leader.lai-chau", "leader.lao-cai")


@pytest.fixture(scope="module")
def demo(world, tmp_path_factory):
    """An app on a database that was empty until `flask db upgrade` and `flask demo load`. Only to be read."""
    folder = tmp_path_factory.mktemp("demo")
    name = f"demo_{time.time_ns()}"
    url = sa.make_url(f"sqlite:///{folder}/mẫu.sqlite")
    if hasattr(world, "server"):
        world.command("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
        url = sa.make_url(world.server).set(drivername="postgresql+psycopg", database=name)
    app = app_on(url.render_as_string(hide_password=False), folder)
    succeeds(app, "db", "upgrade")
    assert "vụ việc mẫu" in succeeds(app, "demo", "load")
    yield app
    with app.app_context():
        db.engine.dispose()
    if hasattr(world, "server"):
        world.command("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="module")
def on_demo(demo):
    """`on_demo("officer.ta-tong").get(…)` with the password that is printed."""
    known = {}

    def sign_in(username):
        if username not in known:
            known[username] = Person.sign_in(demo.test_client(), username, PASSWORD, "test")
        return known[username]

    return sign_in


def all_cases(on_demo):
    """What the three provinces see together, by id."""
    pages = [on_demo(leader).get("/incidents?limit=100").json for leader in PROVINCES]
    assert all(page["next"] is None for page in pages)
    return {case["id"]: case for page in pages for case in page["items"]}


def test_the_demo_is_not_loaded_over_anything(demo, app):
    for not_empty in (demo, app):
        assert "không trống" in refusal(not_empty, "demo", "load")


def test_what_make_run_prints_is_enough_to_sign_in_and_nothing_is_loaded_twice(demo, monkeypatch):
    started = []
    said_to = []

    def execve(_program, arguments, environment):
        started.append(arguments)
        said_to.append(environment)

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setenv("PORT", "8123")
    before = contents(demo)
    succeeds(demo, "serve")
    said = said_to[0]["GIAP_RANH_BANNER"]  # what the server prints once it answers
    assert f"password: {PASSWORD}" in said.splitlines()
    assert all(name in said for name in SIGN_INS)
    assert "http://127.0.0.1:8123" in said and "giản lược" in said
    assert len(started) == 1 and "127.0.0.1:8123" in started[0]
    assert contents(demo) == before


def test_everybody_signs_in_with_the_printed_password(on_demo):
    people = {name: on_demo(name).get("/me").json for name in SIGN_INS}
    assert {name: user["role"] for name, user in people.items()} == {name: name.split(".")[0] for name in SIGN_INS}
    assert {name: people[name]["unit"]["code"] for name in LEADERS} == LEADERS
    assert {people[name]["unit"]["level"] for name in COMMUNES} == {"commune"}
    assert people["officer.sa-pa"]["unit"]["name"] == "Phường Sa Pa"
    assert people["officer.khu-vuc-muong-nhe"]["unit"]["code"] == "096"


def test_boundaries_are_said_to_be_schematic_wherever_they_are_used(on_demo):
    ranger = on_demo("ranger.muong-toong")
    for year in ("2024", "2025"):
        place = BORDER | {"at": f"{year}-12-01"}
        edition = ranger.get("/units/locate", query_string=place).json["edition"]["name"]
        assert year in edition and "giản lược" in edition and "không phải ranh giới thật" in edition
    assert all("giản lược" in case["routing"]["edition"]["name"] for case in all_cases(on_demo).values())


def test_the_border_of_muong_toong_and_ta_tong_offers_support_in_both_eras(on_demo):
    ranger = on_demo("ranger.muong-toong")
    for at in ("2024-12-01", "2026-02-01"):
        routing = ranger.get("/units/locate", query_string=BORDER | {"at": at}).json
        lead, neighbour = (c["unit"]["name"] for c in routing["candidates"][:2])
        assert (routing["rule"], lead, neighbour) == ("near_border", "Xã Mường Toong", "Xã Tà Tổng")
        assert routing["agreement_id"] and routing["candidates"][1]["support_offered"]


def test_the_demo_shows_a_case_that_two_communes_handle_together(on_demo):
    mine = on_demo("officer.ta-tong").get("/incidents?joint_status=active").json["items"]
    shared = [{(r["unit"]["name"], r["state"]) for r in case["assignments"]} for case in mine]
    assert {("Xã Mường Toong", "accepted"), ("Xã Tà Tổng", "accepted")} in shared


def test_every_case_has_exactly_one_lead(on_demo):
    cases = all_cases(on_demo)
    assert len(cases) >= 10
    for case in cases.values():
        holding = ("offered", "accepted", "concluded")
        leads = [r for r in case["assignments"] if r["role"] == "lead" and r["state"] in holding]
        assert [r["unit"]["id"] for r in leads] == [case["lead"]["id"]]


def test_cases_are_believable(on_demo):
    cases = all_cases(on_demo).values()
    assert len({c["status"] for c in cases}) >= 5 and len({c["type"] for c in cases}) >= 5
    assert all(c["found_at"] < c["received_at"] for c in cases)
    assert max(datetime.fromisoformat(c["received_at"]) for c in cases) < datetime.now(UTC)
    assert all(c["description"] and c["photos"] for c in cases)


def test_some_cases_are_open_and_overdue(on_demo):
    overdue = [c for leader in PROVINCES for c in on_demo(leader).get("/incidents?overdue=true").json["items"]]
    assert overdue and all(c["next_deadline"]["at"] for c in overdue)
    assert len(overdue) < len(all_cases(on_demo))


def test_every_case_has_a_photo_that_is_really_there(demo, on_demo):
    store = demo.extensions["photo_store"]
    with demo.app_context():
        photos = db.session.scalars(db.select(Photo)).all()
        assert {p.incident_id for p in photos} == set(db.session.scalars(db.select(Incident.id)))
        assert all(p.state == "stored" and store.path("originals", p.sha256).stat().st_size == p.size for p in photos)


def test_a_new_report_finds_its_place_among_them(app, as_):
    reply = as_("ranger.muong-toong").post("/incidents", json=new_report())
    offered = {(r["role"], r["unit"]["name"]) for r in reply.json["assignments"]}
    assert offered == {("lead", "Xã Mường Toong"), ("support", "Xã Tà Tổng")}


# A Sunday, a Monday, and a day of the year after one of 53 weeks.
@pytest.mark.parametrize("day", ["2026-11-22", "2026-11-23", "2027-06-16"])
def test_this_week_and_the_same_week_last_year_have_figures_whatever_the_day(app, in_app, day):
    def figures():
        people = {u.username: u.person for u in db.session.scalars(db.select(User))}
        load_cases(people, app.extensions["photo_store"])
        week, units = week_of(today()), [Unit.by_code(code) for code in ("11", "12", "15")]
        weeks = [weekly(people[who], unit.id, week) for who, unit in zip(PROVINCES, units, strict=True)]
        totals = [section.total for w in weeks for section in (w.violations, w.fires)]
        return {period: sum(t[period] for t in totals) for period in ("this_week", "same_week_last_year")}

    with time_machine.travel(f"{day}T15:00:00+07:00", tick=True):
        shown = in_app(figures)
    assert min(shown.values()) > 0, shown
