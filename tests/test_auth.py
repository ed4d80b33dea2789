"""Signing in: tokens that rotate, devices that can be shut, roles read from the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from models import Event, Role, User, db
from tests.people import BASE
from tests.world import DEVICE


def refresh(app, token):
    return app.test_client().post(f"{BASE}/auth/refresh", json={"refresh_token": token})


def test_whoever_signs_in_learns_who_they_are(as_):
    officer = as_("officer.muong-toong")
    assert officer.get("/me").json["unit"]["name"] == "Xã Mường Toong"
    assert officer.user["role"] == "officer"


@pytest.mark.parametrize("username, password", [("officer.muong-toong", "sai"), ("không.ai", "rung-xanh-giap-ranh")])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(app, username, password):
    reply = app.test_client().post(
        f"{BASE}/auth/login", json={"username": username, "password": password, "device": {"id": "x"}}
    )
    assert (reply.status_code, reply.json["code"]) == (401, "wrong_credentials")


def test_a_refresh_gives_a_new_pair_that_works(app, as_):
    ranger = as_("ranger.muong-toong")
    reply = refresh(app, ranger.tokens["refresh_token"])
    assert reply.status_code == 200
    assert reply.json["refresh_token"] != ranger.tokens["refresh_token"]
    ranger.tokens = reply.json
    assert ranger.get("/me").status_code == 200


def test_a_refresh_whose_answer_was_lost_gives_the_same_token_again(app, as_):
    token = as_("ranger.muong-toong").tokens["refresh_token"]
    first, again = refresh(app, token), refresh(app, token)
    assert again.json["refresh_token"] == first.json["refresh_token"]


@pytest.mark.parametrize("used_by", ["refresh", "request"])
def test_a_predecessor_presented_after_its_successor_was_used_ends_the_session(app, as_, used_by):
    ranger = as_("ranger.muong-toong")
    stolen = ranger.tokens["refresh_token"]
    ranger.tokens = refresh(app, stolen).json
    if used_by == "refresh":
        ranger.tokens = refresh(app, ranger.tokens["refresh_token"]).json
    else:
        assert ranger.get("/me").status_code == 200
    reply = refresh(app, stolen)
    assert (reply.status_code, reply.json["code"]) == (401, "refresh_reused")
    assert ranger.get("/me").status_code == 401
    assert refresh(app, ranger.tokens["refresh_token"]).status_code == 401


def test_twenty_refreshes_at_once_all_get_the_same_live_token(app, as_):
    token = as_("ranger.muong-toong").tokens["refresh_token"]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: refresh(app, token), range(20)))
    assert {r.status_code for r in replies} == {200}
    assert len(given := {r.json["refresh_token"] for r in replies}) == 1
    for reply in replies:
        headers = {"Authorization": f"Bearer {reply.json['access_token']}"}
        assert app.test_client().get(f"{BASE}/me", headers=headers).status_code == 200
    assert refresh(app, given.pop()).status_code == 200


@pytest.mark.parametrize(
    "method, path", [("GET", "/users"), ("DELETE", "/me/devices/00000000-0000-7000-8000-000000000000")]
)
def test_a_token_that_was_seen_is_used_even_when_the_request_was_refused(app, as_, method, path):
    ranger = as_("ranger.muong-toong")
    stolen = ranger.tokens["refresh_token"]
    ranger.tokens = refresh(app, stolen).json
    assert ranger._open(method, path).status_code in (403, 404)
    assert refresh(app, stolen).json["code"] == "refresh_reused"


def test_a_token_two_steps_old_ends_the_session_whoever_shows_it(app, as_):
    ranger = as_("ranger.muong-toong")
    stolen = ranger.tokens["refresh_token"]
    for _ in range(2):
        ranger.tokens = refresh(app, ranger.tokens["refresh_token"]).json
    assert refresh(app, stolen).json["code"] == "refresh_reused"
    assert refresh(app, ranger.tokens["refresh_token"]).status_code == 401


def test_a_theft_is_an_event_of_the_person(app, as_, in_app):
    ranger = as_("ranger.muong-toong")
    stolen = ranger.tokens["refresh_token"]
    ranger.tokens = refresh(app, stolen).json
    ranger.get("/me")
    refresh(app, stolen)
    event = in_app(lambda: db.session.scalars(db.select(Event).filter_by(kind="user.refresh_reused")).one())
    assert str(event.subject_id) == ranger.user["id"]


@pytest.mark.parametrize("who, idle, absolute", [("ranger", 30, 180), ("officer", 8 / 24, 1)])
def test_a_session_ends_when_idle_too_long_and_after_its_time(app, as_, who, idle, absolute):
    start, token = datetime.now(UTC), as_(f"{who}.muong-toong").tokens["refresh_token"]
    passed = 0.0
    while passed + 0.9 * idle < absolute:
        passed += 0.9 * idle
        with time_machine.travel(start + timedelta(days=passed)):
            reply = refresh(app, token)
            assert reply.status_code == 200, passed
            token = reply.json["refresh_token"]
    with time_machine.travel(start + timedelta(days=absolute, seconds=5)):
        assert refresh(app, token).status_code == 401
    second = as_(f"{who}.muong-toong", device="khác").tokens["refresh_token"]
    with time_machine.travel(datetime.now(UTC) + timedelta(days=idle, seconds=5)):
        assert refresh(app, second).status_code == 401


def test_an_unknown_refresh_token_is_refused(app):
    assert refresh(app, "00" * 32).status_code == 401


def test_signing_out_ends_the_session_at_once(app, as_):
    ranger = as_("ranger.muong-toong")
    assert ranger.post("/auth/logout").status_code == 204
    assert ranger.get("/me").status_code == 401
    assert refresh(app, ranger.tokens["refresh_token"]).status_code == 401


def test_a_lost_phone_is_dead_at_its_next_request(as_):
    phone, office = as_("ranger.muong-toong", device="phone"), as_("ranger.muong-toong", device="office")
    devices = office.get("/me/devices").json["items"]
    lost = next(d for d in devices if d["client_id"] == "phone")
    assert not lost["this"]
    assert office.delete(f"/me/devices/{lost['id']}").status_code == 204
    assert phone.get("/me").status_code == 401
    assert office.get("/me").status_code == 200
    left = [d["client_id"] for d in office.get("/me/devices").json["items"]]
    assert sorted(left) == ["office", DEVICE]


def test_nobody_revokes_another_persons_device(as_):
    theirs = as_("officer.ta-tong").get("/me/devices").json["items"][0]
    assert as_("officer.muong-toong").delete(f"/me/devices/{theirs['id']}").status_code == 404


def test_the_role_is_read_from_the_database_not_from_the_token(as_, in_app, a_felling):
    officer = as_("officer.muong-toong")
    assert officer.get(f"/incidents/{a_felling['id']}").status_code == 200

    def demote():
        User.named("officer.muong-toong").role = Role.RANGER
        db.session.commit()

    in_app(demote)
    assert officer.get("/me").json["role"] == "ranger"
    assert officer.get(f"/incidents/{a_felling['id']}").status_code == 404


def test_a_disabled_user_is_out_at_once(as_, in_app, app):
    officer = as_("officer.muong-toong")

    def disable():
        user = User.named("officer.muong-toong")
        user.disabled_at = user.created_at
        db.session.commit()

    in_app(disable)
    assert officer.get("/me").status_code == 401


@pytest.mark.parametrize("token", ["", "x.y.z", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."])
def test_a_token_that_is_none_is_refused(app, token):
    reply = app.test_client().get(f"{BASE}/me", headers={"Authorization": f"Bearer {token}"})
    assert (reply.status_code, reply.json["code"]) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
