"""The contract as a machine reads it: a valid OpenAPI 3.1 document, and no answer that it does not declare."""

import re

import pytest
import schemathesis
from hypothesis import Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.people import BASE, new_report
from tests.pictures import jpeg

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
EXAMPLES = 6  # a route


@pytest.fixture
def spec(app):
    return app.test_client().get(f"{BASE}/openapi.json").json


def test_the_document_is_valid_openapi_3_1(spec):
    assert spec["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(spec).validate()


def test_whoever_asks_again_reads_the_same_document(app, spec):
    assert app.test_client().get(f"{BASE}/openapi.json").json == spec


def test_every_operation_declares_its_problems_and_whether_it_needs_a_token(spec):
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            problems = [c for c in operation["responses"] if c.startswith(("4", "5"))]
            assert {"400", "401", "404", "422", "503"} <= set(problems), (method, path)
            for code in problems:
                assert "application/problem+json" in operation["responses"][code]["content"], (method, path, code)
            public = path in (f"{BASE}/auth/login", f"{BASE}/auth/refresh", f"{BASE}/auth/enrol")
            assert operation.get("security") == ([] if public else [{"token": []}]), (method, path)


def test_every_route_has_a_sentence_and_an_operation(app, spec):
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(BASE) or rule.rule.endswith("openapi.json"):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert spec["paths"][path][method.lower()]["summary"], (method, path)


def test_no_request_gets_an_undeclared_answer_or_a_5xx(app, as_, times):
    """Random requests to every operation, good and bad, as an officer who has something to look at."""
    officer, ranger = as_("officer.muong-toong"), as_("ranger.muong-toong")
    incident = ranger.post("/incidents", json=new_report()).json
    photo = ranger.post(f"/incidents/{incident['id']}/photos", data=jpeg(), content_type="image/jpeg").json
    token = {"Authorization": f"Bearer {officer.tokens['access_token']}", "Accept-Encoding": "identity"}
    schema = schemathesis.openapi.from_wsgi(f"{BASE}/openapi.json", app)
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith(("/auth/logout", "/me/devices/{id}")):
            continue  # they end the session that the others need; test_auth.py tries them
        try_out(operation, photo if "/photos/{id}" in operation.path else incident, token, times(EXAMPLES))
        tried += 1
    assert tried > 15


def try_out(operation, known, token, examples):
    @settings(max_examples=examples, database=None, phases=[Phase.generate])
    @given(case=operation.as_strategy())
    def call(case):
        if "id" in case.path_parameters and "/units/" not in operation.path:
            case.path_parameters["id"] = known["id"]
        case.call_and_validate(headers=token, checks=CHECKS)

    call()
