"""The catalogue on the wire."""

from marshmallow import Schema, fields

from api.languages import label


class Labels(Schema):
    vi = fields.String(required=True)
    en = fields.String(required=True)


class TypeView(Schema):
    code = fields.String(required=True)
    label = fields.Function(
        lambda kind: label(kind["labels"]),
        required=True,
        metadata={"type": "string", "description": "in the language of the request"},
    )
    labels = fields.Nested(Labels, required=True)
    field = fields.Boolean(required=True, metadata={"description": "shown as a picture on phones"})
    measures = fields.List(fields.String(), required=True)
    forest = fields.Boolean(required=True, metadata={"description": "forest category and origin apply"})
    photos_expected = fields.Integer(required=True)
    articles = fields.List(fields.Dict(), required=True)
    criminal_article = fields.String(required=True, allow_none=True)
    details = fields.Dict(required=True, metadata={"description": "JSON Schema of an incident's `details`"})


class Catalogue(Schema):
    items = fields.List(fields.Nested(TypeView), required=True)
    enums = fields.Dict(required=True)
    next = fields.String(required=True, allow_none=True)
