"""Enrolment: an officer shows a code, a phone signs in with it, once, within a day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine

from models import Enrolment, Event, Reply, Role, SignInFailure, User, db
from models.enrolments import ALPHABET, code_fingerprint
from services.demo import PASSWORD
from services.keys import rotate
from tests.people import BASE
from tests.test_assignments import disable, recruit
from tests.test_sign_in import login

OFFICER = "officer.muong-toong"


def ask(person, **facts):
    return person.post("/enrolments", json={"id": str(uuid4())} | facts)


def new_ranger(**facts):
    return {"id": str(uuid4()), "username": "tuan.tra.moi", "name": "Lò Thị Ánh"} | facts


def enrol(app, code, device="máy mới"):
    return app.test_client().post(f"{BASE}/auth/enrol", json={"code": code, "device": {"id": device}})


@pytest.fixture
def ranger_id(as_):
    return as_("ranger.muong-toong").user["id"]


def test_a_new_patroller_signs_in_without_ever_typing_a_password(app, as_):
    asked = ask(as_(OFFICER), ranger=new_ranger())
    assert asked.status_code == 201
    reply = enrol(app, asked.json["code"])
    assert reply.status_code == 200
    me = app.test_client().get(f"{BASE}/me", headers={"Authorization": f"Bearer {reply.json['access_token']}"}).json
    assert (me["name"], me["role"], me["unit"]["name"]) == ("Lò Thị Ánh", "ranger", "Xã Mường Toong")
    again = app.test_client().post(f"{BASE}/auth/refresh", json={"refresh_token": reply.json["refresh_token"]})
    assert again.status_code == 200
    for password in ("", "không ai cả", PASSWORD):
        assert login(app, "tuan.tra.moi", password or " ").status_code == 401


def test_a_code_works_once(app, as_, ranger_id):
    code = ask(as_(OFFICER), user_id=ranger_id).json["code"]
    assert enrol(app, code).status_code == 200
    reply = enrol(app, code)
    assert (reply.status_code, reply.json["code"]) == (401, "wrong_code")


def test_of_many_phones_with_one_code_one_gets_in(app, as_, ranger_id):
    code = ask(as_(OFFICER), user_id=ranger_id).json["code"]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: enrol(app, code, f"máy {n}").status_code, range(16)))
    assert sorted(replies) == [200] + [401] * 15


def test_a_code_lives_a_day(app, as_, ranger_id):
    start = datetime.now(UTC)
    code = ask(as_(OFFICER), user_id=ranger_id).json["code"]
    with time_machine.travel(start + timedelta(hours=24, seconds=5)):
        assert enrol(app, code).status_code == 401
    with time_machine.travel(start + timedelta(hours=23, minutes=59)):
        assert enrol(app, code).status_code == 200


def test_a_newer_code_takes_the_place_of_an_older_one(app, as_, ranger_id):
    old, new = (ask(as_(OFFICER), user_id=ranger_id).json["code"] for _ in range(2))
    assert enrol(app, old).status_code == 401
    assert enrol(app, new).status_code == 200


def test_a_code_can_be_read_out_and_typed(app, as_, ranger_id):
    code = ask(as_(OFFICER), user_id=ranger_id).json["code"]
    assert len(code) == 19 and set(code) <= {*ALPHABET, "-"}
    assert code_fingerprint("il0o-1111 aaaa bbbb") == code_fingerprint("110011 11AAAABBBB")
    assert enrol(app, code.lower().replace("-", " ").replace("0", "o").replace("1", "l")).status_code == 200


def test_asked_again_after_a_lost_answer_it_is_the_same_code_even_when_the_keys_have_changed(app, as_, ranger_id):
    body = {"id": str(uuid4()), "user_id": ranger_id}
    first, again = (as_(OFFICER).post("/enrolments", json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["code"] == again.json["code"]
    rotate(app.config["KEY_FOLDER"])
    assert as_(OFFICER).post("/enrolments", json=body).json["code"] == first.json["code"]
    rotate(app.config["KEY_FOLDER"])
    # Signed in again: two new keys ended the access token.
    officer = login(app, OFFICER, PASSWORD).json
    headers = {"Authorization": f"Bearer {officer['access_token']}"}
    assert app.test_client().post(f"{BASE}/enrolments", json=body, headers=headers).json["code"] is None
    assert enrol(app, first.json["code"]).status_code == 200


def test_an_id_is_one_enrolment(as_, ranger_id):
    body = {"id": str(uuid4()), "user_id": ranger_id}
    assert as_(OFFICER).post("/enrolments", json=body).status_code == 201
    other = as_(OFFICER).post("/enrolments", json={"id": body["id"], "ranger": new_ranger()})
    stranger = as_("leader.muong-nhe").post("/enrolments", json=body)
    assert (other.status_code, stranger.status_code) == (409, 409)


def test_the_code_is_stored_only_as_its_hash(as_, in_app, ranger_id):
    key = {"Idempotency-Key": "mã"}
    asked = as_(OFFICER).post("/enrolments", json={"id": str(uuid4()), "user_id": ranger_id}, headers=key).json
    kept = in_app(
        lambda: repr([db.session.execute(db.select(t)).all() for t in (Enrolment.__table__, Event.__table__)])
    )
    assert asked["code"] not in kept and code_fingerprint(asked["code"]) in kept
    assert in_app(lambda: db.session.scalar(db.select(db.func.count()).select_from(Reply))) == 0


@pytest.mark.parametrize(
    "who, status",
    [
        ("ranger.muong-toong", 403),
        ("officer.khu-vuc-muong-nhe", 201),
        ("leader.muong-nhe", 201),
        ("leader.dien-bien", 201),
        ("admin", 201),
        ("officer.ta-tong", 404),
        ("leader.lai-chau", 404),
    ],
)
def test_only_those_who_answer_for_a_rangers_unit_enrol_them(as_, ranger_id, who, status):
    assert ask(as_(who), user_id=ranger_id).status_code == status


def test_a_new_ranger_serves_where_the_officer_answers(as_):
    home, elsewhere = (as_(who).user["unit"]["id"] for who in (OFFICER, "officer.ta-tong"))
    asked = ask(as_("leader.muong-nhe"), ranger=new_ranger(unit_id=home))
    assert asked.json["user"]["unit"]["name"] == "Xã Mường Toong"
    assert ask(as_(OFFICER), ranger=new_ranger(username="khac", unit_id=elsewhere)).status_code == 404
    assert ask(as_(OFFICER), ranger=new_ranger()).json["code"] == "username_taken"


def test_organisations_that_only_read_enrol_nobody_and_a_ranger_station_does(as_, in_app, ranger_id):
    recruit(in_app, "officer.hat", "officer", organisation="Hạt Kiểm lâm khu vực Mường Nhé")
    assert ask(as_("officer.hat"), user_id=ranger_id).status_code == 201
    from models import Coverage, Organisation, Unit
    from models.base import new_id

    def add_police():
        police = Organisation(id=new_id(), name="Công an xã", kind="police")
        police.coverage.append(Coverage(unit_id=Unit.by_code("03163").id))
        db.session.add(police)
        db.session.commit()

    in_app(add_police)
    recruit(in_app, "officer.cong-an", "officer", organisation="Công an xã")
    assert ask(as_("officer.cong-an"), user_id=ranger_id).status_code == 403
    unit = as_(OFFICER).user["unit"]["id"]
    assert ask(as_("officer.cong-an"), ranger=new_ranger(unit_id=unit)).status_code == 403
    assert ask(as_("officer.cong-an"), ranger=new_ranger()).json["code"] == "incomplete"


def test_nobody_but_an_admin_makes_a_code_for_an_officer(app, as_):
    officer = as_(OFFICER).user["id"]
    assert ask(as_("leader.muong-nhe"), user_id=officer).status_code == 403
    assert enrol(app, ask(as_("admin"), user_id=officer).json["code"]).json["user"]["role"] == "officer"


def test_either_somebody_known_or_a_new_ranger(as_, ranger_id):
    assert ask(as_(OFFICER)).status_code == 422
    assert ask(as_(OFFICER), user_id=ranger_id, ranger=new_ranger()).status_code == 422


def test_wrong_codes_are_counted(app, as_, ranger_id, in_app):
    for n in range(10):
        assert enrol(app, f"SAIB-ETSA-IBET-000{n}").status_code == 401
    code = ask(as_(OFFICER), user_id=ranger_id).json["code"]
    reply = enrol(app, code)
    assert (reply.status_code, reply.json["code"]) == (429, "too_many_attempts")
    assert int(reply.headers["Retry-After"]) > 3000
    assert enrol(app, code, "máy khác").status_code == 200
    counted = db.select(SignInFailure.count).where(SignInFailure.counter.startswith("address:"))
    assert in_app(lambda: sum(db.session.scalars(counted))) == 10


def test_a_disabled_person_is_not_enrolled(app, as_, in_app, ranger_id):
    code = ask(as_(OFFICER), user_id=ranger_id).json["code"]
    disable(in_app, "ranger.muong-toong")
    assert enrol(app, code).status_code == 401
    assert ask(as_(OFFICER), user_id=ranger_id).status_code == 403


@pytest.mark.parametrize("how", ["sign out", "password", "disable"])
def test_whatever_ends_a_persons_sessions_ends_their_open_code(app, as_, ranger_id, how):
    code, admin = ask(as_(OFFICER), user_id=ranger_id).json["code"], as_("admin")
    path = f"/users/{ranger_id}"
    if how == "sign out":
        assert as_(OFFICER).delete(f"{path}/devices").status_code == 204
    elif how == "password":
        assert admin.post(f"{path}/password", json={"password": "chín con sóc qua suối"}).status_code == 204
    else:
        for disabled in (True, False):
            assert admin.patch(path, json={"disabled": disabled}).status_code == 200
    assert enrol(app, code).status_code == 401


def test_enrolled_without_a_password_one_may_set_a_first_one(app, as_):
    tokens = enrol(app, ask(as_(OFFICER), ranger=new_ranger()).json["code"]).json
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    body = {"new": "chín con sóc qua suối"}
    assert app.test_client().put(f"{BASE}/me/password", json=body, headers=headers).status_code == 204
    assert login(app, "tuan.tra.moi", body["new"]).status_code == 200
    assert app.test_client().put(f"{BASE}/me/password", json=body, headers=headers).status_code == 422


def test_issuing_and_using_a_code_are_events_of_the_person(app, as_, in_app):
    asked = ask(as_(OFFICER), ranger=new_ranger()).json
    enrol(app, asked["code"])

    def told():
        mine = db.select(Event).where(Event.subject_kind == "user").order_by(Event.number)
        ranger = User.named("tuan.tra.moi")
        assert ranger.role is Role.RANGER
        events = [e for e in db.session.scalars(mine) if e.subject_id == ranger.id]
        assert all("Ánh" not in str(e.facts) and "tuan.tra" not in str(e.facts) for e in events)
        return [e.kind for e in events]

    assert in_app(told) == ["user.created", "user.code_issued", "user.enrolled", "user.device_known"]
