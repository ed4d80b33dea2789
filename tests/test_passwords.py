"""Passwords: what is refused and why, NFC, one's own and somebody else's."""

import importlib.util
import unicodedata

import pytest

from models import Event, Reply, db
from models.errors import Busy, WeakPassword
from services import passwords
from services.demo import PASSWORD
from services.passwords import refuse_weak
from tests.people import BASE
from tests.test_sign_in import RANGER, login

GOOD = "chín con sóc nhảy qua suối"


def verdict(in_app, password, *names):
    try:
        in_app(lambda: refuse_weak(password, *names))
    except WeakPassword as error:
        return error.errors["password"][0]
    return None


@pytest.mark.parametrize(
    "password",
    [
        "mười một chữ"[:11],
        *("matkhau123456", "Mật Khẩu 2026!", "password1234", "P@ssw0rd2026!", "qwertyuiop12", "1qaz2wsx3edc"),
        *("123456789012", "098765432109", "aaaaaaaaaaaaa", "abababababab", "iloveyou2026", "anhyeuem123456"),
        *("giapranh2026", "kiemlam@2026", "admin1234567", "12-34-56-78-90", "!!!!!!!!!!!!!!", PASSWORD),
        *("muongtoong2026", "Mường Toong 123", "xã mường toong", "Điện Biên 2026", "Lào Cai matkhau", "matkhau Sa Pa"),
        *("Chà Cang 2024!", "khu vuc muong nhe"),  # a unit that is no more, an area
        *("lovanpom123456", "Lò Văn Pọm 1990", "ranger.muong-toong", "pom.pom.pom.pom.1"),
    ],
)
def test_short_common_and_personal_passwords_and_place_names_are_refused(app, in_app, password):
    assert verdict(in_app, password, RANGER, "Lò Văn Pọm")


@pytest.mark.parametrize(
    "password",
    [
        *(GOOD, "mười hai gốc nghiến", "xK9#mQ2$vL7p", "correct horse battery staple", "nghiến đinh hương 88"),
        *("森林の境界線を守る人たち", "Mường Toong có chín suối"),
    ],
)
def test_a_few_unrelated_words_are_enough_and_nothing_is_asked_of_their_letters(app, in_app, password):
    assert verdict(in_app, password, RANGER, "Lò Văn Pọm") is None


def test_letters_are_counted_as_people_see_them(app, in_app):
    eleven, twelve = "ữữợợẫẫẩẩổxk", "ữữợợẫẫẩẩổxkz"
    assert "12" in verdict(in_app, unicodedata.normalize("NFD", eleven))
    assert verdict(in_app, unicodedata.normalize("NFD", twelve)) is None


def test_a_password_typed_on_another_keyboard_opens_all_the_same(app, as_):
    old = {"old": PASSWORD}
    assert as_(RANGER).put("/me/password", json=old | {"new": unicodedata.normalize("NFD", GOOD)}).status_code == 204
    for form in ("NFC", "NFD"):
        assert login(app, password=unicodedata.normalize(form, GOOD)).status_code == 200


def test_a_new_password_of_mine_ends_my_other_sessions_and_keeps_this_one(app, as_):
    here, there = as_(RANGER, device="đây"), as_(RANGER, device="kia")
    assert here.put("/me/password", json={"old": PASSWORD, "new": GOOD}).status_code == 204
    assert here.get("/me").status_code == 200
    assert there.get("/me").status_code == 401
    refreshed = app.test_client().post(f"{BASE}/auth/refresh", json={"refresh_token": there.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert login(app, password=PASSWORD).status_code == 401
    assert login(app, password=GOOD).status_code == 200


def test_a_weak_one_is_refused_and_says_why(as_):
    reply = as_(RANGER).put("/me/password", json={"old": PASSWORD, "new": "Mường Toong 2026"})
    assert (reply.status_code, reply.json["code"]) == (422, "weak_password")
    assert "địa danh" in reply.json["errors"]["password"][0]
    english = as_(RANGER).put("/me/password", json={"old": PASSWORD, "new": "ngắn"}, headers={"Accept-Language": "en"})
    assert english.json["errors"] == {"password": ["At least 12 characters."]}


def test_whoever_finds_an_open_phone_cannot_guess_the_old_one_for_long(app, as_):
    ranger = as_(RANGER)
    for _ in range(10):
        reply = ranger.put("/me/password", json={"old": "sai bét", "new": GOOD})
        assert (reply.status_code, reply.json["code"]) == (422, "wrong_password")
    assert ranger.put("/me/password", json={"old": PASSWORD, "new": GOOD}).status_code == 429
    assert ranger.get("/me").status_code == 200
    assert login(app, password=PASSWORD, device="máy khác").status_code == 200


def test_an_idempotency_key_leaves_no_trace_of_a_password(as_, in_app):
    """The hash of a request, kept to know it again, would be a fast hash of a password."""
    key = {"Idempotency-Key": "đổi mật khẩu"}
    assert as_(RANGER).put("/me/password", json={"old": PASSWORD, "new": GOOD}, headers=key).status_code == 204
    assert in_app(lambda: db.session.scalar(db.select(db.func.count()).select_from(Reply))) == 0


def test_passwords_are_hashed_as_slowly_as_they_should_be_outside_of_tests():
    spec = importlib.util.spec_from_file_location("untouched", passwords.__file__)
    untouched = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(untouched)
    kind, _, costs = untouched.hash_password("bốn con suối chảy").split("$")[1:4]
    assert kind == "argon2id" and costs == "m=19456,t=2,p=1"
    assert untouched._NOBODY.split("$")[1:4] == ["argon2id", "v=19", costs]


def test_a_new_password_is_an_event_that_quotes_nothing(as_, in_app):
    ranger = as_(RANGER)
    ranger.put("/me/password", json={"old": PASSWORD, "new": GOOD})
    event = in_app(lambda: db.session.scalars(db.select(Event).filter_by(kind="user.password_set")).one())
    assert (str(event.subject_id), event.facts) == (ranger.user["id"], {})


def test_when_too_many_wait_for_argon2_the_rest_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(passwords, "_waiting", passwords.threading.BoundedSemaphore(1))
    with passwords._turn(), pytest.raises(Busy):
        passwords.verify_password(None, "sai")
    assert passwords.verify_password(None, "không ai cả") is False
    assert passwords.verify_password("", "không ai cả") is False
