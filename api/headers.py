"""What every answer carries: its request id, the headers that keep browsers out of trouble, CORS where it is wanted."""

import re
import secrets
import time
from typing import Any

from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from api.incoming import hang_up

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# A page of ours may ask where it is and take a picture; nothing else, and nobody inside it.
PAGE_MAY_USE = "geolocation=(self), camera=(self), microphone=(self), payment=(), usb=()"
ONE_YEAR_S = 365 * 24 * 3600
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

EXPOSED = [
    *("ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replay"),
    *("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
    *("Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires"),
]
ACCEPTED = [
    *("Authorization", "Content-Type", "Content-Encoding", "Accept-Language", "Idempotency-Key"),
    *("If-Match", "If-None-Match", "X-Content-SHA256", "X-Request-Id"),
    *("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum"),
]
LARGE_BODY = 64 << 10


def install(app: Flask) -> None:
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)  # type: ignore[method-assign]
    if origins := app.config["CORS_ORIGINS"]:
        # Never with credentials: we know people by their token, so no cookie has to come along.
        CORS(
            app,
            resources={r"/api/.*": {"origins": origins}},
            expose_headers=EXPOSED,
            allow_headers=ACCEPTED,
            supports_credentials=False,
            max_age=600,
        )
    app.before_request(name_request)
    app.after_request(protect)


def request_id() -> str:
    """The id the client gave, when it is fit for a log, else one of ours."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if SANE_ID.fullmatch(given) else secrets.token_hex(8)
    return g.request_id


def name_request() -> None:
    g.begun = time.perf_counter()
    request_id()


def protect(response: Response) -> Response:
    headers: Any = response.headers
    headers["X-Request-Id"] = request_id()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        headers.setdefault("Permissions-Policy", PAGE_MAY_USE)
    else:
        headers.setdefault("Content-Security-Policy", API_POLICY)
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR_S}"
    if request.path.startswith("/api/"):
        response.vary.update(("Authorization", "Accept-Language"))
        headers["Cache-Control"] = "private, no-cache" if "ETag" in headers else "no-store"
    else:
        headers.setdefault("Cache-Control", "no-store")
    if response.status_code >= 400 and (request.content_length or 0) > LARGE_BODY:
        hang_up()  # the rest of a refused upload would hold a thread until it has come
    return response
