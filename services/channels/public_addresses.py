"""POST to an address that somebody gave: only into the open internet, to the very machine that was looked at."""

import http.client
import socket
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from models.channels import is_public
from services.channels.outcomes import LIMIT_S, NotPublic, Outcome, attempted

CONNECT_S = 5.0
DEFAULT_PORTS = {"https": 443, "http": 80}


def post(url: str, body: bytes, headers: dict[str, str], local_too: bool = False) -> Outcome:
    """No redirects, no proxy, and of the answer only its status; `local_too` is for tests and one machine alone."""
    held: list[Any] = [None]

    def send(over: threading.Event) -> Outcome:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
        connection = http.client.HTTPConnection(host, port, timeout=LIMIT_S)
        # Connected by ourselves: looked up again, the name could lead elsewhere by now.
        held[0] = connected(host, port, local_too)
        if parts.scheme == "https":
            held[0] = _wrapped(held[0], host)
            held[0].do_handshake()
        connection.sock = held[0]
        if over.is_set():
            raise TimeoutError
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers | {"Host": parts.netloc, "Connection": "close"})
        return Outcome.of_status(connection.getresponse().status)

    try:
        return attempted(send, lambda: held[0], http.client.HTTPException)
    finally:
        if held[0] is not None:
            held[0].close()


def _wrapped(plain: socket.socket, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    return context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def connected(host: str, port: int, local_too: bool = False) -> socket.socket:
    """Raises NotPublic when the name leads to any address that is not of the open internet."""
    addresses = looked_up(host, port)
    if not local_too and not all(is_public(address) for address in addresses):
        raise NotPublic(host)
    trouble: OSError = OSError("no address")
    for address in addresses:
        try:
            made = socket.create_connection((address, port), timeout=CONNECT_S)
            made.settimeout(LIMIT_S)
            return made
        except OSError as error:
            trouble = error
    raise trouble


def looked_up(host: str, port: int) -> list[str]:
    """The addresses of a name. Asked in a thread of its own: a lookup has no time limit."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(CONNECT_S)
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise OSError("no such name")
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
