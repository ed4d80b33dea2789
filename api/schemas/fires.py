"""Fire updates on the wire, and what they say together."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate

from api.schemas.common import Moment, one_of
from api.schemas.location import Location
from api.schemas.units import UnitField
from models.fire_workflow import FireStatus
from models.incident_types import codes

MOST_FORCES = 200
OUTLINE = {"description": "GeoJSON Polygon or MultiPolygon, longitude before latitude, at most 1000 positions"}
HEADING = {"description": "where it moves to: degrees clockwise from north, or in words"}
STATUSES = {"enum": [str(s) for s in FireStatus]}


class FirePoint(Location):
    """A place as a report says it, without remarks."""

    def load(self, data: Any, **options: Any) -> Any:
        return {n: v for n, v in super().load(data, **options).items() if n not in ("extras", "findings")}


class Heading(fields.Field):
    """Degrees or words."""

    def __init__(self, **kwargs: Any):
        shapes = [{"type": "number", "minimum": 0, "maximum": 360}, {"type": "string", "maxLength": 200}]
        nothing = [{"type": "null"}] if kwargs.get("allow_none") else []
        super().__init__(metadata=HEADING | {"anyOf": shapes + nothing}, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            validate.Length(1, 200)(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            validate.Range(0, 360)(value)
        else:
            raise ValidationError("Not a valid string.")
        return value


class Commander(Schema):
    name = fields.String(allow_none=True, validate=validate.Length(max=200))
    phone = fields.String(allow_none=True, validate=validate.Length(max=50))


class Force(Schema):
    kind = fields.String(required=True, validate=one_of(codes("force_kind")))
    count = fields.Integer(required=True, validate=validate.Range(0, 100_000))
    unit_id = fields.UUID(metadata={"description": "whose they are, when not of the unit that says so"})
    note = fields.String(allow_none=True, validate=validate.Length(max=500))


class NewFireUpdate(Schema):
    id = fields.UUID(metadata={"description": "chosen by the phone, UUIDv7 advised; makes resending safe"})
    at = Moment(metadata={"description": "when it was so; now, when not said"})
    status = fields.String(required=True, validate=one_of(FireStatus), metadata=STATUSES)
    point = fields.Nested(FirePoint)
    perimeter = fields.Dict(metadata=OUTLINE)
    heading = Heading()
    forces = fields.List(
        fields.Nested(Force),
        validate=validate.Length(max=MOST_FORCES),
        metadata={"description": "all that the unit has there now; an empty list: nobody any more"},
    )
    needs = fields.String(validate=validate.Length(max=4000))
    commander = fields.Nested(Commander)

    @pre_load
    def leave_out_nothing(self, data: Any, **_: Any) -> Any:
        """Many a phone writes null for what was left empty."""
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data


class ForceSum(Schema):
    kind = fields.String(required=True)
    count = fields.Integer(required=True)


class FireFacts(Schema):
    """What an update may say, as it is answered."""

    at = Moment(required=True, allow_none=True)
    point = fields.Dict(required=True, allow_none=True)
    perimeter = fields.Dict(required=True, allow_none=True, metadata=OUTLINE)
    area_m2 = fields.Float(
        required=True, allow_none=True, metadata={"description": "of the perimeter, on the ellipsoid"}
    )
    heading = Heading(required=True, allow_none=True)
    needs = fields.String(required=True, allow_none=True)
    commander = fields.Nested(Commander, required=True, allow_none=True)


class FireView(FireFacts):
    """Of everything the newest that is known, from whichever unit; forces summed over the latest of each unit."""

    status = fields.String(required=True, metadata=STATUSES)
    forces = fields.List(fields.Nested(ForceSum), required=True)
    updates = fields.Integer(required=True)
    updated_at = Moment(required=True, allow_none=True, metadata={"description": "when the last one was received"})


class FireUpdateView(FireFacts):
    id = fields.UUID(required=True)
    status = fields.String(required=True, metadata=STATUSES)
    at_corrected = Moment(required=True, allow_none=True, metadata={"description": "when the phone's clock was wrong"})
    received_at = Moment(required=True, attribute="created_at")
    unit = UnitField(required=True, metadata={"description": "for which it speaks"})
    author = fields.Nested("Reporter", required=True)
    forces = fields.List(fields.Nested(Force), required=True, allow_none=True)
    offered = fields.List(fields.UUID(), required=True, metadata={"description": "units it brought into the case"})
    told = fields.List(fields.UUID(), required=True, metadata={"description": "units that hear of it"})


class FireUpdateTaken(FireUpdateView):
    fire_status = fields.String(
        required=True,
        attribute="incident.fire_status",
        metadata={"description": "what the fire is now: a late update tells what was"},
    )


class FireUpdatePage(Schema):
    items = fields.List(fields.Nested(FireUpdateView), required=True)
    next = fields.String(required=True, allow_none=True)
