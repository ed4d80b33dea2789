"""What is sent, to whom, when, and what becomes of it: none lost whoever is killed, none to who lost the right."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from models import Delivery, Job, Role, User, db
from models.base import now
from models.database import write_transaction
from models.deliveries import LANES
from models.subscriptions import wait_after
from services import channels, deliveries, worker
from services.channels.outcomes import Outcome
from tests.people import INSIDE
from tests.receivers import deliver, deliver_as_if_due
from tests.server import ROOT
from tests.tellings import tell
from tests.test_assignments import disable, recruit
from tests.test_hand_over import act_on, offer
from tests.test_jobs import until
from tests.test_notice_inbox import take_note
from tests.test_subscriptions import MAIL, hook, mailbox, proven_hook, proven_mail, state  # noqa: F401
from tests.test_workflows import OFFICER, PARTNER, report, step

QUANG_LAM = "officer.quang-lam"
FIRE = {"type": "forest_fire", "burning": True, "location": dict(INSIDE)}
# fmt: off
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)      # Tuesday, 12:00 in the forest
NIGHT = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)   # 22:30
DAWN = datetime(2026, 11, 24, 23, 1, tzinfo=UTC)     # 06:01 on Wednesday
MORNING = datetime(2026, 11, 25, 0, 1, tzinfo=UTC)   # 07:01
# fmt: on


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOON) as moment:
        yield moment


def log_of(person, made, **query):
    items = person.get(f"/subscriptions/{made['id']}/deliveries", query_string=query).json["items"]
    return [d for d in items if d["what"] in ("notice", "digest")]


def subjects(mailbox):  # noqa: F811
    return [message["Subject"] for message in mailbox.messages]


def test_an_officer_reads_by_e_mail_what_lies_on_their_desk(app, as_, mailbox):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox)
    proven_mail(app, as_("leader.dien-bien"), mailbox)
    proven_mail(app, as_("ranger.muong-toong"), mailbox)
    incident = report(as_)
    tell(app)
    deliver(app)
    (letter,) = mailbox.messages
    (notice,) = as_(OFFICER).get("/notices").json["items"]
    assert letter["Subject"] == f"Vụ mới {incident['number']}"
    assert notice["text"] in mailbox.last() and "Trực cháy rừng" not in mailbox.last()
    (sent,) = log_of(as_(OFFICER), made)
    assert letter["Message-ID"] == f"<{sent['id']}@localhost>"
    assert (sent["state"], sent["notice"], sent["tries"]) == ("sent", notice["id"], 1)
    assert [a["result"] for a in sent["attempts"]] == ["sent"]
    step(as_, incident, "receive")
    step(as_, incident, "ask")
    tell(app)
    deliver(app)
    assert [m["Subject"] for m in mailbox.messages[1:]] == [f"Câu hỏi về tin báo {incident['number']}"], (
        "to who reported"
    )


@pytest.mark.only_on("sqlite")
def test_a_language_and_fires_alone_can_be_asked_for(app, as_, mailbox):  # noqa: F811
    proven_mail(app, as_(OFFICER), mailbox, language="en", urgent_only=True)
    report(as_)
    incident = report(as_, **FIRE)
    tell(app)
    deliver(app)
    assert subjects(mailbox) == [f"New case {incident['number']}"] and mailbox.messages[0]["Importance"] == "high"


# Who still may


def test_who_was_disabled_or_moved_meanwhile_is_sent_nothing(app, as_, mailbox, in_app):  # noqa: F811
    people = (OFFICER, "officer.hai", "officer.ba")
    for who in people[1:]:
        recruit(in_app, who, "officer", unit="03163")
    for who in people:
        proven_mail(app, as_(who), mailbox)
    report(as_)
    tell(app)
    disable(in_app, OFFICER)

    def move():
        """One to another commune, one above: there it is to be looked on, not acted on."""
        moved, raised = User.named("officer.hai"), User.named("officer.ba")
        moved.unit_id, raised.unit_id = User.named(QUANG_LAM).unit_id, User.named("leader.dien-bien").unit_id
        raised.role = Role.LEADER
        db.session.commit()

    in_app(move)
    deliver(app)
    assert mailbox.messages == []
    found = in_app(
        lambda: db.session.execute(
            db.select(Delivery.state, Delivery.reason).where(Delivery.notice_id.is_not(None))
        ).all()
    )
    assert [tuple(row) for row in found] == [("dropped", "not_yours")] * 3


@pytest.mark.only_on("sqlite")
def test_who_lost_sight_of_the_case_meanwhile_reads_no_more_than_the_inbox_shows(app, as_, mailbox):  # noqa: F811
    proven_mail(app, as_(QUANG_LAM), mailbox)
    incident = step(as_, report(as_), "receive")
    row = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    tell(app)
    act_on(as_, OFFICER, incident, row, "withdraw", reason="Nhầm xã.")
    deliver(app)
    assert f"Đơn vị bạn không còn tham gia vụ {incident['number']}." in mailbox.last()
    assert "Khai thác" not in mailbox.last()


@pytest.mark.only_on("sqlite")
def test_what_is_read_already_is_not_sent_but_for_a_fire_that_another_has_read(app, as_, mailbox, in_app):  # noqa: F811
    recruit(in_app, "officer.hai", "officer", unit="03163")
    made = proven_mail(app, as_(OFFICER), mailbox)
    report(as_)
    incident = report(as_, **FIRE)
    tell(app)
    for notice in as_("officer.hai").get("/notices").json["items"]:
        assert take_note(as_("officer.hai"), notice).status_code == 200
    deliver(app)
    assert subjects(mailbox) == [f"Vụ mới {incident['number']}"]
    assert [d["reason"] for d in log_of(as_(OFFICER), made) if d["state"] == "dropped"] == ["read"]


# Quiet hours


@pytest.mark.only_on("sqlite")
def test_at_night_only_a_fire_wakes_and_the_rest_comes_in_the_morning(app, as_, mailbox, hook, at_noon):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox)
    proven_mail(app, as_(PARTNER), mailbox, quiet_from="23:00", quiet_to="05:00")
    proven_hook(app, as_(OFFICER), hook)
    at_noon.move_to(NIGHT)
    felling = report(as_)
    fire = report(as_, **FIRE)
    tell(app)
    deliver(app)
    assert sorted(subjects(mailbox)) == [f"Vụ mới {fire['number']}", f"Đề nghị phối hợp vụ {felling['number']}"]
    assert len(hook.got) == 2, "a program does not sleep"
    (held,) = (d for d in log_of(as_(OFFICER, "đêm"), made) if d["state"] == "waiting")
    assert held["due_at"] == "2026-11-24T23:00:00Z" and held["tries"] == 0
    mailbox.messages.clear()
    at_noon.move_to(DAWN)
    deliver(app)
    assert subjects(mailbox) == [f"Vụ mới {felling['number']}"]


# When the receiver does not answer


def jobs(app):
    with app.app_context():
        rows = db.session.execute(db.select(Job.kind, Job.due_at).where(Job.kind.in_(LANES))).all()
        db.session.remove()
    return {row.kind: row.due_at for row in rows}


def test_it_is_tried_again_after_waits_that_grow_and_an_answer_heals(app, as_, hook, at_noon):  # noqa: F811
    made, officer = proven_hook(app, as_(OFFICER), hook), as_(OFFICER)
    hook.status = 503
    for _ in range(3):
        report(as_)
    tell(app)
    deliver(app)
    assert len(hook.got) == 1, "who does not answer is asked once, whatever waits"
    assert state(officer, made) == "failing" and list(jobs(app)) == ["deliver_failing"]
    with app.app_context(), write_transaction():
        Job.ask_by("deliver_failing", made["id"], now())
        db.session.commit()
    deliver(app)
    assert len(hook.got) == 1, "whoever asks earlier, it is left alone"
    for failures in range(2, 7):
        at_noon.move_to(jobs(app)["deliver_failing"] + timedelta(seconds=1))
        deliver(app)
        assert len(hook.got) == failures
        wait = jobs(app)["deliver_failing"] - now()
        assert abs(wait - wait_after(failures)) <= wait_after(failures) * 0.3, failures
    hook.status = 200
    at_noon.move_to(jobs(app)["deliver_failing"] + timedelta(seconds=1))
    deliver(app)
    late = as_(OFFICER, "sau")
    assert state(late, made) == "active" and jobs(app) == {}
    assert {d["state"] for d in log_of(late, made)} == {"sent"} and len(hook.got) == 6 + 3
    assert len({headers["webhook-id"] for _, headers, _ in hook.got}) == 3


def test_after_days_it_is_given_up_and_the_owner_reads_so_in_the_inbox(app, as_, hook, mailbox, at_noon):  # noqa: F811
    made = proven_hook(app, as_(OFFICER), hook)
    hook.status = 500
    report(as_)
    tell(app)
    deliver(app)
    at_noon.move_to(NOON + timedelta(days=2))
    deliver(app)
    late = as_(OFFICER, "hai ngày sau")
    assert state(late, made) == "failing"
    proven_mail(app, late, mailbox)
    at_noon.move_to(NOON + timedelta(days=3, hours=1))
    deliver(app)
    late = as_(OFFICER, "ba ngày sau")
    assert state(late, made) == "given_up" and [d["state"] for d in log_of(late, made)] == ["given_up"]
    notice = late.get("/notices").json["items"][0]
    assert (notice["kind"], notice["incident"], notice["unit"]) == ("channel_given_up", None, None)
    assert "webhook" in notice["title"] and subjects(mailbox)[-1] == notice["title"], "by the channel that works"
    report(lambda who: as_(who, "ba ngày sau"))
    tell(app)
    got = len(hook.got)
    deliver(app)
    assert len(hook.got) == got and jobs(app) == {}
    hook.status = 200
    assert late.post(f"/subscriptions/{made['id']}/proof").json["state"] == "unproven"
    deliver(app)
    assert state(late, made) == "active"
    (old,) = log_of(late, made)
    assert late.post(f"/subscriptions/{made['id']}/deliveries/{old['id']}/send").json["state"] == "waiting"
    deliver(app)
    assert [d["state"] for d in log_of(late, made)] == ["sent"]


@pytest.mark.only_on("sqlite")
def test_while_the_relay_of_the_server_is_away_nobody_loses_their_subscription(app, as_, mailbox, at_noon, monkeypatch):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox)
    report(as_)
    tell(app)
    monkeypatch.setitem(app.config, "SMTP_URL", "smtp://127.0.0.1:1")
    for days in (0.1, 2, 4):
        at_noon.move_to(NOON + timedelta(days=days))
        deliver(app)
    late = as_(OFFICER, "bốn ngày sau")
    assert state(late, made) == "failing" and [d["state"] for d in log_of(late, made)] == ["given_up"]
    monkeypatch.setitem(app.config, "SMTP_URL", mailbox.url)
    report(lambda who: as_(who, "bốn ngày sau"))
    tell(app)
    at_noon.move_to(NOON + timedelta(days=4, hours=2))
    deliver(app)
    assert len(mailbox.messages) == 1 and state(as_(OFFICER, "hai giờ sau"), made) == "active"


@pytest.mark.only_on("sqlite")
def test_an_address_that_is_gone_is_given_up_at_once(app, as_, hook):  # noqa: F811
    made = proven_hook(app, as_(OFFICER), hook)
    hook.status = 410
    report(as_)
    tell(app)
    deliver(app)
    assert state(as_(OFFICER), made) == "given_up"


@pytest.mark.only_on("sqlite")
def test_a_dead_receiver_holds_up_neither_a_fire_nor_other_work(app, as_, hook, mailbox, monkeypatch):  # noqa: F811
    dead, well = proven_hook(app, as_(OFFICER), hook), proven_mail(app, as_(OFFICER), mailbox)
    sent, real = [], channels.send

    def send(config, channel, target, letter):
        sent.append((channel, letter.urgent))
        return Outcome("timed_out") if channel == "webhook" else real(config, channel, target, letter)

    monkeypatch.setattr(channels, "send", send)
    for _ in range(5):
        report(as_)
    tell(app)
    deliver(app)
    assert sent.count(("webhook", False)) == 1
    sent.clear()
    report(as_, **FIRE)
    tell(app)
    deliver(app)
    assert sorted(sent) == [("email", True), ("webhook", True)], "a fire knocks once, also there"
    deliver(app)
    assert len(sent) == 2 and state(as_(OFFICER), dead) == "failing"
    assert {d["state"] for d in log_of(as_(OFFICER), well)} == {"sent"}


@pytest.mark.only_on("sqlite")
def test_while_a_receiver_is_waited_for_fires_go_out_and_other_work_is_done(app, as_, hook, mailbox, monkeypatch):  # noqa: F811
    made = proven_hook(app, as_(OFFICER), hook)
    proven_mail(app, as_(OFFICER), mailbox)
    hook.answers, done, stop = threading.Event(), [], threading.Event()
    monkeypatch.setitem(worker.HANDLERS, "slow", lambda _app, key, _facts: done.append(key) or (lambda: None))
    monkeypatch.setattr(worker, "RECURRING", {})
    report(as_)
    fire = report(as_, **FIRE)
    tell(app)
    with app.app_context(), write_transaction():
        Job.ask("slow", "a")
        db.session.commit()
    thread = threading.Thread(target=worker.run_until, args=(app, stop), daemon=True)
    thread.start()
    until(lambda: done and f"Vụ mới {fire['number']}" in subjects(mailbox) and len(hook.got) == 2, 8)
    hook.answers.set()
    stop.set()
    worker.wake()
    thread.join(15)
    assert not thread.is_alive() and state(as_(OFFICER), made) == "active"


@pytest.mark.only_on("sqlite")
def test_a_letter_that_one_receiver_refuses_does_not_keep_the_others_back(app, as_, mailbox, monkeypatch):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox)
    poison, real = report(as_), channels.send

    def send(config, channel, target, letter):
        refused = poison["number"] in letter.title
        return Outcome("refused", 400) if refused else real(config, channel, target, letter)

    monkeypatch.setattr(channels, "send", send)
    tell(app)
    deliver(app)
    report(as_)
    tell(app)
    deliver_as_if_due(app)
    deliver(app)
    assert sorted(d["state"] for d in log_of(as_(OFFICER), made)) == ["sent", "waiting"]


# Killed

MORTAL = """
import os, signal, sys, threading
from api import create_app
from services import channels, worker

address, url = sys.argv[1:]
real = channels.send

def send(*args):
    outcome = real(*args)
    os.kill(os.getpid(), signal.SIGKILL)
    return outcome

channels.send = send
app = create_app(SQLALCHEMY_DATABASE_URI=address, SMTP_URL=url)
worker.RECURRING.clear()
worker.run_until(app, threading.Event())
"""


def test_a_worker_killed_between_sending_and_noting_it_sends_it_again_under_the_same_id(app, as_, mailbox):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox, quiet_from="00:00", quiet_to="00:00")
    report(as_)
    tell(app)
    with app.app_context():
        address = db.engine.url.render_as_string(hide_password=False)
        db.session.remove()
    home = {"GIAP_RANH_HOME": str(app.config["KEY_FOLDER"])}
    command = [sys.executable, "-c", MORTAL, address, mailbox.url]
    # In its own time, in which all of this is due.
    dead = subprocess.Popen(command, cwd=ROOT, env=os.environ | home, stderr=subprocess.DEVNULL)
    try:
        assert dead.wait(60) == -signal.SIGKILL and len(mailbox.messages) == 1
    finally:
        dead.kill()
    worker.release_of_the_dead(app)
    (waiting,) = log_of(as_(OFFICER), made)
    assert (waiting["state"], waiting["tries"]) == ("waiting", 0)
    deliver(app)
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"] and first.get_content() == second.get_content()
    assert [d["state"] for d in log_of(as_(OFFICER), made)] == ["sent"]


def test_what_is_told_again_is_sent_once(app, as_, mailbox, in_app):  # noqa: F811
    proven_mail(app, as_(OFFICER), mailbox)
    report(as_)
    tell(app)
    deliver(app)

    def forget_the_place():
        Job.remember("tell", "tell")
        db.session.commit()

    in_app(forget_the_place)
    tell(app)
    deliver(app)
    assert len(mailbox.messages) == 1


@pytest.mark.only_on("sqlite")
def test_what_waits_and_has_no_job_gets_one(app, as_, mailbox, in_app):  # noqa: F811
    proven_mail(app, as_(OFFICER), mailbox)
    report(as_)
    tell(app)

    def lose():
        db.session.execute(db.delete(Job).where(Job.kind.in_(LANES)))
        db.session.commit()

    in_app(lose)
    deliver(app)
    assert mailbox.messages == []
    with app.app_context():
        write = deliveries.sweep(app, "sweep", {})
        with write_transaction():
            write()
            db.session.commit()
    deliver(app)
    assert len(mailbox.messages) == 1


# The morning


def digest(app):
    """Asked three times: by two workers at the same moment, and once too often."""
    with app.app_context(), write_transaction():
        Job.ask("digest", "digest", every_s=300)
        db.session.commit()
    with app.app_context():
        facts = Job.remembered("digest", "digest")
        written = [deliveries.digest(app, "digest", facts) for _ in range(2)]
        for write in (*written, deliveries.digest(app, "digest", facts)):
            with write_transaction():
                write()
                db.session.commit()
    deliver(app)


def test_each_morning_an_officer_reads_in_one_letter_what_waits(app, as_, mailbox, at_noon):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox)
    proven_mail(app, as_(OFFICER), mailbox, address="thu.hai@kiemlam.vn")
    proven_mail(app, as_(PARTNER), mailbox, urgent_only=True)
    first, second = report(as_), step(as_, report(as_), "receive")
    tell(app)
    deliver(app)
    mailbox.messages.clear()
    at_noon.move_to(MORNING - timedelta(minutes=2))
    digest(app)
    assert mailbox.messages == [], "too early"
    at_noon.move_to(MORNING)
    for _ in range(2):
        digest(app)
    (letter,) = mailbox.messages
    assert letter["To"] == MAIL["address"] and letter["Subject"] == "Việc chờ xử lý ngày 25/11/2026"
    text = mailbox.last()
    assert f"Chờ tiếp nhận: 1 vụ ({first['number']})" in text and second["number"] not in text.split("Đến hạn")[0]
    assert f"Quá hạn: 1 vụ ({first['number']})" in text or f"Đến hạn hôm nay: 1 vụ ({first['number']})" in text
    assert "Tin chưa đọc: 2." in text
    (sent,) = (d for d in log_of(as_(OFFICER, "sáng"), made) if d["what"] == "digest")
    assert sent["state"] == "sent"


@pytest.mark.only_on("sqlite")
def test_a_partner_reads_which_offers_wait_for_an_answer(app, as_, mailbox, at_noon):  # noqa: F811
    proven_mail(app, as_(PARTNER), mailbox)
    incident = report(as_)
    at_noon.move_to(MORNING)
    digest(app)
    assert f"Đề nghị chờ trả lời: 1 vụ ({incident['number']})" in mailbox.last()


@pytest.mark.only_on("sqlite")
def test_nothing_comes_when_nothing_waits_nor_on_a_day_of_rest_nor_on_another_day(app, as_, mailbox, at_noon):  # noqa: F811
    made = proven_mail(app, as_(OFFICER), mailbox)
    at_noon.move_to(MORNING)
    digest(app)
    assert mailbox.messages == []
    report(as_)
    saturday = MORNING + timedelta(days=3)
    at_noon.move_to(saturday)
    digest(app)
    assert mailbox.messages == []
    at_noon.move_to(saturday + timedelta(days=2))
    with app.app_context(), write_transaction():
        db.session.execute(db.update(Job).where(Job.kind == "digest").values(facts={}))
        db.session.commit()
    digest(app)
    assert len(mailbox.messages) == 1
    at_noon.move_to(saturday + timedelta(days=3))
    officer = as_(OFFICER, "thứ ba")
    monday = next(d for d in log_of(officer, made) if d["state"] == "sent")
    assert officer.post(f"/subscriptions/{made['id']}/deliveries/{monday['id']}/send").status_code == 200
    deliver(app)
    assert len(mailbox.messages) == 1
    assert [d["reason"] for d in log_of(officer, made)] == ["out_of_date", "nothing_waits"]
