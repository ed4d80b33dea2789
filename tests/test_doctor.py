"""`flask doctor`: one screen, and each thing that must be mended is named with exit code 1."""

import os
import sqlite3

import pytest

from api.config import SETTINGS
from api.transaction import committing
from models import Edition, User, db
from models.base import now
from services import demo, doctor, readiness
from services.doctor import GOOD, LOOK, MEND
from services.passwords import hash_password
from tests.people import new_report
from tests.pictures import jpeg

RANGER = "ranger.muong-toong"


@pytest.fixture(autouse=True)
def durable(monkeypatch):
    """The PostgreSQL of the tests skips its syncs, and the account of this machine is not what is tested here."""
    monkeypatch.setattr(doctor, "DURABLE", ())


@pytest.fixture
def examine(app, tmp_path):
    (tmp_path / "jwt.key").touch(0o600)

    def run(production=False):
        with app.app_context():
            return doctor.examine(app.extensions["photo_store"], tmp_path, production)

    return run


def levels(found, subject):
    return [f.level for f in found if f.subject == subject]


def run(app, monkeypatch, **settings):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return app.test_cli_runner().invoke(args=["doctor"])


def test_all_is_said_on_one_screen_in_vietnamese(app, monkeypatch):
    result = run(app, monkeypatch)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 130
    for name in SETTINGS:
        assert sum(line.split()[:1] == [name] or line.split()[1:2] == [name] for line in lines) == 1, name
    assert "SQLite" in result.output or "PostgreSQL" in result.output
    assert lines[-1].endswith("0 mục phải sửa (✗).")


def test_no_secret_is_shown(app, monkeypatch):
    result = run(
        app,
        monkeypatch,
        METRICS_TOKEN="ma-doc-so-lieu",
        DATABASE_URL="postgresql://giapranh:mat-khau-csdl@db.example/giapranh",
        JWT_SECRET_KEY="x",
    )
    assert "ma-doc-so-lieu" not in result.output and "mat-khau-csdl" not in result.output
    assert "giapranh:***@db.example" in result.output
    assert "(đã đặt, không hiện)" in result.output


def test_it_ends_with_one_when_something_must_be_mended(app, monkeypatch):
    monkeypatch.setattr(readiness, "newest_migration", lambda: "9999")
    result = run(app, monkeypatch)
    assert result.exit_code == 1
    assert "✗ Cơ sở dữ liệu" in result.output and "flask db upgrade" in result.output


def test_the_password_of_the_demo_is_a_warning_and_in_production_a_fault(examine, in_app):
    assert levels(examine(), "Mật khẩu mẫu") == [LOOK]
    assert levels(examine(production=True), "Mật khẩu mẫu") == [MEND]

    def change():
        with committing():
            for user in db.session.scalars(db.select(User)):
                user.password_hash = (
                    hash_password("một mật khẩu khác hẳn") if user.role == "admin" else user.password_hash
                )
                user.disabled_at = now() if user.role != "admin" else None

    in_app(change)
    assert levels(examine(production=True), "Mật khẩu mẫu") == [GOOD]


def test_every_demo_account_is_tried_not_only_the_first(examine, in_app):
    def change_all_but_one():
        hashed = hash_password("một mật khẩu khác hẳn")
        with committing():
            for user in db.session.scalars(db.select(User).where(User.username != "ranger.sa-pa")):
                user.password_hash = hashed

    in_app(change_all_but_one)
    found = [f for f in examine(production=True) if f.subject == "Mật khẩu mẫu"]
    assert [f.level for f in found] == [MEND] and "ranger.sa-pa" in found[0].detail
    assert demo.PASSWORD not in found[0].detail


def test_without_boundaries_nothing_can_be_routed(examine, in_app):
    def forget():
        with committing():
            for edition in db.session.scalars(db.select(Edition)):
                edition.activated_at = None

    assert levels(examine(), "Ranh giới") == [GOOD]
    in_app(forget)
    assert levels(examine(), "Ranh giới") == [MEND]


def test_communes_without_anybody_are_counted(examine):
    (found,) = [f for f in examine() if f.subject == "Đơn vị"]
    assert found.level == LOOK
    without, all_of_them = map(int, found.detail.split()[0].split("/"))
    assert 0 < without < all_of_them


def test_keys_that_others_may_read_must_be_closed(examine, tmp_path):
    assert levels(examine(), "Tệp khoá") == [GOOD]
    os.chmod(tmp_path / "jwt.key", 0o640)
    (found,) = [f for f in examine() if f.subject == "Tệp khoá"]
    assert found.level == MEND and "jwt.key" in found.detail


@pytest.mark.parametrize("free, level", [(100 << 20, MEND), (500 << 20, LOOK), (50 << 30, GOOD)])
def test_a_disk_that_fills_up_is_told_in_time(examine, monkeypatch, free, level):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Disk", (), {"free": free}))
    found = examine()
    assert levels(found, "Đĩa dữ liệu") == levels(found, "Đĩa ảnh") == [level]


def test_photos_that_are_gone_are_missed(app, as_, examine):
    ranger, report = as_(RANGER), new_report()
    ranger.post("/incidents", json=report)
    photo = ranger.post(f"/incidents/{report['id']}/photos", data=jpeg(colour=(1, 2, 3))).json
    assert levels(examine(), "Ảnh gốc") == [GOOD]
    app.extensions["photo_store"].path("originals", photo["sha256"]).unlink()
    (found,) = [f for f in examine() if f.subject == "Ảnh gốc"]
    assert found.level == MEND and photo["sha256"][:12] in found.detail


def test_a_clock_from_before_this_was_written_is_wrong(examine, monkeypatch):
    assert levels(examine(), "Đồng hồ") == [GOOD]
    monkeypatch.setattr(doctor, "THIS_WAS_WRITTEN", 2999)
    assert MEND in levels(examine(), "Đồng hồ")


def test_a_database_clock_that_differs_is_told(app, examine, monkeypatch):
    monkeypatch.setattr(doctor, "CLOCK_APART_S", -1.0)
    told = LOOK in levels(examine(), "Đồng hồ")
    with app.app_context():
        assert told is (db.engine.dialect.name == "postgresql")


def test_a_postgresql_that_skips_its_syncs_is_named(app, examine, monkeypatch):
    monkeypatch.undo()
    with app.app_context():
        postgresql = db.engine.dialect.name == "postgresql"
        off = postgresql and db.session.scalar(db.text("SHOW fsync")) == "off"
    found = [f for f in examine() if f.subject == "Độ bền"]
    if not postgresql:
        assert found == []
    elif off:
        assert found[0].level == MEND and "fsync = off" in found[0].detail
    else:
        assert found[0].level == GOOD


def test_the_journal_of_sqlite_is_told_and_whether_its_log_is_safe(app, examine):
    with app.app_context():
        sqlite = db.engine.dialect.name == "sqlite"
    found = [f for f in examine() if f.subject == "SQLite"]
    assert bool(found) is sqlite
    if sqlite:
        assert sqlite3.sqlite_version in found[0].detail and "journal_mode = " in found[0].detail


def test_without_its_database_the_rest_is_still_looked_at(examine, monkeypatch):
    monkeypatch.setattr(doctor, "database_part", lambda: readiness.Part(False, "không đọc được", needed=True))
    found = examine()
    assert levels(found, "Cơ sở dữ liệu") == [MEND]
    assert {"Đĩa dữ liệu", "Tệp khoá", "Đồng hồ"} <= {f.subject for f in found}
    assert "Ranh giới" not in {f.subject for f in found}


def test_only_photos_that_arrived_are_looked_for(as_, examine):
    as_(RANGER).post("/incidents", json=new_report(photos=[{"sha256": "ab" * 32}]))
    (found,) = [f for f in examine() if f.subject == "Ảnh gốc"]
    assert found.level == GOOD
