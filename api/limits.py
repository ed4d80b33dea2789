"""How many requests a minute: generous to a phone that comes back after days, firm with one that runs wild.

A batch of a phone's queue is never refused for its length, but what it held counts for the requests after it.
Counted in the memory of each process, so with several processes the bounds are so much wider. A device is known by
its token; whoever shows none is known by address, widely, because whole valleys share one at their carrier.
"""

import threading
import time
from uuid import UUID

from flask import Flask, current_app, g, request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError
from werkzeug.exceptions import TooManyRequests

from api.security import verified_claims
from models.case_links import id_in

# Of RATE_LIMIT. What brings evidence in has a share of its own, and twice as much: it comes before anything else.
SHARES = {
    #            device account address
    "evidence": (2, 4, 10),
    "rest": (1, 2, 10),
}
EVIDENCE = {"incidents.report_incident", "photos.add_photo"}
EVIDENCE_BLUEPRINTS = {"uploads", "sync"}
# Of RATE_LIMIT, for the page behind a one-case link: a link is read by few, and an address may be that of an attacker.
LINK_SHARES = {
    #          link   address
    "reads": (1 / 50, 1 / 5),
    "writes": (1 / 300, 1 / 30),
}
LINK_BLUEPRINT = "case"
UNLIMITED = {"healthz", "readyz", "metrics"}
OPERATIONS_A_REQUEST = 10  # of a batch, which costs much less than requests of their own
MINUTE_S = 60
clock = time.time
Counted = list[tuple[str, float]]  # whom a request counts for, and how many times RATE_LIMIT they have


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
    if not current_app.config["RATE_LIMIT"] or request.endpoint in UNLIMITED:
        return
    if request.blueprint == LINK_BLUEPRINT:
        share = "reads" if request.method in ("GET", "HEAD") else "writes"
        return count(f"link {share}", through_link(*LINK_SHARES[share]))
    share = share_of_request()
    count(share, who(*SHARES[share]))


def count_carried(device_id: UUID, user_id: UUID) -> None:
    """A batch that somebody else brought counts for its owner too, in a share of its own: who carries much, or the
    same again and again, must not keep the owner's own phone out."""
    count("carried", carried_for(device_id, user_id))


def count(share: str, counted: Counted) -> None:
    if not (base := current_app.config["RATE_LIMIT"]):
        return
    now = clock()
    for key, times in counted:
        if current_app.extensions["rate_counter"].add(f"{share} {key}", int(now // MINUTE_S)) > max(1, base * times):
            raise TooManyRequests(retry_after=MINUTE_S - int(now % MINUTE_S))


def count_operations(number: int, owner: tuple[UUID, UUID] | None = None) -> None:
    """A batch of so many was sent: it counts like requests that were answered already. `owner`: for whom else."""
    share, counter = share_of_request(), current_app.extensions["rate_counter"]
    keys = [f"{share} {key}" for key, _ in who(*SHARES[share])]
    if owner:
        keys += [f"carried {key}" for key, _ in carried_for(*owner)]
    for key in keys:
        counter.add(key, int(clock() // MINUTE_S), number // OPERATIONS_A_REQUEST)


def carried_for(device_id: UUID, user_id: UUID) -> Counted:
    device, account, _ = SHARES["evidence"]
    return [(str(device_id), device), (str(user_id), account)]


def through_link(link: float, address: float) -> Counted:
    """Whoever guesses tokens is counted by address alone."""
    known = id_in((request.view_args or {}).get("token", ""))
    return [(str(known), link)] * bool(known) + [(request.remote_addr or "", address)]


def share_of_request() -> str:
    evidence = request.endpoint in EVIDENCE or request.blueprint in EVIDENCE_BLUEPRINTS
    return "evidence" if evidence else "rest"


def who(device: int, account: int, address: int) -> Counted:
    """The counters that this request counts in, each with its bound."""
    if "Authorization" in request.headers:
        try:
            claims = g.claims = verified_claims()
            return [(claims["did"], device), (claims["sub"], account)]
        except (JWTExtendedException, PyJWTError):
            pass
    return [(request.remote_addr or "", address)]
