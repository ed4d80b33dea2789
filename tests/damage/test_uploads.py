"""Uploads over real connections: cut, hung, taken over, killed. Whatever happens, the file is whole in the end."""

import base64
import hashlib
import os
import random
import socket
import time
from contextlib import suppress

import pytest

from tests.bad_links import CuttingProxy, reset
from tests.damage.conftest import SOAK
from tests.damage.wire import HOST, Line
from tests.people import new_report
from tests.pictures import jpeg

TUS = {"Tus-Resumable": "1.0.0"}
PART = "application/offset+octet-stream"
TAKEN_OVER_WITHIN_S = 2.0
AGAIN_AFTER_S = 0.05  # no phone has its next connection sooner


def photo_of(size, dice=None):
    """A JPEG of so many bytes, like no other: what follows the end of a picture is part of its hash."""
    noise = (dice or random).randbytes(size)
    return (jpeg(size=(64, 48)) + noise)[:size]


def coded(**facts):
    return ",".join(f"{name} {base64.b64encode(str(fact).encode()).decode()}" for name, fact in facts.items())


class Sender:
    """A phone that uploads one photo by hand, byte for byte."""

    def __init__(self, place, photo):
        self.place, self.photo = place, photo
        self.phone = place.phone()
        self.sha256 = hashlib.sha256(photo).hexdigest()
        report = new_report(photos=[{"sha256": self.sha256, "size": len(photo)}])
        self.incident = self.phone.ask("POST", "/incidents", report).json["id"]
        answer = self.ask("POST", "/api/v1/uploads", **self.creation())
        assert answer.status == 201, answer.body
        self.path = answer.headers["Location"]

    def creation(self):
        return {
            "Upload-Length": str(len(self.photo)),
            "Upload-Metadata": coded(incident=self.incident, sha256=self.sha256),
        }

    def headers(self, **more):
        return TUS | {"Authorization": f"Bearer {self.phone.token}"} | more

    def ask(self, method, path, body=None, **headers):
        """Each on a connection of its own, so any process of the server may get it."""
        return Line(self.place.port).ask(method, path, body, self.headers(**headers))

    def offset(self):
        answer = self.ask("HEAD", self.path)
        assert answer.status == 200, (answer.status, answer.body)
        return int(answer.headers["Upload-Offset"])

    def patch(self, offset, part):
        return self.ask("PATCH", self.path, part, **{"Upload-Offset": str(offset), "Content-Type": PART})

    def begin_to_send(self, offset, part, chunked=False):
        """A connection on which all the rest is announced, and only this part is sent."""
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(self.photo) - offset}"
        lines = [f"PATCH {self.path} HTTP/1.1", "Host: x", length]
        lines += [f"{k}: {v}" for k, v in self.headers(**{"Upload-Offset": offset, "Content-Type": PART}).items()]
        link = socket.create_connection((HOST, self.place.port))
        link.sendall("\r\n".join([*lines, "", ""]).encode())
        link.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        return link

    def state(self):
        [photo] = self.phone.insist("GET", f"/incidents/{self.incident}")[0].json["photos"]
        return photo["state"]

    def finish(self):
        offset = self.offset()
        if offset < len(self.photo):
            assert self.patch(offset, self.photo[offset:]).status == 204
        assert self.state() == "stored"
        stored = self.place.photos / "originals" / self.sha256[:2] / self.sha256
        assert stored.read_bytes() == self.photo


@pytest.fixture
def sender(place):
    return Sender(place, photo_of(300_000))


@pytest.mark.parametrize(
    "end, chunked",
    [(socket.socket.close, False), (reset, False), (socket.socket.close, True)],
    ids=["closed", "reset", "closed in chunks"],
)
def test_what_came_before_a_cut_is_kept(sender, end, chunked):
    sent = 0
    for part in (70_001, 3):
        link = sender.begin_to_send(sent, sender.photo[sent : sent + part], chunked)
        time.sleep(0.3)  # it has arrived: what a reset throws away on its way is nobody's to keep
        end(link)
        sent += part
        assert sender.offset() == sent
    assert sender.state() == "partial"
    sender.finish()


def test_a_newer_connection_takes_over_from_one_that_hangs(sender):
    """Several times, so that both processes of the server have been on either side."""
    offset, hanging, waited = 0, [], []
    for round in range(6):
        hanging.append(sender.begin_to_send(offset, sender.photo[offset : offset + 10_000]))
        time.sleep(0.2)
        begun = time.monotonic()
        if round % 2:  # without asking first: 409 tells the offset as well
            answer = sender.patch(offset, sender.photo[offset : offset + 1])
            assert (answer.status, answer.json["code"]) == (409, "wrong_offset")
        else:
            answer = sender.ask("HEAD", sender.path)
        waited.append(time.monotonic() - begun)
        offset += 10_000
        assert int(answer.headers["Upload-Offset"]) == offset
    assert max(waited) < TAKEN_OVER_WITHIN_S, waited
    for link in hanging:
        link.settimeout(10)
        assert b" 409 " in link.recv(4096)[:20]
        link.close()
    sender.finish()
    print(f"taken over within {max(waited):.2f} s")


@pytest.mark.only_on("sqlite")
def test_whoever_was_taken_over_never_writes_again(sender):
    old = sender.begin_to_send(0, sender.photo[:50_000])
    time.sleep(0.3)
    assert sender.offset() == 50_000
    with suppress(OSError):
        for _ in range(10):
            old.sendall(b"\0" * 10_000)
            time.sleep(0.02)
    assert sender.offset() == 50_000
    old.close()
    sender.finish()


@pytest.mark.only_on("sqlite")
def test_one_that_trickles_is_taken_over_as_quickly_and_loses_nothing(sender):
    link = sender.begin_to_send(0, sender.photo[:10])
    for sent in range(10, 30):
        link.sendall(sender.photo[sent : sent + 1])
        time.sleep(0.02)
    begun = time.monotonic()
    assert sender.offset() == 30
    assert time.monotonic() - begun < TAKEN_OVER_WITHIN_S
    sender.finish()


def test_while_uploads_hang_reports_are_taken_as_ever(place, sender):
    links = [Sender(place, photo_of(50_000)).begin_to_send(0, b"\xff\xd8\xff") for _ in range(8)]
    time.sleep(0.5)
    begun = time.monotonic()
    for _ in range(10):
        assert sender.phone.ask("POST", "/incidents", new_report()).status == 201
    assert time.monotonic() - begun < 3
    for link in links:
        reset(link)


@pytest.mark.only_on("sqlite")
def test_a_photo_over_a_link_that_is_cut_every_64_kib_is_hardly_sent_twice(place):
    sender, offset = Sender(place, photo_of(5_000_000 if SOAK else 1_000_000)), 0
    with CuttingProxy(place.port, 64 << 10, hard=True) as proxy:
        while offset < len(sender.photo):
            line = Line(proxy.port)
            headers = sender.headers(**{"Upload-Offset": str(offset), "Content-Type": PART})
            with suppress(Exception):
                line.ask("PATCH", sender.path, sender.photo[offset:], headers)
            time.sleep(AGAIN_AFTER_S)
            offset = sender.offset()
    assert sender.state() == "stored"
    again = proxy.body_bytes - len(sender.photo)
    assert again <= 0.02 * len(sender.photo), again
    print(f"{proxy.cuts} cuts, {again} bytes sent again")


def test_after_a_kill_it_goes_on_from_what_was_durable(new_place):
    place, dice = new_place(WEB_CONCURRENCY="1").start(), random.Random(os.urandom(4))
    sender, offset = Sender(place, photo_of(4 << 20, dice)), 0
    for _ in range(10 if SOAK else 1):
        part = dice.randrange(1, 3 << 20)
        link = sender.begin_to_send(offset, sender.photo[offset:][:part])
        time.sleep(dice.random() * 0.2)
        place.restart()
        link.close()
        durable = sender.offset()
        assert offset <= durable <= offset + part
        offset = durable
    sender.finish()
