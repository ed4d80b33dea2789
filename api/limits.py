"""How many requests a minute: generous to a phone that comes back after days, firm with one that runs wild.

A batch of a phone's queue is never refused for its length, but what it held counts for the requests after it.
Counted in the memory of each process, so with several processes the bounds are so much wider. A device is known by
its token; whoever shows none is known by address, widely, because whole valleys share one at their carrier.
"""

import threading
import time

from flask import Flask, current_app, g, request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError
from werkzeug.exceptions import TooManyRequests

from api.security import verified_claims

# Of RATE_LIMIT. What brings evidence in has a share of its own, and twice as much: it comes before anything else.
SHARES = {
    #            device account address
    "evidence": (2, 4, 10),
    "rest": (1, 2, 10),
}
EVIDENCE = {"incidents.report_incident", "photos.add_photo"}
EVIDENCE_BLUEPRINTS = {"uploads", "sync"}
UNLIMITED = {"healthz", "readyz", "metrics"}
OPERATIONS_A_REQUEST = 10  # of a batch, which costs much less than requests of their own
MINUTE_S = 60
clock = time.time


class Counter:
    """Requests of the running minute, by who sent them; the next minute begins with nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[str, int] = {}

    def add(self, key: str, minute: int, times: int = 1) -> int:
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            self._counts[key] = count = self._counts.get(key, 0) + times
            return count


def install(app: Flask) -> None:
    app.extensions["rate_counter"] = Counter()
    app.before_request(count_request)


def count_request() -> None:
    base, counter = current_app.config["RATE_LIMIT"], current_app.extensions["rate_counter"]
    if not base or request.endpoint in UNLIMITED:
        return
    share, now = share_of_request(), clock()
    for key, times in who(*SHARES[share]):
        if counter.add(f"{share} {key}", int(now // MINUTE_S)) > base * times:
            raise TooManyRequests(retry_after=MINUTE_S - int(now % MINUTE_S))


def count_operations(number: int) -> None:
    """A batch of so many was sent: it counts like requests that were answered already."""
    counter, share = current_app.extensions["rate_counter"], share_of_request()
    for key, _ in who(*SHARES[share]):
        counter.add(f"{share} {key}", int(clock() // MINUTE_S), number // OPERATIONS_A_REQUEST)


def share_of_request() -> str:
    evidence = request.endpoint in EVIDENCE or request.blueprint in EVIDENCE_BLUEPRINTS
    return "evidence" if evidence else "rest"


def who(device: int, account: int, address: int) -> list[tuple[str, int]]:
    """The counters that this request counts in, each with its bound."""
    if "Authorization" in request.headers:
        try:
            claims = g.claims = verified_claims()
            return [(claims["did"], device), (claims["sub"], account)]
        except (JWTExtendedException, PyJWTError):
            pass
    return [(request.remote_addr or "", address)]
