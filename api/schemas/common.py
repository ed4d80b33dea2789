"""What several messages share."""

import base64
import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from models.clock import local_zone

FINDINGS = {
    "type": "array",
    "items": {"type": "object"},
    "description": 'named checks with what was measured, `{"check", "value", …}`; never a reason to refuse',
}
TIME = {"description": "RFC 3339 with offset; answers are in UTC"}


class Moment(fields.DateTime):
    """RFC 3339. A time without an offset is taken as local and said to be so; answers are in UTC."""

    def __init__(self, **kwargs: Any):
        super().__init__(format="iso", metadata=TIME | kwargs.pop("metadata", {}), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type="datetime")
        moment = super()._deserialize(value, attr, data, **kwargs)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=local_zone())
        try:
            return moment.astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value and value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Day(fields.Field):
    """A calendar day as text, whether it comes as a date or was stored as text."""

    def __init__(self, **kwargs: Any):
        super().__init__(metadata={"type": "string", "format": "date"}, allow_none=True, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value


class AsStored(fields.Nested):
    """What is stored in the shape of a schema already: documented as that schema, answered as it lies there."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value


def one_of(values: Any) -> validate.OneOf:
    return validate.OneOf(sorted(values))


def sha256_hex(**kwargs: Any) -> fields.String:
    # `$` alone would take a line break at the end.
    return fields.String(validate=[validate.Regexp("^[0-9a-f]{64}$"), validate.Length(equal=64)], **kwargs)


class Codes(fields.Field):
    """One or several codes, separated by commas or given several times."""

    def __init__(self, values: Any, **kwargs: Any):
        self.values = set(values)
        super().__init__(load_default=list, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[str]:
        given = [v.strip() for v in str(value).split(",") if v.strip()]
        if unknown := [v for v in given if v not in self.values]:
            raise ValidationError(f"Must be one of: {', '.join(sorted(self.values))}. ({', '.join(unknown)})")
        return given


class Cursor(fields.String):
    """Opaque to clients: the sort key after which the next page begins."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[datetime, UUID]:
        try:
            at, id = json.loads(base64.urlsafe_b64decode(str(value) + "==="))
            moment = datetime.fromisoformat(at)
            if moment.tzinfo is None:
                raise ValueError(at)
            return moment, UUID(id)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValidationError("String does not match expected pattern.") from error


def cursor_text(after: tuple[datetime, UUID] | None) -> str | None:
    if after is None:
        return None
    text = json.dumps([after[0].isoformat(), str(after[1])])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class Page(Schema):
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 100))
    cursor = Cursor(load_default=None)


class Id(Schema):
    id = fields.UUID()
