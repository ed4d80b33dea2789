"""A blueprint that knows our request parser and our errors."""

from typing import Any

from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema, fields

from api.bodies import Parser


class CurrentState(Schema):
    """Of an incident, for whoever decided on an older version of it."""

    status = fields.String(required=True)
    version = fields.Integer(required=True)
    joint_status = fields.String(required=True)
    lead = fields.Dict(required=True)


class Problem(Schema):
    """RFC 9457."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "Vietnamese or English by Accept-Language"})
    code = fields.String(required=True, metadata={"description": "stable: branch on it"})
    retryable = fields.Boolean(required=True)
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    content_sha256 = fields.String()
    current = fields.Nested(CurrentState, metadata={"description": "409, 412: what is true of the incident now"})
    effect = fields.Dict(metadata={"description": "409 effect_changed: what it would do now, and its digest"})
    digest = fields.String()
    request_id = fields.String(metadata={"description": "as in X-Request-Id and in the logs"})


class Blueprint(SmorestBlueprint):
    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, **kwargs: Any):
        super().__init__(name, name, **kwargs)

    def arguments(self, schema: Any, **kwargs: Any) -> Any:
        """One instance of the schema for all requests: making it costs more than using it."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """A writing view is told how its answer is made, because it may have to be stored with what it wrote."""
        make = super().response(*args, **kwargs)

        def decorator(view: Any) -> Any:
            if hasattr(view, "answers"):
                view.answers["make"] = make(lambda result: result)
            return make(view)

        return decorator


# What each method may answer besides its success; written into the specification of every operation.
MAY_ANSWER = {
    "get": (400, 401, 403, 404, 422, 429, 503),
    "head": (400, 401, 403, 404, 409, 412, 422, 429, 503, 507),
    "post": (400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503, 507),
    "delete": (400, 401, 403, 404, 409, 422, 429, 503, 507),
    "put": (400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503, 507),
    "patch": (400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503, 507),
}
MISMATCH = (460,)  # a part of an upload that does not give its checksum


def header(name: str, description: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "schema": {"type": "string"}, "description": description}


IDEMPOTENCY_KEY = header("Idempotency-Key", "the same key and body again gets the same answer, and acts once")
DECIDED_ON = ("/actions", "/assignments", "/arbitration")  # a version of the incident
IF_MATCH = header("If-Match", 'the ETag decided on, as "3-7"; officers and leaders must say it')


def declare_problems(spec: dict[str, Any], public: set[str]) -> dict[str, Any]:
    """Every operation declares every problem it may answer, and that it needs a token unless its path is public."""
    answer = {
        "description": "Problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if method not in MAY_ANSWER:
                continue
            operation["responses"].pop("default", None)
            statuses = MAY_ANSWER[method] + (MISMATCH if "/uploads" in path and method in ("post", "patch") else ())
            operation["responses"] |= {str(status): answer for status in statuses}
            operation["responses"] = dict(sorted(operation["responses"].items()))
            operation["security"] = [] if path in public else [{"token": []}]
            if method not in ("get", "head") and path not in public and "/uploads" not in path:
                headers = [IDEMPOTENCY_KEY, *([IF_MATCH] if path.endswith(DECIDED_ON) else [])]
                known = operation.get("parameters", [])  # the document is asked for more than once
                operation["parameters"] = [*known, *(header for header in headers if header not in known)]
    return spec
