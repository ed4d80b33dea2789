"""Units, contacts, organisations and routing decisions on the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from api.languages import label
from api.schemas.common import Day, one_of
from models.contacts import ROLES
from models.incident_types import INCIDENT_TYPES
from models.units import LEVELS


class UnitView(Schema):
    id = fields.UUID(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    level = fields.String(required=True, metadata={"enum": list(LEVELS)})
    kind = fields.String(required=True)
    parent_id = fields.UUID(required=True, allow_none=True)
    valid_from = Day(required=True)
    valid_to = Day(required=True)


class UnitField(fields.Nested):
    """A unit, answered as its prepared facts: it stands ten times in every incident."""

    def __init__(self, **kwargs: Any):
        super().__init__(UnitView, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value.facts if hasattr(value, "facts") else value


class UnitSearch(Schema):
    level = fields.String(load_default=None, validate=one_of(LEVELS))
    parent = fields.UUID(load_default=None)
    at = fields.Date(load_default=None, metadata={"description": "units in force on this day; default today"})
    q = fields.String(load_default=None, metadata={"description": "part of a name, alias or former name"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 100))
    cursor = fields.String(load_default=None)


class UnitPage(Schema):
    items = fields.List(fields.Nested(UnitView), required=True)
    next = fields.String(required=True, allow_none=True)


class ContactView(Schema):
    id = fields.UUID()
    name = fields.String(required=True)
    phone = fields.String(required=True)
    hours = fields.String(required=True)
    role = fields.String(required=True, metadata={"enum": list(ROLES)})
    of = fields.String(allow_none=True, metadata={"description": "whose list it is, when it is not the unit's own"})


class ContactList(Schema):
    items = fields.List(fields.Nested(ContactView), required=True)
    next = fields.String(required=True, allow_none=True)


class CoverageView(Schema):
    unit = fields.Nested(UnitView, required=True)
    valid_from = Day()
    valid_to = Day()


class OrganisationView(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    coverage = fields.List(fields.Nested(CoverageView), required=True)


class OrganisationPage(Schema):
    items = fields.List(fields.Nested(OrganisationView), required=True)
    next = fields.String(required=True, allow_none=True)


class Locate(Schema):
    lat = fields.Float(required=True, validate=validate.Range(-90, 90))
    lon = fields.Float(required=True, validate=validate.Range(-180, 180))
    accuracy_m = fields.Float(load_default=None, validate=validate.Range(0, 20_000))
    type = fields.String(load_default=None, validate=one_of(INCIDENT_TYPES))
    at = fields.Raw(
        load_default=None, metadata={"type": "string", "description": "a day or an RFC 3339 time; default now"}
    )


class CandidateView(Schema):
    unit = UnitField(required=True)
    share = fields.Float(required=True, metadata={"description": "of the error disc, 0 to 1"})
    distance_m = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "from the point to this unit's boundary line; null where the edition draws none"},
    )
    inside = fields.Boolean(required=True)
    covered = fields.Boolean(metadata={"description": "an agreement covers its border with the lead"})
    agreement_id = fields.UUID(
        allow_none=True, metadata={"description": "the one that covers it; of several, the widest"}
    )
    buffer_m = fields.Float(allow_none=True, metadata={"description": "within which it counts as near; null: the lead"})
    support_offered = fields.Boolean()


CLOCKS = """what agreements say of how long a step may take, `{step: {"agreement_id", "rule"}}`, where they say anything;
under "or" another clock of which the earlier end holds"""
LATE_CLOCKS = "the same for a fire found long before receipt that burns no more"


class EditionView(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    valid_from = fields.String(required=True)


class RoutingView(Schema):
    rule = fields.String(required=True, metadata={"enum": ["gap", "overlap", "near_border", "inside"]})
    lead = fields.Nested(UnitView, required=True)
    candidates = fields.List(fields.Nested(CandidateView), required=True)
    agreement_id = fields.UUID(required=True, allow_none=True)
    disputed_ground_ids = fields.List(
        fields.UUID(), metadata={"description": "recorded grounds that hold the point and that others claim too"}
    )
    clocks = fields.Dict(metadata={"description": CLOCKS})
    late_clocks = fields.Dict(metadata={"description": LATE_CLOCKS})
    edition = fields.Nested(EditionView, required=True)
    explanation = fields.Function(
        lambda routing: label(routing["explanation"]), required=True, metadata={"type": "string"}
    )


class RoutingField(fields.Nested):
    """A stored decision, answered as it lies there but for its inputs and the language of its sentence."""

    def __init__(self, **kwargs: Any):
        super().__init__(RoutingView, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        shown = {name: part for name, part in value.items() if name != "inputs"}
        return shown | {"explanation": label(value["explanation"])}


class BoundarySearch(Schema):
    level = fields.String(load_default="commune", validate=one_of(["province", "district", "commune"]))
    at = fields.Date(load_default=None, metadata={"description": "default today"})
    simplify_m = fields.Float(load_default=50.0, validate=validate.Range(0, 10_000))


class FeatureCollection(Schema):
    type = fields.Constant("FeatureCollection")
    edition = fields.Nested(EditionView, required=True)
    features = fields.List(fields.Dict(), required=True)
