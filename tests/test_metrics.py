"""What Prometheus reads, who may read it, and what counting costs."""

import re
import time
from pathlib import Path

from flask import Response, g

from api import metrics
from models import db
from tests.people import BASE, new_report
from tests.phones import create
from tests.pictures import jpeg

RANGER = "ranger.muong-toong"


def read(app, **headers):
    reply = app.test_client().get("/metrics", headers=headers)
    assert reply.status_code == 200
    return reply.text


def value(text, line):
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_requests_reports_and_photos_are_counted_by_what_they_were(app, as_):
    ranger, before = as_(RANGER), read(app)
    report = new_report(type="wildlife")
    path = f"/incidents/{report['id']}"
    for _ in range(2):  # sent again, it counts as a request but not as a report
        ranger.post("/incidents", json=report)
        ranger.post(f"{path}/photos", data=jpeg())
    queue = [create(**report), create(type="wildlife"), create(type="poaching")]
    for _ in range(2):
        ranger.post("/sync", json={"operations": queue})
    ranger.get("/incidents/khong-phai-ma?q=bi-mat")
    after = read(app)

    def grown(line):
        return value(after, line) - value(before, line)

    rule = f"{BASE}/incidents"
    assert grown('reports_total{type="wildlife"}') == 2
    assert grown("photos_total") == 1
    assert grown(f'http_requests_total{{method="POST",route="{rule}",status="201"}}') == 1
    assert grown(f'http_requests_total{{method="POST",route="{rule}",status="200"}}') == 1
    assert grown('http_requests_total{method="GET",route="unknown",status="404"}') == 1
    assert grown(f'http_request_seconds_count{{method="POST",route="{rule}"}}') == 2
    assert report["id"] not in after and "bi-mat" not in after


def test_it_says_what_runs_and_on_which_database(app):
    with app.app_context():
        name = db.engine.dialect.name
    assert f'build_info{{database="{name}",version="1.0.0"}} 1.0' in read(app)


def test_a_request_that_is_over_is_no_longer_open(app, as_):
    as_(RANGER).get("/me")
    app.test_client().get("/khong-co")
    assert value(read(app), "http_requests_open") == 1  # the one that asks


def test_invented_methods_make_no_new_series(app):
    for method in ("BREW", "PROPFIND"):
        app.test_client().open("/healthz", method=method)
    assert "BREW" not in read(app)


def test_without_a_token_only_the_machine_itself_reads_it(app):
    client = app.test_client()
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
    for odd in (
        {"environ_base": {"REMOTE_ADDR": "203.0.113.7"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Forwarded": "for=127.0.0.1"}},
        {"environ_base": {"REMOTE_ADDR": ""}},
    ):
        reply = client.get("/metrics", **odd)
        assert (reply.status_code, reply.json["code"]) == (404, "not_found"), odd


def test_the_token_opens_it_from_anywhere_and_a_wrong_one_nowhere(app, monkeypatch):
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "ma-doc-so-lieu")
    far = {"environ_base": {"REMOTE_ADDR": "203.0.113.7"}}
    for shown, status in (("ma-doc-so-lieu", 200), ("sai", 401), ("số", 401)):
        headers = {"Authorization": f"Bearer {shown}".encode().decode("latin-1")}
        assert app.test_client().get("/metrics", headers=headers, **far).status_code == status
    assert app.test_client().get("/metrics", **far).status_code == 404


def test_counting_a_request_takes_less_than_fifty_microseconds(app):
    rounds = 3000
    with app.test_request_context("/healthz"):
        g.begun = time.perf_counter()
        response = Response()
        best = min(_one_round(response, rounds) for _ in range(5))
    assert best < 50e-6, best


def _one_round(response, rounds):
    begun = time.thread_time()  # of this thread alone, however busy the machine is
    for _ in range(rounds):
        metrics.begin()
        metrics.count(response)
        metrics.end(None)
    return (time.thread_time() - begun) / rounds


def test_every_start_begins_with_an_empty_folder_of_its_own(tmp_path, monkeypatch):
    folders = []
    for home in ("một", "hai"):
        monkeypatch.setenv("GIAP_RANH_HOME", str(tmp_path / home))
        old = Path(metrics.prepare()) / "counter_1.db"
        old.write_bytes(b"old")
        folders.append(Path(metrics.prepare()))
        assert not old.exists() and folders[-1].is_dir() and folders[-1].stat().st_mode & 0o077 == 0
    assert folders[0] != folders[1]
    for folder in folders:
        folder.rmdir()
