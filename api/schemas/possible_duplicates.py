"""Possible duplicates on the wire."""

from marshmallow import Schema, fields

from api.schemas.common import Moment
from api.schemas.units import UnitField


class PossibleDuplicate(Schema):
    """Of a case that this person does not see only what an agreement lets a neighbour know."""

    id = fields.UUID(required=True, allow_none=True)
    number = fields.String(required=True)
    unit = UnitField(required=True, metadata={"description": "which leads it"})
    distance_m = fields.Integer(required=True)
    visible = fields.Boolean(required=True)
    days_apart = fields.Float(allow_none=True)
    type = fields.String()
    status = fields.String()
    found_at = Moment()


class PossibleDuplicates(Schema):
    items = fields.List(fields.Nested(PossibleDuplicate), required=True)
    next = fields.String(required=True, allow_none=True)
