"""The server as it is really run: started, spoken to over sockets, cut off, stopped; and the README's story."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from services.demo import PASSWORD
from tests.people import new_report
from tests.pictures import jpeg
from tests.server import ROOT, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("instance"), DEMO="1")
    yield made.wait()
    made.kill()


def call(server, method, path, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(server.api + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def sign_in(server, username):
    login = {"username": username, "password": PASSWORD, "device": {"id": "socket"}}
    status, body = call(server, "POST", "/auth/login", body=login)
    assert status == 200
    return body["access_token"]


def test_it_says_where_it_is_and_who_may_sign_in(server):
    said = server.log.read_text()
    assert f"http://127.0.0.1:{server.port}" in said
    assert "/docs" in said
    assert f"\npassword: {PASSWORD}\n" in said
    assert "officer.khu-vuc-muong-nhe" in said


def is_empty(folder):
    for _ in range(50):
        if not any(folder.iterdir()):
            break
        time.sleep(0.1)
    assert not any(folder.iterdir())


def test_an_upload_cut_off_leaves_nothing_and_can_be_sent_again(server):
    token = sign_in(server, "ranger.muong-toong")
    _, incident = call(server, "POST", "/incidents", token, new_report())
    photo = jpeg(size=(1200, 900))
    head = (
        f"POST /api/v1/incidents/{incident['id']}/photos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(head + photo[: len(photo) // 2])
    incoming = Path(server.log.parent) / "uploads" / "incoming"
    is_empty(incoming)
    assert call(server, "GET", f"/incidents/{incident['id']}", token)[1]["photos"] == []
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(head + photo)
        assert b" 201 " in link.recv(100)


def test_an_upload_of_unknown_length_is_taken_whole_or_not_at_all(server):
    token = sign_in(server, "ranger.muong-toong")
    _, incident = call(server, "POST", "/incidents", token, new_report())
    photo = jpeg((9, 9, 9), size=(1200, 900))
    head = (
        f"POST /api/v1/incidents/{incident['id']}/photos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    parts = [photo[at : at + 1000] for at in range(0, len(photo), 1000)]
    chunks = [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts]
    incoming = Path(server.log.parent) / "uploads" / "incoming"
    for cut in (b"".join(chunks[:5]), b"".join(chunks[:5]) + b"3e8\r\nnur", b"".join(chunks[:5]) + b"zz\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall(head + cut)
        time.sleep(0.5)
        is_empty(incoming)
        assert call(server, "GET", f"/incidents/{incident['id']}", token)[1]["photos"] == []
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(head + b"".join(chunks) + b"0\r\n\r\n")
        assert b" 201 " in link.recv(100)
    assert "Traceback" not in server.log.read_text(), "a phone that is gone is no fault of the server"


def test_a_report_whose_answer_was_lost_is_there_when_sent_again(server):
    token, report = sign_in(server, "ranger.muong-toong"), new_report()
    body = json.dumps(report).encode()
    head = (
        f"POST /api/v1/incidents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(head + body)  # and the phone is gone before the answer
    time.sleep(1)
    assert call(server, "POST", "/incidents", token, report)[0] == 200


def test_slow_phones_do_not_stop_the_others(server):
    links = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    try:
        for link in links:
            link.sendall(b"POST /api/v1/incidents HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert sign_in(server, "officer.muong-toong")
    finally:
        for link in links:
            link.close()


def test_previews_are_made_by_themselves(server):
    token = sign_in(server, "ranger.muong-toong")
    _, page = call(server, "GET", "/incidents?limit=1&mine=true", token)
    for _ in range(100):
        _, page = call(server, "GET", "/incidents?mine=true", token)
        photos = [p for i in page["items"] for p in i["photos"]]
        if photos and all(p["preview"] == "ready" for p in photos):
            break
        time.sleep(0.2)
    assert photos and all(p["preview"] == "ready" for p in photos)


def test_the_story_of_the_readme_runs_as_it_stands(server):
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    assert PASSWORD in blocks[0]
    if not shutil.which("curl"):
        pytest.skip("curl is not installed on this machine")
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", blocks[0]],
        check=False,
        cwd=ROOT,
        env=os.environ | {"API": server.api},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert re.fullmatch(r"MN-\d{4}-\d{6}", lines[0])
    assert lines[1] == "200: the same one"
    assert re.fullmatch(r"[0-9a-f]{64}", lines[2])
    assert "Xã Mường Toong" in lines[3] and "Đề nghị phối hợp ngay: Xã Tà Tổng" in lines[3]
    assert lines[4:9] == ["proposed", "active", "received", "verifying", "confirmed"]
    assert "'this_week': " in lines[9] and "'this_week': 0," not in lines[9]
    assert lines[10].startswith("\ufeffMục,Theo,Mã")


def test_ctrl_c_stops_it_cleanly_and_the_second_start_finds_everything(tmp_path):
    first = Server(tmp_path, DEMO="0").wait()
    assert first.interrupt() == 0
    assert "Traceback" not in first.log.read_text()
    second = Server(tmp_path, DEMO="0").wait()
    try:
        assert "password:" not in second.log.read_text()
        assert call(second, "GET", "/me")[0] == 401
    finally:
        second.kill()
