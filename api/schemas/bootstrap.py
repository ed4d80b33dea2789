"""Everything a phone keeps for days without signal, on the wire."""

from marshmallow import Schema, fields

from api.schemas.agreements import AgreementView
from api.schemas.auth import UserView
from api.schemas.common import AsStored, Moment
from api.schemas.hotspots import HotspotView
from api.schemas.incident_types import TypeView
from api.schemas.units import ContactView, UnitField


class NearUnit(Schema):
    unit = UnitField(required=True)
    contacts = AsStored(ContactView, many=True, required=True)


class Bootstrap(Schema):
    me = fields.Nested(UserView, required=True)
    units = fields.List(UnitField(), required=True, metadata={"description": "mine, from the top down"})
    near = fields.List(fields.Nested(NearUnit), required=True, metadata={"description": "communes within 20 km"})
    types = fields.List(fields.Nested(TypeView), required=True)
    enums = fields.Dict(required=True)
    agreements = fields.List(fields.Nested(AgreementView), required=True)
    hotspots = fields.List(fields.Nested(HotspotView), required=True, metadata={"description": "of my units"})
    settings = fields.Dict(required=True)
    limits = fields.Dict(required=True)
    unread = fields.Integer(required=True, metadata={"description": "notices that wait for you; 100: or more"})
    server_time = Moment(required=True)
