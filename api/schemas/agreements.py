"""Agreements on the wire."""

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from api.schemas.common import one_of
from api.schemas.units import UnitField
from models.signing_agreements import ACTIVITIES

LONGEST_WAIT = 10_000  # minutes, hours or days of a step


class PartyName(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)


class PartyView(Schema):
    unit = UnitField(required=True, allow_none=True)
    organisation = fields.Nested(PartyName, required=True, allow_none=True)
    position = fields.Integer(required=True)


class Chair(Schema):
    from_ = fields.Date(required=True, data_key="from")
    unit_id = fields.UUID(required=True)


class Target(Schema):
    kind = fields.String(required=True, validate=one_of(ACTIVITIES))
    per_year = fields.Integer(required=True, validate=validate.Range(0, 10_000_000))


class Wait(Schema):
    """One of them: on the clock, or in working time."""

    minutes = fields.Integer(validate=validate.Range(1, LONGEST_WAIT))
    working_hours = fields.Integer(validate=validate.Range(1, LONGEST_WAIT))
    working_days = fields.Integer(validate=validate.Range(1, LONGEST_WAIT))

    @validates_schema
    def check_is_one(self, said, **_):  # type: ignore[no-untyped-def]
        if len(said) != 1:
            raise ValidationError("Must be one of: minutes, working_days, working_hours.")


class StepClock(Schema):
    fire = fields.Nested(Wait)
    other = fields.Nested(Wait)


class AgreementView(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    number = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True)
    replaces = fields.UUID(required=True, allow_none=True, attribute="replaces_id")
    signed_on = fields.Date(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    buffer_m = fields.Float(required=True, allow_none=True)
    fire_buffer_m = fields.Float(required=True, allow_none=True)
    clocks = fields.Dict(required=True)
    arbiter_unit_id = fields.UUID(required=True, allow_none=True)
    chairs = fields.List(fields.Dict(), required=True)
    briefing_every_months = fields.Integer(required=True, allow_none=True)
    targets = fields.List(fields.Dict(), required=True)
    parties = fields.List(fields.Nested(PartyView), required=True)


class AgreementList(Schema):
    items = fields.List(fields.Nested(AgreementView), required=True)
    next = fields.String(required=True, allow_none=True)


class AgreementSearch(Schema):
    at = fields.Date(load_default=None)


class NewParty(Schema):
    unit_id = fields.UUID()
    organisation_id = fields.UUID()


class NewAgreement(Schema):
    id = fields.UUID()
    name = fields.String(required=True, validate=validate.Length(min=1, max=500))
    number = fields.String(allow_none=True, validate=validate.Length(max=100))
    signed_on = fields.Date(required=True)
    valid_from = fields.Date(allow_none=True, metadata={"description": "signed_on, if it is not said"})
    valid_to = fields.Date(allow_none=True)
    replaces = fields.UUID(metadata={"description": "the version whose place it takes"})
    parties = fields.List(fields.Nested(NewParty), required=True, validate=validate.Length(2, 50))
    fields_ = fields.List(
        fields.String(validate=validate.Length(1, 500)), data_key="fields", validate=validate.Length(max=50)
    )
    buffer_m = fields.Float(allow_none=True, validate=validate.Range(0, 20_000))
    fire_buffer_m = fields.Float(allow_none=True, validate=validate.Range(0, 20_000))
    clocks = fields.Dict(keys=fields.String(), values=fields.Nested(StepClock))
    arbiter_unit_id = fields.UUID(allow_none=True)
    chairs = fields.List(fields.Nested(Chair), validate=validate.Length(max=200))
    briefing_every_months = fields.Integer(allow_none=True, validate=validate.Range(1, 120))
    targets = fields.List(fields.Nested(Target), validate=validate.Length(max=50))

    @post_load
    def as_stored(self, said, **_):  # type: ignore[no-untyped-def]
        said["valid_from"] = said.get("valid_from") or said["signed_on"]
        if "fields_" in said:
            said["fields"] = said.pop("fields_")
        if "chairs" in said:
            found = [{"from": str(chair["from_"]), "unit_id": str(chair["unit_id"])} for chair in said["chairs"]]
            said["chairs"] = sorted(found, key=lambda chair: chair["from"])
        return said
