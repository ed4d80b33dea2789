"""Stored routing decisions, made again from their stored inputs: no difference, unless the code or a row was changed."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from models import Agreement, Incident, Succession, Unit, db, deciding, replaying, routing
from models.base import new_id
from services import replay
from tests.people import BORDER, INSIDE, new_report
from tests.test_cli import contents, refusal, run

REPORTER = "ranger.muong-toong"
BURNS = {"type": "forest_fire", "burning": True}


def replayed(app, *more):
    """(exit code, what was printed)"""
    result = run(app, "incidents", "replay", *more)
    return result.exit_code, result.stdout


def the_same(app, *more):
    code, said = replayed(app, *more)
    assert code == 0, said
    return int(re.search(r"(\d+) quyết định, tính lại đều như đã lưu", said)[1])


@pytest.fixture
def stored(in_app):
    """`stored(incident, change)`: somebody changes the stored decision behind everybody's back."""

    def edit(incident, change):
        def work():
            row = db.session.get(Incident, UUID(incident["id"]))
            decision = json.loads(json.dumps(row.routing))
            change(decision)
            row.routing = decision
            db.session.commit()

        in_app(work)

    return edit


@pytest.fixture
def reported(as_):
    return lambda **said: as_(REPORTER).post("/incidents", json=new_report(**said)).json


def test_every_decision_comes_out_as_it_was_stored_and_nothing_is_written(app, as_, reported):
    reported()
    reported(location=INSIDE)
    burning = reported(location=INSIDE | {"accuracy_m": None}, **BURNS)
    away = {"location": BORDER | {"lat": 22.24}}
    assert as_(REPORTER).act(burning, "correct", changes=away, reason="Nhầm toạ độ.").status_code == 200
    before = contents(app)
    assert the_same(app) == 4, "three decisions hold, one was replaced"
    assert contents(app) == before
    assert the_same(app, "--number", burning["number"]) == 2
    assert the_same(app, "--since", (date.today() + timedelta(days=2)).isoformat()) == 0
    assert "MN-0000-1" in refusal(app, "incidents", "replay", "--number", "MN-0000-1")


EDITS = {
    "lead.id": lambda d: d["lead"].update(id=d["candidates"][1]["unit"]["id"]),
    "candidates[1].support_offered": lambda d: d["candidates"][1].update(support_offered=False),
    "candidates[0].share": lambda d: d["candidates"][0].update(share=0.5),
    "candidates": lambda d: d["candidates"].pop(),
    "rule": lambda d: d.update(rule="inside"),
    "explanation.vi": lambda d: d["explanation"].update(vi="Điểm nằm trong Xã Tà Tổng."),
    "agreement_id": lambda d: d.update(agreement_id=None),
    "inputs.agreements": lambda d: d["inputs"].update(agreements=[str(new_id())]),
    "edition": lambda d: d["edition"].update(id=str(new_id())),
    "inputs": lambda d: d.pop("inputs"),
}


@pytest.mark.only_on("sqlite")
def test_a_decision_that_somebody_edited_is_named_with_the_field(app, a_felling, reported, stored):
    reported(location=INSIDE)
    kept = {}
    stored(a_felling, kept.update)
    for field, change in EDITS.items():
        stored(a_felling, change)
        code, said = replayed(app)
        assert code == 1 and f"{a_felling['number']}: {field}: " in said, (field, said)
        stored(a_felling, lambda decision: decision.update(json.loads(json.dumps(kept))))
    assert the_same(app) == 2


@pytest.mark.only_on("sqlite")
def test_words_that_are_no_decision_at_all_are_a_difference_and_stop_nothing(app, a_felling, reported, in_app):
    reported()
    wreck = db.text("UPDATE incidents SET routing = '{\"lead\": ' WHERE number = :number")
    in_app(lambda: (db.session.execute(wreck, {"number": a_felling["number"]}), db.session.commit()))
    code, said = replayed(app)
    assert (code, said.count("\n")) == (1, 1) and f"{a_felling['number']}: " in said


def test_routing_that_decides_otherwise_than_it_did_is_found(app, a_felling, monkeypatch):
    lead = routing._lead
    monkeypatch.setattr(routing, "_lead", lambda near, gap: next(c for c in near if c is not lead(near, gap)))
    code, said = replayed(app)
    assert code == 1 and f"{a_felling['number']}: lead.id" in said


def test_an_agreement_that_took_the_place_of_the_former_leaves_decisions_as_they_were(app, a_felling, in_app):
    def replace():
        former = db.session.get(Agreement, UUID(a_felling["routing"]["agreement_id"]))
        facts = {"name": former.name, "signed_on": former.signed_on, "buffer_m": 10.0, "version": 2}
        db.session.add(Agreement(id=new_id(), replaces_id=former.id, valid_from=date.today(), **facts))
        db.session.commit()

    in_app(replace)
    assert the_same(app) == 1


def end_areas():
    """The areas that signed the minutes of 2023 ended yesterday; the edition in force still draws them."""
    yesterday = date.today() - timedelta(days=1)
    for code in ("096", "103", "107", "112"):
        old = Unit.by_code(code)
        old.valid_to = yesterday
        new = Unit.add("district", code, f"{old.name} mới", old.above()[0], valid_from=date.today())
        db.session.flush()
        db.session.add(Succession(old_unit_id=old.id, new_unit_id=new.id, relation="unchanged"))
    db.session.commit()


def test_a_unit_whose_end_is_recorded_before_or_after_leaves_decisions_as_they_were(app, a_felling, in_app, reported):
    """An edition activated some days late: those who decided until then knew of no end; those who did, know it."""
    assert a_felling["routing"]["candidates"][1]["covered"]
    in_app(end_areas)
    assert not reported()["routing"]["candidates"][1]["covered"]
    assert the_same(app) == 2


@pytest.mark.only_on("sqlite")
def test_a_decision_of_an_older_form_is_held_to_what_it_says(app, a_felling, stored):
    def as_before(decision):
        for name in ("disputed_ground_ids", "clocks"):
            decision.pop(name, None)
        for candidate in decision["candidates"]:
            del candidate["buffer_m"], candidate["agreement_id"]
        del decision["inputs"]["form"], decision["inputs"]["disputed_grounds"]
        decision["explanation"] = {"vi": "Câu của phiên bản cũ.", "en": "A sentence of an older version."}

    stored(a_felling, as_before)
    assert the_same(app) == 1
    stored(a_felling, lambda decision: decision["candidates"][1].update(covered=False))
    assert "candidates[1].covered" in replayed(app)[1]


@pytest.mark.only_on("sqlite")
def test_many_are_read_page_by_page_and_no_transaction_is_open_while_they_are_made(app, reported, monkeypatch):
    for _ in range(5):
        reported()
    monkeypatch.setattr(replay, "PAGE", 2)
    open_while = []

    def watched(*given):
        open_while.append(db.session.registry.has() and db.session().in_transaction())
        return replaying.replay(*given)

    monkeypatch.setattr(replay, "replay", watched)
    assert the_same(app) == 5
    assert open_while == [False] * 5


def test_the_edition_in_force_then_decides_again_not_the_one_of_today(app, as_, in_app):
    """Filed while the communes of before the reform were in force."""

    def back():
        report = new_report()
        decided = deciding.route_at(report["location"], report["type"], deciding_day)
        assert decided.edition["name"].startswith("Sơ đồ 2024")
        incident = db.session.scalars(db.select(Incident)).one()
        incident.routing = decided.facts
        db.session.commit()

    deciding_day = datetime(2025, 6, 20, 3, tzinfo=UTC)
    as_(REPORTER).post("/incidents", json=new_report())
    in_app(back)
    assert the_same(app) == 1
