"""One-case links on the wire, as officers send and read them."""

from typing import Any

from marshmallow import Schema, fields, validate

from api.case_page import address_of, text_to_send
from api.schemas.common import Moment
from api.schemas.units import UnitField
from api.security import current_user
from models.case_links import EXPIRED, OPEN, REVOKED, CaseLink


class LinkContact(Schema):
    name = fields.String(validate=validate.Length(max=200), allow_none=True)
    phone = fields.String(validate=validate.Length(max=50), allow_none=True)


class NewLink(Schema):
    """For an agency by its name, or for a unit with nobody on the system."""

    id = fields.UUID()
    agency = fields.String(validate=validate.Length(1, 200))
    unit_id = fields.UUID()
    contact = fields.Nested(LinkContact, metadata={"description": "default: from the unit's duty list"})
    reason = fields.String(required=True, validate=validate.Length(1, 4000))
    expires_in_days = fields.Integer(validate=validate.Range(1, 30), metadata={"description": "default 7"})
    expires_at = Moment()


class LinkMessageView(Schema):
    answer = fields.String(required=True, allow_none=True, metadata={"enum": ["accepted", "declined", None]})
    reason = fields.String(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    at = Moment(required=True)


def while_open(make: Any) -> fields.Function:
    """What nobody needs any more is not given out any more."""
    return fields.Function(
        lambda link: make(link) if link.state == OPEN else None,
        required=True,
        metadata={"type": ["string", "null"]},
    )


class LinkView(Schema):
    id = fields.UUID(required=True)
    agency = fields.String(required=True, allow_none=True)
    unit = UnitField(required=True, allow_none=True)
    contact = fields.Nested(LinkContact, required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    from_unit = UnitField(required=True)
    created_by = fields.Function(
        lambda link: link.created_by and {"id": str(link.created_by.id), "name": link.created_by.name},
        required=True,
        metadata={"type": ["object", "null"], "description": "null: made by itself, for a unit off the system"},
    )
    created_at = Moment(required=True)
    expires_at = Moment(required=True)
    state = fields.String(required=True, metadata={"enum": [OPEN, EXPIRED, REVOKED]})
    answer = fields.Nested(LinkMessageView, required=True, allow_none=True)
    messages = fields.List(fields.Nested(LinkMessageView), required=True)
    opened = fields.Integer(required=True, metadata={"description": "a hint: messengers look behind links, too"})
    first_opened_at = Moment(required=True, allow_none=True)
    last_opened_at = Moment(required=True, allow_none=True)
    token = while_open(lambda link: link.token)
    url = while_open(address_of)
    message = while_open(text_to_send)
    actions = fields.Function(
        lambda link: CaseLink.actions_for(link, current_user),
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )


class LinkList(Schema):
    items = fields.List(fields.Nested(LinkView), required=True)
    next = fields.String(required=True, allow_none=True)
