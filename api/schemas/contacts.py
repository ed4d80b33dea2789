"""Duty lists as they are kept, on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.common import Day, one_of
from api.schemas.units import ContactView
from models.contacts import ROLES


class ContactSearch(Schema):
    at = fields.Date(load_default=None, metadata={"description": "who is on duty on this day; default today"})


class NewContact(Schema):
    id = fields.UUID()
    name = fields.String(required=True, validate=validate.Length(1, 200))
    phone = fields.String(
        required=True,
        validate=validate.Length(max=50),
        metadata={"description": "digits, spaces, + in front; 3 to 20 characters", "example": "0215 3 823 114"},
    )
    hours = fields.String(validate=validate.Length(1, 200), metadata={"description": "24/24, if it is not said"})
    role = fields.String(required=True, validate=one_of(ROLES))
    valid_from = fields.Date(allow_none=True)
    valid_to = fields.Date(allow_none=True, metadata={"description": "the last day"})


class ContactEntry(ContactView):
    """A line of a duty list as it was entered."""

    valid_from = Day(required=True)
    valid_to = Day(required=True)

    class Meta:
        exclude = ("of",)
