"""The reference phone: what it keeps through a kill, and what it says and does on a good line and a bad one."""

import contextlib
import io
import json
import os
import shlex
import struct
import subprocess
import sys
import threading
import time
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import rfc8785
from werkzeug.serving import make_server

from api.bodies import content_sha256 as as_the_server_hashes
from bench import phone_content
from bench.phone import Phone, main, read_arguments
from bench.phone_content import canonical, content_sha256, new_id
from bench.phone_store import NotYours, Store
from bench.phone_wire import Later, Line, NoAnswer, SignInNeeded
from models import Upload, db
from services.demo import PASSWORD
from tests.chaos import BLACK_HOLE, DOWN, LOST_ANSWER, Chaos, Fault
from tests.mortal import Killed, MortalStore
from tests.people import BORDER
from tests.phones import settle
from tests.pictures import jpeg
from tests.server import ROOT
from tests.test_workflows import OFFICER, REPORTER

NOBODY = "http://127.0.0.1:9"  # the port that discards, and that nobody opens


@pytest.fixture
def server(app):
    """The app behind real sockets, in a thread; bodies end where their length says, as with the server in service."""

    def bounded(environ, start_response):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(size))
        return app(environ, start_response)

    served = make_server("127.0.0.1", 0, bounded, threaded=True)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield served.server_port
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def link(server):
    chaos = Chaos(server)
    yield chaos
    chaos.close()


@pytest.fixture
def phone(link, tmp_path):
    made = Phone(tmp_path / "phone", link.address, patience_s=10)
    made.login(REPORTER, PASSWORD)
    yield made
    made.close()


@pytest.fixture
def picture(tmp_path):
    def make(number=0, **look):
        file = tmp_path / f"{number}.jpg"
        file.write_bytes(jpeg(colour=(40 * number % 256, 90, 60), size=(64, 48), **look))
        return file

    return make


def queued(phone):
    return [operation["kind"] for _, operation in phone.store.waiting(0, 1000)]


def held(phone):
    """The incidents that the server told the phone of."""
    rows = phone.store.database.execute("SELECT incident FROM incidents")
    return {one["id"]: one for one in (json.loads(row[0]) for row in rows)}


# What it makes up by itself


def test_its_canonical_json_is_that_of_rfc_8785():
    dice = Random(7)
    numbers = [0.0, -0.0, 1e21, 1e20, 1e-6, 1e-7, 5e-324, 22.0, 102.6, 123456789.125]
    numbers += [round(dice.uniform(-200, 200), dice.randint(0, 9)) for _ in range(500)]
    numbers += [n for n in (struct.unpack(">d", dice.randbytes(8))[0] for _ in range(2000)) if n - n == 0]
    for number in numbers:
        assert canonical(number).encode() == rfc8785.dumps(number), number
    odd = {"é\u0001": [1, None, True, '"\\/\u2028'], "\U0001f600": {"b": 1.5, "a": -3}, "ﬀ": []}
    assert canonical(odd).encode() == rfc8785.dumps(odd)


def test_the_hash_of_a_report_is_the_servers_however_its_letters_were_typed():
    body = {"id": new_id(), "location": {"lat": 22.0, "lon": 102.6}, "description": "Bảy gốc nghiến"}
    typed = body | {"description": unicodedata.normalize("NFD", body["description"]), "photos": [{"sha256": "ab"}]}
    assert content_sha256(typed) == content_sha256(body) == as_the_server_hashes(body)


def test_ids_sort_by_the_time_they_were_made(monkeypatch):
    ids = []
    for moment in (1, 2_000_000, 1_795_000_000_000_000_000):
        monkeypatch.setattr(phone_content.time, "time_ns", lambda moment=moment: moment)
        ids += [new_id()]
    assert ids == sorted(ids)
    assert {(id[14], id[19] in "89ab") for id in ids} == {("7", True)}


# Without signal


def test_what_is_recorded_is_on_the_disk_however_the_phone_ends(tmp_path, picture):
    """Killed before and after each commit: a thing is recorded wholly or not at all, and what was told is there."""
    for lives in range(1, 20):
        home = tmp_path / f"home{lives}"
        told = []
        try:
            phone = Phone(home, NOBODY, store=MortalStore(home, lives))
            told.append(phone.report("illegal_logging", BORDER, [picture(1), picture(2)]))
            told.append(phone.note(told[0], "Còn dấu xe máy."))
            told.append(phone.photo(told[0], picture(3)))
        except Killed:
            pass
        again = Phone(home, NOBODY)
        kinds = queued(again)
        assert len(kinds) in (len(told), len(told) + 1)
        assert kinds == ["incident.create", "incident.note", "incident.photos"][: len(kinds)]
        rows = again.store.photos_in("waiting")
        assert len(rows) == {0: 0, 1: 2, 2: 2, 3: 3}[len(kinds)]
        assert all(again.store.file(row["sha256"]).stat().st_size == row["size"] for row in rows)
        again.close()
        if len(told) == 3:
            return
    raise AssertionError("never came to its end")


def test_nothing_but_a_word_of_the_server_takes_anything_off_the_phone(tmp_path, picture):
    home = tmp_path / "phone"
    phone = Phone(home, NOBODY)
    incident = phone.report("illegal_logging", BORDER, [picture()])
    with pytest.raises(SignInNeeded):
        raise phone.sync().trouble
    phone.store.keep(access_token="x", refresh_token="y")
    assert isinstance(phone.sync(tries=3, sleep=lambda _: None).trouble, NoAnswer)
    [photo] = phone.store.photos_in("waiting")
    assert queued(phone) == ["incident.create"] and photo["incident"] == incident
    assert phone.store.file(photo["sha256"]).exists()


def test_an_answer_whose_head_was_cut_anywhere_is_none(link):
    line = Line(link.address)
    line.ask("HEAD", "/healthz")
    line.connection.close()
    while link.bytes[DOWN] < 100:  # counted once they are through
        time.sleep(0.01)
    whole = link.bytes[DOWN]
    for after in range(whole):
        link.suffer([Fault(DOWN, after)])
        with pytest.raises(NoAnswer):
            line.ask("HEAD", "/healthz")
    link.suffer([])
    assert line.ask("HEAD", "/healthz").status == 200


def test_bytes_that_a_kill_left_without_a_name_go_after_an_hour_and_not_before(tmp_path, picture):
    store = Store(tmp_path / "phone")
    sha256, _ = store.copy_in(picture())
    store.drop_copies()
    assert store.file(sha256).exists()
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    os.utime(store.file(sha256), (long_ago.timestamp(),) * 2)
    store.drop_copies()
    assert not store.file(sha256).exists()


# On the line


def test_a_walk_of_days_goes_out_and_what_changed_comes_in(phone, as_, in_app):
    ids = [phone.report("illegal_logging", BORDER, description=f"Gốc thứ {n}.") for n in range(3)]
    phone.note(ids[1], "Còn dấu xe máy.")
    outcome = phone.sync()
    assert (outcome.trouble, outcome.acknowledged) == (None, 4)
    assert queued(phone) == [] and held(phone).keys() == set(ids)
    receipts = phone.store.database.execute("SELECT * FROM receipts").fetchall()
    assert len(receipts) == 4
    sent = {row["incident"]: row["content_sha256"] for row in receipts if row["content_sha256"]}
    assert sent == {id: one["content_sha256"] for id, one in held(phone).items()}
    as_(OFFICER).act({"id": ids[0]}, "receive")
    as_(OFFICER).act({"id": ids[0]}, "ask", question="Mấy gốc?")
    phone.sync()
    assert held(phone)[ids[0]]["status"] == "need_info"
    phone.answer(ids[0], "Bảy gốc.")
    assert phone.sync().acknowledged == 1
    assert held(phone)[ids[0]]["status"] == "received"


def test_what_waits_for_something_behind_it_goes_in_the_same_sync(phone):
    id = new_id()
    phone.note(id, "Ghi chú đến trước báo cáo.")
    phone.report("illegal_logging", BORDER, id=id)
    assert phone.sync().acknowledged == 2 and queued(phone) == []


def test_what_the_server_refuses_for_good_is_kept_for_the_person_and_blocks_nothing(phone, capsys):
    bad = phone.report("illegal_logging", {"lat": 10.0, "lon": 106.0, "accuracy_m": 5.0})
    good = phone.report("illegal_logging", BORDER)
    assert phone.sync().acknowledged == 1
    assert queued(phone) == [] and held(phone).keys() == {good}
    assert phone.sync().acknowledged == 0
    main(["--home", str(phone.store.home), "list"])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(bad)]
    assert len(said) == 1 and "chờ gửi" not in said[0]


def test_a_report_that_is_too_large_does_not_hold_up_the_others(phone):
    huge = phone.report("illegal_logging", BORDER, description="x", extra="y" * (5 << 20))
    good = phone.report("illegal_logging", BORDER)
    assert phone.sync(tries=3, sleep=lambda _: None).trouble is None
    assert held(phone).keys() == {good}
    row = phone.store.database.execute("SELECT incident, problem FROM queue").fetchone()
    assert row["incident"] == huge and row["problem"]


@pytest.mark.parametrize("fault", [LOST_ANSWER, Fault("up", 700), Fault("down", 100, reset=True), Fault("up", 0)])
def test_no_answer_is_asked_again_and_nothing_is_doubled(phone, link, as_, fault):
    ids = {phone.report("illegal_logging", BORDER, description="Bảy gốc nghiến.") for _ in range(5)}
    phone.line.connection.close()
    link.suffer([fault] * 3)
    pauses = []
    outcome = phone.sync(tries=9, sleep=pauses.append)
    assert outcome.trouble is None and len(pauses) == 3
    assert {one["id"] for one in as_(OFFICER).get("/incidents").json["items"]} == ids
    assert queued(phone) == []


def test_pauses_grow_and_are_never_shorter_than_the_server_asked(phone, link, monkeypatch):
    phone.report("illegal_logging", BORDER)
    phone.line.connection.close()
    phone.line.connection.timeout = 0.1
    link.suffer([BLACK_HOLE] * 9)
    pauses = []
    assert isinstance(phone.sync(tries=9, sleep=pauses.append).trouble, NoAnswer)
    assert all(pause <= 300 for pause in pauses) and pauses[-1] > 4 * pauses[0]

    def busy():
        raise Later(1234, "bận")

    monkeypatch.setattr(phone.syncing, "send_queue", lambda outcome: busy())
    pauses.clear()
    phone.sync(tries=2, sleep=pauses.append)
    assert pauses == [1234]


def test_a_line_that_cuts_every_few_kilobytes_gets_smaller_batches_and_carries_all(phone, link):
    for n in range(60):
        phone.report("illegal_logging", BORDER, description=f"{n} " + Random(n).randbytes(300).hex())
    phone.line.connection.close()
    link.suffer([], always=Fault("up", 6000))
    outcome = phone.sync(tries=40, sleep=lambda _: None)
    assert outcome.trouble is None and queued(phone) == []


# Signed in


def test_a_lost_answer_to_a_refresh_costs_nobody_the_session(phone, link):
    """Lost, and the phone killed around each of its commits; the predecessor is only sent again when it may be."""
    for lives in (None, 1, 2, None):
        phone.store.keep(access_token="het-han")
        phone.report("illegal_logging", BORDER)
        phone.line.connection.close()
        link.suffer([Fault(), LOST_ANSWER, LOST_ANSWER])
        mortal = Phone(phone.store.home, link.address, store=MortalStore(phone.store.home, lives))
        with contextlib.suppress(Killed):
            mortal.sync(tries=5, sleep=lambda _: None)
            assert lives is None and not link.schedule
        mortal.close()
        outcome = phone.sync(tries=5, sleep=lambda _: None)
        assert outcome.trouble is None and queued(phone) == []


def test_a_phone_that_was_signed_out_keeps_its_queue_until_its_owner_signs_in(phone):
    phone.report("illegal_logging", BORDER)
    phone.session.ask(lambda who: phone.line.ask("POST", "/api/v1/auth/logout", headers=who))
    assert isinstance(phone.sync(tries=3).trouble, SignInNeeded)
    assert queued(phone) == ["incident.create"]
    phone.login(REPORTER, PASSWORD)
    assert phone.sync().acknowledged == 1


def test_a_phone_changes_hands_only_when_nothing_of_the_one_before_is_left(phone, link):
    phone.report("illegal_logging", BORDER)
    with pytest.raises(NotYours):
        phone.login(OFFICER, PASSWORD)
    assert phone.store.fact("user")["username"] == REPORTER
    phone.sync()
    assert phone.login(OFFICER, PASSWORD)["username"] == OFFICER
    assert not held(phone) and phone.store.fact("cursor") is None


# Photos


def test_a_photo_goes_from_the_phone_when_the_server_says_stored_and_not_before(app, phone, link, picture):
    incident = new_id()
    sha256 = phone.photo(incident, picture(1))
    phone.sync()
    assert [row["sha256"] for row in phone.store.photos_in("sent") + phone.store.photos_in("waiting")] == [sha256]
    assert phone.store.file(sha256).exists()  # all of it was sent; its report is not there
    phone.report("illegal_logging", BORDER, [picture(2)], id=incident)
    phone.line.connection.close()
    link.suffer([Fault(), Fault(), Fault("up", 500), LOST_ANSWER])
    assert phone.sync(tries=9, sleep=lambda _: None).trouble is None
    assert [row["state"] for row in phone.store.database.execute("SELECT state FROM photos")] == ["stored"] * 2
    assert list(phone.store.photos.iterdir()) == []
    settle(app)
    phone.sync()
    assert {photo["state"] for photo in held(phone)[incident]["photos"]} == {"stored"}


def test_a_photo_that_came_before_a_report_which_does_not_name_it_is_stored_as_soon_as_it_is_declared(phone, picture):
    incident = new_id()
    sha256 = phone.photo(incident, picture(1))
    phone.sync()
    phone.report("illegal_logging", BORDER, id=incident)
    assert phone.sync().trouble is None
    assert not phone.store.file(sha256).exists()


def test_what_will_never_be_a_photo_is_told_and_kept_and_holds_up_nothing(phone, tmp_path, picture):
    incident = phone.report("illegal_logging", BORDER)
    text = tmp_path / "a.txt"
    text.write_text("không phải ảnh " * 20)
    bad, good = phone.photo(incident, text), phone.photo(incident, picture(1))
    assert phone.sync().trouble is None
    states = dict(phone.store.database.execute("SELECT sha256, state FROM photos").fetchall())
    assert states == {bad: "refused", good: "stored"}
    assert phone.store.file(bad).exists() and not phone.store.file(good).exists()


def test_an_upload_that_the_server_forgot_begins_anew(phone, picture):
    incident = phone.report("illegal_logging", BORDER)
    sha256 = phone.photo(incident, picture(1))
    [row] = phone.store.photos_in("waiting")
    phone.store.photo_is(row, upload=f"/api/v1/uploads/{new_id()}")
    assert phone.sync().trouble is None
    assert not phone.store.file(sha256).exists()


def test_creations_whose_answers_are_lost_leave_one_upload(phone, link, picture, in_app):
    incident = phone.report("illegal_logging", BORDER)
    phone.sync()
    phone.photo(incident, picture(1))
    [row] = phone.store.photos_in("waiting")
    for _ in range(3):
        phone.session.ask(lambda who: phone.syncing.uploads.create(row, who)).check()
    assert in_app(lambda: db.session.scalar(db.select(db.func.count()).select_from(Upload))) == 1


# In a terminal


def test_the_commands_of_its_document_are_those_it_knows():
    said = [line for line in Path(ROOT, "docs/phone.md").read_text("utf-8").splitlines() if "-m bench.phone" in line]
    commands = [read_arguments(shlex.split(line)[3:]).command for line in said]
    assert commands == ["login", "report", "sync", "list"]


def test_a_person_tries_it_in_a_terminal(link, tmp_path, picture):
    home = ["--home", str(tmp_path / "máy của Páo"), "--server", link.address]

    def run(*arguments, said=""):
        command = [sys.executable, "-m", "bench.phone", *home, *arguments]
        done = subprocess.run(command, cwd=ROOT, input=said, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = run("report", "--lat", "22.2425", "--lon", "102.6", "Bảy gốc nghiến mới chặt.")
    assert (code, out.partition(":")[0]) == (0, "Đã ghi trên máy")
    incident = out.split()[-1]
    assert run("note", incident, "Còn dấu xe máy.")[0] == 0
    code, _, problem = run("sync")
    assert code == 1 and "Cần đăng nhập" in problem
    assert "chờ gửi" in run("list")[1]
    code, out, problem = run("login", REPORTER, said=PASSWORD)
    assert (code, "ranger" in out) == (0, True), problem
    code, out, problem = run("sync")
    assert (code, out) == (0, "Máy chủ đã nhận 2 mục, 0 ảnh; 1 thay đổi về máy.\n"), problem
    code, out, _ = run("list")
    assert incident in out and "reported" in out and "chờ gửi" not in out


def test_the_phone_uses_nothing_but_the_standard_library():
    for file in Path(ROOT, "bench").glob("phone*.py"):
        for line in file.read_text("utf-8").splitlines():
            if line.startswith(("import ", "from ")):
                name = line.split()[1]
                assert name.startswith("bench.phone") or name.split(".")[0] in sys.stdlib_module_names, (file, name)
