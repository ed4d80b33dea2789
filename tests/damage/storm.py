"""Phones that send reports, photos and actions while a killer strikes; what was acknowledged is written down."""

import hashlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import psycopg

from tests.damage.places import Place
from tests.damage.wire import Phone
from tests.people import new_report
from tests.pictures import jpeg

# A ranger, the officer of the same commune, and where they are: latitude and longitude well inside.
PAIRS = (
    ("ranger.muong-toong", "officer.muong-toong", 22.2, 102.714),
    ("ranger.ta-tong", "officer.ta-tong", 22.314, 102.61),
    ("ranger.quang-lam", "officer.quang-lam", 21.942, 102.554),
    ("ranger.nam-ke", "officer.nam-ke", 22.036, 102.474),
    ("ranger.sa-pa", "officer.sa-pa", 22.347, 103.855),
    ("ranger.binh-lu", "officer.binh-lu", 22.367, 103.683),
)
SPREAD_DEG = 0.005
COMMENT_BYTES = 30_000
ORPHANS_LIVE_S = 20
TOLD = (1, 3)  # acknowledgements between two strikes: workers that never live to say anything prove nothing
STUCK_AFTER_S = 30
COUNTER = slice(24, 28)  # SQLite's file change counter in the head of the file


@dataclass
class Case:
    """What one phone was told about one report, and holds the server to."""

    id: str
    reporter: str
    number: str = ""
    content_sha256: str = ""
    photo: str = ""  # SHA-256 of the one that was acknowledged
    officer: str = ""  # who received it …
    key: str = ""  # … under this Idempotency-Key …
    received: bytes = b""  # … and was answered this


@dataclass
class Storm:
    """What was sent, what was acknowledged, and what struck."""

    seed: int
    cases: list[Case] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    strikes_s: Counter[str] = field(default_factory=Counter)  # how long they took, with the start that follows
    replayed: int = 0  # done, but the answer was lost: told again when asked again
    longest_s: float = 0.0
    seconds: float = 0.0
    told: list[int] = field(default_factory=list)  # one entry for each acknowledgement, as they come
    failures: list[str] = field(default_factory=list)

    @property
    def struck(self) -> str:
        return ", ".join(f"{times} × {name} ({self.strikes_s[name]:.1f} s)" for name, times in self.strikes.items())

    def __str__(self) -> str:
        photos = sum(1 for case in self.cases if case.photo)
        actions = sum(1 for case in self.cases if case.key)
        return (
            f"seed {self.seed}: {self.struck} in {self.seconds:.0f} s; acknowledged {len(self.cases)} reports,"
            f" {photos} photos, {actions} actions; answers {dict(self.met)}; {self.replayed} done but the answer lost;"
            f" longest wait {self.longest_s:.1f} s"
        )


@cache
def _picture() -> bytes:
    return jpeg(size=(160, 120))


def a_photo(dice: random.Random, comment_bytes: int = COMMENT_BYTES) -> bytes:
    """A small JPEG unlike any other, by a comment behind its first marker."""
    comment = dice.randbytes(comment_bytes)
    return _picture()[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + _picture()[2:]


class Pair(threading.Thread):
    """A ranger and an officer of one commune, one case after the other until the storm is over."""

    def __init__(self, storm: Storm, place: Place, number: int, over: threading.Event):
        super().__init__(daemon=True)
        self.storm, self.over = storm, over
        self.dice = random.Random(storm.seed * 1000 + number)
        ranger, officer, self.lat, self.lon = PAIRS[number % len(PAIRS)]
        self.ranger, self.officer = Phone(place.port, ranger), Phone(place.port, officer)
        self.cases: list[Case] = []

    def run(self) -> None:
        try:
            self.ranger.sign_in()
            self.officer.sign_in()
            while not self.over.is_set():
                self.one_case(len(self.cases))
        except Exception as error:  # noqa: BLE001  the storm says so at its end
            self.storm.failures.append(f"{self.ranger.username}: {type(error).__name__}: {error}")

    def one_case(self, count: int) -> None:
        spot = {"lat": self.lat + self.dice.uniform(-1, 1) * SPREAD_DEG, "lon": self.lon, "accuracy_m": 15.0}
        report = new_report(id=str(uuid4()), location=spot)
        told = self.send(self.ranger, "/incidents", report)
        case = Case(report["id"], self.ranger.username, told.json["number"], told.json["content_sha256"])
        assert told.json["id"] == case.id
        self.cases.append(case)
        if count % 2:
            photo = a_photo(self.dice)
            kept = self.send(self.ranger, f"/incidents/{case.id}/photos", photo).json
            assert kept["sha256"] == hashlib.sha256(photo).hexdigest()
            case.photo = kept["sha256"]
        if count % 3 == 0:
            case.officer, case.key = self.officer.username, str(uuid4())
            headers = {"Idempotency_Key": case.key, "If_Match": told.headers["ETag"]}
            case.received = self.send(
                self.officer, f"/incidents/{case.id}/actions", {"action": "receive"}, headers
            ).body

    def send(self, phone: Phone, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        answer, tries = phone.insist("POST", path, body, **(headers or {}))
        assert answer.status in (200, 201), f"{path}: {answer.status} {answer.body[:300]!r}"
        self.storm.told.append(answer.status)
        again = answer.headers.get("Idempotent-Replay") if headers else answer.status == 200
        self.storm.replayed += bool(again and tries > 1)
        assert tries > 1 or not again, f"{path}: told to be known already when sent for the first time"
        return answer


def wait_for_a_moment(place: Place, storm: Storm, dice: random.Random) -> None:
    """Some acknowledgements later, while requests are under way; on SQLite, half of the time while one commits."""
    wanted, until = len(storm.told) + dice.randint(*TOLD), time.monotonic() + STUCK_AFTER_S
    while len(storm.told) < wanted:
        assert not storm.failures, storm.failures
        assert time.monotonic() < until, f"nothing was acknowledged for {STUCK_AFTER_S} s: {storm}"
        time.sleep(0.001)
    if place.is_sqlite and dice.random() < 0.5:
        before, until = _change_counter(place), time.monotonic() + 0.2
        while _change_counter(place) == before and time.monotonic() < until:
            time.sleep(0.0002)
        time.sleep(dice.uniform(0, 0.004))
    else:
        time.sleep(dice.uniform(0, 0.02))


def _change_counter(place: Place) -> bytes:
    with open(place.file, "rb", buffering=0) as file:
        return file.read(COUNTER.stop)[COUNTER]


def kill_a_worker(place: Place, dice: random.Random) -> None:
    assert place.server.process.poll() is None, "the master is gone"
    if workers := place.server.workers():
        with suppress(ProcessLookupError):
            os.kill(dice.choice(workers), signal.SIGKILL)


def kill_the_master(place: Place, dice: random.Random) -> None:
    """Its workers notice within a second, finish what they began, and give the port back."""
    group = place.server.process.pid
    os.kill(group, signal.SIGKILL)
    place.server.process.wait(10)
    until = time.monotonic() + ORPHANS_LIVE_S
    while _group_exists(group):
        assert time.monotonic() < until, "workers live on without their master"
        time.sleep(0.05)
    place.start()


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def kill_everything(place: Place, dice: random.Random) -> None:
    place.restart()


def cut_a_connection(place: Place, dice: random.Random) -> None:
    """One of the server's connections to PostgreSQL, ended by the database."""
    with place.postgresql() as admin:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        if pids := [row[0] for row in admin.execute(query)]:
            with suppress(psycopg.Error):
                admin.execute("SELECT pg_terminate_backend(%s)", [dice.choice(pids)])


Strike = Callable[[Place, random.Random], None]


def rage(place: Place, seed: int, strikes: dict[Strike, int]) -> Storm:
    """Let all strikes fall, in an order of the seed, while six pairs of phones work; then let the phones finish."""
    storm, over = Storm(seed), threading.Event()
    dice = random.Random(seed)
    order = [strike for strike, times in strikes.items() for _ in range(times)]
    dice.shuffle(order)
    pairs = [Pair(storm, place, number, over) for number in range(len(PAIRS))]
    begun = time.monotonic()
    for pair in pairs:
        pair.start()
    try:
        for strike in order:
            wait_for_a_moment(place, storm, dice)
            struck = time.monotonic()
            strike(place, dice)
            storm.strikes[strike.__name__] += 1
            storm.strikes_s[strike.__name__] += time.monotonic() - struck
    finally:
        over.set()
        for pair in pairs:
            pair.join(120)
    storm.seconds = time.monotonic() - begun
    for pair in pairs:
        storm.cases += pair.cases
        storm.met += pair.ranger.met + pair.officer.met
        storm.longest_s = max(storm.longest_s, pair.ranger.longest_s, pair.officer.longest_s)
    return storm
