"""Assignments on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.common import AsStored, Moment, one_of
from api.schemas.units import ContactView, UnitField
from api.security import current_user
from models.assignments import ACTIONS, DECLINE_REASONS


class AssignmentView(Schema):
    id = fields.UUID(required=True)
    unit = UnitField(required=True)
    role = fields.String(required=True, metadata={"enum": ["lead", "support"]})
    state = fields.String(required=True)
    hand_over = fields.Boolean(required=True)
    offered_at = Moment(required=True)
    due_at = Moment(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    contacts = AsStored(ContactView, many=True, required=True)
    actions = fields.Function(
        lambda row: row.actions_for(current_user),
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )


class Basis(Schema):
    """What a refusal at a border rests on: a map, a file reference, or both."""

    map = fields.String(validate=validate.Length(max=500))
    file_reference = fields.String(validate=validate.Length(max=500))
    note = fields.String(validate=validate.Length(max=2000))


class BasisField(fields.Field):
    """A text, or {map, file_reference, note}; stored as the latter."""

    def _deserialize(self, value, attr, data, **kwargs):  # type: ignore[no-untyped-def]
        return {"note": value[:2000]} if isinstance(value, str) and value else Basis().load(value or {})


class AssignmentAction(Schema):
    action = fields.String(required=True, validate=one_of(ACTIONS))
    reason = fields.String(validate=one_of(DECLINE_REASONS), metadata={"description": "decline"})
    text = fields.String(validate=validate.Length(max=4000))
    basis = BasisField(metadata={"description": "decline by a lead: a text or {map, file_reference, note}"})
