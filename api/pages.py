"""What stands outside /api/v1: whether the service lives and is ready, and the browsable API page."""

from flask import Flask, Response, current_app, jsonify, send_from_directory

from api.config import ROOT
from api.errors import problem
from api.headers import PAGE_POLICY
from api.languages import language
from api.security import public
from services.readiness import parts_of

VENDOR = ROOT / "web" / "vendor"
SWAGGER = "swagger-ui-5.35.0"

# The vendored page writes styles into its elements.
DOCS_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
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
        """Whether reports can be taken now, and what else is not as it should be."""
        parts = parts_of(current_app.extensions["photo_store"])
        shown = {name: {"ok": part.ok, "detail": part.detail} for name, part in parts.items()}
        if missing := [name for name, part in parts.items() if part.needed and not part.ok]:
            vi, en = f"Chưa sẵn sàng: {', '.join(missing)}.", f"Not ready: {', '.join(missing)}."
            return problem(503, "not_ready", vi if language() == "vi" else en, retryable=True, parts=shown)
        return jsonify(status="ready", parts=shown)

    @app.get("/docs")
    @public
    def docs() -> Response:
        """The API page."""
        headers = {"Content-Security-Policy": DOCS_POLICY}
        return Response(PAGE.format(vendor=SWAGGER), headers=headers, content_type="text/html; charset=utf-8")

    @app.get("/docs/start.js")
    @public
    def docs_start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @app.get(f"/docs/{SWAGGER}/<name>")
    @public
    def docs_asset(name: str) -> Response:
        return send_from_directory(VENDOR / SWAGGER, name, max_age=86_400)
