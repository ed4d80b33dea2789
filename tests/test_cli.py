"""The terminal: one plain sentence on a mistake, exit code 0 only on success, and nothing half done."""

import os
import subprocess
import sys
from pathlib import Path

import flask_migrate.cli
import pytest

from models import db
from tests.people import BASE
from tests.world import app_on

ROOT = Path(__file__).parent.parent
CREATE = ("users", "create", "can.bo.moi", "--role", "officer", "--unit", "03163", "--password-stdin")
LONG_ENOUGH = "mười hai gốc nghiến"


def run(app, *arguments, input=None):
    """`flask …` as typed; what it printed stands in `output`."""
    words = [str(a) for a in arguments]
    if words[0] == "db":
        return app.test_cli_runner().invoke(cli=flask_migrate.cli.db, args=words[1:], input=input)
    return app.test_cli_runner().invoke(args=words, input=input)


def succeeds(app, *arguments, input=None):
    result = run(app, *arguments, input=input)
    assert result.exit_code == 0, result.output
    return result.output


def contents(app):
    """Every row of every table: two of these are equal only when nothing at all has changed."""
    with app.app_context():
        tables = db.metadata.sorted_tables
        return {t.name: sorted(map(repr, db.session.execute(db.select(t)).all())) for t in tables}


def refusal(app, *arguments, input=None):
    """The one sentence with which a command refuses; it must have failed and changed nothing."""
    before = contents(app)
    result = run(app, *arguments, input=input)
    assert result.exit_code != 0, result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)  # no stack trace
    sentence = result.stderr.removesuffix("\n")
    assert sentence.startswith("Error: ") and "\n" not in sentence, result.output
    assert contents(app) == before
    return sentence.removeprefix("Error: ")


def login(app, username, password):
    body = {"username": username, "password": password, "device": {"id": "x"}}
    return app.test_client().post(f"{BASE}/auth/login", json=body)


@pytest.mark.parametrize(
    "command",
    ["db upgrade", "demo load", "units import", "boundaries import", "boundaries check", "users create", "doctor"],
)
def test_every_command_explains_itself_on_one_screen(command, tmp_path):
    app = app_on(f"sqlite:///{tmp_path}/không dùng.sqlite", tmp_path)
    assert 3 <= len(succeeds(app, *command.split(), "--help").splitlines()) <= 24


def test_a_new_person_signs_in_with_the_password_from_standard_input(app):
    assert "Xã Mường Toong" in succeeds(app, *CREATE, "--name", "Lò Thị Ánh", input=f"{LONG_ENOUGH}\n")
    reply = login(app, "can.bo.moi", LONG_ENOUGH)
    assert (reply.status_code, reply.json["user"]["name"]) == (200, "Lò Thị Ánh")
    assert (reply.json["user"]["role"], reply.json["user"]["unit"]["code"]) == ("officer", "03163")


def test_a_line_ending_of_windows_is_no_part_of_the_password(app):
    succeeds(app, *CREATE, input=f"{LONG_ENOUGH}\r\n")
    assert login(app, "can.bo.moi", LONG_ENOUGH).status_code == 200


def test_the_password_is_not_kept_in_readable_form(app):
    succeeds(app, *CREATE, input=f"{LONG_ENOUGH}\n")
    assert LONG_ENOUGH not in "".join(contents(app)["users"])


def test_a_user_name_is_found_in_any_case(app):
    succeeds(app, "users", "create", "Can.Bo.MOI", *CREATE[3:], input=f"{LONG_ENOUGH}\n")
    assert login(app, "CAN.bo.moi", LONG_ENOUGH).status_code == 200


def test_a_short_password_is_refused(app):
    for password in ("", "\n", "mườimộtkýtự\n"):
        assert "12" in refusal(app, *CREATE, input=password)


def test_an_unknown_unit_is_refused(app):
    sentence = refusal(app, *CREATE[:5], "--unit", "99999", "--password-stdin", input=f"{LONG_ENOUGH}\n")
    assert "99999" in sentence


def test_a_code_means_the_unit_that_bore_it_on_the_day(app):
    code = (*CREATE[:5], "--unit", "03166", "--password-stdin")
    assert "Xã Chà Cang" in succeeds(app, *code, "--at", "2024-06-01", input=f"{LONG_ENOUGH}\n")
    today = ("users", "create", "can.bo.hai", *code[3:])
    assert "Xã Mường Chà" in succeeds(app, *today, input=f"{LONG_ENOUGH}\n")


def test_a_code_that_no_longer_exists_is_refused(app):
    huoi_lech = (*CREATE[:5], "--unit", "03177", "--password-stdin")
    assert "03177" in refusal(app, *huoi_lech, input=f"{LONG_ENOUGH}\n")


def test_a_name_is_given_once(app):
    for name in ("officer.muong-toong", "Officer.Muong-Toong"):
        assert name in refusal(app, "users", "create", name, *CREATE[3:], input=f"{LONG_ENOUGH}\n")


def test_a_password_is_never_an_argument(app):
    assert run(app, *CREATE[:-1], input=f"{LONG_ENOUGH}\n").exit_code != 0
    assert run(app, *CREATE, "--password", LONG_ENOUGH).exit_code != 0


def test_an_unknown_role_is_refused(app):
    before = contents(app)
    words = ("users", "create", "can.bo.moi", "--role", "vua", *CREATE[5:])
    assert run(app, *words, input=f"{LONG_ENOUGH}\n").exit_code != 0
    assert contents(app) == before


def test_a_database_without_tables_is_explained_not_traced(tmp_path):
    app = app_on(f"sqlite:///{tmp_path}/chưa có bảng.sqlite", tmp_path)
    result = run(app, "demo", "load")
    assert result.exit_code != 0
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert "flask db upgrade" in result.stderr


def test_the_terminal_needs_no_flask_app_and_upgrading_again_is_harmless(tmp_path):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "DATABASE_", "PHOTO_"))}
    environment = clean | {"GIAP_RANH_HOME": str(tmp_path / "thư mục riêng")}
    for _ in range(2):
        command = [sys.executable, "-m", "flask", "db", "upgrade"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "thư mục riêng" / "giap-ranh.sqlite").is_file()
