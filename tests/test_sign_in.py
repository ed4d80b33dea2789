"""Guessing passwords: counted in the database, the same for whoever exists or not, and no way to lock a ranger out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from api import create_app, passwords
from models import SignInFailure, User, db
from models.sign_in_failures import counter_of_address
from services.demo import PASSWORD
from services.passwords import _hasher
from tests.people import BASE
from tests.test_assignments import disable

RANGER = "ranger.muong-toong"


def login(app, username=RANGER, password="sai bét", device="máy lạ", address="10.0.0.1"):
    body = {"username": username, "password": password, "device": {"id": device}}
    return app.test_client().post(f"{BASE}/auth/login", json=body, environ_base={"REMOTE_ADDR": address})


def fail(app, times=10, **how):
    for _ in range(times):
        assert login(app, **how).status_code == 401


@pytest.fixture
def no_pauses(monkeypatch):
    """The pauses that would have been made, in seconds."""
    made = []
    monkeypatch.setattr(passwords.time, "sleep", made.append)
    return made


@pytest.mark.parametrize("username", [RANGER, "không.có.ai"])
def test_the_eleventh_wrong_password_of_an_hour_is_not_even_looked_at(app, username):
    fail(app, username=username)
    for password in ("sai bét", PASSWORD):
        reply = login(app, username=username, password=password)
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (429, "too_many_attempts", True)
        assert 3000 < int(reply.headers["Retry-After"]) <= 3660
        assert "phút" in reply.json["detail"]


def test_a_name_typed_in_other_letters_counts_as_the_same(app):
    fail(app, 5)
    fail(app, 5, username=" Ranger.MUONG-toong ")
    assert login(app).status_code == 429


def test_after_an_hour_it_may_be_tried_again(app):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False):
        fail(app)
        wait = int(login(app).headers["Retry-After"])
    with time_machine.travel(start + timedelta(seconds=wait - 90), tick=False):
        assert login(app, password=PASSWORD).status_code == 429
    with time_machine.travel(start + timedelta(seconds=wait), tick=False):
        assert login(app, password=PASSWORD).status_code == 200


def test_what_is_too_old_to_count_is_cleared_away(app, in_app):
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=2), tick=False):
        fail(app, 3)
    fail(app, 1)
    assert in_app(lambda: sum(db.session.scalars(db.select(SignInFailure.count)))) == 2  # account and address


def test_nobody_can_lock_a_ranger_out_of_their_own_phone(app):
    assert login(app, password=PASSWORD, device="máy của Pọm").status_code == 200
    fail(app)
    assert login(app, password=PASSWORD).status_code == 429
    fail(app, 9, device="máy của Pọm")
    assert login(app, password=PASSWORD, device="máy của Pọm").status_code == 200
    fail(app, 10, device="máy của Pọm")  # the nine before were forgiven
    assert login(app, password=PASSWORD, device="máy của Pọm").status_code == 429
    assert login(app, "officer.ta-tong", PASSWORD, "máy của Pọm").status_code == 200  # counted by account and phone


def test_a_revoked_phone_is_a_stranger_again(app, as_):
    lost, office = as_(RANGER, device="máy mất"), as_(RANGER, device="văn phòng")
    device = next(d for d in office.get("/me/devices").json["items"] if d["client_id"] == "máy mất")
    assert office.delete(f"/me/devices/{device['id']}").status_code == 204
    assert lost.get("/me").status_code == 401
    fail(app)
    assert login(app, password=PASSWORD, device="máy mất").status_code == 429


def test_of_many_guesses_at_once_ten_are_answered(app):
    """Whatever runs in parallel learns no more than one after the other."""
    guesses = [f"đoán lần {n}" for n in range(24)] + [PASSWORD]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda guess: login(app, password=guess).status_code, guesses))
    assert replies.count(401) == 10
    assert replies.count(429) == 15
    assert replies[-1] == 429


def test_all_processes_count_together_and_a_restart_forgets_nothing(app):
    other = create_app(**{n: app.config[n] for n in ("SQLALCHEMY_DATABASE_URI", "PHOTO_STORE", "KEY_FOLDER")})
    fail(app, 5)
    fail(other, 5)
    assert login(app).status_code == login(other).status_code == 429
    with other.app_context():
        db.engine.dispose()


def test_every_refusal_takes_the_same_work(app, in_app, monkeypatch):
    """Unknown, disabled, without a password, wrong: one Argon2 each, and the same answer."""
    disable(in_app, "officer.sa-pa")

    def enrolled_only():
        User.named("officer.nam-ke").password_hash = ""
        db.session.commit()

    in_app(enrolled_only)
    work = []
    verify = type(_hasher).verify
    monkeypatch.setattr(type(_hasher), "verify", lambda *args: work.append(args[1]) or verify(*args))
    replies = []
    for who in ("không.có.ai", "officer.sa-pa", "officer.nam-ke", RANGER):
        password = "không ai cả" if who != RANGER else "sai"  # the very password of nobody
        replies.append(login(app, username=who, password=password))
    assert len(work) == 4
    assert len({tuple(hash.split("$")[:4]) for hash in work}) == 1  # the same cost
    assert {r.status_code for r in replies} == {401}
    assert len({str(r.json | {"request_id": None}) for r in replies}) == 1
    fail(app, 9)
    work.clear()
    assert login(app).status_code == 429
    assert work == []  # and a refusal for too many tries takes none


def test_what_was_typed_is_not_kept(app, in_app):
    login(app, username="mật khẩu gõ nhầm ô")
    kept = in_app(lambda: repr(db.session.execute(db.select(SignInFailure.__table__)).all()))
    assert "account:" in kept and "address:" in kept
    assert "mật" not in kept and "10.0.0.1" not in kept


def test_an_address_that_guesses_is_slowed_down_but_never_shut_and_known_phones_do_not_notice(app, no_pauses):
    assert login(app, password=PASSWORD, device="máy của Pọm").status_code == 200
    for n in range(70):
        assert login(app, username=f"ai.đó.{n}").status_code == 401
    assert no_pauses == sorted(no_pauses)
    assert len(no_pauses) == 49 and max(no_pauses) == 2.0
    no_pauses.clear()
    assert login(app, password=PASSWORD, device="máy của Pọm").status_code == 200
    assert login(app, "officer.ta-tong", PASSWORD, address="10.0.0.2").status_code == 200
    assert no_pauses == []
    assert login(app, "officer.ta-tong", PASSWORD, "máy mới").status_code == 200
    assert no_pauses == [2.0]


def test_only_a_few_threads_are_spared_for_pauses(app, monkeypatch):
    monkeypatch.setattr(passwords, "_sleepers", passwords.threading.BoundedSemaphore(1))
    passwords._sleepers.acquire()
    monkeypatch.setattr(passwords.Attempt, "pause_s", 1.0)
    reply = login(app)
    assert (reply.status_code, reply.json["code"]) == (503, "busy")


def test_an_address_of_ipv6_counts_by_its_network():
    assert counter_of_address("2001:db8:1:2::5") == counter_of_address("2001:db8:1:2:ffff::1")
    assert counter_of_address("2001:db8:1:3::5") != counter_of_address("2001:db8:1:2::5")
    assert counter_of_address("10.0.0.1") != counter_of_address("10.0.0.2")
    assert counter_of_address("") == counter_of_address("")


def test_a_password_changed_while_it_was_being_verified_no_longer_opens(app, in_app, monkeypatch):
    verify = passwords.verify_password

    def slowly(stored, password):
        right = verify(stored, password)

        def change():
            User.named(RANGER).password_hash = "khác"
            db.session.commit()

        in_app(change)
        return right

    monkeypatch.setattr(passwords, "verify_password", slowly)
    assert login(app, password=PASSWORD).status_code == 401
