"""A phone on the wire: one kept connection, an answer or none, and a session that outlives lost answers."""

import gzip
import http.client
import json
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from bench.phone_store import Store

PATIENCE_S = 30
LARGEST_ANSWER = 64 << 20
WORTH_PACKING = 200  # bytes
PASSING = (408, 425, 429, 500, 502, 503, 504, 507)


class Trouble(Exception):
    """What keeps a phone from going on; everything stays in its queue."""


class NoAnswer(Trouble):
    """Cut, refused or silent: nobody knows whether it was done, so it is sent again."""


class Later(Trouble):
    """The server has no time or no room now."""

    def __init__(self, after_s: float, said: str):
        super().__init__(said)
        self.after_s = after_s


class SignInNeeded(Trouble):
    """The session ended: only the person can open another one. What was recorded waits."""


class Refused(Trouble):
    """A request that will not be taken, however often it is sent."""

    def __init__(self, status: int, problem: dict[str, Any], said: str):
        super().__init__(said)
        self.status, self.problem = status, problem


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any = field(repr=False)
    body: bytes

    @property
    def json(self) -> Any:
        """Raises NoAnswer for what is none, such as the page of a hotel's sign-in."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise NoAnswer("an answer that is not of our server") from None

    @property
    def problem(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}

    def check(self) -> "Answer":
        """Itself when it is good. Raises Later or Refused."""
        if self.status < 400:
            return self
        problem = self.problem
        said = f"{self.status} {problem.get('code', '')}: {problem.get('detail', '')}"
        # What names no code is not of our server: of a proxy, or of the sign-in page of somebody's network.
        if self.status in PASSING or problem.get("retryable") or "code" not in problem:
            raise Later(retry_after_s(self.headers), said)
        raise Refused(self.status, problem, said)


def retry_after_s(headers: Any) -> float:
    try:
        return max(0.0, float(headers.get("Retry-After", 0)))
    except ValueError:
        return 0.0


class Lines:
    """A file that remembers the last line read from it."""

    def __init__(self, file: Any):
        self.file, self.last = file, b""

    def readline(self, *most: int) -> bytes:
        self.last = self.file.readline(*most)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class WholeHead(http.client.HTTPResponse):
    """The standard library takes a head that was cut for a whole one: an offset may lack its last digits."""

    def begin(self) -> None:
        lines = Lines(self.fp)
        self.fp = lines
        super().begin()
        if self.fp is lines:
            self.fp = lines.file
        if lines.last not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(lines.last)


class Line:
    """A kept connection; whatever goes wrong on it is NoAnswer, and the next request opens another."""

    def __init__(self, server: str, patience_s: float = PATIENCE_S):
        address = urlsplit(server)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self.server, self.base = server.rstrip("/"), address.path.rstrip("/")
        self.connection = kind(address.hostname or "", address.port, timeout=patience_s)
        self.connection.response_class = WholeHead
        self.sent = self.received = 0  # bytes of bodies, as they were on the wire

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """`body`: bytes, or a file and its length in the headers. Paths are below the server's address."""
        try:
            self.connection.request(method, self.base + path, body, {"Accept-Encoding": "gzip"} | (headers or {}))
            reply = self.connection.getresponse()
            content = reply.read(LARGEST_ANSWER)
            if reply.length:
                raise http.client.IncompleteRead(content, reply.length)
            self.received += len(content)
            if reply.headers.get("Content-Encoding") == "gzip" and content:
                content = gzip.decompress(content)
            if reply.will_close:
                self.connection.close()
            return Answer(reply.status, reply.headers, content)
        except (OSError, EOFError, http.client.HTTPException, zlib.error) as error:
            self.connection.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.connection.close()
            raise

    def path_of(self, location: str) -> str:
        """Of a Location: wherever it says the server is called, the phone goes on by the address it knows."""
        path = urlsplit(urljoin(self.server + "/", location)).path
        return path.removeprefix(self.base) if self.base else path


class Session:
    """Requests with a token; a new one is asked for when it has had its time."""

    def __init__(self, store: Store, line: Line, language: str = "vi"):
        self.store, self.line, self.language = store, line, language

    def login(self, username: str, password: str, name: str = "", platform: str = "") -> dict[str, Any]:
        device = {"id": self.store.fact("device"), "name": name, "platform": platform}
        asked = {"username": username, "password": password, "device": device}
        tokens = self.post("/api/v1/auth/login", asked).check().json
        if (before := self.store.fact("user")) and before["id"] != tokens["user"]["id"]:
            self.store.change_hands()
        self._keep(tokens)
        return tokens["user"]

    def _keep(self, tokens: dict[str, Any]) -> None:
        """On disk before it is used: whoever uses the new one and then forgets it has none that counts."""
        names = ("access_token", "refresh_token", "user")
        self.store.keep(**{name: tokens[name] for name in names})

    def refresh(self) -> None:
        """Asked again after a lost answer, the server says the same: the old token is kept until the new one came."""
        if not (token := self.store.fact("refresh_token")):
            raise SignInNeeded("chưa đăng nhập")
        answer = self.post("/api/v1/auth/refresh", {"refresh_token": token})
        if answer.status == 401:
            raise SignInNeeded(answer.problem.get("detail", "hết phiên đăng nhập"))
        self._keep(answer.check().json)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        """JSON, packed when that is shorter."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        given = {"Content-Type": "application/json", "Accept-Language": self.language} | (headers or {})
        if len(content) >= WORTH_PACKING:
            content = gzip.compress(content, 9, mtime=0)
            given["Content-Encoding"] = "gzip"
        self.line.sent += len(content)
        return self.line.ask("POST", path, content, given)

    def ask(self, send: Any) -> Answer:
        """What `send` is answered, given the header that says who asks; once more with a new token if it was old."""
        answer = send(self.authorization())
        if answer.status != 401:
            return answer
        self.refresh()
        answer = send(self.authorization())
        if answer.status == 401:
            raise SignInNeeded(answer.problem.get("detail", ""))
        return answer

    def authorization(self) -> dict[str, str]:
        if not (token := self.store.fact("access_token")):
            raise SignInNeeded("chưa đăng nhập")
        return {"Authorization": f"Bearer {token}", "Accept-Language": self.language}
