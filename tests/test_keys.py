"""Keys that sign tokens: made once, kept from others, two live at once; production refuses weak ones."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import jwt
import pytest

from api import create_app, weaknesses
from models import RefreshToken, User, db
from services.demo import PASSWORD
from services.keys import key_id, key_in, rotate, weak_keys
from services.passwords import hash_password
from services.weaknesses import users_of_demo_password, warnings_of_sign_in
from tests.people import BASE
from tests.server import ROOT
from tests.test_auth import refresh
from tests.test_cli import run, succeeds
from tests.test_sign_in import RANGER
from tests.world import app_on


@pytest.fixture
def folder(app):
    return app.config["KEY_FOLDER"]


def me(app, token):
    return app.test_client().get(f"{BASE}/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_keys_are_made_on_the_first_start_and_only_their_owner_reads_them(tmp_path):
    home = tmp_path / "mới"
    create_app(KEY_FOLDER=home, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/x.sqlite", PHOTO_STORE=tmp_path)
    found = sorted(path for path in home.iterdir())
    assert [path.name for path in found] == ["jwt.key", "refresh.key"]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    assert {len(path.read_text()) for path in found} == {64}
    assert weak_keys(home) == []


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: key_in(tmp_path / "chung", "jwt.key"), range(32)))
    assert len(set(keys)) == 1 and len(keys[0]) == 64
    assert [path.name for path in (tmp_path / "chung").iterdir()] == ["jwt.key"]


def test_a_token_names_its_key_and_stays_good_until_the_key_after_next(app, as_, folder):
    ranger = as_(RANGER)
    token = ranger.tokens["access_token"]
    assert jwt.get_unverified_header(token)["kid"] == key_id(key_in(folder, "jwt.key"))
    assert me(app, token) == 200
    rotate(folder)
    assert me(app, token) == 200
    newer = refresh(app, ranger.tokens["refresh_token"]).json["access_token"]
    assert jwt.get_unverified_header(newer)["kid"] == key_id(key_in(folder, "jwt.key"))
    rotate(folder)
    assert me(app, token) == 401  # also where it had been verified before
    assert me(app, newer) == 200


def test_processes_that_started_before_take_tokens_signed_after(app, as_, folder):
    other = create_app(**{n: app.config[n] for n in ("SQLALCHEMY_DATABASE_URI", "PHOTO_STORE", "KEY_FOLDER")})
    token = as_(RANGER).tokens["access_token"]
    assert me(other, token) == 200
    assert "khởi động lại" in succeeds(app, "keys", "rotate")
    assert me(other, refresh(app, as_(RANGER).tokens["refresh_token"]).json["access_token"]) == 200
    with other.app_context():
        db.engine.dispose()


def refresh_tokens(in_app):
    return in_app(lambda: db.session.scalar(db.select(db.func.count()).select_from(RefreshToken)))


@pytest.mark.parametrize("rotations", [1, 2])
def test_new_keys_sign_nobody_out_and_a_lost_answer_can_still_be_asked_for(app, as_, in_app, folder, rotations):
    phone = as_(RANGER).tokens["refresh_token"]
    known = refresh_tokens(in_app)
    lost = refresh(app, phone).json["refresh_token"]
    for _ in range(rotations):
        rotate(folder)
    first, again = (refresh(app, phone).json["refresh_token"] for _ in range(2))
    assert first == again
    assert (first == lost) is (rotations == 1)
    if rotations == 2:  # the one that never arrived is nobody's any more
        assert refresh(app, lost).json["code"] == "unauthenticated"
        assert refresh_tokens(in_app) == known + 1
    assert refresh(app, first).status_code == 200
    reused = refresh(app, phone)
    assert (reused.status_code, reused.json["code"]) == (401, "refresh_reused")


@pytest.mark.parametrize("key, kid", [*product(["x" * 64, "right"], [None, "x", "1"]), ("x" * 64, "right")])
def test_a_token_of_no_live_key_is_refused(app, as_, folder, key, kid):
    right = key_in(folder, "jwt.key")
    claims = jwt.decode(as_(RANGER).tokens["access_token"], options={"verify_signature": False})
    headers = {"kid": key_id(right) if kid == "right" else kid} if kid else None
    forged = jwt.encode(claims, right if key == "right" else key, "HS256", headers=headers)
    assert me(app, forged) == 401


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_one_algorithm_only(app, as_, folder, algorithm):
    right = key_in(folder, "jwt.key")
    claims = jwt.decode(as_(RANGER).tokens["access_token"], options={"verify_signature": False})
    key = None if algorithm == "none" else right
    assert me(app, jwt.encode(claims, key, algorithm, headers={"kid": key_id(right)})) == 401


def test_weak_keys_are_named_in_one_sentence_each(tmp_path):
    for name in ("jwt.key", "refresh.key", "khác.key"):
        key_in(tmp_path, name)
    (tmp_path / "jwt.key").write_text("secret")
    (tmp_path / "refresh.key").chmod(0o644)
    short, readable = weak_keys(tmp_path)
    assert "jwt.key" in short and "256 bit" in short
    assert "refresh.key" in readable and "chmod 600" in readable


def test_the_demo_password_is_found_wherever_it_is_in_use(app, in_app, folder):
    assert len(in_app(users_of_demo_password)) == 21
    assert "21 tài khoản" in in_app(lambda: warnings_of_sign_in(folder))[0]

    def only_one_left():
        for user in db.session.scalars(db.select(User)):
            if user.username == "officer.sa-pa":
                user.password_hash = hash_password(PASSWORD)
            elif user.username == "admin":
                user.disabled_at = user.created_at
            else:
                user.password_hash = ""
        db.session.commit()

    in_app(only_one_left)
    assert in_app(users_of_demo_password) == ["officer.sa-pa"]


def no_demo(in_app):
    def change():
        db.session.execute(db.update(User).values(password_hash=hash_password("chín con sóc qua suối")))
        db.session.commit()

    in_app(change)


def test_production_does_not_start_while_signing_in_is_weak(app, in_app, folder, monkeypatch):
    weaknesses.refuse_weakness(app)  # not in production: nothing to say
    monkeypatch.setenv("PRODUCTION", "1")
    with pytest.raises(weaknesses.TooWeak, match="Mật khẩu mẫu còn dùng được"):
        weaknesses.refuse_weakness(app)
    no_demo(in_app)
    weaknesses.refuse_weakness(app)
    key = folder / "jwt.key"
    right = key.read_text()
    try:
        key.write_text("secret")
        with pytest.raises(weaknesses.TooWeak, match=r"jwt\.key không đủ 256 bit"):
            weaknesses.refuse_weakness(app)
    finally:
        key.write_text(right)


def test_the_server_says_so_and_what_puts_it_right_still_runs(app, in_app, monkeypatch):
    monkeypatch.setenv("PRODUCTION", "1")
    started = []
    monkeypatch.setattr("os.execve", lambda *a: started.append(a))
    result = run(app, "serve")
    assert result.exit_code != 0 and not started
    assert "Mật khẩu mẫu" in result.stderr and "Traceback" not in result.output
    succeeds(app, "users", "password", "admin", "--password-stdin", input="chín con sóc qua suối\n")
    no_demo(in_app)
    assert run(app, "serve").exit_code == 0 and started


def test_production_loads_no_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("PRODUCTION", "1")
    monkeypatch.setenv("DEMO", "1")
    monkeypatch.setattr("os.execve", lambda *_: None)
    empty = app_on(f"sqlite:///{tmp_path}/trống.sqlite", tmp_path)
    succeeds(empty, "serve")
    with empty.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 0


def test_a_server_that_was_not_started_by_the_terminal_checks_too(tmp_path):
    home = tmp_path / "yếu"
    key_in(home, "jwt.key")
    (home / "jwt.key").write_text("secret")
    environment = {"PATH": "/usr/bin:/bin", "GIAP_RANH_HOME": str(home), "PRODUCTION": "1"}
    for command, code in (
        ([sys.executable, "-m", "flask", "db", "upgrade"], 0),
        ([sys.executable, "-c", "import wsgi"], 1),
    ):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    assert "jwt.key không đủ 256 bit" in done.stderr
