"""The drill: a server that takes reports is backed up, and another one, started on the restored copy, knows them all."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from models import Incident, Photo, db
from models.events import Event, chain
from services.archives import Archive
from services.demo import PASSWORD
from tests.people import new_report
from tests.pictures import jpeg
from tests.server import ROOT, Server
from tests.test_backup import an_empty_database
from tests.test_cli import succeeds
from tests.world import app_on

REPORTERS = 2


class Phone:
    """A ranger's phone that notes what the server has acknowledged."""

    def __init__(self, server):
        self.server = server
        self.acknowledged = {}  # by incident id: number, photo, and when the last of them was acknowledged
        self.refused = []
        login = {"username": "ranger.muong-toong", "password": PASSWORD, "device": {"id": "máy diễn tập"}}
        self.token = self.call("POST", "/auth/login", login)[1].get("access_token")

    def call(self, method, path, body=None, kind="application/json"):
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {})
        request = urllib.request.Request(self.server.api + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def report(self, number):
        """A report and its photo."""
        report, photo = new_report(), jpeg((number % 256, 3 * number % 256, 60), size=(64, 48), Software=str(number))
        status, incident = self.call("POST", "/incidents", report)
        if status == 201:
            status, _ = self.call("POST", f"/incidents/{report['id']}/photos", photo, "image/jpeg")
        if status == 201:
            known = (incident["number"], hashlib.sha256(photo).hexdigest())
            self.acknowledged[report["id"]] = (*known, time.monotonic())
        else:
            self.refused.append((status, incident))


@contextmanager
def reports_coming_in(phone):
    stop = threading.Event()

    def go_on(reporter):
        number = 1000 * (reporter + 1)
        while not stop.is_set():
            phone.report(number := number + 1)

    with ThreadPoolExecutor(REPORTERS) as pool:
        threads = [pool.submit(go_on, reporter) for reporter in range(REPORTERS)]
        try:
            yield
        finally:
            stop.set()
        for thread in threads:
            thread.result()


def flask(home, *words, **settings):
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PHOTO_STORE")}
    environment = clean | {"GIAP_RANH_HOME": str(home)} | settings
    command = [sys.executable, "-m", "flask", *map(str, words)]
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running(home, **settings):
    server = Server(home, WEB_CONCURRENCY="2", **settings)
    try:
        yield server.wait()
    finally:
        server.kill()


def broken_chains():
    """Subjects whose events do not follow from each other."""
    last, broken = {}, set()
    for event in db.session.scalars(db.select(Event).order_by(Event.subject_kind, Event.subject_id, Event.position)):
        subject = (event.subject_kind, event.subject_id)
        position, previous = last.get(subject, (0, ""))
        if event.position != position + 1 or event.hash != chain(previous, event.content):
            broken.add(subject)
        last[subject] = (event.position, event.hash)
    return broken, len(last)


@pytest.fixture
def two_places(world, tmp_path):
    """Homes and databases of the same kind: one with people and boundaries, an empty one to restore into."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with an_empty_database(world, there) as other_url:
        if hasattr(world, "file"):
            shutil.copy(world.template, here / "giap-ranh.sqlite")
            yield (here, f"sqlite:///{here}/giap-ranh.sqlite"), (there, other_url)
        else:
            with an_empty_database(world, here, template=world.template) as url:
                yield (here, url), (there, other_url)


def test_the_drill(two_places, tmp_path):
    (here, url), (there, other_url) = two_places
    file = tmp_path / "drill.zip"
    with running(here, DEMO="0", DATABASE_URL=url) as server:
        phone = Phone(server)
        for number in range(5):
            phone.report(number)
        with reports_coming_in(phone):
            time.sleep(0.5)
            begun = time.monotonic()
            flask(here, "backup", file, DATABASE_URL=url)
            ended = time.monotonic()
    before = {id: told for id, told in phone.acknowledged.items() if told[2] < begun}
    meanwhile = {id for id, told in phone.acknowledged.items() if begun < told[2] < ended}
    assert phone.refused == [] and len(before) >= 5 and meanwhile

    app = app_on(other_url, there)
    succeeds(app, "restore", file)
    with app.app_context():
        db.engine.dispose()
    with running(there, DEMO="0", DATABASE_URL=other_url) as server:
        after = Phone(server)
        for id, (number, photo, _) in list(before.items())[-5:]:
            status, incident = after.call("GET", f"/incidents/{id}")
            assert (status, incident["number"]) == (200, number)
            assert [p["sha256"] for p in incident["photos"] if p["state"] == "stored"] == [photo]
        after.report(999_999)
        assert after.refused == [] and len(after.acknowledged) == 1

    with app.app_context():
        broken, subjects = broken_chains()
        assert not broken and subjects > len(before)
        photos = db.select(Incident.id, Incident.number, Photo.sha256).join(Photo).where(Photo.state == "stored")
        known = {str(id): (number, photo) for id, number, photo in db.session.execute(photos)}
        assert {id: told[:2] for id, told in before.items()}.items() <= known.items()
        stored = set(db.session.scalars(db.select(Photo.sha256).where(Photo.state == "stored")))
        db.session.remove()
        db.engine.dispose()
    found = {path.name: path.read_bytes() for path in (there / "uploads" / "originals").glob("*/*")}
    assert stored == set(found)
    assert all(hashlib.sha256(content).hexdigest() == name for name, content in found.items())
    assert Archive(file).manifest["photos"]["missing"] == []
