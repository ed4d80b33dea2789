"""Damage on the wire."""

from marshmallow import Schema, fields, validate

from api.bodies import Tolerant
from api.schemas.common import one_of
from models.incident_types import codes

AMOUNT = validate.Range(0, 1e12)
TEXT = validate.Length(max=20_000)


class Timber(Schema):
    species = fields.String(validate=TEXT)
    legal_group = fields.String(validate=one_of(codes("timber_legal_group")))
    technical_group = fields.String(validate=one_of(codes("timber_technical_group")))
    form = fields.String(validate=one_of(codes("product_form")))
    volume_m3 = fields.Float(validate=AMOUNT)
    pieces = fields.Integer(validate=validate.Range(0, 10**9))


class Part(Schema):
    unit_id = fields.UUID(required=True)
    area_m2 = fields.Float(validate=AMOUNT)
    volume_m3 = fields.Float(validate=AMOUNT)


class Damage(Schema):
    area_m2 = fields.Float(validate=AMOUNT)
    trees = fields.Integer(validate=validate.Range(0, 10**9))
    volume_m3 = fields.Float(validate=AMOUNT)
    value_vnd = fields.Float(validate=AMOUNT)
    individuals = fields.Integer(validate=validate.Range(0, 10**9))
    timber = fields.List(fields.Nested(Timber))
    parts = fields.List(fields.Nested(Part), metadata={"description": "per unit where it crosses a border"})


class ReportedDamage(Tolerant, Damage):
    """As a phone sends it: a measure that cannot be read does not take the others along."""
