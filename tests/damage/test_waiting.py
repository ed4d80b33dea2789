"""Somebody else holds the database: 503 within five seconds, reading goes on, and afterwards all is well."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.damage.wire import Phone
from tests.people import new_report
from tests.server import ROOT

pytestmark = pytest.mark.alone

WITHIN_S = 5.0
MARGIN_S = 1.5  # for a busy machine
AT_ONCE = 12  # more than one process has connections waiting

# Holds the one lock of the writers of SQLite, or the table of PostgreSQL, until a line comes in.
LONG_WRITER = """
import sys
if sys.argv[1] == "sqlite":
    import sqlite3
    database = sqlite3.connect(sys.argv[2], isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
else:
    import psycopg
    database = psycopg.connect(sys.argv[2])
    database.execute("LOCK TABLE incidents IN EXCLUSIVE MODE")
print("held", flush=True)
sys.stdin.readline()
database.rollback()
print("released", flush=True)
"""


@contextmanager
def long_writer(place):
    what = ("sqlite", str(place.file)) if place.is_sqlite else ("postgresql", place.url)
    command = [sys.executable, "-c", LONG_WRITER, *what]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    try:
        yield
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
    finally:
        process.kill()
        process.wait(10)


def phones(place, count):
    """Connections of their own, with one sign-in: they fall on both processes."""
    first = place.phone()
    made = [Phone(place.port, first.username) for _ in range(count)]
    for phone in made:
        phone.token = first.token
    return made


def report_at_once(senders):
    """Each sends one report; what came back and after how long, as they came."""
    found = []

    def send(phone):
        begun = time.monotonic()
        answer = phone.ask("POST", "/incidents", new_report())
        found.append((answer, time.monotonic() - begun))

    threads = [threading.Thread(target=send, args=(phone,)) for phone in senders]
    for thread in threads:
        thread.start()
        time.sleep(0.1)  # one after the other, so that some have waited when others begin
    for thread in threads:
        thread.join()
    return found


def test_a_long_writer_makes_reports_say_busy_within_five_seconds_and_readers_go_on(place):
    senders, reader = phones(place, AT_ONCE), place.phone("officer.muong-toong")
    known = senders[0].ask("POST", "/incidents", new_report()).json
    for phone in senders:  # each process has read its reference data
        phone.ask("GET", f"/incidents/{known['id']}")
    with long_writer(place):
        waiting = threading.Thread(target=lambda: found.extend(report_at_once(senders)))
        found = []
        waiting.start()
        reads = []
        while waiting.is_alive():
            begun = time.monotonic()
            assert reader.ask("GET", f"/incidents/{known['id']}").status == 200
            reads.append(time.monotonic() - begun)
            time.sleep(0.05)
    assert Counter(answer.status for answer, _ in found) == {503: AT_ONCE}
    for answer, _ in found:
        assert (answer.json["code"], answer.json["retryable"]) == ("busy", True)
        assert int(answer.headers["Retry-After"]) > 0
    assert max(seconds for _, seconds in found) < WITHIN_S + MARGIN_S, sorted(round(seconds, 1) for _, seconds in found)
    assert sorted(reads)[len(reads) // 2] < 1
    assert {answer.status for answer, _ in report_at_once(senders[:4])} == {201}


@pytest.mark.only_on("sqlite")
def test_a_reader_that_does_not_let_go_delays_reports_at_worst_to_busy_and_they_recover(place):
    """As an export would be that keeps one cursor open; in rollback mode no commit passes a reader."""
    senders = phones(place, 4)
    senders[0].ask("POST", "/incidents", new_report())
    reader = sqlite3.connect(place.file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM incidents").fetchone()
    found = report_at_once(senders)
    assert {answer.status for answer, _ in found} <= {201, 503}
    assert max(seconds for _, seconds in found) < WITHIN_S + MARGIN_S, [round(s, 1) for _, s in found]
    reader.execute("COMMIT")
    reader.close()
    assert {answer.status for answer, _ in report_at_once(senders)} == {201}
    for answer, _ in found:
        if answer.status == 201:
            assert senders[0].ask("GET", f"/incidents/{answer.json['id']}").json["number"] == answer.json["number"]


def test_a_reader_that_takes_page_after_page_stops_no_report(place):
    """As lists, summaries and exports read: keyset pages, each a short read of its own."""
    senders, reader = phones(place, 4), place.phone("officer.muong-toong")
    report_at_once(senders)
    over, pages, found = threading.Event(), [], []

    def read():
        cursor = ""
        while not over.is_set():
            page = reader.ask("GET", f"/incidents?limit=20{cursor and '&cursor=' + cursor}")
            pages.append(page.status)
            cursor = page.json["next"] or ""

    def send(phone):
        for _ in range(30):
            found.append(phone.ask("POST", "/incidents", new_report()).status)

    readers = [threading.Thread(target=read)]
    writers = [threading.Thread(target=send, args=(phone,)) for phone in senders]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    assert Counter(found) == {201: 120}
    assert set(pages) == {200} and len(pages) > 10
