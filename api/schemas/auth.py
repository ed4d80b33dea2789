"""Signing in on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.common import Moment
from api.schemas.units import UnitField


class DeviceFacts(Schema):
    id = fields.String(required=True, validate=validate.Length(1, 100))
    name = fields.String(load_default="", validate=validate.Length(max=200))
    platform = fields.String(load_default="", validate=validate.Length(max=100))


class Login(Schema):
    username = fields.String(required=True, validate=validate.Length(1, 200))
    password = fields.String(required=True, load_only=True, validate=validate.Length(1, 1000))
    device = fields.Nested(DeviceFacts, required=True)


class Refresh(Schema):
    refresh_token = fields.String(required=True, validate=validate.Length(1, 200))


class NewPassword(Schema):
    old = fields.String(load_default="", load_only=True, validate=validate.Length(max=1000))
    new = fields.String(required=True, load_only=True, validate=validate.Length(1, 1000))


class UserView(Schema):
    id = fields.UUID(required=True)
    username = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.Function(lambda user: str(user.role), required=True, metadata={"type": "string"})
    unit = UnitField(required=True, allow_none=True)
    organisation_id = fields.UUID(allow_none=True)


class Tokens(Schema):
    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    token_type = fields.Constant("Bearer")
    expires_in = fields.Integer(required=True, metadata={"description": "seconds"})
    user = fields.Nested(UserView, required=True)


class DeviceView(Schema):
    id = fields.UUID(required=True)
    client_id = fields.String(required=True)
    name = fields.String(required=True)
    platform = fields.String(required=True)
    last_seen_at = Moment(required=True)
    this = fields.Boolean(required=True, metadata={"description": "the device that asks"})


class DeviceList(Schema):
    items = fields.List(fields.Nested(DeviceView), required=True)
    next = fields.String(required=True, allow_none=True)
