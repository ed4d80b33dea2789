"""What stands around every answer: headers, CORS, request ids, limits, logs without secrets, and being ready."""

import io
import json
import logging
import re
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask import request
from sqlalchemy.exc import IntegrityError, OperationalError

from api import create_app, incoming, limits, logs
from api.config import SETTINGS
from api.transaction import committing
from models import Edition, Incident, Job, db
from models.base import now
from services import readiness, worker
from services.demo import PASSWORD
from tests.people import BASE, new_report
from tests.phones import create, note
from tests.pictures import jpeg
from tests.test_architecture import address, routes

RANGER, OFFICER = "ranger.muong-toong", "officer.muong-toong"


def an_app(folder, **settings):
    """An app of its own on a database that nobody opens."""
    known = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/empty.sqlite", "PHOTO_STORE": folder, "RATE_LIMIT": 0}
    return create_app(**known | settings)


def check_headers(reply, page=False):
    headers = reply.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe-eval" not in headers["Content-Security-Policy"]
    assert re.fullmatch(r"[0-9a-f]{16}", headers["X-Request-Id"])
    assert "Strict-Transport-Security" not in headers
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cache-Control"]
    if reply.status_code >= 400:
        assert headers["Cache-Control"] == "no-store"
        assert reply.content_type == ("text/html; charset=utf-8" if page else "application/problem+json")


class TestHeaders:
    def test_every_route_carries_them_whoever_asks(self, app, as_, a_felling):
        ranger = as_(RANGER)
        for rule, _, method in sorted(routes(app), key=lambda r: r[0].endpoint == "auth.logout"):
            for headers in ({}, {"Authorization": f"Bearer {ranger.tokens['access_token']}"}):
                reply = app.test_client().open(address(rule), method=method, headers=headers)
                check_headers(reply, page=rule.endpoint.startswith("case."))
                if rule.rule.startswith("/api/") and "ETag" not in reply.headers:
                    assert reply.headers["Cache-Control"] == "no-store", rule

    def test_errors_carry_them_too(self, app, as_, monkeypatch):
        client, ranger = app.test_client(), as_(RANGER)
        monkeypatch.setattr(Incident, "find", lambda *_: 1 / 0)
        replies = {
            404: client.get("/khong-co"),
            405: client.put("/healthz"),
            413: ranger.post("/incidents", data=b"x" * (2 << 20), content_type="application/json"),
            415: ranger.post(
                "/incidents", data=b"x", content_type="application/json", headers={"Content-Encoding": "br"}
            ),
            500: ranger.get(f"/incidents/{uuid4()}"),
        }
        for status, reply in replies.items():
            assert reply.status_code == status
            check_headers(reply)

    def test_a_page_runs_nothing_but_its_own(self, app):
        docs = app.test_client().get("/docs").headers
        assert "script-src 'self';" in docs["Content-Security-Policy"]
        assert docs["Permissions-Policy"].startswith("geolocation=(self)")
        style = app.test_client().get("/docs/swagger-ui-5.35.0/swagger-ui.css").headers
        assert "max-age" in style["Cache-Control"]

    def test_case_data_is_kept_by_nobody(self, as_, a_felling):
        ranger = as_(RANGER)
        assert ranger.get("/incidents").headers["Cache-Control"] == "no-store"
        assert ranger.get(f"/incidents/{a_felling['id']}").headers["Cache-Control"] == "private, no-cache"

    def test_https_is_promised_only_over_https_and_a_proxy_is_believed_only_when_told_so(self, tmp_path):
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        for proxies, promised in ((0, False), (1, True)):
            client = an_app(tmp_path, TRUSTED_PROXIES=proxies).test_client()
            assert ("Strict-Transport-Security" in client.get("/healthz", headers=forwarded).headers) is promised
            assert "Strict-Transport-Security" not in client.get("/healthz").headers
        assert "Strict-Transport-Security" in client.get("/healthz", base_url="https://localhost").headers


class TestCors:
    ORIGIN = "https://ban-do.kiemlam.example"

    @pytest.fixture
    def client(self, tmp_path):
        return an_app(tmp_path, CORS_ORIGINS=[self.ORIGIN]).test_client()

    def ask(self, client, origin, path="/incidents", method="GET"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        headers |= {"Access-Control-Request-Headers": "authorization, idempotency-key, if-match"}
        return client.open(BASE + path, method=method, headers=headers)

    def test_a_listed_origin_may_ask_and_read_what_it_needs(self, client):
        before = self.ask(client, self.ORIGIN, method="OPTIONS")
        assert before.status_code == 200
        assert before.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        allowed = before.headers["Access-Control-Allow-Headers"].lower()
        assert all(name in allowed for name in ("authorization", "idempotency-key", "if-match"))
        reply = self.ask(client, self.ORIGIN)  # also a refusal can be read
        assert reply.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        exposed = reply.headers["Access-Control-Expose-Headers"]
        assert {"ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replay"} <= set(exposed.split(", "))
        assert {"Upload-Offset", "Upload-Length", "Tus-Resumable", "Location"} <= set(exposed.split(", "))
        assert "Access-Control-Allow-Credentials" not in reply.headers

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://ban-do.kiemlam.example.evil.example"])
    def test_no_other_origin_may(self, client, origin):
        for method in ("OPTIONS", "GET"):
            assert "Access-Control-Allow-Origin" not in self.ask(client, origin, method=method).headers

    def test_nothing_outside_the_api_is_shared(self, client):
        reply = client.get("/metrics", headers={"Origin": self.ORIGIN})
        assert "Access-Control-Allow-Origin" not in reply.headers


class TestRequestIds:
    @pytest.mark.parametrize("given", ["a", "pom-01.2026_x", "f" * 64])
    def test_a_sane_id_is_taken_and_said_again(self, app, given):
        reply = app.test_client().get(f"{BASE}/me", headers={"X-Request-Id": given})
        assert reply.headers["X-Request-Id"] == reply.json["request_id"] == given

    @pytest.mark.parametrize("given", ["", "a" * 65, "a b", 'x"y', "<b>", "số", "a;b", "../x"])
    def test_any_other_is_replaced(self, app, given):
        reply = app.test_client().get(f"{BASE}/me", headers={"X-Request-Id": given})
        assert re.fullmatch(r"[0-9a-f]{16}", reply.headers["X-Request-Id"])
        assert reply.json["request_id"] == reply.headers["X-Request-Id"]


class TestLimits:
    @pytest.fixture
    def limited(self, app, monkeypatch):
        """At most five requests a minute; the minute does not end while a test runs."""
        monkeypatch.setitem(app.config, "RATE_LIMIT", 5)
        monkeypatch.setitem(app.extensions, "rate_counter", limits.Counter())
        monkeypatch.setattr(limits, "clock", lambda: 1_700_000_010.0)
        return app

    def test_a_device_that_runs_wild_is_told_to_wait_and_how_long(self, as_, limited):
        ranger = as_(RANGER)
        assert [ranger.get("/me").status_code for _ in range(5)] == [200] * 5
        reply = ranger.get("/me", headers={"Accept-Language": "en"})
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (429, "too_many_requests", True)
        assert reply.headers["Retry-After"] == "30"
        assert reply.json["detail"] == "Too many requests in a minute; wait, then send again."
        check_headers(reply)

    def test_its_reports_and_photos_are_taken_all_the_same(self, as_, limited):
        ranger = as_(RANGER)
        while ranger.get("/me").status_code == 200:
            pass
        report = new_report()
        for _ in range(5):
            assert ranger.post("/incidents", json=report).status_code in (200, 201)
            assert ranger.post(f"/incidents/{report['id']}/photos", data=jpeg()).status_code in (200, 201)
        assert ranger.post("/incidents", json=report).status_code == 429

    def test_another_device_of_the_same_person_has_its_own_share_up_to_that_of_the_account(self, as_, limited):
        asked = [as_(RANGER, device).get("/me").status_code for device in ("một", "hai", "ba") for _ in range(5)]
        assert asked == [200] * 10 + [429] * 5

    def test_other_people_are_not_hindered(self, as_, limited):
        while as_(RANGER).get("/me").status_code == 200:
            pass
        assert as_(OFFICER).get("/me").status_code == 200

    def test_strangers_are_counted_by_address_and_widely(self, limited):
        client = limited.test_client()
        statuses = [client.get(f"{BASE}/me", headers={"Authorization": "Bearer x"}).status_code for _ in range(51)]
        assert statuses == [401] * 50 + [429]
        assert client.get(f"{BASE}/me", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 401
        assert client.get("/healthz").status_code == 200

    def test_the_next_minute_begins_with_nothing(self, as_, limited, monkeypatch):
        while as_(RANGER).get("/me").status_code == 200:
            pass
        monkeypatch.setattr(limits, "clock", lambda: 1_700_000_041.0)
        assert as_(RANGER).get("/me").status_code == 200

    def test_a_phone_back_after_eight_days_is_never_hindered(self):
        per_device = int(SETTINGS["RATE_LIMIT"][0]) * limits.SHARES["evidence"][0]
        assert per_device > 200 + 500 * 3  # reports, and photos in three requests each, all in one minute

    def test_uploads_beyond_their_share_are_sent_away_at_once(self, as_, a_felling):
        ranger, places = as_(RANGER), [incoming.one_upload() for _ in range(incoming.UPLOADS_AT_ONCE)]
        for place in places:
            place.__enter__()
        try:
            reply = ranger.post(f"/incidents/{a_felling['id']}/photos", data=jpeg())
            assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (503, "busy", True)
            assert int(reply.headers["Retry-After"]) > 0
            assert ranger.post("/incidents", json=new_report()).status_code == 201
        finally:
            for place in places:
                place.__exit__(None, None, None)
        assert ranger.post(f"/incidents/{a_felling['id']}/photos", data=jpeg()).status_code == 201


class TestLogs:
    @pytest.fixture
    def log(self, monkeypatch):
        """What is logged, as JSON lines from the lowest level on."""
        kept, stream = logging.getLogger().handlers[:], io.StringIO()
        logs.configure(stream, "json", "debug")
        yield stream
        monkeypatch.setattr(logs, "_requests", None)
        logging.basicConfig(handlers=kept or [logging.NullHandler()], force=True)

    def lines(self, log):
        return [json.loads(line) for line in log.getvalue().splitlines()]

    def test_each_request_is_one_line_that_says_who_and_what(self, as_, a_felling, log):
        ranger = as_(RANGER)
        log.truncate(0)
        log.seek(0)
        ranger.get(f"/incidents/{a_felling['id']}?a=b", headers={"X-Request-Id": "pom-1"})
        (line,) = self.lines(log)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
        assert line.pop("ms") >= 0
        assert line.pop("device_id")
        assert line == {
            "event": "request",
            "level": "info",
            "request_id": "pom-1",
            "method": "GET",
            "route": "/api/v1/incidents/<uuid:id>",
            "status": 200,
            "user_id": ranger.user["id"],
            "unit_id": ranger.user["unit"]["id"],
        }

    def test_no_secret_gets_into_the_logs_whatever_goes_wrong(self, app, as_, log, monkeypatch):
        ranger, secrets = as_(RANGER), ["Vàng A Páo", "mat-khau-that-dai", "truy-van-kin", "khoa-kin", "duong-kin"]
        token = ranger.tokens["access_token"]

        def break_down(*_, **__):
            told = [request.get_data(), request.json, request.headers.to_wsgi_list(), request.args]
            raise RuntimeError(f"{told} {request.url}")

        def break_base(*_, **__):
            raise OperationalError("INSERT INTO people", {}, Exception(f"no\nDETAIL: {request.json}"))

        report = new_report(description=secrets[0], people=[{"name": secrets[0]}], id=str(uuid4()))
        client = app.test_client()

        def knock():
            login = {"username": secrets[0], "password": secrets[1], "device": {"id": "x"}}
            client.post(f"{BASE}/auth/login", json=login)
            client.post(f"{BASE}/auth/refresh", json={"refresh_token": ranger.tokens["refresh_token"] + "0"})
            headers = {"Idempotency-Key": secrets[3], "X-Request-Id": "ma so"}
            ranger.post(f"/incidents?q={secrets[2]}", json=report, headers=headers)
            ranger.post("/incidents", json=report | {"type": secrets[0], "location": secrets[0]})
            kept = [create(**report), note(report, secrets[0]) | {"id": secrets[3]}]
            ranger.post("/sync", json={"operations": kept})
            ranger.get(f"/incidents?cursor={secrets[2]}&bbox={secrets[2]}")
            client.get(f"/case/{secrets[4]}?token={secrets[2]}")
            client.get(f"{BASE}/me", headers={"Authorization": f"Bearer {token}x"})

        knock()
        for trouble in (break_down, break_base):
            for place in (
                "api.routes.incidents.Draft",
                "api.schemas.sync.Draft",
                "api.passwords.verify_password",
                "api.routes.incidents.page",
            ):
                monkeypatch.setattr(place, trouble)
            knock()
        text = log.getvalue()
        statuses = {line.get("status") for line in self.lines(log)}
        assert {200, 401, 404, 422, 500, 503} <= statuses | {200}
        assert "RuntimeError" in text and "test_edges.py" in text  # where it happened is told
        for secret in [*secrets, token, token.split(".")[1], ranger.tokens["refresh_token"], PASSWORD]:
            assert secret not in text, secret

    def test_a_row_that_the_database_quotes_is_not_logged(self, app, log):
        name, statement = "tên riêng tư", "INSERT INTO users (id, username) VALUES (NULL, :name)"
        with app.test_request_context():
            with pytest.raises(IntegrityError) as caught:
                db.session.execute(db.text(statement), {"name": name})
            db.session.rollback()
            text = logs.story(caught.value)
        assert "IntegrityError" in text and name not in text

    def test_the_database_hides_what_was_written(self, app):
        with app.app_context():
            assert db.engine.hide_parameters

    def test_in_a_terminal_only_what_matters_is_told(self, app, log):
        quiet = io.StringIO()
        logs.configure(quiet, "text")
        client = app.test_client()
        client.get("/docs")
        client.get(f"{BASE}/me")
        assert quiet.getvalue() == ""
        app.logger.error("đĩa đầy")
        logging.getLogger("services.worker").warning("ảnh chưa xem được")
        assert "ảnh chưa xem được" in quiet.getvalue()
        assert "{" not in quiet.getvalue()

    def test_questions_of_machines_are_not_logged(self, app, log):
        for path in ("/healthz", "/readyz", "/metrics"):
            app.test_client().get(path)
        assert log.getvalue() == ""


class TestReady:
    def ask(self, app):
        return app.test_client().get("/readyz")

    def test_it_tells_of_every_part(self, app):
        reply = self.ask(app)
        assert (reply.status_code, reply.json["status"]) == (200, "ready")
        parts = reply.json["parts"]
        assert list(parts) == ["database", "boundaries", "photo_store", "worker"]
        assert all(parts[name]["ok"] for name in ("database", "boundaries", "photo_store")), parts
        assert app.extensions["photo_store"].root.name not in json.dumps(parts)

    def test_without_boundaries_it_is_ready_and_says_so(self, app, in_app):
        def forget():
            with committing():
                for edition in db.session.scalars(db.select(Edition)):
                    edition.activated_at = None

        in_app(forget)
        reply = self.ask(app)
        assert (reply.status_code, reply.json["parts"]["boundaries"]["ok"]) == (200, False)

    def test_an_old_structure_is_not_ready(self, app, monkeypatch):
        monkeypatch.setattr(readiness, "newest_migration", lambda: "9999")
        reply = self.ask(app)
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (503, "not_ready", True)
        assert "database" in reply.json["detail"]
        assert "flask db upgrade" in reply.json["parts"]["database"]["detail"]
        assert reply.headers["Retry-After"]

    def test_a_database_that_is_not_there_is_named(self, tmp_path):
        app = an_app(tmp_path, SQLALCHEMY_DATABASE_URI="postgresql+psycopg://x:bi-mat@127.0.0.1:1/x")
        reply = self.ask(app)
        assert (reply.status_code, reply.json["parts"]["database"]["ok"]) == (503, False)
        assert "bi-mat" not in reply.text
        assert app.test_client().get("/healthz").status_code == 200

    def test_a_photo_store_without_room_is_told_but_reports_are_still_taken(self, app, monkeypatch):
        monkeypatch.setattr(readiness.shutil, "disk_usage", lambda _: type("Disk", (), {"free": 100 << 20}))
        reply = self.ask(app)
        assert reply.status_code == 200
        assert reply.json["parts"]["photo_store"] == {"ok": False, "detail": "còn trống 100 MiB"}

    def test_a_photo_store_that_is_gone_is_told(self, tmp_path, app, monkeypatch):
        monkeypatch.setattr(app.extensions["photo_store"], "root", Path(tmp_path) / "không có")
        assert self.ask(app).json["parts"]["photo_store"]["ok"] is False

    def test_a_worker_is_seen_by_what_it_does_each_minute(self, app, in_app):
        assert self.ask(app).json["parts"]["worker"]["ok"] is False
        worker.prepare(app)
        assert self.ask(app).json["parts"]["worker"]["ok"] is True

        def long_ago():
            db.session.execute(db.update(Job).where(Job.kind == "seal").values(due_at=now() - timedelta(minutes=6)))
            db.session.commit()

        in_app(long_ago)
        reply = self.ask(app)
        assert reply.status_code == 200
        assert reply.json["parts"]["worker"] == {"ok": False, "detail": "trễ 6 phút"}


def test_counting_a_request_costs_little(app):
    """Limits and request id together stay far below what anybody would notice."""
    counter, begun = limits.Counter(), time.thread_time()
    for _ in range(10_000):
        counter.add("thiết bị", 1)
    assert (time.thread_time() - begun) / 10_000 < 50e-6
