"""Assignments on the wire."""

import json

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.schemas.common import AsStored, Moment, one_of
from api.schemas.units import ContactView, UnitField
from api.security import current_user
from models.answers import ACTIONS, actions_for
from models.assignments import DECLINE_REASONS

LONGEST_HANDED = 4000
HANDED = {"items": {"anyOf": [{"type": "string"}, {"type": "object"}]}}
REASONS = f"decline: one of {', '.join(DECLINE_REASONS)}; withdraw: in words"


class AssignmentView(Schema):
    id = fields.UUID(required=True)
    unit = UnitField(required=True)
    role = fields.String(required=True, metadata={"enum": ["lead", "support"]})
    state = fields.String(required=True)
    hand_over = fields.Boolean(required=True)
    offered_at = Moment(required=True)
    due_at = Moment(required=True, allow_none=True)
    overdue = fields.Boolean(
        required=True, attribute="is_overdue", metadata={"description": "its answer, or the end of its part, is late"}
    )
    reason = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    asked_unit = UnitField(allow_none=True, metadata={"description": "the superior of a lead that has nobody to send"})
    documents = fields.List(fields.Dict(), required=True, allow_none=True)
    exhibits = fields.List(fields.Dict(), required=True, allow_none=True)
    contacts = AsStored(ContactView, many=True, required=True)
    actions = fields.Function(
        lambda row: actions_for(row, current_user),
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


class Handed(fields.Field):
    """A document or exhibit: its name, or an object that says more of it."""

    def _deserialize(self, value, attr, data, **kwargs):  # type: ignore[no-untyped-def]
        found = {"name": value} if isinstance(value, str) else value
        if not isinstance(found, dict) or not found or len(json.dumps(found, ensure_ascii=False)) > LONGEST_HANDED:
            raise ValidationError("Not a valid string.")
        return found


class NewAssignment(Schema):
    """An offer to support; with `hand_over`, to take the case over."""

    id = fields.UUID()
    unit_id = fields.UUID(required=True)
    reason = fields.String(required=True, validate=validate.Length(min=1, max=4000))
    hand_over = fields.Boolean(load_default=False)
    documents = fields.List(Handed(), validate=validate.Length(max=200), metadata=HANDED)
    exhibits = fields.List(Handed(), validate=validate.Length(max=200), metadata=HANDED)


class Arbitration(Schema):
    lead_unit_id = fields.UUID(required=True)
    reason = fields.String(required=True, validate=validate.Length(min=1, max=4000))


class AssignmentAction(Schema):
    action = fields.String(required=True, validate=one_of(ACTIONS))
    reason = fields.String(validate=validate.Length(min=1, max=4000), metadata={"description": REASONS})

    @validates_schema
    def check_reason(self, said, **_):  # type: ignore[no-untyped-def]
        if said["action"] == "decline" and "reason" in said:
            try:
                one_of(DECLINE_REASONS)(said["reason"])
            except ValidationError as error:
                raise ValidationError(error.messages, "reason") from error

    text = fields.String(validate=validate.Length(max=4000))
    basis = BasisField(metadata={"description": "decline by a lead: a text or {map, file_reference, note}"})
