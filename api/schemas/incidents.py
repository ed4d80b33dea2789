"""Incidents on the wire."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from api.bodies import Tolerant, json_bytes
from api.schemas.assignments import AssignmentView
from api.schemas.common import FINDINGS, AsStored, Codes, Moment, Page, one_of
from api.schemas.damage import TEXT, Damage, ReportedDamage
from api.schemas.fires import FireView
from api.schemas.location import Location
from api.schemas.photos import PhotoDeclaration, PhotoView
from api.schemas.units import ContactView, RoutingField, UnitField
from api.security import current_user
from models.assignments import Joint
from models.incident_types import INCIDENT_TYPES, codes
from models.incident_workflow import INCIDENT_WORKFLOW, OUTCOMES, Status

LARGEST_JSON = 64 << 10  # bytes of a form; far beyond what anybody fills in


class JsonDict(fields.Dict):
    """Stored as it came."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return of_fair_size(super()._deserialize(value, attr, data, **kwargs))


class JsonList(fields.List):
    """Stored as it came."""

    def __init__(self, **kwargs: Any):
        super().__init__(fields.Dict(), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return of_fair_size(super()._deserialize(value, attr, data, **kwargs))


def of_fair_size(value: Any) -> Any:
    if json_bytes(value) > LARGEST_JSON:
        raise ValidationError(f"Longer than maximum length {LARGEST_JSON}.")
    return value


class Facts(Tolerant):
    """What may be reported, and later corrected."""

    act_from = Moment()
    act_to = Moment()
    description = fields.String(validate=TEXT)
    severity = fields.String(validate=one_of(codes("severity")))
    burning = fields.Boolean(truthy={True}, falsy={False})
    source = fields.String(validate=one_of(codes("report_source")))
    channel = fields.String(validate=one_of(codes("report_channel")))
    plots = JsonList(metadata={"description": "tiểu khu, khoảnh, lô: strings such as 562A"})
    forest_category = fields.String(validate=one_of(codes("forest_category")))
    forest_origin = fields.String(validate=one_of(codes("forest_origin")))
    forest_owner = JsonDict()
    damage = fields.Nested(ReportedDamage)
    details = JsonDict(metadata={"description": "by the JSON Schema of the type"})
    people = JsonList(metadata={"description": "`unit_id`: the unit somebody belongs to, which is told of the case"})
    vehicles = JsonList()
    exhibits = JsonList()
    informant = JsonDict()
    patrol_id = fields.String(validate=validate.Length(max=100))


class IncidentReport(Facts):
    """What a phone sends. Only a missing type, place or time, or an unknown type, is refused."""

    essential = ("id", "type", "found_at", "location")

    id = fields.UUID(metadata={"description": "chosen by the phone, UUIDv7 advised; makes resending safe"})
    type = fields.String(required=True, validate=one_of(INCIDENT_TYPES))
    found_at = Moment(required=True)
    location = fields.Nested(Location, required=True)
    photos = fields.List(fields.Nested(PhotoDeclaration))


class IncidentChanges(Facts):
    """The new values of a correction."""

    essential = (*IncidentReport.essential, *(n for n in Facts().fields))

    type = fields.String(validate=one_of(INCIDENT_TYPES))
    found_at = Moment()
    location = fields.Nested(Location)
    decisions = JsonList()
    payments = JsonList()

    def load(self, data: Any, **options: Any) -> Any:
        changes = super().load(data, **options)
        if unknown := changes.pop("extras"):
            raise ValidationError({name: ["Unknown field."] for name in unknown})
        changes.pop("findings")
        return changes


class Findings(Schema):
    """What was found on the spot."""

    text = fields.String(validate=TEXT)
    damage = fields.Nested(Damage)
    forest_category = fields.String(validate=one_of(codes("forest_category")))
    forest_origin = fields.String(validate=one_of(codes("forest_origin")))


class IncidentAction(Schema):
    """One step. Which arguments it needs, the workflow says."""

    action = fields.String(required=True, validate=one_of(INCIDENT_WORKFLOW.actions))
    question = fields.String(validate=TEXT)
    answer = fields.String(validate=TEXT)
    findings = fields.Nested(Findings)
    reason = fields.String(validate=TEXT)
    duplicate_of = fields.UUID()
    record_number = fields.String(validate=validate.Length(max=200))
    record_date = fields.Date()
    agency = fields.String(validate=validate.Length(max=500))
    outcome = fields.String(validate=one_of(OUTCOMES))
    note = fields.String(validate=TEXT)
    changes = fields.Nested(IncidentChanges)


class Reporter(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    unit = UnitField(allow_none=True)


class Deadline(Schema):
    step = fields.String(required=True)
    at = Moment(required=True)
    overdue = fields.Boolean(required=True)
    level = fields.Integer(
        required=True,
        metadata={"enum": [0, 1, 2], "description": "overdue: 1 told to the unit above, 2 one more level above"},
    )
    called_at = Moment(
        required=True, allow_none=True, metadata={"description": "the last call since: no more reminders come"}
    )


class IncidentView(Schema):
    """What everyone who may see it reads; people, vehicles and informant stand elsewhere."""

    id = fields.UUID(required=True)
    number = fields.String(required=True, metadata={"example": "MN-2026-000123"})
    type = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": [str(s) for s in Status]})
    fire_status = fields.String(required=True, allow_none=True)
    fire = fields.Nested(FireView, required=True, allow_none=True, attribute="fire_now")
    joint_status = fields.String(required=True, metadata={"enum": [str(j) for j in Joint]})
    severity = fields.String(required=True, allow_none=True)
    burning = fields.Boolean(allow_none=True)
    found_at = Moment(required=True)
    found_at_corrected = Moment(allow_none=True, metadata={"description": "when the phone's clock was wrong"})
    received_at = Moment(required=True)
    act_from = Moment(allow_none=True)
    act_to = Moment(allow_none=True)
    location = fields.Dict(required=True)
    description = fields.String(required=True, allow_none=True)
    source = fields.String(allow_none=True)
    channel = fields.String(allow_none=True)
    plots = fields.List(fields.Dict(), allow_none=True)
    forest_category = fields.String(allow_none=True)
    forest_origin = fields.String(allow_none=True)
    forest_owner = fields.Dict(allow_none=True)
    damage = fields.Dict(required=True, allow_none=True)
    verified = fields.Dict(allow_none=True)
    details = fields.Dict(required=True, allow_none=True)
    exhibits = fields.List(fields.Dict(), allow_none=True)
    decisions = fields.List(fields.Dict(), allow_none=True)
    payments = fields.List(fields.Dict(), allow_none=True)
    patrol_id = fields.String(allow_none=True)
    handling = fields.Dict(metadata={"description": "what the steps said: question, answer, outcome, record …"})
    duplicate_of = fields.UUID(allow_none=True)
    reporter = fields.Nested(Reporter, required=True)
    lead = UnitField(required=True, attribute="lead_unit")
    guard_unit = UnitField(required=True)
    lead_contacts = AsStored(ContactView, many=True, required=True, metadata={"description": "whom to phone"})
    guard_contacts = AsStored(ContactView, many=True, required=True)
    unit_at_found_id = fields.UUID(allow_none=True)
    routing = RoutingField(required=True)
    would_lead = UnitField(
        allow_none=True,
        metadata={"description": "whom a correction's routing names, where another leads: hand it over"},
    )
    assignments = fields.List(fields.Nested(AssignmentView), required=True)
    photos = fields.List(fields.Nested(PhotoView), required=True)
    findings = fields.Function(lambda incident: incident.findings_for(current_user), required=True, metadata=FINDINGS)
    actions = fields.Function(
        lambda incident: incident.actions_for(current_user),
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )
    people_units = fields.Function(
        lambda incident: incident.people_units_for(current_user),
        metadata={
            "type": "array",
            "items": {"type": "object"},
            "description": "units that people on the report belong to; for whoever may read the people",
        },
    )
    next_deadline = fields.Nested(Deadline, required=True, allow_none=True)
    version = fields.Integer(required=True)
    revision = fields.Integer(required=True)
    content_sha256 = fields.String(required=True)


class Box(fields.Field):
    """west,south,east,north in degrees."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            west, south, east, north = (float(v) for v in str(value).split(","))
        except ValueError as error:
            raise ValidationError("Not a valid list.") from error
        return west, south, east, north


class IncidentSearch(Page):
    status = Codes(Status)
    type = Codes(INCIDENT_TYPES)
    joint_status = Codes(Joint)
    unit = fields.UUID(load_default=None, metadata={"description": "led by or counted for it or a unit beneath"})
    found_from = Moment(load_default=None)
    found_to = Moment(load_default=None, metadata={"description": "exclusive"})
    overdue = fields.Boolean(load_default=None)
    mine = fields.Boolean(load_default=None)
    bbox = Box(load_default=None, metadata={"type": "string", "description": "west,south,east,north"})


class IncidentPage(Schema):
    items = fields.List(fields.Nested(IncidentView), required=True)
    next = fields.String(required=True, allow_none=True)


class RestrictedView(Schema):
    people = fields.List(fields.Dict(), required=True)
    vehicles = fields.List(fields.Dict(), required=True)
    informant = fields.Dict(required=True, allow_none=True)


class EventView(Schema):
    number = fields.Integer(required=True)
    at = Moment(required=True)
    kind = fields.String(required=True)
    actor = fields.Dict(required=True, allow_none=True)
    unit = fields.Dict(required=True, allow_none=True)
    facts = fields.Dict(required=True)
    names = fields.Dict(metadata={"description": "of the units that the facts give by id"})
    hash = fields.String(required=True)


class Timeline(Schema):
    items = fields.List(fields.Nested(EventView), required=True)
    next = fields.String(required=True, allow_none=True)


class NewNote(Schema):
    id = fields.UUID()
    text = fields.String(required=True, validate=validate.Length(1, 20_000))
    private = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class NoteView(Schema):
    id = fields.UUID(required=True)
    text = fields.String(required=True)
    private = fields.Boolean(required=True)
    at = Moment(required=True)
    author = fields.Nested(Reporter, required=True)


class PrivateNotes(Schema):
    items = fields.List(fields.Nested(NoteView), required=True)
