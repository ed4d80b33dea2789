"""The day the boundaries changed, 2025-07-01: cases are open everywhere, the new communes come, and work goes on.

Told twice: on the schematic cells of the demo, and on the real polygons where their folder is, there with simpler lines
but in a soak (`KILLS=3000`), which files hundreds of cases.
"""

import re
from collections import Counter
from contextlib import contextmanager
from datetime import date
from uuid import uuid4

import pytest
import time_machine

from models import Assignment, Incident, Unit, User, db
from tests.conftest import SHARED
from tests.damage.conftest import SOAK
from tests.people import new_report
from tests.stories.june_2025 import (
    SUCCESSIONS,
    UNITS,
    back_to_june,
    border,
    cells_of,
    geojson,
    middle_of,
    places,
    schematic,
    staff,
)
from tests.test_replay import the_same
from tests.world import DEVICE

JUNE, EVE, DAY = "2025-06-20T09:00:00+07:00", "2025-06-30T22:00:00+07:00", "2025-07-01T08:00:00+07:00"
CASES, SIMPLIFY_M = (400, None) if SOAK else (14, 25)
# Border hotspots of the minutes of 2023: between which old communes.
SPOTS = {"Cây Sặt": ("03177", "03463"), "Dền Thàng": ("03164", "03167")}
OPEN_LEAD = ("offered", "accepted", "concluded")
FIRST = {"id": str(uuid4()), "edition": "Ranh giới 2024", "valid_from": "2010-01-01"}


class Story:
    """Who does what, and what is seen of it. People sign in anew at each moment: their phones' tokens are of then."""

    def __init__(self, app, world, in_app):
        self.app, self.world, self.in_app = app, world, in_app
        self.cases = []

    @contextmanager
    def at(self, moment):
        with time_machine.travel(moment, tick=True):
            self.known = {}
            yield

    def as_(self, who):
        if who not in self.known:
            self.known[who] = self.world.person(who, DEVICE)
        return self.known[who]

    def done(self, reply, *statuses):
        assert reply.status_code in (statuses or (200, 201)), (reply.status_code, reply.json)
        return reply.json

    # Boundaries, as an administrator sends them.

    def draft(self, said):
        return self.done(self.as_("admin").post("/boundaries", json=said), 201)

    def read(self, edition):
        return self.done(self.as_("admin").get(f"/boundaries/{edition['id']}"))

    def step(self, edition, step, digest=None, *statuses):
        body = {"digest": digest or self.read(edition)["digest"]}
        return self.done(
            self.as_("admin").post(f"/boundaries/{edition['id']}/{step}", json=body), *(statuses or (200,))
        )

    # Cases.

    def report(self, lat, lon, **said):
        location = {"lat": lat, "lon": lon, "accuracy_m": 20.0}
        found = new_report(location=location, **said)
        self.cases.append(self.done(self.as_("ranger.muong-toong").post("/incidents", json=found)))
        return self.cases[-1]

    def officer_of(self, unit):
        return f"officer.{unit['code']}"

    def act(self, case, action, **said):
        lead = self.now(case)["lead"]
        return self.done(self.as_(self.officer_of(lead)).act(case, action, **said))

    def answer(self, case, row, action, **said):
        who = self.as_(self.officer_of(row["unit"]))
        tag = who.get(f"/incidents/{case['id']}").headers["ETag"]
        path = f"/incidents/{case['id']}/assignments/{row['id']}/actions"
        return self.done(who.post(path, json={"action": action} | said, headers={"If-Match": tag}))

    def now(self, case):
        return self.as_("ranger.muong-toong").read(case)

    def invite(self, case, unit, **said):
        who = self.as_(self.officer_of(self.now(case)["lead"]))
        tag = who.get(f"/incidents/{case['id']}").headers["ETag"]
        body = {"id": str(uuid4()), "unit_id": unit, "reason": "Thuộc bên kia suối."} | said
        return self.done(who.post(f"/incidents/{case['id']}/assignments", json=body, headers={"If-Match": tag}))

    # What came of it.

    def standing(self):
        """{number: (code of the lead, what is open of it)}, and everybody's unit, as the database has it."""

        def read():
            units = {
                u.id: u.code + (f" {u.valid_from}" if u.valid_from else "") for u in db.session.scalars(db.select(Unit))
            }
            found = {}
            for incident in db.session.scalars(db.select(Incident).options(db.selectinload(Incident.assignments))):
                rows = sorted(
                    (units[r.unit_id], r.role, r.state, r.hand_over)
                    for r in incident.assignments
                    if r.state in ("offered", "accepted")
                )
                found[incident.number] = (units[incident.lead_unit_id], rows, incident.joint_status)
            return found | {user.username: units.get(user.unit_id) for user in db.session.scalars(db.select(User))}

        return self.in_app(read)


NOT_OURS = {"reason": "not_our_land", "text": "Đất bên kia.", "basis": "Bản đồ 364"}


def work(story, cases):
    """Some are helped, handed over, disputed, escalated; some received, some closed; the others left alone."""
    joint = [case for case in cases if any(row["role"] == "support" for row in case["assignments"])]
    apart = [case for case in cases if case["routing"]["rule"] == "inside"]
    helped, disputed, escalated, handed = joint[:4]
    for case in (helped, handed, *apart[:2]):
        story.act(case, "receive")
    story.answer(helped, next(row for row in helped["assignments"] if row["role"] == "support"), "accept")
    for case in (handed, apart[0]):
        other = next(unit for c in cases if (unit := c["lead"]["id"]) != case["lead"]["id"])
        story.invite(case, other, hand_over=True)
    story.answer(disputed, lead_of(disputed), "decline", **NOT_OURS)
    while (now := story.now(escalated))["joint_status"] != "escalated":
        story.answer(escalated, lead_of(now), "decline", **NOT_OURS)
    story.act(apart[2], "dismiss", reason="Không có gì.")
    story.act(apart[2], "close")
    assert {story.now(c)["joint_status"] for c in joint[:4]} == {"active", "disputed", "escalated", "proposed"}


def lead_of(case):
    return next(row for row in case["assignments"] if row["role"] == "lead" and row["state"] in OPEN_LEAD)


def each_has_one_lead_that_exists(story, on):
    def read():
        units = {u.id: u for u in db.session.scalars(db.select(Unit))}
        for incident in db.session.scalars(db.select(Incident).where(Incident.status != "closed")):
            leads = [r for r in incident.assignments if r.role == "lead" and r.state in OPEN_LEAD]
            assert [r.unit_id for r in leads] == [incident.lead_unit_id], incident.number
            unit = units[incident.lead_unit_id]
            began, ended = unit.valid_from or date.min, unit.valid_to or date.max
            assert began <= on <= ended, (incident.number, unit.name)
        open_rows = db.select(Assignment.incident_id, Assignment.unit_id, Assignment.hand_over)
        open_rows = db.session.execute(open_rows.where(Assignment.state.in_(("offered", "accepted")))).all()
        twice = [row for row, times in Counter(map(tuple, open_rows)).items() if times > 1]
        assert not twice, "a unit has two parts at once"

    story.in_app(read)


def weekly(story, who, unit, week):
    reply = story.as_(who).get("/summaries/weekly", query_string={"unit": unit, "week": week})
    return {name: part for name, part in story.done(reply).items() if name != "as_of"}


def adds_up(summary):
    for section in (summary["sections"]["violations"], summary["sections"]["fires"]):
        for by in ("commune", "type"):
            cases = [r for r in section["rows"] if r["by"] == by and "measure" not in r]
            for period in ("this_week", "last_week", "year_to_date"):
                assert sum(r[period] for r in cases) == section["total"][period], (by, period)
    return summary["sections"]["violations"]["total"]


def reform(story, old_file=None, new_file=None):
    story.in_app(lambda: back_to_june(keep_boundaries=old_file is None))
    story.in_app(staff)
    with story.at(JUNE):
        if old_file:
            first = story.draft(FIRST | {"boundaries": geojson(old_file, SIMPLIFY_M)})
            story.step(first, "activate", first["digest"])
        name = "Ranh giới 2024" if old_file else "Sơ đồ 2024 (giản lược, không phải ranh giới thật)"
        cells = story.in_app(lambda: cells_of(name))
        new = geojson(new_file, SIMPLIFY_M) if new_file else story.in_app(schematic)
        story.spots = {name: middle_of(border(cells[a], cells[b])) for name, (a, b) in SPOTS.items()}
        for lat, lon in (*story.spots.values(), *places(cells, CASES)):
            story.report(lat, lon)
        work(story, story.cases)
        story.phone = story.as_("officer.03177").get("/sync").json["cursor"]
    with story.at(EVE):
        middle = cells["03177"].representative_point()
        last = story.report(middle.y, middle.x)
        assert last["lead"]["name"] == "Xã Huổi Lếch"
        muong_nhe = story.as_("leader.muong-nhe").user["unit"]["id"]
        story.before = weekly(story, "leader.muong-nhe", muong_nhe, "2025-W25")
        assert adds_up(story.before)["this_week"] > 0
        story.last, story.old_area = last, muong_nhe
    said = {"id": str(uuid4()), "edition": "Ranh giới 2025", "valid_from": "2025-07-01", "boundaries": new}
    return said | {"units": UNITS, "successions": SUCCESSIONS}


def tell(story, said):
    with story.at(DAY):
        before = story.standing()
        draft = story.draft(said)
        effect = draft["effect"]
        assert (draft["status"], draft["report"]["units_ending"] > 85) == ("draft", True)
        assert effect["without_successor"]["count"] == 0 and effect["counts"]["incidents"] > 0
        assert story.standing() == before, "nothing is in force yet"
        refused = story.step(draft, "activate", "0" * 64, 409)
        assert (refused["code"], refused["digest"]) == ("effect_changed", draft["digest"])

        story.step(draft, "activate", draft["digest"])
        each_has_one_lead_that_exists(story, date(2025, 7, 1))
        after = story.standing()
        check_borders(story)
        phones(story)

        back = story.step(draft, "deactivate")
        assert back["status"] == "deactivated"
        assert story.standing() == before, "all is where it was"
        assert story.done(story.as_("officer.03177").get("/me"))["unit"]["name"] == "Xã Huổi Lếch"
        story.step(draft, "activate", draft["digest"])
        assert story.standing() == after
        work_goes_on(story)
        the_same(story.app)


def check_borders(story):
    """Agreements still cover their borders; hotspots are what they are now."""
    officer = story.as_("officer.03163")
    assert officer.user["unit"]["name"] == "Xã Mường Toong"
    kinds = {
        h["name"]: (h["border_kind"], [side["today"]["name"] for side in h["sides"]])
        for who in ("leader.muong-nhe", "leader.muong-te")
        for h in story.as_(who).get("/hotspots").json["items"]
    }
    within = next(v for n, v in kinds.items() if "Dền Thàng" in n)
    between = next(v for n, v in kinds.items() if "Cây Sặt" in n)
    assert within == ("within", ["Xã Quảng Lâm", "Xã Quảng Lâm"])
    assert between == ("between_provinces", ["Xã Mường Toong", "Xã Tà Tổng"])
    for name, sides in (("Cây Sặt", {"Xã Mường Toong", "Xã Tà Tổng"}), ("Dền Thàng", {"Xã Quảng Lâm"})):
        lat, lon = story.spots[name]
        found = officer.get("/units/locate", query_string={"lat": lat, "lon": lon, "accuracy_m": 20}).json
        assert found["edition"]["name"] == "Ranh giới 2025"
        near = [c for c in found["candidates"][1:] if c["distance_m"] < 100]
        assert {found["lead"]["name"], *(c["unit"]["name"] for c in near)} == sides
        assert all(c["support_offered"] for c in near), "the agreement of 2023 covers it"


def phones(story):
    """Of somebody whose commune is gone: everything anew, and the communes of today."""
    officer = story.as_("officer.03177")
    assert officer.user["unit"]["name"] == "Xã Mường Toong"
    changes = story.done(officer.get("/sync", query_string={"since": story.phone}))
    assert changes["reset"] is True
    units = story.done(officer.get("/bootstrap"))["units"]
    assert [u["name"] for u in units] == ["Tỉnh Điện Biên", "Khu vực Mường Nhé", "Xã Mường Toong"]


def work_goes_on(story):
    """The next minute: people of old communes receive, decline, hand over in the new ones; and the week adds up."""
    open_cases = [story.now(case) for case in story.cases]
    waiting = [c for c in open_cases if c["status"] == "reported" and c["joint_status"] in ("single", "proposed")]
    story.act(waiting[0], "receive")
    other = next(c["lead"]["id"] for c in open_cases if c["lead"]["id"] != waiting[1]["lead"]["id"])
    story.act(waiting[1], "receive")
    handed = story.invite(waiting[1], other, hand_over=True)
    row = next(
        r for r in handed["assignments"] if r["hand_over"] and r["state"] == "offered" and r["unit"]["id"] == other
    )
    assert story.answer(waiting[1], row, "accept")["lead"]["id"] == other
    border = next(c for c in waiting[2:] if c["routing"]["rule"] != "inside")
    story.answer(border, lead_of(border), "decline", **NOT_OURS)
    new = story.report(*where_of(story.last), type="illegal_logging")
    assert new["lead"]["valid_from"] == "2025-07-01"
    straddling = {}
    for who, code in (("leader.dien-bien", "11"), ("leader.muong-nhe", "096")):
        unit = story.as_(who).user["unit"]["id"]
        told = weekly(story, who, unit, "2025-W27")
        straddling[code] = adds_up(told)
        assert all(
            re.fullmatch(r"\d{5}", r["code"]) for r in told["sections"]["violations"]["rows"] if r["by"] == "commune"
        )
        if code == "096":
            assert "Xã Huổi Lếch" not in {r["label"] for r in told["sections"]["violations"]["rows"]}
    assert straddling["11"]["this_week"] >= 1, "found on its Monday, before the reform"
    earlier = weekly(story, "leader.muong-nhe", story.old_area, "2025-W25")
    assert earlier["sections"] == story.before["sections"], "the week before reads as it did"
    area = story.as_("leader.muong-nhe").user["unit"]["id"]
    rolled = adds_up(weekly(story, "leader.muong-nhe", area, "2025-W27"))
    assert rolled["year_to_date"] >= adds_up(story.before)["year_to_date"]


def where_of(case):
    return case["location"]["lat"], case["location"]["lon"]


@pytest.fixture
def story(app, world, in_app):
    return Story(app, world, in_app)


@pytest.mark.skipif(SHARED.is_dir() and not SOAK, reason="the same is told on the real polygons")
def test_on_schematic_cells_every_case_has_one_lead_that_exists_and_work_goes_on(story):
    tell(story, reform(story))


def test_on_the_real_polygons_every_case_has_one_lead_that_exists_and_work_goes_on(story, shared_data):
    folder = shared_data / "boundaries"
    tell(story, reform(story, folder / "communes_2024.geojson", folder / "communes_2025.geojson"))
