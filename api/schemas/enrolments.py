"""Enrolment codes on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.auth import DeviceFacts
from api.schemas.common import Moment
from api.schemas.users import NAME, USERNAME, PersonView


class NewRanger(Schema):
    id = fields.UUID(required=True)
    username = fields.String(required=True, validate=USERNAME)
    name = fields.String(required=True, validate=NAME)
    unit_id = fields.UUID(metadata={"description": "default: the unit of whoever asks"})


class NewEnrolment(Schema):
    """For somebody who is there (`user_id`), or for a new ranger (`ranger`)."""

    id = fields.UUID(required=True)
    user_id = fields.UUID()
    ranger = fields.Nested(NewRanger)


class EnrolmentView(Schema):
    id = fields.UUID(required=True)
    user = fields.Nested(PersonView, required=True)
    code = fields.String(required=True, allow_none=True, metadata={"description": "to be shown as a QR code, once"})
    expires_at = Moment(required=True)
    used_at = Moment(required=True, allow_none=True)


class Enrol(Schema):
    code = fields.String(required=True, load_only=True, validate=validate.Length(1, 100))
    device = fields.Nested(DeviceFacts, required=True)
