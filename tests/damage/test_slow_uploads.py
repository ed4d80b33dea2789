"""Sixty-four phones whose photos trickle in must not slow down the others."""

import random
import socket
import threading
import time
from contextlib import suppress
from statistics import median

import pytest

from tests.damage.storm import a_photo
from tests.damage.wire import HOST, Line, NoAnswer
from tests.people import new_report

pytestmark = pytest.mark.alone

SLOW = 64
REQUESTS = 200
CALM_S = 0.200
TIMES_SLOWER = 5  # than the same requests without slow uploads: whatever the machine, not a matter of luck


class Trickle(threading.Thread):
    """Uploads that send a few bytes a second each, until they may hurry."""

    def __init__(self, phone, incident, count):
        super().__init__(daemon=True)
        self.hurry, self.links = threading.Event(), []
        dice = random.Random(count)
        for _ in range(count):
            photo = a_photo(dice)
            head = (
                f"POST /api/v1/incidents/{incident}/photos HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                f"Authorization: Bearer {phone.token}\r\nContent-Length: {len(photo)}\r\n\r\n"
            ).encode()
            link = socket.create_connection((HOST, phone.line.connection.port))
            link.sendall(head + photo[:100])
            self.links.append((link, memoryview(photo)[100:]))

    def run(self):
        sent = 0
        while not self.hurry.wait(0.5):
            for link, rest in self.links:
                try:
                    link.sendall(rest[sent : sent + 5])
                except OSError:  # refused already, as there were too many
                    continue
            sent += 5
        self.sent = sent

    def finish(self):
        """The status of each, once its bytes have all come."""
        self.hurry.set()
        self.join()
        found = []
        for link, rest in self.links:
            with suppress(OSError):
                link.sendall(rest[self.sent :])
            link.settimeout(30)
            found.append(int(link.recv(4096).split()[1]))
            link.close()
        return found


def times(phone, incident, count=REQUESTS):
    """Seconds of each of so many requests, reads and reports in turn, each on a connection of its own."""
    found = []
    for number in range(count):
        line = Line(phone.line.connection.port)
        phone.line.connection.close()
        phone.line = line
        begun = time.perf_counter()
        if number % 2:
            answer = phone.ask("GET", f"/incidents/{incident}")
        else:
            answer = phone.ask("POST", "/incidents", new_report())
        found.append(time.perf_counter() - begun)
        assert answer.status in (200, 201), answer.body
    return sorted(found)


@pytest.fixture
def calm(place):
    """A phone, a case, and how long requests take when nothing else happens."""
    phone = place.phone()
    incident = phone.ask("POST", "/incidents", new_report()).json["id"]
    times(phone, incident, 40)  # both processes have read what they need
    return phone, incident, times(phone, incident)


def p99(found):
    return found[int(len(found) * 0.99)]


def test_slow_uploads_leave_room_for_the_others(calm):
    phone, incident, alone = calm
    trickle = Trickle(phone, incident, SLOW)
    trickle.start()
    time.sleep(1)
    try:
        beside = times(phone, incident)
    except NoAnswer as error:
        raise AssertionError("starved by slow uploads") from error
    said = f"p50 {median(alone):.3f} → {median(beside):.3f} s, p99 {p99(alone):.3f} → {p99(beside):.3f} s"
    assert p99(beside) < max(CALM_S, TIMES_SLOWER * p99(alone)), said
    assert median(beside) < max(CALM_S / 2, TIMES_SLOWER * median(alone)), said
    ended = trickle.finish()
    assert set(ended) <= {201, 429, 503} and 201 in ended, ended
    print(f"{said}; the uploads ended with { {status: ended.count(status) for status in set(ended)} }")
