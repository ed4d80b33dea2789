"""The ledger of disputed places, and calls, on the wire."""

from marshmallow import Schema, fields, validate

from api.geojson import format_field
from api.schemas.common import Day, Moment
from api.schemas.units import UnitField


class Refusal(Schema):
    unit = fields.Dict(required=True)
    reason = fields.String(required=True)
    text = fields.String(required=True, allow_none=True)
    basis = fields.Dict(required=True, allow_none=True)
    at = Moment(required=True)


class DisputedPlace(Schema):
    incident_id = fields.UUID(required=True)
    number = fields.String(required=True)
    type = fields.String(required=True)
    lat = fields.Float(required=True)
    lon = fields.Float(required=True)
    at = Moment(required=True, metadata={"description": "of the first refusal"})
    area_m2 = fields.Float(required=True, allow_none=True)
    refusals = fields.List(fields.Nested(Refusal), required=True)
    state = fields.String(required=True, metadata={"enum": ["open", "settled"]})
    settled_by = fields.Dict(required=True, allow_none=True)
    settled_how = fields.String(required=True, allow_none=True, metadata={"enum": ["accepted", "arbitration", None]})


class RecordedGround(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["open", "settled"]})
    since = Day(required=True)
    settlement = fields.Dict(required=True, allow_none=True)
    area_m2 = fields.Float(required=True)
    polygon = fields.Dict(required=True)
    incidents = fields.Integer(required=True, metadata={"description": "cases in it, of those you may see"})
    incident_ids = fields.List(fields.UUID(), required=True, metadata={"description": "the newest of them"})


class TouchedHotspot(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    disputed = fields.Boolean(required=True)


class DisputedBorder(Schema):
    between = fields.List(fields.Dict(), required=True)
    count = fields.Integer(required=True)
    open = fields.Integer(required=True)
    first_at = Moment(required=True, allow_none=True)
    last_at = Moment(required=True, allow_none=True)
    area_m2 = fields.Float(required=True, metadata={"description": "damage of these cases"})
    places = fields.List(fields.Nested(DisputedPlace), required=True)
    grounds = fields.List(fields.Nested(RecordedGround), required=True)
    grounds_area_m2 = fields.Float(required=True, metadata={"description": "of the grounds that are still open"})
    hotspots = fields.List(fields.Nested(TouchedHotspot), required=True)


class Ledger(Schema):
    items = fields.List(fields.Nested(DisputedBorder), required=True)
    next = fields.String(required=True, allow_none=True)


class LedgerSearch(Schema):
    format = format_field()


class NewCall(Schema):
    id = fields.UUID()
    unit_id = fields.UUID(required=True, metadata={"description": "whom was called"})
    answered = fields.Boolean(required=True)
    at = Moment()
    name = fields.String(validate=validate.Length(max=200))
    phone = fields.String(validate=validate.Length(max=50))
    answer = fields.String(validate=validate.Length(max=4000))


class CallView(Schema):
    id = fields.UUID(required=True)
    unit = UnitField(required=True)
    at = Moment(required=True)
    answered = fields.Boolean(required=True)
