"""Two people act at the same moment on what both saw: one wins, the other is told so, and there is one lead all the time.

A few rounds in `make test`, thousands in `make soak`.
"""

from collections import Counter
from random import Random
from uuid import UUID, uuid4

import pytest

from models import Event, EventHead, db
from models.events import chain
from tests.damage.conftest import KILLS, SOAK
from tests.phones import operation
from tests.test_workflow_invariants import ENDS, LEADING, NO_STEPS, PEOPLE, ROW_ACTIONS, UNITS, check, choose
from tests.test_workflow_versions import at_once
from tests.test_workflows import SAID, report

PAIRS = 5  # in one case
CASES, ROUNDS = (20, max(1, KILLS // 1000)) if SOAK else (2, 1)
REPORTER = "ranger.muong-toong"  # rangers need not say on which version they decide
ACTORS = sorted({who for who in PEOPLE if who not in ("the lead", "admin")} | {"officer.quang-lam"})


def steps_of(as_, incident):
    """All that somebody may do now by what they read: (who, path below the incident, body)."""
    found = []
    for who in ACTORS:
        seen = as_(who).get(f"/incidents/{incident['id']}").json
        for action in seen.get("actions", ()):
            found += [(who, *request) for request in requests_for(as_, action)]
        for row in seen.get("assignments", ()):
            path = f"/assignments/{row['id']}/actions"
            found += [(who, path, {"action": a} | said) for a, said in ROW_ACTIONS if a in row["actions"]]
    return found


def requests_for(as_, action):
    units = [as_(who).user["unit"]["id"] for who in UNITS]
    if action == "arbitrate":
        return [("/arbitration", {"lead_unit_id": unit, "reason": "Bản đồ 364."}) for unit in units]
    if action in LEADING:
        return [
            ("/assignments", {"id": str(uuid4()), "unit_id": unit, "reason": "Nhờ.", "hand_over": action != "invite"})
            for unit in units
        ]
    if action == "mark_duplicate" or action in NO_STEPS:
        return []  # two duplicates at once have a test of their own; the others are no steps of the workflow
    return [("/actions", {"action": action} | SAID.get(action, {}))]


def send(as_, incident, version, door, who, path, body):
    """By either door; (status, code of the problem, what it says is true now)."""
    if door == "sync" and path.endswith("/actions"):
        kind = "incident.action" if path == "/actions" else "assignment.action"
        subject = incident["id"] if path == "/actions" else path.split("/")[2]
        sent = operation(kind, body, subject=subject, **({} if who == REPORTER else {"version": version}))
        [result] = as_(who).post("/sync", json={"operations": [sent]}).json["results"]
        problem = result["problem"] or {}
        return problem.get("status", 200), problem.get("code"), problem.get("current")
    headers = {} if who == REPORTER else {"If-Match": f'"{version}-0"'}
    reply = as_(who).post(f"/incidents/{incident['id']}{path}", json=body, headers=headers)
    return reply.status_code, reply.json.get("code"), reply.json.get("current")


def check_log(incident_id):
    """Every event follows the one before it, and the head knows the last."""
    own = db.select(Event).where(Event.subject_kind == "incident", Event.subject_id == incident_id)
    previous, last = "", None
    for place, event in enumerate(db.session.scalars(own.order_by(Event.position)), 1):
        assert (event.position, event.hash) == (place, chain(previous, event.content))
        previous, last = event.hash, place
    head = db.session.get(EventHead, ("incident", incident_id))
    assert (head.count, head.hash, head.is_genuine) == (last, previous, True)


def state_of(shown):
    known = {name: shown[name] for name in ("status", "version", "joint_status")}
    return known | {"lead": {k: shown["lead"][k] for k in ("id", "name")}}


def meet(app, as_, incident, chance):
    """Two different people take a step each at the same moment; what came of it."""
    possible = steps_of(as_, incident)
    before = as_(REPORTER).read(incident)
    likely = [s for s in possible if s[2].get("action") not in ENDS] or possible
    one = chance.choice(likely)
    others = [s for s in likely if s[0] != one[0]]
    if not others:
        return None
    pair, doors = (one, chance.choice(others)), [chance.choice(("live", "live", "sync")) for _ in range(2)]
    calls = [
        lambda step=step, door=door: send(as_, incident, before["version"], door, *step)
        for step, door in zip(pair, doors, strict=True)
    ]
    answers = at_once(app, incident, *calls, pause_s=0.1)
    after = as_(REPORTER).read(incident)
    note = (pair, doors, answers)
    won = sum(status in (200, 201) for status, *_ in answers)
    assert won <= 1 or REPORTER in (pair[0][0], pair[1][0]), note  # all others say on which version they decided
    assert after["version"] >= before["version"] + won, note
    for (who, *_), (status, code, current) in zip(pair, answers, strict=True):
        if status in (200, 201):
            continue
        assert status in (409, 412) or (status in (403, 404) and after["version"] > before["version"]), note
        if status == 403:  # what the reporter might do until it was received, say
            assert who == REPORTER, note
        elif status == 404:
            assert as_(who).get(f"/incidents/{incident['id']}").status_code == 404, note
        elif status == 412:
            assert (code, current) == ("stale_version", state_of(after)), note
        else:  # it was refused on its own account, before or after the other was done
            assert current in (state_of(before), state_of(after)), note
    return tuple(sorted(str(status) for status, *_ in answers))


@pytest.mark.parametrize("round", range(ROUNDS))
def test_of_two_who_act_at_once_one_wins_and_there_is_one_lead(app, as_, in_app, round):
    seed = int.from_bytes(uuid4().bytes[:4]) if SOAK else 5
    chance, met = Random(seed), Counter()
    for _ in range(CASES):
        incident = report(as_)
        originals = [report(as_)["id"], incident["id"]]
        for _ in range(PAIRS):
            met[meet(app, as_, incident, chance)] += 1
            shown = as_(REPORTER).read(incident)
            in_app(lambda shown=shown: check(UUID(shown["id"]), shown))
            in_app(lambda shown=shown: check_log(UUID(shown["id"])))
            drift(as_, incident, chance, originals)
    print(f"{CASES} cases, seed {seed}; answers of pairs: {dict(met)}")
    assert met[("200", "412")] + met[("201", "412")] > 0


def drift(as_, incident, chance, originals):
    """One step by one person in between, so that pairs meet in many states."""
    shown = as_(REPORTER).get(f"/incidents/{incident['id']}")
    kind, number = chance.choice(("onward", "own row", "own row", "leading")), chance.randrange(1000)
    person, _, below, body = choose(as_, shown.json, "the lead", kind, number, originals)
    sent = body if below.endswith("actions") else {k: v for k, v in body.items() if k != "action"}
    person.post(f"/incidents/{incident['id']}{below}", json=sent, headers={"If-Match": shown.headers["ETag"]})


def test_two_cases_marked_at_once_as_duplicates_of_each_other_leave_one_of_them(app, as_):
    one, other = report(as_), report(as_)
    people = [as_("officer.muong-toong"), as_("officer.khu-vuc-muong-nhe")]
    calls = [
        lambda person=person, copy=copy, original=original: person.post(
            f"/incidents/{copy['id']}/actions",
            json={"action": "mark_duplicate", "duplicate_of": original["id"]},
            headers={"If-Match": '"1-1"'},
        )
        for person, copy, original in zip(people, (one, other), (other, one), strict=True)
    ]
    answers = at_once(app, one, *calls, pause_s=0.1)
    assert sorted(r.status_code for r in answers) in ([200, 409], [200, 412], [200, 422])
    statuses = sorted(as_("officer.muong-toong").read(case)["status"] for case in (one, other))
    assert statuses == ["duplicate", "reported"]
