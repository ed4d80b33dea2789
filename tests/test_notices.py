"""Who is told of what: every path of joint handling, to exactly those that the table of models/telling.py says."""

import ast
import importlib
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine

from models import Event, Incident, User, db
from models.answers import ACTIONS
from models.base import now
from models.incident_workflow import INCIDENT_WORKFLOW
from models.notice_words import CODES, INSTEAD_OF, OF_NO_CASE, OF_UNITS, OUT_OF_SIGHT, TELL_TOO, UNITS, needs, sentences
from models.telling import ELSE, TOLD
from models.untold import QUIET
from tests.people import INSIDE, new_report
from tests.phones import note, send
from tests.tellings import Told, ask
from tests.test_architecture import ROOT, modules, tree
from tests.test_assignments import answer, disable, recruit
from tests.test_assignments_of_leads import THREE, declines
from tests.test_hand_over import act_on, arbitrate, offer, pending
from tests.test_locate import BETWEEN_BUFFERS
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step, walk

AREA, QUANG_LAM = "officer.khu-vuc-muong-nhe", "officer.quang-lam"
TOONG, TONG, LAM = "Xã Mường Toong", "Xã Tà Tổng", "Xã Quảng Lâm"
NHE, TE, DIEN_BIEN, LAI_CHAU = "Khu vực Mường Nhé", "Khu vực Mường Tè", "Tỉnh Điện Biên", "Tỉnh Lai Châu"
BUSY = {"reason": "no_capacity", "text": "Cả tổ đang chữa cháy."}


@pytest.fixture
def told(app):
    return Told(app)


def test_a_case_from_report_to_closure(as_, told):
    """Of each step: those whom it concerns, once, and never the unit that took it."""
    incident = report(as_)
    assert told() == {TOONG: "lead_asked", TONG: "support_asked"}
    accepts(as_, incident)
    assert told() == {TOONG: "support_accepted"}
    step(as_, incident, "receive")
    assert told() == {TONG: "received"}
    step(as_, incident, "ask")
    assert told() == {REPORTER: "question"}
    step(as_, incident, "answer", by=REPORTER)
    assert told() == {TOONG: "answered"}
    step(as_, incident, "verify")
    step(as_, incident, "correct")
    assert told() == {}
    step(as_, incident, "confirm")
    assert told() == {TONG: "confirmed", REPORTER: "yours_confirmed"}
    step(as_, incident, "refer")
    assert told() == {TONG: "referred"}
    assert answer(as_(PARTNER), incident, "support", "conclude", text="Đã đo xong.").status_code == 200
    assert told() == {TOONG: "support_concluded"}
    step(as_, incident, "resolve")
    assert told() == {TONG: "resolved", REPORTER: "yours_resolved"}
    step(as_, incident, "close")
    assert told() == {TONG: "closed", REPORTER: "yours_closed"}
    step(as_, incident, "reopen")
    assert told() == {TONG: "asked_again", REPORTER: "yours_reopened"}


def test_notes_are_told_to_the_other_units_and_private_ones_to_nobody(as_, told):
    incident = report(as_)
    told.skip()
    path = f"/incidents/{incident['id']}/notes"
    for who, others in ((REPORTER, {TOONG, TONG}), (OFFICER, {TONG}), (PARTNER, {TOONG})):
        assert as_(who).post(path, json={"text": "Còn dấu xe máy."}).status_code == 201
        assert told() == dict.fromkeys(others, "noted"), who
    assert as_(OFFICER).post(path, json={"text": "Đã hỏi ông Kín.", "private": True}).status_code == 201
    send(as_(REPORTER), note(incident, "Gửi từ rừng."))
    assert told() == dict.fromkeys((TOONG, TONG), "noted")


def test_a_lead_that_declines_a_next_lead_and_an_arbiter(as_, told):
    incident = report(as_)
    told.skip()
    declines(as_, OFFICER, incident)
    assert told() == {TONG: "lead_asked_next"}
    declines(as_, PARTNER, incident)
    assert told() == {DIEN_BIEN: "arbiter_asked", TOONG: "with_arbiter", LAI_CHAU: "with_arbiter"}
    assert arbitrate(as_, "leader.dien-bien", incident, PARTNER).status_code == 200
    assert told() == {TONG: "arbitration_yours", TOONG: "arbitration", LAI_CHAU: "arbitration"}


def test_other_supports_hear_who_leads_next_and_who_guarded_the_scene_that_it_is_taken(as_, told):
    """Bum Tở, where nobody is on the system, comes before Tà Tổng: its area leads for it."""
    incident = report(as_, location=dict(THREE))
    assert told() == {TOONG: "lead_asked", TONG: "support_asked", TE: "support_asked"}
    incident = declines(as_, OFFICER, incident)
    assert told() == {TE: "lead_asked_next"} | dict.fromkeys((TONG, "Xã Bum Tở"), "lead_declined"), "news waits there"
    assert answer(as_("leader.muong-te"), incident, "lead", "accept").status_code == 200
    assert told() == dict.fromkeys((TOONG, TONG, "Xã Bum Tở"), "lead_accepted")


def test_a_support_that_declines_and_offers_that_are_withdrawn_or_run_out(app, as_, told):
    incident = step(as_, report(as_), "receive")
    answer(as_(PARTNER), incident, "support", "decline", **BUSY)
    told.skip()
    assert offer(as_, OFFICER, incident, QUANG_LAM).status_code == 201
    assert told() == {LAM: "invited"}
    assert as_(QUANG_LAM).answer(incident, "decline", **BUSY).status_code == 200
    assert told() == {TOONG: "support_declined"}
    row = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    told.skip()
    assert act_on(as_, OFFICER, incident, row, "withdraw", reason="Nhầm xã.").status_code == 200
    assert told() == {LAM: "offer_withdrawn"}
    offer(as_, OFFICER, incident, QUANG_LAM)
    told.skip()
    with time_machine.travel(now() + timedelta(days=10)):
        ask(app, "expire")
        assert told() == {LAM: "offer_expired", TOONG: "no_answer"}


def test_whoever_invited_hears_the_answer_beside_the_lead(as_, told):
    incident = report(as_)
    accepts(as_, incident)
    told.skip()
    offer(as_, PARTNER, incident, QUANG_LAM)
    assert told() == {LAM: "invited", TOONG: "partner_invites"}
    accepts(as_, incident, by=QUANG_LAM)
    assert told() == {TOONG: "support_accepted", TONG: "support_accepted"}


def test_a_hand_over_refused_twice_and_one_that_is_accepted(as_, told):
    incident = step(as_, report(as_), "receive")
    offer(as_, OFFICER, incident, QUANG_LAM)
    told.skip()
    row = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    assert told() == {TONG: "hand_over_asked"}
    act_on(as_, PARTNER, incident, row, "decline", reason="not_our_land", text="Bên kia khe.")
    assert told() == {TOONG: "hand_over_declined"}
    row = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    told.skip()
    act_on(as_, PARTNER, incident, row, "decline", reason="not_our_land", text="Bên kia khe.")
    assert told() == dict.fromkeys((TOONG, LAM, LAI_CHAU), "with_arbiter") | {DIEN_BIEN: "arbiter_asked"}
    other = step(as_, report(as_), "receive")
    row = pending(offer(as_, OFFICER, other, PARTNER, hand_over=True).json)
    offer(as_, OFFICER, other, QUANG_LAM)
    told.skip()
    act_on(as_, PARTNER, other, row, "accept")
    assert told() == dict.fromkeys((TOONG, LAM), "hand_over_accepted")


def test_a_hand_over_accepted_late_voids_what_was_offered_to_others(app, as_, told):
    incident = step(as_, report(as_), "receive")
    late = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    with time_machine.travel(now() + timedelta(days=10)):
        ask(app, "expire")
        told.skip()
    offer(as_, OFFICER, incident, QUANG_LAM, hand_over=True)
    told.skip()
    assert act_on(as_, PARTNER, incident, late, "accept").status_code == 200
    assert told() == {TOONG: "hand_over_accepted", LAM: "hand_over_void"}


def test_a_lead_without_people_its_superior_and_whom_that_sends(as_, told):
    incident = report(as_, location=dict(INSIDE))
    told.skip()
    answer(as_(OFFICER), incident, "lead", "decline", **BUSY)
    assert told() == {NHE: "superior_asked"}
    assert offer(as_, AREA, incident, QUANG_LAM, hand_over=True).status_code == 201
    assert told() == {LAM: "assigned", TOONG: "lead_changed"}


def test_the_end_of_a_case_tells_who_may_object_whose_offer_is_void_and_who_reported(as_, told):
    incident = report(as_)
    accepts(as_, incident)
    offer(as_, OFFICER, incident, QUANG_LAM)
    told.skip()
    step(as_, incident, "dismiss")
    ended = {TONG: "dismissed", LAM: "offer_void", REPORTER: "yours_dismissed"}
    assert told() == ended
    step(as_, incident, "object")
    assert told() == {TOONG: "objected", LAM: "asked_again", REPORTER: "yours_reopened"}
    original, seen = report(as_), as_(PARTNER).read(incident)
    row = next(r for r in seen["assignments"] if r["unit"]["name"] == TONG and r["state"] == "offered")
    assert act_on(as_, PARTNER, incident, row, "accept").status_code == 200
    told.skip()
    step(as_, incident, "mark_duplicate", duplicate_of=original["id"])
    assert told(of=incident) == {TONG: "marked_duplicate", LAM: "offer_void", REPORTER: "yours_duplicate"}
    assert told(of=original) == {TONG: "absorbed"}


def test_who_helps_on_in_a_case_that_is_opened_again_is_not_asked_again(as_, told):
    incident = walk(as_, "resolved", partner=True)
    told.skip()
    step(as_, incident, "reopen")
    assert told() == {TONG: "reopened", REPORTER: "yours_reopened"}


def test_a_report_taken_back_by_who_sent_it(as_, told):
    incident = report(as_)
    told.skip()
    step(as_, incident, "retract")
    assert told() == {TOONG: "retracted", TONG: "offer_void"}


def test_an_officer_who_reported_it_is_told_nothing_of_what_they_did_themselves(as_, told):
    incident = as_(OFFICER).post("/incidents", json=new_report()).json
    assert told() == {TONG: "support_asked"}
    step(as_, incident, "receive")
    told.skip()
    step(as_, incident, "confirm")
    assert told() == {TONG: "confirmed"}
    step(as_, incident, "resolve", by=AREA)
    assert told() == {TOONG: "resolved", TONG: "resolved", OFFICER: "yours_resolved"}


def test_a_report_where_no_unit_is_and_one_where_nobody_serves(as_, told):
    report(as_, location={"lat": 21.9, "lon": 102.35, "accuracy_m": 20})
    assert told() == {"Xã Nậm Kè": "lead_asked", NHE: "gap"}
    report(as_, location={"lat": 22.1, "lon": 102.2, "accuracy_m": 20})
    assert told() == {NHE: "lead_stands_in", DIEN_BIEN: "gap"}


def test_a_fire_is_told_to_candidates_that_are_not_asked_and_for_those_without_people_to_their_area(as_, told):
    """Xã Mường Nhé is near, and has nobody on the system."""
    fire = report(as_, type="forest_fire", location=dict(BETWEEN_BUFFERS), burning=True)
    assert told() == {TOONG: "lead_asked", TONG: "support_asked", NHE: "fire_near"}
    (notice,) = as_(AREA).get("/notices", query_string={"unit": as_(AREA).user["unit"]["id"]}).json["items"]
    assert notice["text"].startswith("Gửi Xã Mường Nhé (chưa có người trên hệ thống")
    assert f"vụ {fire['number']}) tại 22.23000, 102.60000, do {TOONG} chủ trì" in notice["text"]
    assert notice["urgent"] and "Trực cháy rừng Mường Toong" in [c["name"] for c in notice["contacts"]]
    assert told() == {}


def test_a_unit_is_told_what_others_do_for_it(app, as_, in_app, told):
    """An area's officer acts for its commune; a station's officer acts as the commune itself."""
    incident = report(as_)
    told.skip()
    step(as_, incident, "receive", by=AREA)
    assert told() == {TOONG: "received", TONG: "received"}
    recruit(in_app, "officer.hat", "officer", organisation="Hạt Kiểm lâm khu vực Mường Nhé")
    step(as_, incident, "confirm", by="officer.hat")
    assert told() == {TONG: "confirmed", REPORTER: "yours_confirmed"}
    row = incident["assignments"][1]
    assert act_on(as_, "leader.muong-te", incident, row, "accept").status_code == 200
    assert told() == {TOONG: "support_accepted", TONG: "support_accepted"}


def test_everybody_who_reported_the_same_hears_the_outcome_but_not_who_can_sign_in_no_more(as_, in_app, told):
    first, second = report(as_), as_("ranger.ta-tong").post("/incidents", json=new_report()).json
    step(as_, second, "mark_duplicate", duplicate_of=first["id"])
    told.skip()
    step(as_, first, "receive")
    told.skip()
    step(as_, first, "confirm")
    both = dict.fromkeys((REPORTER, "ranger.ta-tong"), "yours_confirmed")
    assert told() == both | {TONG: "confirmed"}
    disable(in_app, "ranger.ta-tong")
    step(as_, first, "resolve")
    assert told() == {TONG: "resolved", REPORTER: "yours_resolved"}


def test_whoever_an_event_says_it_asked_or_told_hears_of_it_whatever_its_kind(in_app, as_, told):
    """Fire updates and people of another unit, and kinds that are still to come."""
    incident = report(as_, type="forest_fire", location=dict(INSIDE))
    told.skip()
    ids = {who: str(as_(who).user["unit"]["id"]) for who in (PARTNER, QUANG_LAM)}

    def happens(kind, **facts):
        case = db.session.get_one(Incident, UUID(incident["id"]))
        Event.record(case, kind, User.named(OFFICER).person, **facts)
        db.session.commit()

    for kind, asked, heard in (
        ("fire_update", "support_asked", "fire_near"),
        ("people_unit", "support_asked", "people_of_yours"),
        ("loại_mới", "support_asked", "told"),
    ):
        in_app(lambda kind=kind: happens(kind, offered=[ids[PARTNER]], told=[ids[QUANG_LAM]]))
        assert told() == {TONG: asked, LAM: heard}, kind
    in_app(lambda: happens("joint_verification", told=[]))
    assert told() == {}


# The table is whole

# Where the kind of an event is no plain word in the code: file and expression, and what it stands for.
WORDS = {
    ("models/incidents.py", "action"): set(INCIDENT_WORKFLOW.actions),
    ("models/leading.py", "action"): {"invite", "hand_over", "assign", "arbitrate"},
    ("models/answers.py", "f'assignment_{action}'"): {f"assignment_{action}" for action in ACTIONS},
    ("models/events.py", "action"): set(),  # whatever `record` was given
    ("models/keeping_contacts.py", "action"): {"added", "ended"},
    ("models/passing_notices.py", "action"): {"passed_on", "given_back"},
}


def kinds_written():
    """What the code hands to Event.record and Event.following, read from the code."""
    found = set()
    for path in modules():
        for call in ast.walk(tree(path)):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) in WRITERS):
                continue
            said = call.args[WRITERS[ast.unparse(call.func)]]
            cases = [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]
            for case in cases:
                found |= {case.value} if isinstance(case, ast.Constant) else words_of(path, case)
    return found


def words_of(path, expression):
    """A constant of the file, or what WORDS says of it."""
    name, file = ast.unparse(expression), path.relative_to(ROOT).as_posix()
    constant = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name, None)
    return {constant} if isinstance(constant, str) else WORDS[file, name]


WRITERS = {"Event.record": 1, "Event.following": 3, "cls.following": 3}


def test_of_every_kind_of_event_that_the_code_writes_it_is_decided_who_is_told():
    decided = {tell.event for tell in TOLD} | {kind.partition(".")[2] for kind in QUIET}
    kinds = kinds_written()
    assert {"report", "disabled", "enabled", "absorb", "assignment_expire", "mark_duplicate"} <= kinds
    assert kinds - decided == set()
    assert all(QUIET.values())


def test_every_sentence_is_there_in_both_languages_and_is_filled():
    said = {tell.says for tell in (*TOLD, *ELSE)}
    assert said | {OUT_OF_SIGHT, INSTEAD_OF, TELL_TOO, *OF_NO_CASE, *OF_UNITS} == set(sentences())
    known = {*UNITS, *CODES, "number", "type", "due", "other", "place"}
    for kind in said:
        assert needs(kind) <= known, kind
        assert needs(kind) >= {"number"}, kind
        for language in ("vi", "en"):
            assert all(sentences()[kind][language][part] for part in ("title", "text")), kind
    asking = {tell.says: tell.asks for tell in TOLD if "due" in needs(tell.says)}
    assert None not in asking.values()
