"""The rules of the house. If one fails, move the code; do not move the rule."""

import ast
import re
from pathlib import Path
from uuid import uuid4

import pytest

from api import create_app

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {"models": {"models"}, "services": {"models", "services"}, "api": {"models", "services", "api"}}
MAY_COMMIT = {"api/transaction.py", "services/worker.py"}
HTTP = {"flask", "werkzeug", "marshmallow", "webargs", "apispec", "requests", "http"}
WRITING = {"POST", "PUT", "PATCH", "DELETE"}
# Opening another door to everybody is a decision: it is made here, too.
PUBLIC = {
    "auth.login",
    "auth.refresh",
    "enrolments.enrol",
    "healthz",
    "readyz",
    "metrics",
    "docs",
    "docs_start",
    "docs_asset",
    "case.read_case",
    "case.answer_case",
    "case.read_picture",
    "case.style",
}
LONGEST = 300  # lines


def modules():
    return sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


def name(path):
    return path.relative_to(ROOT).as_posix()


def tree(path):
    return ast.parse(path.read_text("utf-8"))


def imported(path):
    """Every module that a file imports, also inside functions; relative imports begin with a dot."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def called(path):
    """The name of every method that a file calls."""
    return {n.func.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """The app as it starts, on a database that nobody opens."""
    folder = tmp_path_factory.mktemp("doors")
    return create_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/empty.sqlite", PHOTO_STORE=folder, TESTING=True)


def routes(app):
    """(rule, view, method) of everything that answers, the specification's own pages aside."""
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("api-docs."):
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield rule, app.view_functions[rule.endpoint], method


def address(rule):
    """A path of the rule with random ids in it."""
    path = re.sub(r"<uuid:\w+>", lambda _: str(uuid4()), rule.rule)
    return re.sub(r"<[^>]+>", "khong-co", path)


@pytest.mark.parametrize("path", modules(), ids=name)
def test_imports_point_inwards_and_are_absolute(path):
    names = list(imported(path))
    room = path.relative_to(ROOT).parts[0]
    assert {n.split(".")[0] for n in names} & (MAY_IMPORT.keys() | {"tests", "bench"}) <= MAY_IMPORT[room]
    assert not [n for n in names if n.startswith(".")]


@pytest.mark.parametrize("path", [p for p in modules() if name(p).startswith("models/")], ids=name)
def test_models_know_no_http(path):
    allowed = {"flask_sqlalchemy"} if name(path) == "models/base.py" else set()
    roots = {n.split(".")[0] for n in imported(path)}
    assert {r for r in roots if r in HTTP or r.startswith("flask_")} <= allowed


def test_only_the_edge_and_the_worker_commit():
    assert {name(path) for path in modules() if "commit" in called(path)} <= MAY_COMMIT


def test_nobody_opens_a_transaction_that_would_commit_by_itself():
    assert not {name(path) for path in modules() if "begin" in called(path)}


def test_no_module_is_longer_than_a_reader_can_hold():
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert not {path: lines for path, lines in lengths.items() if lines > LONGEST}


def test_every_module_opens_with_one_line_saying_what_lives_in_it():
    silent = [p for p in modules() if p.read_text("utf-8").strip() and not ast.get_docstring(tree(p))]
    assert not [name(p) for p in silent]


def test_what_is_left_to_do_is_an_issue_not_a_comment():
    left = re.compile(r"\b(" + "TO" + "DO|FIX" + r"ME)\b")
    assert not [name(p) for p in modules() if left.search(p.read_text("utf-8"))]


def test_every_write_is_one_transaction(doors):
    bare = {f"{m} {rule}" for rule, view, m in routes(doors) if m in WRITING and not getattr(view, "writes", False)}
    assert not bare


def test_every_route_declares_who_may_use_it_and_public_ones_are_listed_here(doors):
    policies = {rule.endpoint: getattr(view, "policy", None) for rule, view, _ in routes(doors)}
    assert None not in policies.values()
    assert {endpoint for endpoint, policy in policies.items() if policy == "public"} == PUBLIC


def test_every_route_but_the_public_ones_refuses_whoever_shows_no_token(doors):
    client = doors.test_client()
    for rule, _, method in routes(doors):
        if rule.endpoint not in PUBLIC:
            reply = client.open(address(rule), method=method)
            assert (reply.status_code, reply.content_type) == (401, "application/problem+json"), (method, rule)
            assert reply.json["code"] == "unauthenticated"


def test_a_route_without_a_policy_stops_the_app_from_starting(monkeypatch, tmp_path):
    monkeypatch.setattr("api.pages.install", lambda app: app.add_url_rule("/cua-sau", "back_door", lambda: "mở"))
    with pytest.raises(RuntimeError, match="/cua-sau has no policy"):
        create_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/empty.sqlite", PHOTO_STORE=tmp_path)
