"""What became of sending: a code of `delivery_result`, and the status that the receiver answered."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

SENT, REFUSED, GONE, REDIRECTED = "sent", "refused", "gone", "redirected"
TIMED_OUT, UNREACHABLE, NOT_PUBLIC, NOT_AVAILABLE = "timed_out", "unreachable", "not_public", "not_available"
RESULTS = (SENT, REFUSED, GONE, REDIRECTED, TIMED_OUT, UNREACHABLE, NOT_PUBLIC, NOT_AVAILABLE)
LIMIT_S = 10.0  # for all of one attempt, however slowly the receiver answers


@dataclass(frozen=True)
class Target:
    """Where a letter goes, with what it is signed or sealed with."""

    address: str
    secrets: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    result: str
    status: int | None = None

    @classmethod
    def of_status(cls, status: int) -> "Outcome":
        if 200 <= status < 300:
            return cls(SENT, status)
        if status == 410:
            return cls(GONE, status)
        return cls(REDIRECTED if 300 <= status < 400 else REFUSED, status)


class NotPublic(Exception):
    """The address leads into a network of our own, or of somebody else's."""


@contextlib.contextmanager
def cut_off(connection: Callable[[], socket.socket | None], limit_s: float = LIMIT_S) -> Iterator[threading.Event]:
    """A time limit on all of it: timeouts of a socket begin anew with every byte that trickles in."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        if (held := connection()) is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)  # past what TLS would still want to say

    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def _smtp_code(error: Any) -> int | None:
    """What a mail server answered, of the whole or of the one receiver."""
    of_receiver = next(iter(getattr(error, "recipients", {}).values()), (None,))[0]
    return getattr(error, "smtp_code", None) or of_receiver


def attempted(send: Callable[[threading.Event], Outcome], connection: Callable[[], Any], *refused: Any) -> Outcome:
    """What became of an attempt, whatever goes wrong in it."""
    with cut_off(connection) as over:
        try:
            return send(over)
        except NotPublic:
            return Outcome(NOT_PUBLIC)
        except refused as error:
            return Outcome(TIMED_OUT if over.is_set() else REFUSED, _smtp_code(error))
        except TimeoutError:
            return Outcome(TIMED_OUT)
        except (OSError, ssl.SSLError, ValueError):
            return Outcome(TIMED_OUT if over.is_set() else UNREACHABLE)
