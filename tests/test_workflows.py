"""The workflow of an incident is domain.md's table, whole: each step works from where it may, and from nowhere else."""

import pytest

from models.base import now
from models.deadlines import due
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import INCIDENT_WORKFLOW, NEXT_STEP, OUTCOMES, Status
from tests.people import new_report

REPORTER, OFFICER, PARTNER = "ranger.muong-toong", "officer.muong-toong", "officer.ta-tong"
BACK, STAYS = "the status it came from", "no change of status"

# domain.md, "Incident workflow", written down a second time: action, from, to, by whom, needs.
# fmt: off
EXPECTED = {
    "receive":        (["reported"],                                        "received",   "officer",             []),
    "ask":            (["received", "verifying"],                           "need_info",  "officer",             ["question"]),
    "answer":         (["need_info"],                                       BACK,         "reporter or officer", ["answer"]),
    "verify":         (["received"],                                        "verifying",  "officer",             []),
    "confirm":        (["received", "verifying"],                           "confirmed",  "officer",             ["findings"]),
    "dismiss":        (["reported", "received", "verifying", "need_info"],  "unfounded",  "officer",             ["reason"]),
    "mark_duplicate": (["reported", "received", "verifying", "need_info"],  "duplicate",  "officer",             ["duplicate_of"]),
    "process":        (["confirmed"],                                       "processing", "officer",             ["record_date", "record_number"]),
    "refer":          (["confirmed", "processing"],                         "referred",   "officer",             ["agency", "reason"]),
    "take_back":      (["referred"],                                        "processing", "officer",             ["reason"]),
    "resolve":        (["confirmed", "processing", "referred"],             "resolved",   "officer",             ["outcome"]),
    "close":          (["resolved", "unfounded", "duplicate"],              "closed",     "officer or leader",   []),
    "reopen":         (["resolved", "closed", "unfounded", "duplicate"],    "received",   "officer or leader",   ["reason"]),
    "object":         (["unfounded", "duplicate"],                          "received",   "former support",      ["reason"]),
    "retract":        (["reported"],                                        "unfounded",  "reporter",            ["reason"]),
    "correct":        ([s.value for s in Status if s != "closed"],          STAYS,        "officer",             ["changes", "reason"]),
}
# The shortest way to each status.
WAY = {
    "reported":   (),
    "received":   ("receive",),
    "need_info":  ("receive", "ask"),
    "verifying":  ("receive", "verify"),
    "confirmed":  ("receive", "confirm"),
    "processing": ("receive", "confirm", "process"),
    "referred":   ("receive", "confirm", "refer"),
    "resolved":   ("receive", "confirm", "resolve"),
    "closed":     ("receive", "confirm", "resolve", "close"),
    "unfounded":  ("dismiss",),
    "duplicate":  ("mark_duplicate",),
}
# fmt: on
SAID = {
    "ask": {"question": "Gốc chặt nằm phía nào của khe suối?"},
    "answer": {"answer": "Phía bắc khe, cách mốc chừng 300 mét."},
    "confirm": {
        "findings": {"text": "Đã đếm tại rừng.", "forest_category": "protection", "forest_origin": "natural"},
    },
    "dismiss": {"reason": "Đất nương cũ của hộ dân, nằm ngoài quy hoạch rừng."},
    "process": {"record_number": "07/BB-VPHC", "record_date": "2026-11-20"},
    "refer": {"agency": "Công an tỉnh Điện Biên", "reason": "Có dấu hiệu tội phạm."},
    "take_back": {"reason": "Công an trả hồ sơ."},
    "resolve": {"outcome": "remedy_no_offender", "note": "Chưa xác định đối tượng."},
    "reopen": {"reason": "Có tình tiết mới."},
    "object": {"reason": "Gốc chặt còn tươi, đề nghị xem lại."},
    "retract": {"reason": "Nhìn nhầm, cây đổ do gió."},
    "correct": {"changes": {"description": "Chín gốc nghiến, đếm lại."}, "reason": "Đếm lại tại chỗ."},
}
DOER = {"retract": REPORTER, "object": PARTNER}


def report(as_, **changes):
    return as_(REPORTER).post("/incidents", json=new_report(**changes)).json


def arguments(as_, action):
    """What an action must be told; a duplicate gets an original of its own."""
    return {"duplicate_of": report(as_)["id"]} if action == "mark_duplicate" else SAID.get(action, {})


def step(as_, incident, action, by=None, **said):
    """One step that must succeed; the incident as it is afterwards."""
    reply = as_(by or DOER.get(action, OFFICER)).act(incident, action, **(said or arguments(as_, action)))
    assert reply.status_code == 200, reply.json
    return reply.json


def accepts(as_, incident, by=PARTNER):
    reply = as_(by).answer(incident, "accept")
    assert reply.status_code == 200, reply.json
    return reply.json


def walk(as_, status, partner=False, **changes):
    """A report brought to a status; with `partner`, Tà Tổng has accepted its support on the way."""
    incident = report(as_, **changes)
    if partner:
        accepts(as_, incident)
    for action in WAY[status]:
        incident = step(as_, incident, action)
    return incident


def state_of(person, incident):
    """All that a refused action must leave as it was."""
    path = f"/incidents/{incident['id']}"
    reply = person.get(path)
    return reply.json, reply.headers.get("ETag"), person.get(f"{path}/timeline").json


def test_the_workflow_is_the_table_of_the_domain():
    found = {action: (set(), set(), set()) for action in INCIDENT_WORKFLOW.actions}
    for row in INCIDENT_WORKFLOW.transitions:
        sources, targets, needs = found[row.action]
        sources.update(str(s) for s in row.sources)
        targets.add(STAYS if row.target is None else BACK if not isinstance(row.target, Status) else str(row.target))
        needs.update(row.needs)
    assert found == {a: (set(froms), {to}, set(needs)) for a, (froms, to, _, needs) in EXPECTED.items()}


def test_every_status_is_reachable_and_every_status_but_closed_has_a_way_out_and_a_next_step():
    targets = {to for _, to, _, _ in EXPECTED.values()} - {BACK, STAYS}
    left = {s for a, (sources, *_) in EXPECTED.items() if a not in ("correct", "reopen") for s in sources}
    assert targets | {"reported"} == set(Status) == set(WAY)
    assert left == set(Status) - {"closed"} == set(NEXT_STEP)
    assert {"closed"} == INCIDENT_WORKFLOW.final


@pytest.mark.parametrize("status", NEXT_STEP)
@pytest.mark.parametrize("fire", [True, False], ids=["fire", "other"])
def test_every_next_step_can_be_taken_from_its_status_and_has_a_deadline(status, fire):
    assert status in EXPECTED[NEXT_STEP[status]][0]
    assert due(NEXT_STEP[status], fire, now()) > now()


def test_every_incident_type_is_labelled_in_both_languages():
    assert not [kind.code for kind in INCIDENT_TYPES.values() if not {"vi", "en"} <= kind.labels.keys()]


@pytest.mark.parametrize("action", EXPECTED)
def test_each_step_leads_from_every_status_it_may_to_where_the_table_says(as_, action):
    sources, target, _, _ = EXPECTED[action]
    for source in sources:
        before = walk(as_, source, partner=action == "object")
        after = step(as_, before, action)
        assert after["status"] == {STAYS: source, BACK: "received"}.get(target, target), source
        assert after["version"] > before["version"]
        last = as_(OFFICER).get(f"/incidents/{after['id']}/timeline").json["items"][-1]
        assert (last["kind"], last["facts"]["before"], last["facts"]["after"]) == (
            f"incident.{action}",
            source,
            after["status"],
        )


@pytest.mark.parametrize("status", WAY)
def test_each_status_says_what_is_due_next_and_refuses_every_step_of_another(as_, status):
    incident = walk(as_, status)
    due_next = incident["next_deadline"]
    assert (due_next and due_next["step"]) == NEXT_STEP.get(Status(status))
    officer, original = as_(OFFICER), report(as_)["id"]
    before = state_of(officer, incident)
    for action, (sources, *_) in EXPECTED.items():
        if status not in sources:
            said = SAID.get(action, {"duplicate_of": original} if action == "mark_duplicate" else {})
            reply = officer.act(incident, action, **said)
            assert (reply.status_code, reply.json["code"]) == (409, "wrong_status"), action
    assert state_of(officer, incident) == before


def test_what_a_step_still_needs_is_named_and_nothing_happens(as_):
    for action, (sources, _, _, needs) in EXPECTED.items():
        if needs:
            incident = walk(as_, sources[0], partner=action == "object")
            doer, whole = as_(DOER.get(action, OFFICER)), arguments(as_, action)
            before = state_of(doer, incident)
            reply = doer.act(incident, action)
            assert (reply.status_code, reply.json["code"]) == (422, "incomplete"), action
            assert sorted(reply.json["errors"]) == needs
            for missing in needs:
                partly = {k: v for k, v in whole.items() if k != missing}
                assert list(doer.act(incident, action, **partly).json["errors"]) == [missing]
            assert state_of(doer, incident) == before


def test_an_empty_reason_is_no_reason(as_):
    incident = walk(as_, "reported")
    for empty in ("", None):
        reply = as_(OFFICER).act(incident, "dismiss", reason=empty)
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["reason"])


def test_every_outcome_of_the_domain_and_no_other_resolves(as_):
    assert set(OUTCOMES) == {
        *("sanctioned", "remedy_no_offender", "prosecuted", "not_prosecuted", "no_offence", "extinguished", "restored")
    }
    incident = walk(as_, "confirmed")
    assert as_(OFFICER).act(incident, "resolve", outcome="cho qua").status_code == 422
    for outcome in OUTCOMES:
        assert step(as_, incident, "resolve", outcome=outcome)["handling"]["outcome"] == outcome
        step(as_, incident, "reopen")
        step(as_, incident, "confirm")
