"""Backups: made while reports come in, whole or not there at all, and put back somewhere else as they were."""

import errno
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import threading
import time
import zipfile
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa
from flask_migrate import upgrade

from api.cli.backup import migrate
from api.transaction import filling
from models import Photo, database, db
from models.base import now
from models.database import AFTER_RESTORE, write_transaction
from models.numbers import Counter
from services import page_copy, postgresql_copy, sqlite_copy
from services import restore as restoring
from services.archives import MANIFEST, Archive, ArchiveWriter
from services.backup import SQLITE_MEMBER, WORK
from services.bad_file import BadFile
from services.demo import PASSWORD
from tests.people import Person, new_report
from tests.phones import Copy, create, photos, send, words
from tests.pictures import jpeg
from tests.test_cli import contents, run, succeeds
from tests.test_database import a_writer_that_holds_on, less_patience
from tests.test_workflows import OFFICER, REPORTER
from tests.world import app_on


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, so that keys do not go from test to test."""
    monkeypatch.setenv("GIAP_RANH_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@contextmanager
def an_empty_database(world, folder, template="template0"):
    """The address of another database of the same kind that holds nothing, not even tables."""
    if not hasattr(world, "server"):
        yield f"sqlite:///{folder / 'giap-ranh.sqlite'}"
        return
    name = f"restored_{time.time_ns()}"
    world.command("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'", name, template)
    url = sa.make_url(world.server).set(drivername="postgresql+psycopg", database=name)
    yield url.render_as_string(hide_password=False)
    world.command("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def elsewhere(world, home):
    """An app on an empty database with an empty store: where a backup is restored."""
    with an_empty_database(world, home) as url:
        app = app_on(url, home)
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def some_work(app, as_):
    """Two reports, three photos, one of them in both: what a backup must hold."""
    for left in ("originals", *(path.name for path in store(app).glob("before-restore-*"))):
        shutil.rmtree(store(app) / left, ignore_errors=True)
    ranger = as_("ranger.muong-toong")
    for number in range(2):
        incident = ranger.post("/incidents", json=new_report()).json
        for colour in ((70, 110, 60), (70, 0, 100 * number)):
            headers = {"Content-Type": "image/jpeg"}
            assert ranger.post(f"/incidents/{incident['id']}/photos", data=jpeg(colour), headers=headers).json["id"]


@pytest.fixture
def file(app, some_work, tmp_path):
    succeeds(app, "backup", tmp_path / "bản sao.zip")
    return tmp_path / "bản sao.zip"


def store(app):
    return app.extensions["photo_store"].root


def originals(app):
    """The names of all originals, of which each holds what its name says."""
    found = {path.name: path.read_bytes() for path in (store(app) / "originals").glob("*/*")}
    assert all(hashlib.sha256(content).hexdigest() == name for name, content in found.items())
    return set(found)


def everything(app):
    """All rows; previews are made again, so what is said of them may differ."""
    rows = contents(app)
    rows.pop("feed_offsets")  # how far the numbers of transactions went before the restore
    rows["photos"] = [re.sub("'(pending|ready)'", "'preview'", row) for row in rows["photos"]]
    return rows


def refused(app, *arguments, input=None):
    """The one sentence of a command that failed."""
    result = run(app, *arguments, input=input)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    sentence = result.stderr.splitlines()[-1]
    assert sentence.startswith("Error: "), result.output
    return sentence.removeprefix("Error: ")


def nothing_came_of(app, folder):
    """Whether a refused restore left a place as empty as it was, without as much as a draft."""
    url = sa.make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    if url.get_backend_name() == "sqlite":
        assert not list(folder.glob("giap-ranh.sqlite*"))
    else:
        with app.app_context(), db.engine.connect() as connection:
            assert sa.inspect(connection).get_table_names() == []
    assert originals(app) == set()
    assert not list(store(app).glob("*restor*"))


def rewritten(file, members=(), untrue=(), **changes):
    """A backup that somebody made up: sealed as it should be, with something else in it."""
    told = file.with_name(f"giả {time.time_ns()}.zip")
    with zipfile.ZipFile(file) as old, ArchiveWriter(told) as new:
        manifest = json.loads(old.read(MANIFEST))
        for name in manifest.pop("members"):
            new.add(name, old.read(name))
        for name, content in members:
            new.add(name, content)
        for name in untrue:
            new.members[name]["sha256"] = hashlib.sha256(b"").hexdigest()
        new.finish(manifest | changes)
    return told


def test_what_is_restored_elsewhere_is_what_was_backed_up(app, file, elsewhere, home):
    assert "2 vụ việc" in succeeds(elsewhere, "restore", file)
    assert everything(elsewhere) == everything(app)
    assert originals(elsewhere) and originals(elsewhere) <= originals(app)
    assert not list(store(elsewhere).glob("*restor*")) and not list(home.glob("*restor*"))
    before = contents(elsewhere)
    succeeds(elsewhere, "db", "upgrade")
    assert contents(elsewhere) == before


def test_phones_go_on_after_a_restore_elsewhere_and_learn_what_was_lost(app, as_, world, home, tmp_path):
    """A cursor from before the backup goes on; one from after it starts again, and its receipt tells of the loss."""
    kept, lost = create(), create()
    queue = [kept, photos(kept["body"], "ab" * 32)]
    before, after = Copy(as_(OFFICER)), Copy(as_("officer.muong-toong", "máy thứ hai"))
    receipts = [send(as_(REPORTER), *queue, device_time=now().isoformat())[0]["receipt"]]
    before.update()
    succeeds(app, "backup", tmp_path / "bản sao.zip")
    receipts.append(send(as_(REPORTER), lost)[0]["receipt"])
    after.update()
    with app.app_context():
        (home / "audit.key").write_text(db.engine.get_execution_options()["audit_key"].hex())
    with an_empty_database(world, home) as url:
        restored = app_on(url, home)
        succeeds(restored, "restore", tmp_path / "bản sao.zip")
        ranger = Person.sign_in(restored.test_client(), REPORTER, PASSWORD, "test")
        found = [ranger.post("/receipts/verify", json={"receipt": r}).json for r in receipts]
        assert [(f["genuine"], f["in_log"]) for f in found] == [(True, True), (True, False)]
        before.person = after.person = Person.sign_in(restored.test_client(), OFFICER, PASSWORD, "test")
        assert (before.update(), before.resets) == ([], 0)
        assert (after.update(), after.resets) == ([kept["body"]["id"]], 1)
        assert words(send(ranger, *queue, lost)) == ["replayed", "replayed", "created"]
        for copy in (before, after):
            copy.update()
            assert set(copy.incidents) == {kept["body"]["id"], lost["body"]["id"]}
        with restored.app_context():
            db.session.remove()
            db.engine.dispose()


def test_previews_are_made_again_where_they_are_missing(app, file, elsewhere):
    with app.app_context():
        db.session.execute(db.update(Photo).values(preview="ready"))
        db.session.commit()
    succeeds(app, "backup", file, "--replace")
    assert len(Archive(file).names("photos")) == 3
    assert {name.partition("/")[0] for name in Archive(file).manifest["members"]} <= {
        postgresql_copy.FOLDER,
        SQLITE_MEMBER,
        "photos",
    }
    succeeds(elsewhere, "restore", file)
    assert "'ready'" not in str(contents(elsewhere)["photos"])


def test_a_backup_says_what_it_holds_and_is_for_its_owner_alone(app, file):
    assert file.stat().st_mode & 0o777 == 0o600
    manifest = json.loads(zipfile.ZipFile(file).read(MANIFEST))
    assert manifest["tables"] == {table: len(rows) for table, rows in contents(app).items()}
    assert (manifest["photos"]["count"], manifest["photos"]["missing"], manifest["keys"]) == (3, [], [])
    assert "3 ảnh" in succeeds(app, "backup", file, "--check")
    assert not list(file.parent.glob(f"{WORK}*"))


def test_a_backup_names_the_newest_seal(app, file):
    assert Archive(file).manifest["last_seal"] is None
    with app.app_context(), db.engine.connect() as connection:
        for word in ("DROP TABLE IF EXISTS seals", "CREATE TABLE seals (number INTEGER PRIMARY KEY, hash TEXT)"):
            connection.exec_driver_sql(word)
        connection.exec_driver_sql("INSERT INTO seals VALUES (1, 'aa'), (10, 'cc'), (2, 'bb')")
        connection.commit()
    succeeds(app, "backup", file, "--replace")
    assert Archive(file).manifest["last_seal"] == {"number": "10", "hash": "cc"}


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_the_commands_explain_themselves_on_one_screen(elsewhere, command):
    assert 3 <= len(succeeds(elsewhere, command, "--help").splitlines()) <= 24


def test_a_backup_is_not_overwritten_unless_asked(app, file):
    before = file.read_bytes()
    assert "--replace" in refused(app, "backup", file)
    assert "--replace" in refused(app, "backup", file.parent)
    assert file.read_bytes() == before
    succeeds(app, "backup", file, "--replace")
    assert file.read_bytes() != before


def test_keys_are_inside_only_when_asked_for(app, file, elsewhere, home):
    assert "đăng nhập lại" in succeeds(elsewhere, "restore", file)
    (home / "audit.key").write_text("cũ")
    succeeds(app, "backup", file, "--replace", "--with-keys")
    (home / "audit.key").write_text("mới")
    assert "đăng nhập lại" not in succeeds(elsewhere, "restore", file, "--replace", input="THAY THE\n")
    assert (home / "audit.key").read_text() == "cũ" and (home / "audit.key").stat().st_mode & 0o777 == 0o600
    assert [old.read_text() for old in home.glob("audit.key.before-restore-*")] == ["mới"]


def test_one_byte_changed_anywhere_is_found(app, file):
    whole = file.read_bytes()
    random.seed(1)
    ends = [0, 1, 30, len(whole) - 1, len(whole) - 64, len(whole) - 70, len(whole) - 100, len(whole) - 150]
    for at in [*ends, *random.sample(range(len(whole)), 40)]:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BadFile):
            Archive(file)
    assert "bị sửa" in refused(app, "backup", "--check", file)


def test_a_backup_cut_short_or_from_elsewhere_is_refused(app, file, elsewhere, home):
    whole = file.read_bytes()
    other = file.with_name("khác.zip")
    with zipfile.ZipFile(other, "w") as foreign:
        foreign.writestr("thư.txt", "không phải bản sao lưu")
    for content in (b"", b"abc", whole[: len(whole) // 2], whole[:-1], whole + b"\n", other.read_bytes()):
        file.write_bytes(content)
        for command in (("restore", file), ("backup", "--check", file)):
            sentence = refused(elsewhere, *command)
            assert "không phải bản sao lưu" in sentence or "bị sửa" in sentence
    assert "No such file" in refused(elsewhere, "restore", file.with_name("không có.zip"))
    nothing_came_of(elsewhere, home)


def test_a_backup_that_does_not_fit_is_refused(app, file, elsewhere, home):
    archive = Archive(file)
    another = {"sqlite": "postgresql", "postgresql": "sqlite"}[archive.manifest["database"]]
    photo, tables = archive.names("photos")[0], archive.manifest["tables"]
    for told, said in (
        (rewritten(file, database=another), "không khôi phục vào"),
        (rewritten(file, revision="9999"), "phiên bản mới hơn"),
        (rewritten(file, format=2), "phiên bản mới hơn"),
        (rewritten(file, tables=tables | {"incidents": 3}), "incidents"),
        (rewritten(file, [(photo[:-1] + ("0" if photo[-1] != "0" else "1"), b"another")]), "bị sửa"),
        (rewritten(file, untrue=archive.names(postgresql_copy.FOLDER) or [SQLITE_MEMBER]), "bị sửa"),
        (rewritten(file, [("photos/aa/../../../x", b"another")]), "bị sửa"),
        (rewritten(file, [("keys/../../x", b"another")]), "bị sửa"),
    ):
        assert said in refused(elsewhere, "restore", told)
        nothing_came_of(elsewhere, home)


def test_nothing_is_restored_over_an_instance_in_use(app, file):
    before = everything(app)
    assert "--replace" in refused(app, "restore", file)
    assert "Không thay" in refused(app, "restore", file, "--replace", input="có\n")
    assert everything(app) == before


def test_originals_alone_make_a_place_one_in_use(file, elsewhere):
    stranger = elsewhere.extensions["photo_store"].path("originals", "ab" * 32)
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"evidence")
    assert "--replace" in refused(elsewhere, "restore", file)
    assert stranger.read_bytes() == b"evidence"


def test_nothing_is_restored_under_a_running_server(file, elsewhere):
    with elsewhere.extensions["photo_store"].note_in_use():
        assert "dừng máy chủ" in refused(elsewhere, "restore", file)
    assert "dừng máy chủ" not in succeeds(elsewhere, "restore", file)


def test_what_is_replaced_stands_aside(app, as_, file, world):
    late = as_("ranger.muong-toong").post("/incidents", json=new_report()).json
    headers = {"Content-Type": "image/jpeg"}
    as_("ranger.muong-toong").post(f"/incidents/{late['id']}/photos", data=jpeg((1, 2, 3)), headers=headers)
    before, photos = everything(app), originals(app)
    said = succeeds(app, "restore", file, "--replace", input="THAY THE\n")
    aside = re.search(r"before-restore-\d{8}-\d{6}", said)[0]
    if hasattr(world, "file"):  # which SQLite would play into the new one
        assert not world.file.with_name(f"{world.file.name}-journal").exists()
    assert len(everything(app)["incidents"]) == 2 and len(originals(app)) == 3
    assert {path.name for path in (store(app) / aside).glob("originals/*/*")} == photos
    if hasattr(world, "file"):
        old = f"sqlite:///{world.file}.{aside}"
    else:
        old = sa.make_url(app.config["SQLALCHEMY_DATABASE_URI"]).update_query_dict(
            {"options": f"-csearch_path={aside}"}
        )
        old = old.render_as_string(hide_password=False)
    other = app_on(old, store(app).parent)
    assert everything(other) == before
    with other.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    "step",
    [
        *("_unpack_database", "count_rows", "_place_photos", "_place_keys"),
        pytest.param("_switch_file", marks=pytest.mark.only_on("sqlite")),
    ],
)
def test_a_restore_that_fails_at_any_step_changes_nothing(app, file, elsewhere, home, monkeypatch, step):
    really = getattr(restoring, step)

    def fail(*arguments):
        if step != "_switch_file":  # which is the last: done, it stays
            really(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    before, photos = everything(app), originals(app)
    monkeypatch.setattr(restoring, step, fail)
    assert refused(elsewhere, "restore", file) == "Ổ đĩa đã đầy; không có gì thay đổi."
    nothing_came_of(elsewhere, home)
    assert "Ổ đĩa" in refused(app, "restore", file, "--replace", input="THAY THE\n")
    assert (everything(app), originals(app)) == (before, photos)
    assert not list(store(app).glob("*restor*"))


def test_models_are_told_of_a_restore_in_its_transaction(app, file, elsewhere, monkeypatch):
    def note(connection):
        connection.execute(sa.insert(Counter.__table__).values(name="khôi phục", value=1))

    monkeypatch.setattr(restoring, "AFTER_RESTORE", [*AFTER_RESTORE, note])
    succeeds(elsewhere, "restore", file)
    assert "khôi phục" in str(contents(elsewhere)["counters"])


def test_photos_that_were_lost_or_damaged_before_are_named(app, file, elsewhere):
    gone, spoilt, _ = sorted((store(app) / "originals").glob("*/*"), key=lambda path: path.name)
    gone.unlink()
    spoilt.write_bytes(spoilt.read_bytes()[:-1])
    for where, command in (
        (app, ("backup", file, "--replace")),
        (app, ("backup", "--check", file)),
        (elsewhere, ("restore", file)),
    ):
        result = run(where, *command)
        assert result.exit_code == 3
        assert "2 ảnh gốc" in result.stderr and gone.name in result.stderr and spoilt.name in result.stderr
    assert zipfile.ZipFile(file).read(f"damaged/{spoilt.name}") == spoilt.read_bytes()
    assert len(originals(elsewhere)) == 1


def test_an_empty_database_is_not_backed_up(elsewhere, home):
    assert "không có gì để sao lưu" in refused(elsewhere, "backup", home / "x.zip")
    assert not (home / "x.zip").exists() and not list(home.glob(f"{WORK}*"))
    assert "Không có thư mục" in refused(elsewhere, "backup", home / "không có" / "x.zip")


# --- stopped in the middle


def apart(app, folder, *arguments):
    """`flask …` in a process of its own that can be stopped; its number. It writes what it said into `folder`."""
    with app.app_context():
        db.engine.dispose()
    if child := os.fork():
        return child
    code = 99
    try:
        result = run(app, *arguments)
        (folder / "said").write_text(result.stderr)
        code = result.exit_code
    finally:
        os._exit(code)


def ended(child):
    """How a process ended: its exit code, below zero the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def the_tables_locked(app, world):
    """So that a backup has to wait: on SQLite a writer, on PostgreSQL somebody who changes a table."""
    if hasattr(world, "file"):
        with a_writer_that_holds_on(app, world):
            yield
    else:
        with app.app_context(), db.engine.connect() as other:
            other.execute(db.text("LOCK TABLE incidents IN ACCESS EXCLUSIVE MODE"))
            yield


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_backup_that_is_stopped_leaves_no_half_file(app, world, some_work, home, tmp_path, how, monkeypatch):
    with less_patience(app, monkeypatch), the_tables_locked(app, world):
        stopped = apart(app, tmp_path, "backup", home / "x.zip")
        while not list(home.glob(f"{WORK}*/*")):
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(stopped, how)
        code = ended(stopped)
    assert not (home / "x.zip").exists()
    if how == signal.SIGKILL:
        assert code == -how and list(home.glob(f"{WORK}*"))
        succeeds(app, "backup", home / "y.zip")
    else:
        sentence = "Error: Đã dừng giữa chừng; không có bản sao lưu nào được ghi."
        assert (code, (tmp_path / "said").read_text().splitlines()[-1]) == (1, sentence)
    assert not list(home.glob(f"{WORK}*"))


def test_a_full_disk_leaves_no_half_file(app, some_work, home):
    known = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, known[1]))
    try:
        sentence = refused(app, "backup", home / "x.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, known)
    assert sentence == "Ổ đĩa đã đầy; không có bản sao lưu nào được ghi."
    assert not list(home.glob("*.zip")) and not list(home.glob(f"{WORK}*"))


def test_two_backups_at_once_do_not_disturb_each_other(app, some_work, home, tmp_path):
    both = [apart(app, tmp_path, "backup", home / f"{n}.zip") for n in range(2)]
    assert [ended(one) for one in both] == [0, 0]
    assert all(Archive(home / f"{n}.zip").manifest["tables"]["incidents"] == 2 for n in range(2))
    assert not list(home.glob(f"{WORK}*"))


def test_a_backup_waits_for_a_long_writer_and_says_so(app, world, some_work, home, monkeypatch):
    monkeypatch.setattr(sqlite_copy, "PATIENCE_S", 0.5)
    with less_patience(app, monkeypatch):
        with the_tables_locked(app, world):
            result = run(app, "backup", home / "x.zip")
        assert result.exit_code == 1 and "đang chờ đến lượt" in result.stderr
        assert "chưa có bản sao lưu nào" in result.stderr.splitlines()[-1]
        assert not (home / "x.zip").exists()
        succeeds(app, "backup", home / "x.zip")


# --- the copies themselves


@pytest.mark.only_on("sqlite")
def test_a_copy_of_sqlite_under_writers_is_one_moment(app, world, tmp_path):
    names = [f"n{number:04}" for number in range(400)]

    def write(value):
        with app.app_context(), write_transaction():
            db.session.execute(db.update(Counter).values(value=value))
            db.session.execute(db.insert(Counter).values(name=f"thêm {value} " + "x" * 3000, value=value))
            db.session.execute(db.update(Counter).values(value=value))
            db.session.commit()

    with app.app_context():
        db.session.execute(db.insert(Counter), [{"name": name + "y" * 500, "value": 0} for name in names])
        db.session.commit()
    stop, written = threading.Event(), []

    def go_on():
        while not stop.is_set():
            written.append(None)
            write(len(written))

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for number in range(5):
            begun = len(written)
            with app.app_context():
                assert sqlite_copy.copy_sqlite(tmp_path / f"{number}.sqlite", print) < 1000
            with closing(sqlite3.connect(tmp_path / f"{number}.sqlite")) as copy:
                values = copy.execute("SELECT DISTINCT value FROM counters").fetchall()
            assert len(values) == 1 and begun - 1 <= values[0][0] <= len(written)
            assert len(written) > begun
    finally:
        stop.set()
        writer.join()


@pytest.mark.only_on("sqlite")
def test_a_copy_of_sqlite_with_a_write_ahead_log_holds_what_is_in_the_log(app, world, some_work, home, monkeypatch):
    monkeypatch.setattr(database, "wal_is_safe", lambda: True)
    with app.app_context():
        db.engine.dispose()
        with write_transaction():
            db.session.add(Counter(name="im Log", value=1))
            db.session.commit()
        assert world.file.with_name(f"{world.file.name}-wal").stat().st_size
    succeeds(app, "backup", home / "x.zip")
    with zipfile.ZipFile(home / "x.zip") as made:
        made.extract("database.sqlite", home)
    with closing(sqlite3.connect(home / "database.sqlite")) as copy:
        assert copy.execute("SELECT value FROM counters WHERE name = 'im Log'").fetchone() == (1,)


def test_mending_a_copy_follows_what_grew_shrank_and_changed(tmp_path):
    random.seed(2)
    chunk = page_copy.CHUNK
    first = random.randbytes(3 * chunk + 4096)
    changed = bytearray(first)
    changed[chunk + 7] ^= 1
    for other in (first, bytes(changed), first + b"x" * chunk, first[: chunk + 4096], b"", first):
        (tmp_path / "source").write_bytes(other)
        handles = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("source", "copy")]
        page_copy.mend(*handles, sync=True)
        assert (tmp_path / "copy").read_bytes() == other
        for handle in handles:
            os.close(handle)


@pytest.mark.only_on("postgresql")
def test_rows_go_past_triggers_which_are_then_as_they_were(app, world, file, elsewhere):
    with elsewhere.app_context():
        upgrade()
        with db.engine.connect() as connection:
            for word in (
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$",
                "CREATE TRIGGER a BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION no()",
                "CREATE TRIGGER b BEFORE TRUNCATE ON events EXECUTE FUNCTION no()",
                "ALTER TABLE events ENABLE ALWAYS TRIGGER b",
                "CREATE TRIGGER c BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION no()",
                "ALTER TABLE events DISABLE TRIGGER c",
                "INSERT INTO counters (name, value) VALUES ('written by a migration', 1)",
            ):
                connection.exec_driver_sql(word)
            connection.commit()
        with filling(db.engine) as connection:
            postgresql_copy.copy_in(connection, Archive(file), print)
        asked = "SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE tgname IN ('a', 'b', 'c') ORDER BY tgname"
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql(asked).all() == [("a", "O"), ("b", "A"), ("c", "D")]
            migrate(connection, "head")  # harmless again
    assert contents(elsewhere) == contents(app)
