"""Reading what a request carries: JSON made safe, its canonical hash, and tolerant schemas."""

import hashlib
import json
import math
import re
import unicodedata
from typing import Any

import rfc8785
from flask import Request, g, request
from marshmallow import Schema, ValidationError, fields, missing
from webargs.flaskparser import FlaskParser

SAFE_INTEGER = 2**53 - 1
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
DEEPEST = 64  # levels of nesting; what lies deeper is kept as text
LARGEST_EXTRAS = 256 << 10  # bytes of what nobody understood
MOST_FINDINGS = 50


def clean(value: Any, depth: int = 0) -> Any:
    """Strings in NFC, without NUL and lone surrogates, which no database keeps; nothing too deep to be written."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.replace("\x00", "")).encode("utf-8", "replace").decode()
    if isinstance(value, (dict, list)) and depth >= DEEPEST:
        return clean(json.dumps(value, ensure_ascii=False))
    if isinstance(value, dict):
        return {clean(k): clean(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [clean(v, depth + 1) for v in value]
    return value


def _real(text: str) -> float | str:
    """A number as JavaScript reads it; one that no float holds stays the text it was, for somebody to look at."""
    value = float(text)
    return value if math.isfinite(value) else text


def _whole(text: str) -> int | float | str:
    value = _real(text)
    return int(text) if isinstance(value, float) and abs(value) <= SAFE_INTEGER else value


def json_sha256(value: Any) -> str:
    """SHA-256 of the RFC 8785 JSON of a cleaned value."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def content_sha256(body: dict[str, Any]) -> str:
    """SHA-256 of the RFC 8785 JSON of a report as it was sent, its photos left out: what "the same report" means."""
    return json_sha256({k: v for k, v in body.items() if k != "photos"})


def _no_constants(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are not JSON


def read_json(data: bytes) -> Any:
    """JSON made safe. Raises ValueError, RecursionError."""
    return clean(json.loads(data, parse_constant=_no_constants, parse_float=_real, parse_int=_whole))


class Parser(FlaskParser):
    """webargs, with every JSON body and query made safe first."""

    def _raw_load_json(self, req: Request) -> Any:
        if not req.is_json:
            return missing
        try:
            body = read_json(req.get_data(cache=True))
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise  # webargs says 400
        except (ValueError, RecursionError) as error:
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


def field_name(name: str) -> str:
    """A name that a program gave; anything else may be what a person wrote, even the name of somebody."""
    return name if FIELD_NAME.fullmatch(name) else "?"


class Tolerant(Schema):
    """Loads what it can. A field that cannot be read, or that nobody knows, is kept under "extras" with a finding;
    only `essential` fields can refuse."""

    essential: tuple[str, ...] = ()

    def refuses(self, errors: dict[str, Any], data: dict[str, Any]) -> set[str]:
        """Of the fields in error, those without which this is nothing."""
        return {name for name in errors if name in self.essential or name == "_schema"}

    def load(self, data: Any, **options: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError({"_schema": ["Invalid input type."]})
        known = {f.data_key or name for name, f in self.fields.items()}
        extras = {k: v for k, v in data.items() if k not in known}
        findings = [{"check": "unknown_field", "value": field_name(k)} for k in extras]
        kept = {k: v for k, v in data.items() if k in known and (v is not None or k in self.essential)}
        options["unknown"] = "exclude"
        try:
            loaded = super().load(kept, **options)
        except ValidationError as error:
            errors = error.normalized_messages()
            if fatal := self.refuses(errors, kept):
                raise ValidationError({name: errors[name] for name in fatal}) from error
            for name, messages in errors.items():
                extras[name] = _set_aside(kept, name, messages)
                findings.append({"check": "unreadable_field", "value": name})
            loaded = super().load(kept, **options)
        findings += loaded.pop("findings", [])
        self._bring_up(loaded, extras, findings)
        return loaded | {"extras": _bounded(extras, findings), "findings": _few(findings)}

    def _bring_up(self, loaded: dict[str, Any], extras: dict[str, Any], findings: list[dict[str, Any]]) -> None:
        """What a tolerant schema inside set aside comes up to the report."""
        for name, field in self.fields.items():
            if name in loaded and isinstance(field, fields.Nested) and isinstance(field.schema, Tolerant):
                inner = loaded[name].pop("extras")
                findings += [f | {"value": f"{name}.{f['value']}"} for f in loaded[name].pop("findings")]
                if inner:
                    extras[name] = inner


def _set_aside(kept: dict[str, Any], name: str, messages: Any) -> Any:
    """Take what cannot be read out of `kept`: of a list only the items at fault, else the whole field."""
    value = kept.pop(name)
    if isinstance(value, list) and isinstance(messages, dict) and all(isinstance(i, int) for i in messages):
        kept[name] = [item for i, item in enumerate(value) if i not in messages]
        return [item for i, item in enumerate(value) if i in messages]
    return value


def _bounded(extras: dict[str, Any], findings: list[dict[str, Any]]) -> dict[str, Any]:
    """What nobody understands is kept, but nobody fills the database with it."""
    kept, room = {}, LARGEST_EXTRAS
    for name, value in extras.items():
        size = len(name.encode()) + json_bytes(value)
        if size <= room:
            kept[name], room = value, room - size
        else:
            findings.insert(0, {"check": "dropped_field", "value": field_name(name), "bytes": size})
    return kept


def _few(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if (more := len(findings) - MOST_FINDINGS) <= 0:
        return findings
    return [*findings[:MOST_FINDINGS], {"check": "more_findings", "value": str(more)}]


def json_bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
