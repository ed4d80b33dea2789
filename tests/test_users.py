"""People administered: an admin all, officers and leaders those of their scope; everything is an event."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from models import Event, Organisation, User, administration, db
from services.demo import PASSWORD
from tests.people import BASE
from tests.test_assignments import recruit
from tests.test_sign_in import RANGER, login

GOOD = "chín con sóc qua suối"


@pytest.fixture
def admin(as_):
    return as_("admin")


@pytest.fixture
def unit_id(as_):
    return as_("officer.muong-toong").user["unit"]["id"]


def new_person(unit_id, **facts):
    person = {"id": str(uuid4()), "username": "can.bo.moi", "name": "Đặng Thị Ỷ", "role": "officer", "unit_id": unit_id}
    return person | facts


def names(reply):
    assert reply.status_code == 200, reply.json
    return [item["username"] for item in reply.json["items"]]


def test_a_person_is_created_once_however_often_it_is_sent(app, admin, unit_id):
    body = new_person(unit_id, password=GOOD)
    first, again = (admin.post("/users", json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert login(app, "can.bo.moi", GOOD).status_code == 200
    admin.patch(f"/users/{body['id']}", json={"name": "Tên mới"})
    assert admin.post("/users", json=body).status_code == 200
    assert admin.post("/users", json=body | {"name": "Khác"}).json["code"] == "id_conflict"
    assert admin.post("/users", json=body | {"id": str(uuid4())}).json["code"] == "username_taken"


def test_the_same_person_sent_many_times_at_once_is_one(app, admin, unit_id):
    body, headers = new_person(unit_id), {"Authorization": f"Bearer {admin.tokens['access_token']}"}

    def send(_):
        return app.test_client().post(f"{BASE}/users", json=body, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [200] * 5 + [201]


@pytest.mark.parametrize(
    "facts, field",
    [
        ({"username": "có khoảng trắng"}, "username"),
        ({"role": "vua"}, "role"),
        ({"name": ""}, "name"),
        ({"unit_id": None}, "unit_id"),
        ({"unit_id": str(uuid4())}, "unit_id"),
        ({"unit_id": None, "organisation_id": str(uuid4())}, "organisation_id"),
        ({"organisation_id": str(uuid4())}, "unit_id"),
        ({"password": "Mường Toong 2026"}, "password"),
        ({"password": "can.bo.moi.2026"}, "password"),
    ],
)
def test_what_cannot_be_is_refused_by_field(admin, unit_id, facts, field):
    reply = admin.post("/users", json=new_person(unit_id) | facts)
    assert (reply.status_code, list(reply.json["errors"])) == (422, [field])


def test_a_person_may_serve_in_an_organisation(admin, in_app):
    station = str(in_app(lambda: db.session.scalars(db.select(Organisation.id)).one()))
    reply = admin.post("/users", json=new_person(None, organisation_id=station))
    assert (reply.status_code, reply.json["organisation_id"], reply.json["unit"]) == (201, station, None)


@pytest.mark.parametrize("who", [RANGER, "officer.muong-toong", "leader.muong-nhe"])
def test_nobody_but_an_admin_creates_or_changes_people(as_, unit_id, who):
    person, ranger = as_(who), as_(RANGER).user["id"]
    assert person.post("/users", json=new_person(unit_id)).status_code == 403
    assert person.patch(f"/users/{ranger}", json={"disabled": True}).status_code == 403
    assert person.post(f"/users/{ranger}/password", json={"password": GOOD}).status_code == 403


def test_officers_and_leaders_see_the_people_of_their_scope(as_, in_app):
    recruit(in_app, "officer.hat", "officer", organisation="Hạt Kiểm lâm khu vực Mường Nhé")
    mine = set(names(as_("officer.muong-toong").get("/users")))
    assert mine == {RANGER, "officer.muong-toong"}
    district = set(names(as_("leader.muong-nhe").get("/users")))
    assert {RANGER, "leader.muong-nhe", "officer.khu-vuc-muong-nhe", "officer.hat"} <= district
    assert not {"ranger.ta-tong", "admin", "leader.dien-bien"} & district
    assert as_(RANGER).get("/users").status_code == 403


def test_an_admin_finds_people_by_unit_role_and_name_without_accents(admin, as_, unit_id):
    assert set(names(admin.get(f"/users?unit={unit_id}"))) == {RANGER, "officer.muong-toong"}
    assert set(names(admin.get(f"/users?unit={unit_id}&role=ranger"))) == {RANGER}
    admin.post("/users", json=new_person(unit_id))
    for q in ("dang thi y", "ĐẶNG THỊ Ỷ", "can.bo", "Thi Y"):
        assert names(admin.get("/users", query_string={"q": q})) == ["can.bo.moi"]
    assert names(admin.get("/users", query_string={"q": "%"})) == []
    admin.patch(f"/users/{admin.get('/users?q=can.bo').json['items'][0]['id']}", json={"name": "Ma Seo Pao"})
    assert names(admin.get("/users?q=seo pao")) == ["can.bo.moi"]


def test_pages_join_without_a_gap(admin):
    whole, cursor, seen = names(admin.get("/users?limit=100")), "", []
    assert len(whole) == 21
    while cursor is not None:
        reply = admin.get("/users", query_string={"limit": 4} | ({"cursor": cursor} if cursor else {}))
        seen += names(reply)
        cursor = reply.json["next"]
    assert seen == whole


def test_disabled_means_out_at_the_next_request_and_enabled_means_sign_in_again(app, admin, as_):
    ranger = as_(RANGER)
    path = f"/users/{ranger.user['id']}"
    assert admin.patch(path, json={"disabled": True}).json["disabled_at"]
    assert ranger.get("/me").status_code == 401
    assert login(app, password=PASSWORD).status_code == 401
    assert admin.patch(path, json={"disabled": False}).json["disabled_at"] is None
    assert ranger.get("/me").status_code == 401
    assert login(app, password=PASSWORD).status_code == 200


def test_moved_people_see_the_cases_of_their_new_unit_at_once(admin, as_, a_felling):
    officer = as_("officer.nam-ke")
    assert officer.get(f"/incidents/{a_felling['id']}").status_code == 404
    home = as_("officer.muong-toong").user["unit"]["id"]
    moved = admin.patch(f"/users/{officer.user['id']}", json={"unit_id": home})
    assert moved.json["unit"]["name"] == "Xã Mường Toong"
    assert officer.get(f"/incidents/{a_felling['id']}").status_code == 200
    admin.patch(f"/users/{officer.user['id']}", json={"role": "ranger"})
    assert officer.get(f"/incidents/{a_felling['id']}").status_code == 404


def test_the_last_active_admin_stays(admin, unit_id):
    path = f"/users/{admin.user['id']}"
    for change in ({"disabled": True}, {"role": "leader"}):
        reply = admin.patch(path, json=change)
        assert (reply.status_code, reply.json["code"]) == (409, "last_admin")
    other = admin.post("/users", json=new_person(unit_id, role="admin")).json
    admin.patch(f"/users/{other['id']}", json={"disabled": True})
    assert admin.patch(path, json={"disabled": True}).status_code == 409
    admin.patch(f"/users/{other['id']}", json={"disabled": False})
    assert admin.patch(path, json={"role": "leader"}).status_code == 200
    assert admin.get("/users").status_code == 200
    assert admin.patch(path, json={"role": "admin"}).status_code == 403


def test_two_admins_who_disable_each_other_at_once_do_not_both_succeed(app, as_, in_app, monkeypatch):
    keep = administration._keep_an_admin
    monkeypatch.setattr(administration, "_keep_an_admin", lambda user: keep(user) or time.sleep(0.4))
    recruit(in_app, "admin.hai", "admin", unit="11")
    one, two = as_("admin"), as_("admin.hai")

    def shut(pair):
        by, whom = pair
        headers = {"Authorization": f"Bearer {by.tokens['access_token']}"}
        path = f"{BASE}/users/{whom.user['id']}"
        return app.test_client().patch(path, json={"disabled": True}, headers=headers).status_code

    with ThreadPoolExecutor(2) as pool:
        replies = sorted(pool.map(shut, [(one, two), (two, one)]))
    assert replies[0] == 200 and replies[1] in (401, 409)
    active = db.select(User.username).where(User.role == "admin", User.disabled_at.is_(None))
    assert len(in_app(lambda: list(db.session.scalars(active)))) == 1


def test_a_password_given_by_an_admin_ends_every_session(app, admin, as_):
    ranger = as_(RANGER)
    path = f"/users/{ranger.user['id']}/password"
    assert admin.post(path, json={"password": "ngắn"}).json["code"] == "weak_password"
    assert admin.post(path, json={"password": "ranger muong toong"}).json["code"] == "weak_password"
    assert admin.post(path, json={"password": GOOD}).status_code == 204
    assert ranger.get("/me").status_code == 401
    assert login(app, password=GOOD).status_code == 200


def test_an_officer_signs_a_rangers_lost_phone_out(as_):
    lost, other, officer = as_(RANGER, device="mất"), as_(RANGER, device="còn"), as_("officer.muong-toong")
    path = f"/users/{lost.user['id']}/devices"
    devices = officer.get(path).json["items"]
    device = next(d for d in devices if d["client_id"] == "mất")
    assert officer.delete(f"{path}/{device['id']}").status_code == 204
    assert (lost.get("/me").status_code, other.get("/me").status_code) == (401, 200)
    assert officer.delete(path).status_code == 204
    assert other.get("/me").status_code == 401
    assert officer.get(path).json["items"] == []
    assert officer.delete(f"{path}/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    "who, whom, status",
    [
        ("officer.ta-tong", RANGER, 404),
        ("leader.lai-chau", RANGER, 404),
        ("officer.muong-toong", "officer.muong-toong", 403),
        ("leader.muong-nhe", "officer.muong-toong", 403),
        (RANGER, RANGER, 403),
        (RANGER, "officer.muong-toong", 404),
        ("admin", "leader.lao-cai", 204),
    ],
)
def test_nobody_signs_out_whom_they_do_not_answer_for(as_, who, whom, status):
    path = f"/users/{as_(whom).user['id']}/devices"
    assert as_(who).get(path).status_code == (200 if status == 204 else status)
    assert as_(who).delete(path).status_code == status


def test_signing_out_everywhere_but_here(app, as_):
    here, there, twice = as_(RANGER, device="đây"), as_(RANGER, device="kia"), login(app, RANGER, PASSWORD, "đây")
    assert here.delete("/me/devices").status_code == 204
    assert (here.get("/me").status_code, there.get("/me").status_code) == (200, 401)
    headers = {"Authorization": f"Bearer {twice.json['access_token']}"}
    assert app.test_client().get(f"{BASE}/me", headers=headers).status_code == 401
    assert [d["client_id"] for d in here.get("/me/devices").json["items"]] == ["đây"]


def test_all_of_it_is_told_by_events_that_name_nobody(admin, unit_id, in_app):
    body = new_person(unit_id)
    admin.post("/users", json=body)
    path = f"/users/{body['id']}"
    for change in ({"role": "ranger"}, {"name": "Mùa A Páo"}, {"disabled": True}, {"disabled": False}):
        admin.patch(path, json=change)
    admin.patch(path, json={"disabled": False})  # nothing new, nothing told
    admin.post(f"{path}/password", json={"password": GOOD})
    admin.delete(f"{path}/devices")

    def told():
        found = db.session.scalars(db.select(Event).where(Event.subject_kind == "user").order_by(Event.number))
        events = [e for e in found if str(e.subject_id) == body["id"]]
        assert all(str(e.actor_id) == admin.user["id"] for e in events)
        text = str([e.facts for e in events])
        assert not [word for word in ("Đặng", "Mùa", "can.bo", GOOD) if word in text]
        return [e.kind.removeprefix("user.") for e in events]

    steps = ["created", "role_changed", "renamed", "disabled", "enabled", "password_set", "signed_out"]
    assert in_app(told) == steps
