"""Editions of boundaries on the wire: what is sent to be tried, and what would change."""

import json
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from api.schemas.common import Day, Moment, Page, sha256_hex
from models.edition_drafts import STATUSES

WORDS = validate.Length(max=500)
MOST_ROWS = 20_000
SHOWN = "{count, items}: how many there are, and the first of them"


class Rows(fields.Field):
    """Rows of a table: a list of objects; in a form also as JSON text. Values become text, as in a CSV file."""

    def __init__(self, **kwargs: Any):
        metadata = {"type": "array", "items": {"type": "object"}, "description": kwargs.pop("description")}
        super().__init__(load_default=list, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[dict[str, str]]:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValidationError("Invalid JSON body.") from None
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise ValidationError("Not a valid list.")
        if len(value) > MOST_ROWS:
            raise ValidationError(f"Longer than maximum length {MOST_ROWS}.")
        return [{str(k): "" if v is None else str(v).strip() for k, v in row.items()} for row in value]


class NewEdition(Schema):
    """The options of `flask boundaries import`. What else stands in the body is the file's own affair."""

    class Meta:
        unknown = EXCLUDE

    id = fields.UUID(required=True)
    edition = fields.String(required=True, validate=validate.Length(1, 200), metadata={"description": "its name"})
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(load_default=None, allow_none=True)
    epsg = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 999_999))
    layer = fields.String(load_default=None, allow_none=True, validate=WORDS)
    fields_ = fields.String(
        data_key="fields", load_default="", validate=WORDS, metadata={"description": "code=maxa,name=tenxa"}
    )
    source = fields.String(load_default="", validate=WORDS)
    licence = fields.String(load_default="", validate=WORDS)
    legal_reference = fields.String(load_default="", validate=WORDS)
    error_m = fields.Float(load_default=0.0, validate=validate.Range(0, 10_000))
    units = Rows(description="units that begin or end, with the columns of `flask units import`")
    successions = Rows(description="what became of old communes, with the columns of old_to_new.csv")

    @pre_load
    def nothing_is_nothing(self, said: Any, **_: Any) -> Any:
        """A field of a form that was left empty was not filled in."""
        return {k: v for k, v in said.items() if v != ""} if isinstance(said, dict) else said


class Seen(Schema):
    """The digest of the effect that somebody has read and agrees to."""

    digest = sha256_hex(required=True)


class EditionSummary(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    valid_from = Day(required=True)
    valid_to = Day(required=True)
    activated_at = Moment(required=True, allow_none=True)
    source = fields.String(required=True)
    licence = fields.String(required=True)
    legal_reference = fields.String(required=True)
    error_m = fields.Float(required=True)
    polygons = fields.Integer(required=True)


class MapReport(Schema):
    """What changes on the map, against the edition in force on its first day."""

    system = fields.String(required=True, metadata={"description": "the coordinate system that was taken"})
    appears = fields.Dict(required=True, metadata={"description": SHOWN})
    disappears = fields.Dict(required=True, metadata={"description": SHOWN})
    moves = fields.Dict(required=True, metadata={"description": SHOWN + "; hectares before, after, gained and lost"})
    gaps = fields.Dict(required=True, metadata={"description": SHOWN + "; a point in each and hectares"})
    overlaps = fields.Dict(required=True, metadata={"description": SHOWN + "; between whom, and hectares"})
    before_ha = fields.Float(required=True)
    after_ha = fields.Float(required=True)
    units_created = fields.Integer(required=True)
    units_ending = fields.Integer(required=True)


class WholeEdition(EditionSummary):
    report = fields.Nested(MapReport, required=True, allow_none=True)
    effect = fields.Dict(
        required=True,
        allow_none=True,
        metadata={
            "description": "what putting it in force (or taking it back, where it is in force) would do to open cases, "
            "agreements, people, contacts, hotspots: numbers, counts and units only; null: neither can be done now"
        },
    )
    digest = fields.String(required=True, allow_none=True, metadata={"description": "of the effect: send it along"})


class EditionPage(Schema):
    items = fields.List(fields.Nested(EditionSummary), required=True)
    next = fields.String(required=True, allow_none=True)


class EditionSearch(Page):
    status = fields.String(load_default=None, validate=validate.OneOf(STATUSES))
