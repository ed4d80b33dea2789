"""People and their administration on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.auth import UserView
from api.schemas.common import Moment, Page, one_of
from models.users import Role

NAME = validate.Length(1, 200)
USERNAME = [validate.Length(1, 100), validate.Regexp(r"^\S+$")]


class PersonView(UserView):
    disabled_at = Moment(required=True, allow_none=True)
    created_at = Moment(required=True)


class PersonPage(Schema):
    items = fields.List(fields.Nested(PersonView), required=True)
    next = fields.String(required=True, allow_none=True)


class PersonSearch(Page):
    unit = fields.UUID(load_default=None, metadata={"description": "with all units beneath and before it"})
    role = fields.String(load_default=None, validate=one_of(Role))
    q = fields.String(load_default=None, metadata={"description": "part of a name or user name, accents ignored"})


class NewPerson(Schema):
    id = fields.UUID(required=True)
    username = fields.String(required=True, validate=USERNAME)
    name = fields.String(required=True, validate=NAME)
    role = fields.String(required=True, validate=one_of(Role))
    unit_id = fields.UUID(load_default=None, allow_none=True)
    organisation_id = fields.UUID(load_default=None, allow_none=True)
    password = fields.String(load_only=True, validate=validate.Length(1, 1000))


class PersonChange(Schema):
    disabled = fields.Boolean()
    role = fields.String(validate=one_of(Role))
    name = fields.String(validate=NAME)
    unit_id = fields.UUID()
    organisation_id = fields.UUID()


class PasswordOfPerson(Schema):
    password = fields.String(required=True, load_only=True, validate=validate.Length(1, 1000))
