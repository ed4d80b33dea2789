"""The real server under pressure: slow phones have their places, all others are answered; its counts and its log."""

import http.client
import json
import os
import re
import socket
import time
import urllib.request

import pytest

from api.incoming import UPLOADS_AT_ONCE
from services.demo import PASSWORD
from tests.people import new_report
from tests.pictures import jpeg
from tests.server import Server

THREADS = 64
QUICK_S = 0.2


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("instance"), DEMO="1", WEB_CONCURRENCY="1", LOG_FORMAT="json")
    yield made.wait()
    made.kill()


def call(server, method, path, token=None, body=None, **headers):
    """(status, answer, seconds) over a connection of its own."""
    begun = time.perf_counter()
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers |= {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    link.request(method, path, json.dumps(body) if body is not None else None, headers)
    reply = link.getresponse()
    text = reply.read()
    link.close()
    return reply.status, text, time.perf_counter() - begun


@pytest.fixture(scope="module")
def token(server):
    login = {"username": "ranger.muong-toong", "password": PASSWORD, "device": {"id": "áp lực"}}
    return json.loads(call(server, "POST", "/api/v1/auth/login", body=login)[1])["access_token"]


@pytest.fixture(scope="module")
def incident(server, token):
    return json.loads(call(server, "POST", "/api/v1/incidents", token, new_report())[1])["id"]


@pytest.fixture
def slow_phones(server, token, incident):
    """As many as the process has threads, each with the first bytes of a photo of 5 MB that never comes."""
    head = (
        f"POST /api/v1/incidents/{incident}/photos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: image/jpeg\r\nContent-Length: 5000000\r\n\r\n"
    ).encode()
    links = []
    for _ in range(THREADS):
        link = socket.create_connection(("127.0.0.1", server.port))
        link.sendall(head + b"\xff\xd8\xff" + bytes(1000))
        links.append(link)
    yield links
    for link in links:
        link.close()


def crowding():
    """How many programs want each core of this machine; on a free one the bound is the promise."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def answered(links):
    found = []
    for link in links:
        link.settimeout(0.01)
        try:
            found.append(link.recv(4096))
        except TimeoutError:
            continue
    return found


def test_sixty_four_slow_uploads_leave_everybody_else_quick(server, token, slow_phones):
    time.sleep(1)
    took = sorted(call(server, "GET", "/api/v1/me", token)[2] for _ in range(100))
    assert took[98] < QUICK_S * crowding(), took[-5:]
    status, _, seconds = call(server, "POST", "/api/v1/incidents", token, new_report())
    assert (status, seconds < 1) == (201, True)
    sent_away = answered(slow_phones)
    assert len(sent_away) == THREADS - UPLOADS_AT_ONCE
    for answer in sent_away:
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5" in answer and b"Connection: close" in answer


def test_when_they_are_gone_there_is_room_again(server, token, incident):
    for _ in range(50):
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
        link.request("POST", f"/api/v1/incidents/{incident}/photos", jpeg(), headers)
        if link.getresponse().status in (200, 201):
            return
        time.sleep(0.2)
    raise AssertionError("uploads are still refused")


def test_the_log_is_json_and_holds_no_secret(server, token):
    call(server, "GET", "/api/v1/incidents?q=bi-mat-trong-dia-chi", token, **{"X-Request-Id": "tim-thay-toi"})
    time.sleep(0.3)
    text = server.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [line for line in lines if line.get("request_id") == "tim-thay-toi" and line["status"] == 200]
    without_banner = "\n".join(line for line in text.splitlines() if line.startswith("{"))
    for secret in (PASSWORD, token, "bi-mat-trong-dia-chi", "Bảy gốc nghiến"):
        assert secret not in without_banner


def test_nobody_says_that_he_came_over_https(server):
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{server.port}/healthz", headers={"X-Forwarded-Proto": "https"})
    ) as reply:
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "Strict-Transport-Security" not in reply.headers


def test_all_processes_are_counted_in_one_place(tmp_path):
    server = Server(tmp_path, DEMO="0", WEB_CONCURRENCY="2").wait()
    try:
        for _ in range(40):
            call(server, "GET", "/healthz")
        for _ in range(3):  # whichever process answers
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as reply:
                text = reply.read().decode()
            found = re.search(r'http_requests_total\{method="GET",route="/healthz",status="200"\} (\S+)', text)
            assert found and float(found[1]) == 40
        assert call(server, "GET", "/metrics", **{"X-Forwarded-For": "127.0.0.1"})[0] == 404
    finally:
        server.kill()
