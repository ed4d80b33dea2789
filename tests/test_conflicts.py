"""Whoever loses against another is told what is true now, in the answer itself, and nothing that they may not see."""

import pytest

from tests.people import new_report
from tests.phones import act, operation, send
from tests.test_assignments import answer
from tests.test_hand_over import act_on, arbitrate, offer
from tests.test_workflow_versions import send as send_step
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, step

STATE = ("status", "version", "joint_status")


@pytest.fixture
def moved(as_):
    """A felling that has been received since everybody saw its first version."""
    return step(as_, report(as_), "receive")


def current(as_, incident, who=REPORTER):
    now = as_(who).read(incident)
    return {name: now[name] for name in STATE} | {"lead": {k: now["lead"][k] for k in ("id", "name")}}


def test_a_stale_or_late_decision_is_answered_with_the_state_as_it_is(as_, moved):
    path, row = f"/incidents/{moved['id']}", moved["assignments"][1]["id"]
    stale = [
        send_step(as_(OFFICER), moved, "verify", '"1-1"'),
        as_(PARTNER).post(
            f"{path}/assignments/{row}/actions", json={"action": "accept"}, headers={"If-Match": '"1-1"'}
        ),
        as_(OFFICER).post(
            f"{path}/assignments",
            json={"unit_id": moved["lead"]["id"], "reason": "Nhờ."},
            headers={"If-Match": '"1-1"'},
        ),
    ]
    late = [
        as_(OFFICER).act(moved, "receive"),
        answer(as_(OFFICER), moved, "lead", "accept"),
        offer(as_, OFFICER, moved, OFFICER),
        arbitrate(as_, "leader.dien-bien", moved, OFFICER),
        as_(REPORTER).act(moved, "retract", **SAID["retract"]),
    ]
    assert [(r.status_code, r.json["code"]) for r in stale] == [(412, "stale_version")] * 3
    assert {r.status_code for r in late} == {409}
    for reply in (*stale, *late):
        assert reply.json["current"] == current(as_, moved), reply.json["code"]
    assert stale[0].json["current"]["status"] == "received"


def test_both_doors_say_the_same_of_a_conflict(as_, moved):
    live = send_step(as_(OFFICER), moved, "verify", '"1-1"')
    [offline] = send(as_(OFFICER), act(moved, "verify", version=1))
    assert offline["problem"]["current"] == live.json["current"]
    row = moved["assignments"][1]["id"]
    [accepted] = send(as_(PARTNER), operation("assignment.action", {"action": "accept"}, subject=row, version=1))
    assert (accepted["result"], accepted["problem"]["current"]) == ("conflict", current(as_, moved))


@pytest.mark.only_on("sqlite")
def test_what_is_no_lost_race_or_not_theirs_to_see_tells_no_state(as_, moved):
    seen = as_(PARTNER).get(f"/incidents/{moved['id']}").headers["ETag"]
    offered = moved["assignments"][1]
    act_on(as_, OFFICER, moved, offered, "withdraw", reason="Nhầm xã.")
    path = f"/incidents/{moved['id']}"
    gone = as_(PARTNER).post(
        f"{path}/assignments/{offered['id']}/actions", json={"action": "accept"}, headers={"If-Match": seen}
    )
    others = [
        as_(REPORTER).post(f"{path}/actions", json={"action": "verify"}),
        as_(OFFICER).post(f"{path}/actions", json={"action": "verify"}),
        as_("ranger.ta-tong").post("/incidents", json=new_report(id=moved["id"])),
        as_("ranger.ta-tong").post(f"{path}/notes", json={"text": "Ai đó?"}),
    ]
    assert [r.status_code for r in (gone, *others)] == [404, 403, 428, 409, 404]
    assert not [r.json for r in (gone, *others) if "current" in r.json]
