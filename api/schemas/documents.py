"""Printable drafts on the wire."""

from marshmallow import Schema, fields

from api.schemas.units import UnitField
from models.documents import KINDS


class PaperRequest(Schema):
    """To whom it goes. Where nothing is said: the only one it can be, else a blank."""

    to = fields.UUID(metadata={"description": "unit that is addressed"})
    assignment = fields.UUID(metadata={"description": "the offer that it puts in writing"})


class PrintableView(Schema):
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    name = fields.String(required=True)
    to = UnitField(required=True, allow_none=True)
    assignment_id = fields.UUID(required=True, allow_none=True)
    pdf = fields.String(required=True, metadata={"description": "address of the PDF"})
    html = fields.String(required=True, metadata={"description": "address of the page to print"})


class PrintableList(Schema):
    items = fields.List(fields.Nested(PrintableView), required=True)
    next = fields.String(required=True, allow_none=True)
