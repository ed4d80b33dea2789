"""Where one's notices are sent: made once, proven before use, seen by who keeps them, without a secret in the clear."""

import logging
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from models import Event, EventText, Reply, Subscription, db
from models.base import now
from services.channels import web_push
from tests.receivers import Hook, Mailbox, deliver, serving
from tests.reforms import activate, turn_back
from tests.test_assignments import recruit
from tests.test_workflows import OFFICER, PARTNER, REPORTER

LEADER = "leader.muong-nhe"
MAIL = {"kind": "email", "address": "su.giang@kiemlam.vn"}


@pytest.fixture
def mailbox(app, monkeypatch):
    with serving(Mailbox()) as box:
        monkeypatch.setitem(app.config, "SMTP_URL", box.url)
        yield box


@pytest.fixture
def hook(app, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOKS_LOCAL", True)
    with serving(Hook()) as server:
        yield server


def subscribe(person, **facts):
    return person.post("/subscriptions", json={"id": str(uuid4())} | facts)


def state(person, made):
    return person.get(f"/subscriptions/{made['id']}").json["state"]


def code_in(mailbox):
    return mailbox.messages[-1]["Subject"].split()[-1]


def proven_mail(app, person, mailbox, **facts):
    """An e-mail subscription that works."""
    reply = subscribe(person, **MAIL | facts)
    assert reply.status_code == 201, reply.json
    deliver(app)
    path = f"/subscriptions/{reply.json['id']}/confirm"
    proven = person.post(path, json={"code": code_in(mailbox)})
    assert (proven.status_code, proven.json["state"]) == (200, "active"), proven.json
    mailbox.messages.clear()
    return proven.json


def proven_hook(app, person, hook, **facts):
    reply = subscribe(person, kind="webhook", address=hook.url, **facts)
    assert reply.status_code == 201, reply.json
    deliver(app)
    assert state(person, reply.json) == "active"
    hook.got.clear()
    return reply.json


def test_an_address_is_used_once_the_code_that_was_sent_there_comes_back(app, as_, mailbox):
    officer = as_(OFFICER)
    made = subscribe(officer, **MAIL)
    assert (made.status_code, made.json["state"], made.json["secret"]) == (201, "unproven", None)
    deliver(app)
    (letter,) = mailbox.messages
    assert letter["To"] == MAIL["address"] and letter["Auto-Submitted"] == "auto-generated"
    assert f"Giáp Ranh: mã xác nhận {code_in(mailbox)}" == letter["Subject"]
    path = f"/subscriptions/{made.json['id']}"
    wrong = officer.post(f"{path}/confirm", json={"code": str((int(code_in(mailbox)) + 1) % 10**6).zfill(6)})
    assert (wrong.status_code, wrong.json["code"]) == (422, "wrong_proof")
    assert officer.get(path).json["state"] == "unproven"
    right = officer.post(f"{path}/confirm", json={"code": code_in(mailbox)})
    assert (right.status_code, right.json["state"]) == (200, "active")
    assert officer.post(f"{path}/confirm", json={"code": code_in(mailbox)}).json == right.json
    assert [s["id"] for s in officer.get("/subscriptions").json["items"]] == [made.json["id"]]


def test_a_code_can_be_guessed_at_five_times_and_holds_an_hour(app, as_, mailbox):
    officer = as_(OFFICER)
    made = subscribe(officer, **MAIL).json
    deliver(app)
    path, right = f"/subscriptions/{made['id']}", code_in(mailbox)
    for _ in range(5):
        assert officer.post(f"{path}/confirm", json={"code": "x"}).status_code == 422
    assert officer.post(f"{path}/confirm", json={"code": right}).json["code"] == "wrong_proof"
    assert officer.post(f"{path}/proof").json["state"] == "unproven"
    deliver(app)
    assert code_in(mailbox) != right
    with time_machine.travel(now() + timedelta(minutes=61)):
        late = as_(OFFICER, "máy khác")
        assert late.post(f"{path}/confirm", json={"code": code_in(mailbox)}).json["code"] == "wrong_proof"
    assert officer.post(f"{path}/confirm", json={"code": code_in(mailbox)}).json["state"] == "active"
    assert officer.post(f"{path}/proof").json["code"] == "subscription_over"


@pytest.mark.only_on("sqlite")
def test_nobody_writes_to_strangers_without_end(app, as_, mailbox):
    officer = as_(OFFICER)
    made = subscribe(officer, **MAIL).json
    replies = [officer.post(f"/subscriptions/{made['id']}/proof") for _ in range(5)]
    assert [r.status_code for r in replies] == [200] * 4 + [409]
    assert replies[-1].json["code"] == "too_many_subscriptions"
    codes = [subscribe(officer, **MAIL).status_code for _ in range(10)]
    assert codes == [201] * 9 + [409]


def test_the_same_id_and_content_is_the_same_subscription_and_its_secret_is_shown_once(app, as_, hook, in_app):
    officer, id = as_(OFFICER), str(uuid4())
    wanted = {"id": id, "kind": "webhook", "address": hook.url}
    headers = {"Idempotency-Key": "một lần"}
    first = officer.post("/subscriptions", json=wanted, headers=headers)
    again = officer.post("/subscriptions", json=wanted, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["secret"].startswith("whsec_") and again.json == first.json | {"secret": None}
    other = officer.post("/subscriptions", json=wanted | {"urgent_only": True})
    foreign = as_(PARTNER).post("/subscriptions", json=wanted)
    assert [(r.status_code, r.json["code"]) for r in (other, foreign)] == [(409, "id_conflict")] * 2
    deliver(app)
    assert state(officer, first.json) == "active"
    for reply in (officer.get("/subscriptions"), officer.get(f"/subscriptions/{id}")):
        assert first.json["secret"] not in reply.text and "secret" not in reply.json
    kept = in_app(
        lambda: str(
            [list(db.session.execute(db.select(table.__table__))) for table in (Subscription, Reply, Event, EventText)]
        )
    )
    assert first.json["secret"].removeprefix("whsec_") not in kept
    assert hook.url in kept, "the address stands in its row"


@pytest.mark.only_on("sqlite")
def test_no_event_and_no_log_line_tells_an_address_or_a_code(app, as_, mailbox, in_app, caplog):
    caplog.set_level(logging.DEBUG)
    made = proven_mail(app, as_(OFFICER), mailbox)
    assert as_(OFFICER).delete(f"/subscriptions/{made['id']}").status_code == 204
    events = in_app(lambda: [(e.kind, e.facts) for e in db.session.scalars(db.select(Event).order_by(Event.number))])
    ours = [(kind, facts) for kind, facts in events if kind.startswith("subscription.")]
    assert [kind for kind, _ in ours] == ["subscription.created", "subscription.proven", "subscription.ended"]
    assert MAIL["address"] not in str(events) and MAIL["address"] not in caplog.text
    assert in_app(lambda: db.session.scalars(db.select(Subscription.address)).all()) == [""]


@pytest.mark.only_on("sqlite")
def test_what_has_ended_is_listed_no_more_and_is_not_made_again_by_a_repeat(app, as_, mailbox):
    officer, wanted = as_(OFFICER), MAIL | {"id": str(uuid4())}
    officer.post("/subscriptions", json=wanted)
    for _ in range(2):
        assert officer.delete(f"/subscriptions/{wanted['id']}").status_code == 204
    deliver(app)
    assert mailbox.messages == [] and officer.get("/subscriptions").json["items"] == []
    again = officer.post("/subscriptions", json=wanted)
    assert (again.status_code, again.json["state"], again.json["address"]) == (200, "ended", "")
    assert officer.post(f"/subscriptions/{wanted['id']}/proof").status_code == 409


def test_everybody_keeps_their_own_and_the_leaders_of_a_unit_those_of_its_office(app, as_, hook, in_app):
    recruit(in_app, "leader.hai", "leader", unit="096")
    unit = as_(LEADER).user["unit"]["id"]
    made = proven_hook(app, as_(LEADER), hook, unit_id=unit)
    assert made["unit"]["id"] == unit
    assert [s["id"] for s in as_("leader.hai").get("/subscriptions").json["items"]] == [made["id"]]
    for who in (OFFICER, "leader.dien-bien", "leader.muong-te", "admin"):
        assert as_(who).get("/subscriptions").json["items"] == [], who
        for answer in (
            as_(who).get(f"/subscriptions/{made['id']}"),
            as_(who).delete(f"/subscriptions/{made['id']}"),
            as_(who).get(f"/subscriptions/{made['id']}/deliveries"),
            as_(who).post(f"/subscriptions/{made['id']}/secret", json={"number": 2}),
        ):
            assert answer.status_code == 404, who
    for who in (OFFICER, "leader.dien-bien", "leader.muong-te"):
        reply = subscribe(as_(who), kind="webhook", address=hook.url, unit_id=unit)
        assert (reply.status_code, reply.json["code"]) == (403, "not_allowed"), who
    assert subscribe(as_("admin"), **MAIL).status_code == 403
    assert as_("leader.hai").delete(f"/subscriptions/{made['id']}").status_code == 204


@pytest.mark.only_on("sqlite")
def test_a_channel_that_the_server_was_not_given_is_said_not_to_be_there(app, as_, monkeypatch):
    ranger = as_(REPORTER)
    offered = {c["kind"]: c["available"] for c in ranger.get("/subscriptions").json["channels"]}
    assert offered == dict.fromkeys(("email", "telegram", "zalo", "web_push"), False) | {"webhook": True}
    for kind, address in (("email", "a@b.vn"), ("telegram", "123"), ("zalo", "abc"), ("web_push", "https://x.vn/y")):
        reply = subscribe(ranger, kind=kind, address=address)
        assert (reply.status_code, reply.json["code"]) == (409, "channel_not_available")
    assert "Thông báo trên trình duyệt" in reply.json["detail"]
    english = ranger.post("/subscriptions", json=MAIL, headers={"Accept-Language": "en"})
    assert "E-mail" in english.json["detail"]
    monkeypatch.setitem(app.config, "VAPID_KEY", "x")
    monkeypatch.setattr(web_push, "is_installed", lambda: False)
    assert not ranger.get("/subscriptions").json["channels"][3]["available"], "the key alone is not enough"


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "kind, addresses",
    [
        ("email", ["không có", "a@b", "a b@c.vn", "a@b.vn\nBcc: x@y.vn", "a@b.vn, c@d.vn", "<a@b.vn>"]),
        ("telegram", ["@kenh", "12a", "1" * 30]),
        ("zalo", ["a/b", "a b"]),
        (
            "webhook",
            "http://kiemlam.vn/tin https:// kiemlam.vn https://a:b@kiemlam.vn/ https://localhost/ https://127.0.0.1/"
            " https://10.0.0.8/ https://[::1]/ https://[::ffff:10.0.0.1]/ ftp://kiemlam.vn/ https://kiemlam.vn:0/"
            " https://kiểmlâm.vn/".split(),
        ),
    ],
)
def test_what_is_no_address_is_refused(app, as_, monkeypatch, kind, addresses):
    for name in ("SMTP_URL", "TELEGRAM_TOKEN", "ZALO_TOKEN"):
        monkeypatch.setitem(app.config, name, "x")
    for address in addresses:
        reply = subscribe(as_(OFFICER), kind=kind, address=address)
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["address"]), address


@pytest.mark.only_on("sqlite")
def test_quiet_hours_are_said_whole_or_not_at_all(app, as_, mailbox):
    half = subscribe(as_(OFFICER), quiet_from="22:00", **MAIL)
    assert (half.status_code, list(half.json["errors"])) == (422, ["quiet_to"])
    assert subscribe(as_(OFFICER), quiet_from="25:00", quiet_to="06:00", **MAIL).status_code == 422
    whole = subscribe(as_(OFFICER), quiet_from="22:00", quiet_to="05:30", **MAIL).json
    assert (whole["quiet_from"], whole["quiet_to"]) == ("22:00", "05:30")


@pytest.mark.only_on("sqlite")
def test_what_an_office_subscribed_to_goes_with_it_when_the_boundaries_change(app, as_, in_app, hook):
    turn_back(in_app)
    area = as_(LEADER).get("/me").json["unit"]["id"]
    made = proven_hook(app, as_(LEADER), hook, unit_id=area)
    activate(in_app)
    after = as_(LEADER).get(f"/subscriptions/{made['id']}").json
    assert (after["state"], after["unit"]["valid_from"]) == ("active", "2025-07-01") and after["unit"]["id"] != area
    assert as_(LEADER).get("/me").json["unit"]["id"] == after["unit"]["id"]
