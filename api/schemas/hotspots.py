"""Border hotspots on the wire."""

from marshmallow import Schema, fields, validate

from api.geojson import format_field
from api.schemas.common import Page
from api.schemas.units import UnitField
from models.hotspots import BORDER_KINDS

WIDEST_M = 20_000
LINE = {"description": "a GeoJSON LineString along the border"}
TEXT = validate.Length(max=4000)


class SideView(Schema):
    unit = UnitField(required=True, metadata={"description": "as it was called when the hotspot was entered"})
    today = UnitField(required=True, metadata={"description": "what stands in its place today"})


class HotspotView(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    lat = fields.Float(required=True, allow_none=True)
    lon = fields.Float(required=True, allow_none=True)
    radius_m = fields.Float(required=True, allow_none=True)
    stretch = fields.Dict(required=True, allow_none=True, metadata=LINE)
    corridor_m = fields.Float(required=True, allow_none=True, metadata={"description": "to either side of the stretch"})
    sides = fields.List(fields.Nested(SideView), required=True)
    border_kind = fields.String(required=True, metadata={"enum": list(BORDER_KINDS), "description": "as of today"})
    disputed = fields.Boolean(required=True)
    agreement_id = fields.UUID(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(required=True, allow_none=True)


class CountedHotspot(HotspotView):
    incidents = fields.Integer(
        required=True, metadata={"description": "cases in it since that day, of those you may see"}
    )
    incidents_since = fields.Date(required=True)


class HotspotPage(Schema):
    items = fields.List(fields.Nested(CountedHotspot), required=True)
    next = fields.String(required=True, allow_none=True)


class Since(Schema):
    since = fields.Date(load_default=None, metadata={"description": "count cases from this day on; default a year ago"})


class HotspotSearch(Page, Since):
    at = fields.Date(load_default=None, metadata={"description": "hotspots of this day; default today"})
    format = format_field()


class NewHotspot(Schema):
    """A point with a radius, or a stretch of border with a corridor."""

    id = fields.UUID()
    name = fields.String(required=True, validate=validate.Length(1, 500))
    sides = fields.List(fields.UUID(), required=True, validate=validate.Length(equal=2))
    lat = fields.Float(validate=validate.Range(-90, 90))
    lon = fields.Float(validate=validate.Range(-180, 180))
    radius_m = fields.Float(validate=validate.Range(1, WIDEST_M))
    stretch = fields.Dict(metadata=LINE)
    corridor_m = fields.Float(validate=validate.Range(1, WIDEST_M))
    disputed = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    agreement_id = fields.UUID(allow_none=True)
    note = fields.String(allow_none=True, validate=TEXT)
    valid_from = fields.Date(allow_none=True, metadata={"description": "today, if it is not said"})
    valid_to = fields.Date(allow_none=True)


class HotspotChange(Schema):
    """What is not given stays. Its place and its sides never change."""

    name = fields.String(validate=validate.Length(1, 500))
    disputed = fields.Boolean(truthy={True}, falsy={False})
    agreement_id = fields.UUID(allow_none=True)
    note = fields.String(allow_none=True, validate=TEXT)
    valid_to = fields.Date(allow_none=True, metadata={"description": "its last day"})
