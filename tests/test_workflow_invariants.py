"""Whatever is done by whomever in whatever order, these stay true of an incident."""

from datetime import timedelta
from random import Random
from uuid import UUID

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models import Incident, db
from models.base import now
from models.leading import expire_offers
from tests.test_workflows import EXPECTED, SAID, report

# Who acts. "the lead" is whoever serves in the unit that leads by then.
PEOPLE = (
    *("the lead",) * 4,
    *("officer.muong-toong", "officer.ta-tong", "ranger.muong-toong", "officer.khu-vuc-muong-nhe"),
    *("leader.muong-nhe", "leader.lai-chau", "leader.dien-bien"),
    *("ranger.ta-tong", "officer.nam-ke", "leader.lao-cai", "admin"),
)
UNITS = ("officer.ta-tong", "officer.muong-toong", "officer.quang-lam", "officer.khu-vuc-muong-nhe")
SERVES = {
    "Xã Quảng Lâm": "officer.quang-lam",
    "Khu vực Mường Nhé": "officer.khu-vuc-muong-nhe",
    "Xã Mường Toong": "officer.muong-toong",
    "Xã Tà Tổng": "officer.ta-tong",
    "Tỉnh Điện Biên": "leader.dien-bien",
}
ENDS = ("dismiss", "mark_duplicate", "retract")
ROW_ACTIONS = (
    ("accept", {}),
    ("accept", {}),
    ("withdraw", {"reason": "Đã thoả thuận lại."}),
    ("conclude", {"text": "Đã xong phần việc."}),
    ("decline", {"reason": "no_capacity", "text": "Đang chữa cháy nơi khác."}),
    ("decline", {"reason": "not_our_land", "text": "Bên kia khe.", "basis": {"map": "Tờ 12, tỷ lệ 1:10.000"}}),
    ("decline", {"reason": "disputed_border", "text": "Chưa thống nhất mốc.", "basis": "Biên bản 2019"}),
)
# A step the answer offers (onward: not to an early end), an answer for a row, for one's own row, another unit asked
# or named, any step at all.
KINDS = ("onward",) * 5 + ("own row",) * 4 + ("listed", "row", "any") + ("leading",) * 4
LEADING = ("invite", "hand_over", "assign", "arbitrate")
NO_STEPS = (*LEADING, "link", "joint_verification", "fire_update")


def joint_status_of(rows, rule):
    """domain.md, "Joint-handling status": the first that holds."""
    lead = next(r for r in rows if r.role == "lead" and r.state in ("offered", "accepted", "concluded"))
    supports = [r.state for r in rows if r.role == "support"]
    declined = [r for r in rows if r.role == "lead" and r.state == "declined"]
    if lead.arbiter and lead.state != "concluded":
        return "escalated"
    if (rule == "overlap" or declined) and lead.state == "offered":
        return "disputed"
    if "accepted" in supports:
        return "active"
    if "offered" in supports:
        return "proposed"
    return "concluded" if any(r.accepted_at for r in rows if r.unit_id != lead.unit_id) else "single"


# domain.md, "Assignments": from each state only there; a late answer, a new lead and a reopened case included.
LEADS_TO = {
    "offered": {"accepted", "declined", "expired", "withdrawn", "handed_over"},
    "accepted": {"concluded", "handed_over"},
    "expired": {"accepted"},
    "concluded": {"accepted"},
}


def check_rows(before, after, note):
    """Rows are never re-used nor lost: each stays, or goes on as the law says."""
    now = {r["id"]: r for r in after["assignments"]}
    for row in before["assignments"]:
        state, role = now[row["id"]]["state"], (row["role"], now[row["id"]]["role"])
        assert state == row["state"] or state in LEADS_TO.get(row["state"], ()), note
        assert role in (("lead", "lead"), ("support", "support"), ("support", "lead")), note
        if (row["state"], state) in (("concluded", "accepted"), ("offered", "handed_over")):
            assert role == ("lead", "lead"), note
    known = {r["id"] for r in before["assignments"]}
    assert all(r["state"] in ("offered", "accepted") for id, r in now.items() if id not in known), note


def let_offers_expire(incident_id):
    """As the worker does once they are due."""
    incident = db.session.get(Incident, incident_id)
    for row in incident.assignments:
        row.due_at = row.due_at and now() - timedelta(minutes=1)
    expire_offers(incident)
    db.session.commit()


def check(incident_id, shown):
    incident = db.session.get(Incident, incident_id)
    rows = incident.assignments
    leads = [r for r in rows if r.role == "lead" and r.state in ("offered", "accepted", "concluded")]
    assert [r.unit_id for r in leads] == [incident.lead_unit_id] == [UUID(shown["lead"]["id"])]
    taken = [r.unit_id for r in rows if r.state in ("offered", "accepted") and not r.is_pending_hand_over]
    handed = [r for r in rows if r.is_pending_hand_over]
    assert len(handed) <= 1 and all(r.from_unit_id == incident.lead_unit_id for r in handed)
    assert len(taken) == len(set(taken))
    assert incident.joint_status == shown["joint_status"] == joint_status_of(rows, incident.routing["rule"])
    assert (incident.deadline_step is None) == (incident.status == "closed")
    if incident.status == "closed":
        assert leads[0].state == "concluded"
        assert not taken


def choose(as_, incident, who, kind, number, originals):
    """(person, the steps offered to them, path below the incident, body)."""
    rows = incident["assignments"]
    row = rows[number % len(rows)]
    if kind == "own row":
        who = SERVES[row["unit"]["name"]]
    elif who == "the lead":
        who = SERVES[incident["lead"]["name"]]
    seen = as_(who).get(f"/incidents/{incident['id']}").json
    if kind.endswith("row"):
        mine = next((r["actions"] for r in seen.get("assignments", []) if r["id"] == row["id"]), [])
        wanted = [pair for pair in ROW_ACTIONS if pair[0] in mine] or ROW_ACTIONS
        action, said = wanted[number // 7 % len(wanted)]
        return as_(who), [], f"/assignments/{row['id']}/actions", {"action": action} | said
    listed = seen.get("actions", [])
    if kind == "leading":
        return leading(as_, who, listed, number)
    onward = [action for action in listed if action not in (*ENDS, *NO_STEPS)]
    steps = [action for action in listed if action not in NO_STEPS]
    actions = {"onward": onward, "listed": steps}.get(kind) or list(EXPECTED)
    action = actions[number % len(actions)]
    said = {"duplicate_of": originals[number % 2]} if action == "mark_duplicate" else SAID.get(action, {})
    return as_(who), listed, "/actions", {"action": action} | said


def leading(as_, who, listed, number):
    """Somebody is invited, offered the case, sent, or named by the arbiter; one who may, or anybody."""
    wanted = [action for action in listed if action in LEADING] or LEADING
    action, unit = wanted[number % len(wanted)], as_(UNITS[number // 7 % len(UNITS)]).user["unit"]["id"]
    if action == "arbitrate":
        return as_(who), listed, "/arbitration", {"action": action, "lead_unit_id": unit, "reason": "Bản đồ 364."}
    body = {"action": action, "unit_id": unit, "reason": "Nhờ.", "hand_over": action != "invite"}
    return as_(who), listed, "/assignments", body


def test_no_order_of_steps_by_anybody_breaks_the_rules(as_, in_app, times):
    @settings(max_examples=times(14), phases=[Phase.generate])  # shrinking would take minutes of requests
    @given(st.integers(0, 2**32))
    def play(seed):
        chance = Random(seed)
        incident, watcher = report(as_), as_("ranger.muong-toong")
        path, originals = f"/incidents/{incident['id']}", [report(as_)["id"], incident["id"]]
        before = watcher.get(path)
        for _ in range(14):
            who, kind, number = chance.choice(PEOPLE), chance.choice(KINDS), chance.randrange(1000)
            person, listed, below, body = choose(as_, before.json, who, kind, number, originals)
            sent = body if below.endswith("actions") else {k: v for k, v in body.items() if k != "action"}
            reply = person.post(path + below, json=sent, headers={"If-Match": before.headers["ETag"]})
            after = watcher.get(path)
            note = (seed, person.user["username"], body, reply.status_code)
            check_rows(before.json, after.json, note)
            if reply.status_code in (200, 201):
                assert after.json["version"] > before.json["version"], note
                assert after.json["revision"] > before.json["revision"], note
            else:
                assert reply.status_code in (403, 404, 409, 422), note
                assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"]), note
                assert not (body["action"] in listed and reply.json["code"] in ("not_allowed", "wrong_status")), note
            in_app(lambda shown=after.json: check(UUID(incident["id"]), shown))
            before = after
            if number % 6 == 0:
                in_app(lambda: let_offers_expire(UUID(incident["id"])))
                before = watcher.get(path)
                check_rows(after.json, before.json, note)
                in_app(lambda shown=before.json: check(UUID(incident["id"]), shown))

    play()
