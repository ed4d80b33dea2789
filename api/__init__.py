"""The doors: HTTP in routes/ and schemas/, the terminal in cli/. No rules, no SQL."""

import re
from typing import Any

from flask import Flask
from flask_compress import Compress
from flask_migrate import Migrate

from api import cli, errors, headers, limits, logs, metrics, pages, security
from api.blueprint import Problem, declare_problems
from api.config import ROOT, flask_settings
from api.incoming import IncomingRequest
from api.routes.agreements import agreements
from api.routes.auth import auth
from api.routes.boundaries import boundaries
from api.routes.case_links import case_links
from api.routes.case_pages import case
from api.routes.contacts import contacts
from api.routes.disputed_grounds import disputed_grounds
from api.routes.disputes import disputes
from api.routes.documents import documents
from api.routes.enrolments import enrolments
from api.routes.fires import fires
from api.routes.hotspots import hotspots
from api.routes.incidents import incidents
from api.routes.joint_verifications import joint_verifications
from api.routes.notices import notices
from api.routes.photos import photos
from api.routes.subscriptions import subscriptions
from api.routes.summaries import summaries
from api.routes.sync import sync
from api.routes.units import units
from api.routes.uploads import uploads
from api.routes.users import users
from models import db
from services.storage import store_at

BLUEPRINTS = (
    *(auth, units, incidents, photos, uploads, sync, summaries, users, enrolments, agreements, disputes),
    *(fires, joint_verifications, documents, case_links, contacts, hotspots, disputed_grounds, notices),
    *(subscriptions, boundaries),
)


def create_app(**settings: Any) -> Flask:
    app = Flask("giap_ranh", root_path=str(ROOT), static_folder=None)
    app.request_class = IncomingRequest
    app.config.update(flask_settings() | settings)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False

    app.extensions["photo_store"] = store_at(app.config["PHOTO_STORE"], app.config["PHOTO_SPOOL"])
    db.init_app(app)
    Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
    security.install(app)
    Compress(app)
    for edge in (headers, logs, metrics, limits):
        edge.install(app)

    api = errors.ProblemApi(app)
    api.spec.components.schema("Problem", schema=Problem)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    complete_the_specification(app, api)
    app.register_blueprint(case)
    pages.install(app)
    errors.install(app)
    cli.install(app)
    refuse_routes_without_policy(app)
    return app


def complete_the_specification(app: Flask, api: Any) -> None:
    """What flask-smorest cannot know: our problems, and who needs no token."""
    public = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "policy", None) == "public"
    }
    to_dict = api.spec.to_dict
    api.spec.to_dict = lambda: declare_problems(to_dict(), public)


def refuse_routes_without_policy(app: Flask) -> None:
    """A route that does not say who may use it stops the app from starting."""
    for rule in app.url_map.iter_rules():
        if not hasattr(app.view_functions[rule.endpoint], "policy") and not rule.endpoint.startswith("api-docs."):
            raise RuntimeError(f"{rule} has no policy: decorate it with signed_in or public")
