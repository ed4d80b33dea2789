"""Every error leaves here, as application/problem+json (RFC 9457). Nobody else knows status codes."""

import errno
import logging
from typing import Any

from flask import Flask, Response, g, jsonify, request
from flask_smorest import Api
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from api.headers import request_id
from api.languages import language, translate
from models import Incident
from models import errors as e
from models import uploads as u
from models.errors import DomainError

log = logging.getLogger(__name__)

# The first family that fits.
STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (e.NotSignedIn, 401),
    (e.NotAllowed, 403),
    (e.NotFound, 404),
    (e.Conflict, 409),
    (e.Stale, 412),
    (e.VersionMissing, 428),
    (e.TooLarge, 413),
    (e.NotAPicture, 415),
    (u.UnknownProtocol, 412),
    (u.WrongContent, 415),
    (u.TooManyUploads, 429),
    (u.ChecksumMismatch, 460),
    (e.CutShort, 400),
    (e.Busy, 503),
    (e.NotReady, 503),
    (e.DiskFull, 507),
    (e.TooManyAttempts, 429),
    (DomainError, 422),
)
INCIDENTS = "/api/v1/incidents"
RETRY_AFTER_S = {429: 30, 503: 5, 507: 300}
TITLES = HTTP_STATUS_CODES | {460: "Checksum Mismatch"}  # of tus

# What the framework itself refuses, in people's words.
WORDS = {
    400: ("bad_request", "Yêu cầu không đọc được.", "The request cannot be read."),
    401: ("unauthenticated", "Hãy đăng nhập.", "Sign in first."),
    404: ("not_found", "Không tìm thấy, hoặc bạn không có quyền xem.", "Not found, or not yours to see."),
    405: ("method_not_allowed", "Địa chỉ này không nhận phương thức đó.", "This address does not take that method."),
    413: ("too_large", "Nội dung quá lớn.", "The content is too large."),
    415: ("unsupported_media_type", "Kiểu nội dung này không được nhận.", "This type of content is not taken."),
    422: (
        "invalid",
        "Dữ liệu chưa đúng; xem từng trường trong “errors”.",
        "Some data is not right; see “errors” by field.",
    ),
    429: (
        "too_many_requests",
        "Quá nhiều yêu cầu trong một phút; hãy chờ rồi gửi lại.",
        "Too many requests in a minute; wait, then send again.",
    ),
    500: (
        "internal_error",
        "Máy chủ gặp lỗi; dữ liệu của bạn chưa bị mất, hãy gửi lại.",
        "The server failed; send it again.",
    ),
    503: ("busy", "Máy chủ đang bận, hãy gửi lại sau ít giây.", "The server is busy; send it again in a few seconds."),
}


def described(status: int, code: str, detail: str, retryable: bool = False, **more: Any) -> dict[str, Any]:
    """An RFC 9457 object."""
    return {
        "type": f"urn:giap-ranh:{code}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": retryable,
        # Not there, or not yours to see: two such answers must not differ in anything.
        **({"request_id": request_id()} if status != 404 else {}),
        **{k: v for k, v in more.items() if v is not None},
    }


def problem(status: int, code: str, detail: str, retryable: bool = False, **more: Any) -> Response:
    response = jsonify(described(status, code, detail, retryable, **more))
    response.status_code = status
    response.content_type = "application/problem+json"
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in RETRY_AFTER_S:
        response.headers["Retry-After"] = str(RETRY_AFTER_S[status])
    return response


def problem_of(error: DomainError) -> dict[str, Any]:
    """A domain error as described(…) and problem(…) take it."""
    return {
        "status": next(status for family, status in STATUS if isinstance(error, family)),
        "code": error.code,
        "detail": error.text(language()),
        "retryable": error.retryable,
        "errors": one_language(error.errors),
        "content_sha256": error.facts.get("content_sha256"),
        "effect": error.facts.get("effect"),
        "digest": error.facts.get("digest"),
    }


def handle_domain_error(error: DomainError) -> Response:
    response = problem(**problem_of(error), current=current_state(error))
    if seconds := error.facts.get("retry_after_s"):
        response.headers["Retry-After"] = str(seconds)
    return response


def current_state(error: DomainError) -> dict[str, Any] | None:
    """Of the incident that the route is about, for whoever lost against another; nothing of what they may not see."""
    if not isinstance(error, e.Conflict | e.Stale) or not request.path.startswith(f"{INCIDENTS}/") or "user" not in g:
        return None
    try:
        return Incident.find((request.view_args or {})["id"], g.user).current_state
    except (DomainError, SQLAlchemyError, KeyError):
        return None


def one_language(errors: dict[str, list[str]] | None) -> dict[str, list[str]] | None:
    """Our own field messages carry both languages, "vi / en"; the request gets its own."""
    if errors is None:
        return None
    side = 0 if language() == "vi" else -1
    return {name: [m.split(" / ")[side] for m in messages] for name, messages in errors.items()}


def plain(status: int, **more: Any) -> Response:
    code, vi, en = WORDS.get(status, WORDS[400 if status < 500 else 500])
    return problem(status, code, vi if language() == "vi" else en, retryable=status == 429 or status >= 500, **more)


def handle_database_trouble(error: Exception) -> Response:
    """A full disk and a locked or absent database are the two troubles that pass."""
    text = str(error).lower()
    if "disk is full" in text or "no space left" in text or "disk i/o error" in text:
        return handle_domain_error(e.DiskFull())
    log.warning("database: %s", str(error).splitlines()[0])
    return handle_domain_error(e.Busy())


def handle_clash(error: IntegrityError) -> Response:
    """A constraint refused it, also when tried again: somebody else's row stands there."""
    log.warning("constraint: %s", str(error.orig).splitlines()[0])  # further lines hold the row
    return handle_domain_error(e.Conflict())


def handle_os_error(error: OSError) -> Response:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return handle_domain_error(e.DiskFull())
    if isinstance(error, TimeoutError):  # the client went silent in the middle of its body
        return handle_domain_error(e.CutShort())
    log.exception("operating system")
    return plain(500)


def handle_unexpected(error: Exception) -> Response:
    log.exception("unexpected")
    return plain(500)


class ProblemApi(Api):
    """flask-smorest, whose own error shape and dropped headers are replaced by ours."""

    def handle_http_exception(self, error: HTTPException) -> Response:
        status = error.code or 500
        messages = getattr(error, "data", {}).get("messages")
        if status == 422 and messages:
            # {"json": {"found_at": […]}} → {"found_at": […]}: where it stood in the request is no news.
            fields: dict[str, Any] = {}
            for place in messages.values():
                fields |= place if isinstance(place, dict) else {"_schema": place}
            return plain(422, errors=flat(translate(fields)))
        response = plain(status)
        if status == 415:
            response.headers["Accept-Encoding"] = "gzip, identity"
        if wait_s := getattr(error, "retry_after", None):
            response.headers["Retry-After"] = str(wait_s)
        if allow := getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(sorted(allow))
        return response


def flat(messages: Any, path: str = "") -> dict[str, list[str]]:
    """{"location": {"lat": […]}} → {"location.lat": […]}."""
    found: dict[str, list[str]] = {}
    for name, value in messages.items():
        where = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            found |= flat(value, where)
        else:
            found[where] = value if isinstance(value, list) else [value]
    return found


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, handle_domain_error)
    app.register_error_handler(OperationalError, handle_database_trouble)
    app.register_error_handler(IntegrityError, handle_clash)
    app.register_error_handler(PoolTimeout, handle_database_trouble)
    app.register_error_handler(OSError, handle_os_error)
    app.register_error_handler(Exception, handle_unexpected)
