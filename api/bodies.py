"""Reading what a request carries: JSON made safe, its canonical hash, and tolerant schemas."""

import hashlib
import json
import unicodedata
from typing import Any

import rfc8785
from flask import Request, g, request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

SAFE_INTEGER = 2**53 - 1


def clean(value: Any) -> Any:
    """Strings in NFC, without NUL and lone surrogates, which no database keeps; numbers as JavaScript reads them."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.replace("\x00", "")).encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {clean(k): clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [clean(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE_INTEGER:
        return float(value)
    return value


def json_sha256(value: Any) -> str:
    """SHA-256 of the RFC 8785 JSON of a cleaned value."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def content_sha256(body: dict[str, Any]) -> str:
    """SHA-256 of the RFC 8785 JSON of a report as it was sent, its photos left out: what "the same report" means."""
    return json_sha256({k: v for k, v in body.items() if k != "photos"})


def _no_constants(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are not JSON


class Parser(FlaskParser):
    """webargs, with every JSON body and query made safe first."""

    def _raw_load_json(self, req: Request) -> Any:
        body = super()._raw_load_json(req)
        try:
            # Parsed anew, strictly: Python's parser takes NaN, and recursion must not become a 500.
            body = clean(json.loads(req.get_data(cache=True), parse_constant=_no_constants)) if req.is_json else body
        except (ValueError, RecursionError, OverflowError) as error:
            raise ValidationError(["Invalid JSON body."]) from error
        g.body = body
        return body

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        return self._makeproxy(type(req.args)([(k, clean(v)) for k, v in req.args.items(multi=True)]), schema)


def body() -> dict[str, Any]:
    """The cleaned JSON object of this request."""
    return g.body if "body" in g and isinstance(g.body, dict) else {}


def request_hash() -> str:
    """What "the same request" means; JSON however it is written, so that a batch may bring it too."""
    if "body" in g:
        return json_sha256(g.body)
    return hashlib.sha256(request.get_data(cache=True)).hexdigest()


class Tolerant(Schema):
    """Loads what it can. A field that cannot be read, or that nobody knows, is kept under "extras" with a finding;
    only `essential` fields can refuse."""

    essential: tuple[str, ...] = ()

    def load(self, data: Any, **options: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError({"_schema": ["Invalid input type."]})
        known = {f.data_key or name for name, f in self.fields.items()}
        extras = {k: v for k, v in data.items() if k not in known}
        findings = [{"check": "unknown_field", "value": str(k)} for k in extras]
        kept = {k: v for k, v in data.items() if k in known and (v is not None or k in self.essential)}
        options["unknown"] = "exclude"
        try:
            loaded = super().load(kept, **options)
        except ValidationError as error:
            fatal = {k: v for k, v in error.normalized_messages().items() if k in self.essential or k == "_schema"}
            if fatal:
                raise ValidationError(fatal) from error
            for name in error.normalized_messages():
                extras[name] = kept.pop(name)
                findings.append({"check": "unreadable_field", "value": name})
            loaded = super().load(kept, **options)
        # What a tolerant schema inside set aside comes up to the report.
        for name, value in loaded.items():
            if isinstance(value, dict) and "findings" in value and "extras" in value:
                inner = value.pop("extras")
                findings += [f | {"value": f"{name}.{f['value']}"} for f in value.pop("findings")]
                if inner:
                    extras[name] = inner
        return loaded | {"extras": extras, "findings": findings}
