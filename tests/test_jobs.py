"""The outbox: what was asked for is done, by one worker at a time, whoever is killed, and costs nothing when idle."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask_migrate import upgrade
from sqlalchemy.exc import OperationalError

from models import db, jobs
from models.base import now
from models.database import write_transaction
from models.jobs import LEASE, Job
from services import worker
from tests.server import ROOT, Server
from tests.world import app_on

# A worker with kinds of its own: each tells when it begins and ends.
WORKER = """
import os, signal, sys, threading, time
from api import create_app
from models.base import db
from models.jobs import Job
from services import worker

address, path = sys.argv[1:]

def tell(*words):
    with open(path, "a") as log:
        log.write(" ".join(map(str, (*words, os.getpid()))) + "\\n")

def slow(app, key, facts):
    tell("begin", key)
    time.sleep(facts["s"])
    tell("end", key)
    return lambda: None

def dies(app, key, facts):
    def write():
        Job.ask("marked", key)
        db.session.flush()
        if not os.path.exists(path + "-died"):
            open(path + "-died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
    return write

worker.HANDLERS.update(slow=slow, dies=dies)
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: (stop.set(), worker.wake()))
worker.run_until(create_app(SQLALCHEMY_DATABASE_URI=address), stop)
"""


@pytest.fixture
def workers(app, tmp_path):
    """`workers()` starts one more process on the same database; all are ended with the test."""
    with app.app_context():
        address = db.engine.url.render_as_string(hide_password=False)
    started = []

    def start():
        command = [sys.executable, "-c", WORKER, address, str(tmp_path / "log")]
        started.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@contextmanager
def writing(app):
    with app.app_context(), write_transaction():
        yield
        db.session.commit()


def ask(app, kind, *keys, **facts):
    with writing(app):
        for key in keys:
            Job.ask(kind, key, **facts)


def jobs_of(app, kind):
    with app.app_context():
        found = list(db.session.scalars(db.select(Job).where(Job.kind == kind).order_by(Job.key)))
        db.session.expunge_all()
        return found


def until(what, patience_s=40):
    """Wait until something holds; how long it took."""
    begun = time.monotonic()
    while not (result := what()):
        assert time.monotonic() - begun < patience_s
        time.sleep(0.05)
    return time.monotonic() - begun if result is True else result


@pytest.fixture
def handler(monkeypatch):
    """`handler("kind", what)`: what is done for a kind of job in this process."""
    return lambda kind, what: monkeypatch.setitem(worker.HANDLERS, kind, what)


def told(tmp_path):
    log = tmp_path / "log"
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


# Killed, and two at once


def test_what_a_killed_worker_had_begun_is_done_by_one_that_runs_already(app, workers, tmp_path):
    first = workers()
    ask(app, "slow", "a", s=3)
    until(lambda: told(tmp_path))
    second = workers()
    time.sleep(1)
    first.kill()  # not waited for: it stays in the list of processes
    took = until(lambda: [w for w in told(tmp_path) if w[0] == "begin" and w[2] == str(second.pid)] != [])
    assert took < 10 + 3
    until(lambda: jobs_of(app, "slow") == [])
    assert [words[:2] for words in told(tmp_path)] == [["begin", "a"], ["begin", "a"], ["end", "a"]]


def test_the_result_and_the_end_of_a_job_are_one_transaction(app, workers):
    ask(app, "dies", "a")
    assert workers().wait(40) == -signal.SIGKILL
    assert [j.key for j in jobs_of(app, "dies")] == ["a"] and jobs_of(app, "marked") == []
    workers()
    until(lambda: jobs_of(app, "dies") == [])
    assert [j.key for j in jobs_of(app, "marked")] == ["a"]


def test_two_workers_share_the_work_and_never_do_the_same_at_once(app, workers, tmp_path):
    ask(app, "slow", *(f"{n:02}" for n in range(60)), s=0.02)
    workers(), workers()
    until(lambda: jobs_of(app, "slow") == [])
    lines = told(tmp_path)
    assert sorted(key for what, key, _ in lines if what == "begin") == [f"{n:02}" for n in range(60)]
    assert len(lines) == 120
    for what, key, who in lines:
        assert [what, key, who] in lines and [("end" if what == "begin" else "begin"), key, who] in lines


@pytest.mark.parametrize("holder", ["máy-khác/x/y:17:4711", "không ra gì"])
def test_a_lease_of_another_machine_is_believed_until_it_runs_out(app, handler, holder):
    done = []
    handler("slow", lambda _app, key, _facts: done.append(key) or (lambda: None))
    ask(app, "slow", "a")
    with writing(app):
        db.session.execute(db.update(Job).values(leased_by=holder, leased_until=now() + LEASE))
    worker.release_of_the_dead(app)
    assert not worker.run_once(app) and not done
    with time_machine.travel(now() + LEASE + timedelta(seconds=1)):
        assert worker.run_once(app) and done == ["a"]


def test_a_long_job_keeps_its_lease(app, handler, monkeypatch):
    short = timedelta(seconds=0.6)
    monkeypatch.setattr(jobs, "LEASE", short)
    monkeypatch.setattr(worker, "LEASE", short)
    begun, over, names = threading.Event(), threading.Event(), []

    def long(_app, _key, _facts):
        names.append(1)
        begun.set()
        over.wait(30)
        return lambda: None

    handler("slow", long)
    ask(app, "slow", "a")
    thread = threading.Thread(target=worker.run_once, args=(app,))
    thread.start()
    assert begun.wait(10)
    for _ in range(4):
        time.sleep(0.4)
        assert not worker.run_once(app)
    over.set()
    thread.join()
    assert names == [1] and jobs_of(app, "slow") == []


def test_who_lost_the_lease_writes_nothing(app, handler):
    def overtaken(_app, key, _facts):
        with writing(app):
            db.session.execute(db.update(Job).where(Job.kind == "slow").values(leased_by="máy-khác/x/y:1:1"))
        return lambda: Job.ask("marked", key)

    handler("slow", overtaken)
    ask(app, "slow", "a")
    worker.run_once(app)
    assert jobs_of(app, "marked") == [] and len(jobs_of(app, "slow")) == 1


# Failing, unknown, recurring


def test_what_fails_is_tried_again_after_waits_that_double_and_the_others_go_on(app, handler):
    done = []

    def fails(_app, key, _facts):
        if key == "a":
            raise ValueError("Ông Kín")
        done.append(key)
        return lambda: None

    handler("slow", fails)
    ask(app, "slow", "a", "b", "c")
    assert worker.run_once(app) and done == ["b", "c"]
    waits = []
    for _ in range(12):
        assert not worker.run_once(app)
        (job,) = jobs_of(app, "slow")
        waits.append(round((job.due_at - now()).total_seconds()))
        assert (job.attempts, job.last_error, job.leased_by) == (len(waits), "ValueError", None)
        with time_machine.travel(job.due_at + timedelta(milliseconds=1), tick=False):
            assert worker.run_once(app)
            (job,) = jobs_of(app, "slow")
            waits[-1] = round((job.due_at - now()).total_seconds())
            with writing(app):
                db.session.get_one(Job, job.id).due_at = job.due_at
        with writing(app):  # as if that time had passed
            db.session.get_one(Job, job.id).due_at = now() + timedelta(seconds=2)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]


def test_a_kind_that_only_a_newer_server_knows_is_left_to_it(app, handler, caplog):
    done = []
    handler("slow", lambda _app, key, _facts: done.append(key) or (lambda: None))
    ask(app, "của bản mới", *map(str, range(10)))
    ask(app, "slow", "a")
    assert worker.run_once(app) and done == ["a"]
    assert not worker.run_once(app) and not caplog.records
    left = jobs_of(app, "của bản mới")
    assert [(j.attempts, j.leased_by) for j in left] == [(0, None)] * 10


def test_what_was_asked_for_in_a_transaction_that_failed_was_never_asked_for(app):
    with app.app_context(), write_transaction():
        Job.ask("slow", "a")
        db.session.flush()
    assert jobs_of(app, "slow") == []


def test_the_same_work_asked_for_twice_is_one_job(app):
    ask(app, "slow", "a", "a")
    ask(app, "slow", "a")
    assert len(jobs_of(app, "slow")) == 1


def work_off(app):
    """What is due is done, a few jobs at a time, and is not due again at once."""
    rounds = 0
    while worker.run_once(app):
        rounds += 1
    assert 1 <= rounds <= -(-len(worker.RECURRING) // worker.AT_ONCE)


def test_what_recurs_comes_again_and_only_once_whoever_asks(app):
    threads = [threading.Thread(target=worker.prepare, args=(app,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(jobs_of(app, "seal")) == 1
    work_off(app)
    (job,) = jobs_of(app, "seal")
    assert 55 < (job.due_at - now()).total_seconds() <= 60 and job.leased_by is None
    with time_machine.travel(job.due_at + timedelta(seconds=1)):
        work_off(app)


def test_work_that_says_there_is_more_of_it_comes_again_at_once(app, handler):
    left = [True, True, False]
    handler("slow", lambda *_: lambda: left.pop(0))
    ask(app, "slow", "a")
    assert [worker.run_once(app) for _ in range(4)] == [True, True, True, False]
    assert jobs_of(app, "slow") == []


def test_others_write_while_a_job_works(app, handler):
    took = []

    def works(_app, _key, _facts):
        begun = time.monotonic()
        other = threading.Thread(target=ask, args=(app, "marked", "a"))
        other.start()
        other.join(4)
        took.append((other.is_alive(), time.monotonic() - begun))
        return lambda: None

    handler("slow", works)
    ask(app, "slow", "a")
    worker.run_once(app)
    assert took[0][0] is False and len(jobs_of(app, "marked")) == 1


# The worker's life


@contextmanager
def running(app):
    stop = threading.Event()
    thread = threading.Thread(target=worker.run_until, args=(app, stop), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        worker.wake()
        thread.join(15)
        assert not thread.is_alive()


def test_it_outlives_a_database_that_is_away(app, handler, monkeypatch):
    done, away = [], threading.Event()
    handler("slow", lambda _app, key, _facts: done.append(key) or (lambda: None))
    asked = Job.is_waiting.__func__

    def is_waiting(cls, kinds):
        if away.is_set():
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return asked(cls, kinds)

    monkeypatch.setattr(Job, "is_waiting", classmethod(is_waiting))
    with running(app):
        ask(app, "slow", "a")
        until(lambda: done == ["a"])
        away.set()
        time.sleep(2)
        ask(app, "slow", "b")
        assert done == ["a"]
        away.clear()
        until(lambda: done == ["a", "b"], 12)


@pytest.mark.only_on("postgresql")
def test_it_outlives_its_connections(app, handler, world):
    done = []
    handler("slow", lambda _app, key, _facts: done.append(key) or (lambda: None))
    with running(app):
        for key in "abc":
            world.command(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{world.name}'")
            until(lambda key=key: _asked(app, key))
            until(lambda key=key: key in done, 15)


def _asked(app, key):
    try:
        ask(app, "slow", key)
    except OperationalError:  # our own connection was cut, too
        return False
    return True


def test_an_idle_worker_only_reads_three_rows_a_second(app, monkeypatch):
    monkeypatch.setattr(worker, "PAUSE_S", 0.1)  # ten times as fast
    said = []

    def note(_connection, _cursor, statement, *_):
        said.append(statement.split(None, 1)[0])

    with running(app):
        for kind in worker.RECURRING:
            until(lambda kind=kind: [j.leased_by for j in jobs_of(app, kind) if j.due_at > now()] == [None])
        with app.app_context():
            engine = db.engine
        sa.event.listen(engine, "before_cursor_execute", note)
        try:
            time.sleep(3)
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)
    assert set(said) <= {"SELECT", "BEGIN"} and 45 <= said.count("SELECT") <= 105


@pytest.fixture
def home(tmp_path):
    """An instance of its own with an empty database, as a user has it."""
    app = app_on(f"sqlite:///{tmp_path}/giap-ranh.sqlite", tmp_path)
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return app, tmp_path


def flask_worker(folder):
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PHOTO_STORE", "FLASK_APP")}
    command = [sys.executable, "-m", "flask", "worker"]
    return subprocess.Popen(
        command, cwd=ROOT, env=clean | {"GIAP_RANH_HOME": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def due_of(folder):
    with sqlite3.connect(folder / "giap-ranh.sqlite") as link:
        rows = link.execute("SELECT due_at > created_at FROM jobs WHERE kind = 'seal' AND leased_by IS NULL").fetchall()
    link.close()
    return rows


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_flask_worker_works_until_it_is_told_to_stop_and_ends_cleanly(home, how):
    process = flask_worker(home[1])
    until(lambda: due_of(home[1]) == [(1,)])
    process.send_signal(how)
    _, said = process.communicate(timeout=5)
    assert process.returncode == 0 and b"Traceback" not in said


def test_told_to_stop_it_ends_what_it_does_and_gives_back_what_it_has_not_begun(app, workers, tmp_path):
    ask(app, "slow", *"abcd", s=1)
    process = workers()
    until(lambda: told(tmp_path))
    process.terminate()
    assert process.wait(8) == 0
    assert [words[0] for words in told(tmp_path)] == ["begin", "end"]
    left = jobs_of(app, "slow")
    assert len(left) == 3 and {j.leased_by for j in left} == {None}


def test_a_server_with_worker_0_leaves_the_work_to_flask_worker(tmp_path):
    server = Server(tmp_path, DEMO="0", WORKER="0", WEB_CONCURRENCY="1").wait()
    try:
        time.sleep(1.5)
        assert due_of(tmp_path) == []
        process = flask_worker(tmp_path)
        until(lambda: due_of(tmp_path) == [(1,)])
        process.terminate()
        assert process.wait(5) == 0
    finally:
        server.kill()
