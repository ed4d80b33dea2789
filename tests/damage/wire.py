"""Phones on the wire: a kept connection each, and the same request again until it is acknowledged."""

import http.client
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from services.demo import PASSWORD

HOST = "127.0.0.1"
BASE = "/api/v1"
ANSWER_WITHIN_S = 30
ACKNOWLEDGED_WITHIN_S = 60
AGAIN_AFTER_S = 0.02


class NoAnswer(Exception):
    """The connection was cut, refused or silent: nobody knows whether it was done."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """A kept connection to the server."""

    def __init__(self, port: int, patience_s: float = ANSWER_WITHIN_S):
        self.connection = http.client.HTTPConnection(HOST, port, timeout=patience_s)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Raises NoAnswer."""
        try:
            self.connection.request(method, path, body, headers or {})
            reply = self.connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error


class Phone:
    """Somebody signed in, who counts what comes back; paths are those below /api/v1."""

    def __init__(self, port: int, username: str, patience_s: float = ANSWER_WITHIN_S):
        self.username = username
        self.line = Line(port, patience_s)
        self.token = ""
        self.met: Counter[str] = Counter()  # by status, and "none" for no answer
        self.longest_s = 0.0  # from the first try to the acknowledgement

    def sign_in(self) -> "Phone":
        login = {"username": self.username, "password": PASSWORD, "device": {"id": f"damage {self.username}"}}
        answer, _ = self._insist("POST", "/auth/login", login, {})
        assert answer.status == 200, answer.body
        self.token = answer.json["access_token"]
        return self

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Once. A body is sent as JSON, bytes as a photo. Raises NoAnswer."""
        kind = "image/jpeg" if isinstance(body, bytes) else "application/json"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": kind}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        return self.line.ask(method, BASE + path, content, given)

    def insist(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[Answer, int]:
        """The same request until the server says what became of it; the answer, and how many tries it took."""
        begun = time.monotonic()
        answer, tries = self._insist(method, path, body, headers)
        if answer.status == 401:  # the access token has had its quarter of an hour
            self.sign_in()
            answer, more = self._insist(method, path, body, headers)
            tries += more
        self.longest_s = max(self.longest_s, time.monotonic() - begun)
        return answer, tries

    def _insist(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[Answer, int]:
        until, tries = time.monotonic() + ACKNOWLEDGED_WITHIN_S, 0
        while time.monotonic() < until:
            tries += 1
            try:
                answer = self.ask(method, path, body, **headers)
            except NoAnswer:
                self.met["none"] += 1
            else:
                self.met[str(answer.status)] += 1
                if answer.status not in (429, 500, 502, 503, 507):
                    return answer, tries
            time.sleep(AGAIN_AFTER_S)
        raise TimeoutError(f"{self.username}: {method} {path} not acknowledged within {ACKNOWLEDGED_WITHIN_S} s")
