"""Joint verifications on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.common import Day, Moment, one_of, sha256_hex
from api.schemas.incidents import TEXT, Damage, JsonDict, Reporter
from api.schemas.units import UnitField
from models.incident_types import codes

NAME = validate.Length(1, 200)
OUTLINE = {"description": "GeoJSON Polygon or MultiPolygon, as both sides agreed on it"}
MOST_PEOPLE = 100


class Attendant(Schema):
    """Somebody who was there, for a unit of the system or for another body."""

    name = fields.String(required=True, validate=NAME)
    unit_id = fields.UUID(allow_none=True)
    unit_name = fields.String(allow_none=True, validate=NAME)
    title = fields.String(allow_none=True, validate=NAME, metadata={"description": "chức vụ"})


class NewJointVerification(Schema):
    """One visit of both sides to the scene. A later visit has an id of its own; the newest counts."""

    id = fields.UUID()
    held_on = fields.Date(metadata={"description": "the local day; not needed beside `begun_at`"})
    begun_at = Moment()
    ended_at = Moment()
    minutes_number = fields.String(validate=NAME, metadata={"example": "07/BB-KTHT"})
    people = fields.List(fields.Nested(Attendant), validate=validate.Length(max=MOST_PEOPLE))
    text = fields.String(validate=TEXT, metadata={"description": "what both sides conclude"})
    outline = JsonDict(metadata=OUTLINE)
    damage = fields.Nested(Damage)
    forest_category = fields.String(validate=one_of(codes("forest_category")))
    forest_origin = fields.String(validate=one_of(codes("forest_origin")))
    scan_sha256 = sha256_hex(metadata={"description": "of the signed minutes, sent as a photo before or after"})
    photo_id = fields.UUID(metadata={"description": "the same, for a photo of the case that is already here"})


class Side(Schema):
    unit = UnitField(required=True, allow_none=True, metadata={"description": "null: bodies outside the system"})
    people = fields.Integer(required=True, metadata={"description": "how many came"})


class JointVerificationView(Schema):
    id = fields.UUID(required=True)
    unit = UnitField(required=True)
    author = fields.Nested(Reporter, required=True)
    recorded_at = Moment(required=True)
    held_on = Day(required=True)
    begun_at = Moment(required=True, allow_none=True)
    ended_at = Moment(required=True, allow_none=True)
    minutes_number = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    outline = fields.Dict(required=True, allow_none=True, metadata=OUTLINE)
    damage = fields.Dict(required=True, allow_none=True)
    forest_category = fields.String(required=True, allow_none=True)
    forest_origin = fields.String(required=True, allow_none=True)
    scan_sha256 = fields.String(required=True, allow_none=True)
    sides = fields.List(fields.Nested(Side), required=True)
    people = fields.List(
        fields.Nested(Attendant),
        allow_none=True,
        metadata={"description": "in the list, for those who may read restricted facts; each reading is recorded"},
    )


class JointVerificationPage(Schema):
    items = fields.List(fields.Nested(JointVerificationView), required=True)
    next = fields.String(required=True, allow_none=True)
