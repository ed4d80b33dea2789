"""Logs: one line for each request, errors with where they happened, and nothing that people wrote.

No bodies, no query strings, no tokens, no names. An error's message may quote what it tripped over, so only its
first line is kept, and whatever came with the request is taken out of it.
"""

import json
import logging
import os
import re
import sys
import time
import traceback
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from flask import Flask, Response, g, has_request_context, request

from api.config import setting
from api.headers import request_id

OURS = ("api", "models", "services", "giap_ranh")
QUIET = {"healthz", "readyz", "metrics"}  # asked every few seconds by machines
SHORTEST_SECRET = 4  # characters; shorter ones would black out ordinary words
LONGEST_MESSAGE = 300
HIDDEN = "[…]"
TOKENS = re.compile(r"Bearer\s+\S+|eyJ[\w-]+\.[\w-]+\.[\w-]+|\b[0-9a-f]{64}\b|\?[^\s'\"]+=[^\s'\"]*")
ROW = re.compile(r"\s*(DETAIL|CONTEXT|PARAMETERS):.*", re.DOTALL)

_requests: Any = None  # the logger of requests; None until `configure`


def install(app: Flask) -> None:
    app.after_request(note_request)


def configure(stream: TextIO | None = None, style: str = "", level: str = "") -> None:
    """Send all logs to stderr: of ours from `level` on, of libraries from warnings on."""
    global _requests
    stream = stream or sys.stderr
    style = style or setting("LOG_FORMAT") or ("text" if stream.isatty() else "json")
    level = (level or setting("LOG_LEVEL") or ("warning" if style == "text" else "info")).upper()
    number = logging.getLevelNamesMapping().get(level, logging.INFO)
    last = json_line if style == "json" else text_line
    kept = cast(TextIO, Kept(stream))
    handler = logging.StreamHandler(kept)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[describe_record, last]))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(number)
    for name in ("gunicorn.error", "gunicorn"):
        logging.getLogger(name).handlers = [handler]
    _requests = structlog.wrap_logger(
        structlog.WriteLogger(kept), [last], wrapper_class=structlog.make_filtering_bound_logger(number)
    )


class Kept:
    """A stream that never fails: on a full disk lines are lost, not the answers they tell of."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


json_line = structlog.processors.JSONRenderer(ensure_ascii=False)


def text_line(_logger: Any, _method: str, line: dict[str, Any]) -> str:
    error = line.pop("exception", "")
    facts = " ".join(f"{k}={v}" for k, v in line.items() if v is not None)
    return f"{facts}\n{error}" if error else facts


def note_request(response: Response) -> Response:
    """One line: who asked for which route and what came of it. The route is the rule, without its values."""
    if _requests is None or (request.endpoint in QUIET and response.status_code < 500):
        return response
    status = response.status_code
    user, claims = g.get("user"), g.get("claims") or {}
    level = "info" if status < 500 else "warning" if status in (503, 507) else "error"
    getattr(_requests, level)(
        "request",
        time=utc(time.time()),
        level=level,
        request_id=request_id(),
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=status,
        ms=round((time.perf_counter() - g.begun) * 1000, 1) if "begun" in g else None,
        user_id=claims.get("sub"),
        unit_id=str(user.unit_id) if user and user.unit_id else None,
        device_id=claims.get("did"),
    )
    return response


def utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


def describe_record(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """A line of Python's own logging in our shape."""
    record, error = line["_record"], line.get("exc_info")
    told = {
        "event": scrub(str(line["event"])),
        "time": utc(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "process": os.getpid(),
    }
    if has_request_context():
        told["request_id"] = request_id()
    if isinstance(error, tuple) and error[1] is not None:
        told["exception"] = story(error[1])
    return told


def story(error: BaseException) -> str:
    """Where an error happened and what came before it: files, lines, functions; of messages the first line, scrubbed."""
    parts = []
    following: BaseException | None = error
    while following is not None:
        where = "".join(traceback.format_tb(following.__traceback__))
        parts.append(f"{where}{type(following).__name__}: {scrub(str(following))}")
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return "\nafter:\n".join(parts)


def scrub(text: str) -> str:
    """The first line of a message without anything that the request brought along."""
    text = ROW.sub("", text).partition("\n")[0]
    for secret in sorted(brought(), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return TOKENS.sub(HIDDEN, text)[:LONGEST_MESSAGE]


def brought() -> set[str]:
    """Every string in this request's body, path, query and headers of authority, also as JSON and Python would quote
    it."""
    if not has_request_context():
        return set()
    found: set[str] = set(request.args.values())
    found |= {value for value in (request.view_args or {}).values() if isinstance(value, str)}
    found |= set(request.form.values()) if "form" in request.__dict__ else set()  # only if it was read
    found |= {request.headers.get(name, "") for name in ("Authorization", "Cookie", "Idempotency-Key")}
    waiting = [g.get("body")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            found.add(value)
    found = {s for s in found if len(s) >= SHORTEST_SECRET}
    return found | {json.dumps(s)[1:-1] for s in found} | {repr(s.encode())[2:-1] for s in found}
