"""Disputed grounds on the wire."""

from marshmallow import Schema, fields, validate

from api.geojson import format_field
from api.schemas.assignments import BasisField
from api.schemas.common import Day, Page, one_of
from api.schemas.units import UnitField
from models.disputed_grounds import STATUSES

POLYGON = {"description": "GeoJSON Polygon or MultiPolygon, WGS 84, at most 5,000 points"}
TEXT = validate.Length(1, 4000)


class ClaimantView(Schema):
    unit = UnitField(required=True, metadata={"description": "as it was called when the ground was recorded"})
    today = fields.List(UnitField(), required=True, metadata={"description": "what stands in its place today"})


class Dialogue(Schema):
    id = fields.UUID(required=True)
    date = Day(required=True)
    text = fields.String(required=True)
    document = fields.String(required=True, allow_none=True)


class NewDialogue(Schema):
    id = fields.UUID(required=True)
    date = fields.Date(required=True)
    text = fields.String(required=True, validate=TEXT)
    document = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=500))


class Settlement(Schema):
    """How it was settled, from which day on, by which document."""

    how = fields.String(required=True, validate=TEXT)
    on = fields.Date(required=True)
    document = fields.String(required=True, validate=validate.Length(1, 500))


class GroundView(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    polygon = fields.Dict(required=True, metadata=POLYGON)
    area_m2 = fields.Float(required=True, metadata={"description": "on the ellipsoid"})
    claimants = fields.List(fields.Nested(ClaimantView), required=True)
    since = fields.Date(required=True, allow_none=True)
    basis = fields.Dict(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    settlement = fields.Dict(required=True, allow_none=True, metadata={"description": "how, on, document"})
    dialogues = fields.List(fields.Nested(Dialogue), required=True)
    replaces = fields.UUID(required=True, allow_none=True, attribute="replaces_id")


class GroundPage(Schema):
    items = fields.List(fields.Nested(GroundView), required=True)
    next = fields.String(required=True, allow_none=True)


class GroundSearch(Page):
    status = fields.String(load_default=None, validate=one_of(STATUSES))
    at = fields.Date(load_default=None, metadata={"description": "disputed on this day"})
    format = format_field()


class NewGround(Schema):
    id = fields.UUID()
    name = fields.String(required=True, validate=validate.Length(1, 500))
    polygon = fields.Dict(required=True, metadata=POLYGON)
    claimants = fields.List(fields.UUID(), required=True, validate=validate.Length(2, 20))
    since = fields.Date(allow_none=True)
    basis = BasisField(metadata={"description": "a text or {map, file_reference, note}"})
    note = fields.String(allow_none=True, validate=validate.Length(max=4000))
    replaces = fields.UUID(metadata={"description": "the open ground whose place it takes"})


class Reopening(Schema):
    reason = fields.String(required=True, validate=TEXT)
