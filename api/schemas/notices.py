"""Notices on the wire."""

from marshmallow import Schema, fields

from api.languages import language
from api.schemas.common import AsStored, Moment, Page
from api.schemas.units import ContactView, UnitField
from models.incident_types import INCIDENT_TYPES
from models.timeline import described

ACKED_BY = "who took note for the receiver: null as long as nobody has, whoever else has read it"


class NoticeSearch(Page):
    unread = fields.Boolean(
        load_default=None, metadata={"description": "true: neither the receiver took note, nor you"}
    )
    unit = fields.UUID(
        load_default=None, metadata={"description": "those for this unit alone, not for units beneath it"}
    )


class CaseOfNotice(Schema):
    id = fields.UUID(required=True)
    number = fields.String(required=True)
    type = fields.String(required=True, allow_none=True, metadata={"enum": [*INCIDENT_TYPES, None]})


class NoticeView(Schema):
    id = fields.UUID(
        required=True, attribute="notice.id", metadata={"description": "the same whenever the same is told again"}
    )
    at = Moment(required=True, attribute="notice.at")
    kind = fields.String(required=True, attribute="notice.kind")
    incident = fields.Nested(CaseOfNotice, required=True, allow_none=True, attribute="case")
    unit = UnitField(required=True, allow_none=True, attribute="notice.unit")
    title = fields.Function(lambda shown: shown.words.title(language()), required=True, metadata={"type": "string"})
    text = fields.Function(lambda shown: shown.words.text(language()), required=True, metadata={"type": "string"})
    urgent = fields.Boolean(required=True, attribute="notice.urgent")
    contacts = AsStored(ContactView, many=True, required=True, attribute="words.contacts")
    acked_at = Moment(required=True, allow_none=True, attribute="notice.acked_at")
    acked_by = fields.Function(
        lambda shown: described(shown.acked_by),
        required=True,
        metadata={"type": ["object", "null"], "description": ACKED_BY},
    )
    read_at = Moment(required=True, allow_none=True, metadata={"description": "when you took note yourself"})


class NoticePage(Schema):
    items = fields.List(fields.Nested(NoticeView), required=True)
    next = fields.String(required=True, allow_none=True)
