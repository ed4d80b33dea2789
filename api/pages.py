"""What stands outside /api/v1: health, the browsable API page, and headers on everything."""

import secrets

from flask import Flask, Response, g, jsonify, request, send_from_directory

from api.config import ROOT
from api.security import public
from models import db

VENDOR = ROOT / "web" / "vendor"
SWAGGER = "swagger-ui-5.35.0"

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="vi">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Giáp Ranh – API</title>
<link rel="stylesheet" href="/docs/{vendor}/swagger-ui.css">
<link rel="icon" href="/docs/{vendor}/favicon-32x32.png">
</head>
<body><div id="swagger"></div>
<script src="/docs/{vendor}/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body></html>"""
START = (
    'SwaggerUIBundle({url: "/api/v1/openapi.json", dom_id: "#swagger", deepLinking: true, '
    "docExpansion: 'list', persistAuthorization: false, validatorUrl: null});"
)


def install(app: Flask) -> None:
    @app.get("/healthz")
    @public
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @app.get("/readyz")
    @public
    def readyz() -> Response:
        """The database answers, too."""
        db.session.execute(db.text("SELECT 1"))
        return jsonify(status="ready", database=db.engine.dialect.name)

    @app.get("/docs")
    @public
    def docs() -> Response:
        """The API page."""
        return Response(PAGE.format(vendor=SWAGGER), content_type="text/html; charset=utf-8")

    @app.get("/docs/start.js")
    @public
    def docs_start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @app.get(f"/docs/{SWAGGER}/<name>")
    @public
    def docs_asset(name: str) -> Response:
        return send_from_directory(VENDOR / SWAGGER, name, max_age=86_400)

    @app.before_request
    def name_request() -> None:
        g.request_id = request.headers.get("X-Request-Id", "")[:64] or secrets.token_hex(8)

    @app.after_request
    def protect(response: Response) -> Response:
        page = request.path.startswith("/docs")
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY if page else API_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if request.path.startswith("/api/"):
            response.vary.update(("Authorization", "Accept-Language"))
            response.headers["Cache-Control"] = "private, no-cache" if response.headers.get("ETag") else "no-store"
        return response
