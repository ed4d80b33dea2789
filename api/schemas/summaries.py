"""The weekly summary on the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from api.schemas.units import UnitField
from models.summaries import MEASURES


class WeekRequest(Schema):
    unit = fields.UUID(required=True)
    week = fields.String(
        required=True,
        validate=[validate.Regexp("^[0-9]{4}-W[0-9]{2}$"), validate.Length(equal=8)],
        metadata={"description": "ISO 8601", "example": "2026-W47"},
    )
    lang = fields.String(load_default=None, validate=validate.OneOf(["vi", "en"]))


class Figure(fields.Float):
    """A whole number for cases, any for hectares and m³: written as it is."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value


class Row(Schema):
    by = fields.String(required=True, metadata={"enum": ["commune", "type", "total"]})
    code = fields.String(required=True)
    label = fields.String(required=True)
    this_week = Figure(required=True)
    last_week = Figure(required=True)
    change = Figure(required=True, metadata={"description": "against last week"})
    same_week_last_year = Figure(
        required=True, allow_none=True, metadata={"description": "null when that year had no week 53"}
    )
    change_percent = fields.Float(
        required=True, allow_none=True, metadata={"description": "against the same week last year; null of zero"}
    )
    year_to_date = Figure(required=True)
    measure = fields.String(metadata={"enum": list(MEASURES), "description": "what is summed; not there: cases"})


class SectionView(Schema):
    rows = fields.List(fields.Nested(Row), required=True)
    total = fields.Nested(Row, required=True)
    totals = fields.List(fields.Nested(Row), required=True, metadata={"description": "area and volume of all"})


class Sections(Schema):
    violations = fields.Nested(SectionView, required=True)
    fires = fields.Nested(SectionView, required=True)


class Summary(Schema):
    unit = UnitField(required=True)
    week = fields.String(required=True)
    from_ = fields.String(required=True, data_key="from", attribute="from")
    to = fields.String(required=True)
    as_of = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["provisional", "closed", "published"]})
    sections = fields.Nested(Sections, required=True)
