"""Offline sync on the wire: a batch of operations in, results out, and the feed of changes."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid5

from flask import g
from marshmallow import Schema, ValidationError, fields, validate

from api.blueprint import Problem
from api.bodies import Tolerant, content_sha256, json_sha256, read_json
from api.errors import described, flat, problem_of
from api.etags import versions_in
from api.languages import translate
from api.schemas.assignments import AssignmentAction, NewAssignment
from api.schemas.common import Moment, one_of
from api.schemas.fires import NewFireUpdate
from api.schemas.incidents import IncidentAction, IncidentReport, IncidentView, NewNote
from api.schemas.notices import NoticeView
from api.schemas.photos import PhotoDeclaration
from models import Person
from models.clocks import PhoneClock
from models.errors import DomainError
from models.fire_places import FirePlace
from models.operations import FailedOperation, InvalidOperation, UnknownKind
from models.reporting import Draft
from services.sync import KINDS, RESULTS, Operation

log = logging.getLogger(__name__)

MOST_OPERATIONS = 200
LONGEST_ID = 200


class PhotoDeclarations(Schema):
    photos = fields.List(fields.Nested(PhotoDeclaration), required=True, validate=validate.Length(1, 200))


# How the body of each kind is read: the schema of its live door.
BODIES: dict[str, Schema] = {
    "incident.create": IncidentReport(),
    "incident.action": IncidentAction(),
    "incident.note": NewNote(),
    "incident.photos": PhotoDeclarations(),
    "assignment.create": NewAssignment(),
    "assignment.action": AssignmentAction(),
    "fire.update": NewFireUpdate(),
}
NAMES_ITSELF = ("incident.create", "incident.note", "fire.update", "assignment.create")
# Where the live door is, so that its Idempotency-Key and the id of an operation are one thing.
ADDRESSES = {
    "incident.action": "POST /api/v1/incidents/{incident}/actions",
    "assignment.action": "POST /api/v1/incidents/{incident}/assignments/{subject}/actions",
}


class OperationItem(Schema):
    """Documented so; each is read by itself, and a bad one blocks no other."""

    id = fields.String(required=True, metadata={"description": "chosen by the phone: the idempotency key of an action"})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    subject = fields.UUID(metadata={"description": "the incident, or the assignment, that it is about"})
    version = fields.Integer(metadata={"description": "decided on; officers and leaders must say it for actions"})
    device_time = Moment(metadata={"description": "when it was recorded, by the phone's clock"})
    body = fields.Dict(required=True, metadata={"description": "as the live route takes it"})


class OperationList(fields.List):
    """Objects with an id; whatever else an item is or lacks is told of that item."""

    def __init__(self) -> None:
        super().__init__(fields.Nested(OperationItem), required=True, validate=validate.Length(max=MOST_OPERATIONS))

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        for place, item in enumerate(value):
            id = item.get("id") if isinstance(item, dict) else "?"
            if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
                raise ValidationError({str(place): {"id": ["Missing data for required field."]}})
        return value


class SyncBatch(Tolerant):
    essential = ("operations",)

    device_time = Moment(metadata={"description": "what the phone's clock shows as it sends"})
    operations = OperationList()


def read_batch(content: bytes) -> dict[str, Any]:
    """The body of a batch that came inside another. Raises InvalidOperation."""
    try:
        g.body = {"envelope": read_json(content)}  # as that of a request, it is kept out of the logs
        return cast(dict[str, Any], SyncBatch().load(g.body["envelope"]))
    except ValidationError as error:
        raise InvalidOperation(errors=flat(translate(error.normalized_messages()))) from error
    except (ValueError, RecursionError) as error:
        raise InvalidOperation(errors=translate({"_schema": ["Invalid JSON body."]})) from error


def read_operations(items: list[Any], user: Person, clock: PhoneClock) -> list[Operation]:
    """Every item read as its live route would, reports routed; what cannot be read holds its refusal."""
    recorded = [moment(item.get("device_time")) if isinstance(item, dict) else None for item in items]
    read = []
    for item, ran_on in zip(items, clock.ran_on(recorded), strict=True):
        operation = Operation(item["id"] if isinstance(item, dict) else None)
        try:
            read_item(operation, item, user, lambda found_at, ran_on=ran_on: clock.says_of(found_at, ran_on))
        except DomainError as refusal:
            operation.refusal = refusal
        except ValidationError as error:
            operation.refusal = InvalidOperation(errors=flat(translate(error.normalized_messages())))
        except Exception:
            log.exception("operation %s", operation.kind)
            operation.refusal = FailedOperation()
        read.append(operation)
    return read


def read_item(operation: Operation, item: Any, user: Person, says_of: Callable[[datetime], Any]) -> None:
    if not isinstance(item, dict):
        raise ValidationError(["Invalid input type."])
    kind, body = item.get("kind"), item.get("body")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownKind()
    operation.kind, operation.address = kind, ADDRESSES.get(kind, "")
    operation.facts = cast(dict[str, Any], BODIES[kind].load(body))  # type: ignore[arg-type]
    if kind in NAMES_ITSELF:
        operation.facts.setdefault("id", uuid5(user.id, operation.id or ""))  # the same whenever it is sent
    if kind == "incident.create":
        operation.sha256 = content_sha256(cast(dict[str, Any], body))
        offset_s, findings = says_of(operation.facts["found_at"])
        seen = {"clock_offset_s": offset_s, "findings": operation.facts["findings"] + findings}
        operation.draft = Draft(user, operation.sha256, **operation.facts | seen)
        return
    operation.sha256 = json_sha256(body)
    if kind == "fire.update":
        operation.facts = placed_and_timed(operation.facts, says_of)
    operation.subject = subject_id(item.get("subject"))
    operation.versions = versions(item.get("version"))


def placed_and_timed(update: dict[str, Any], says_of: Callable[[datetime], Any]) -> dict[str, Any]:
    """Its place routed before any transaction begins, and by how much the phone's clock was off."""
    place = FirePlace(update.pop("point", None), update.pop("perimeter", None))
    place.reach()
    offset_s, _ = says_of(update["at"]) if "at" in update else (None, [])
    return update | {"place": place, "clock_offset_s": offset_s}


def moment(value: Any) -> datetime | None:
    """A time that only serves the clock: one that cannot be read is none."""
    try:
        return Moment().deserialize(value) if isinstance(value, str) else None
    except ValidationError:
        return None


def versions(value: Any) -> set[str] | None:
    if value is None or (isinstance(value, str) and value):
        return versions_in(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return {str(value)}
    raise ValidationError({"version": ["Not a valid integer."]})


def subject_id(value: Any) -> UUID:
    try:
        return fields.UUID(required=True, allow_none=False).deserialize(value)
    except ValidationError as error:
        raise ValidationError({"subject": error.messages}) from error


class SealView(Schema):
    number = fields.Integer(required=True)
    hash = fields.String(required=True)
    at = Moment(required=True)


class PhotoState(Schema):
    sha256 = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["missing", "partial", "stored"]})


class ProblemField(fields.Nested):
    """The problem of a result, told as a refused request of its own would tell it."""

    def _serialize(self, value: DomainError | None, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value and described(**problem_of(value), current=obj.current)


class ResultView(Schema):
    id = fields.String(required=True, allow_none=True)
    result = fields.String(required=True, validate=one_of(RESULTS))
    number = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    photos = fields.List(fields.Nested(PhotoState), required=True, allow_none=True)
    receipt = fields.String(required=True, allow_none=True)
    problem = ProblemField(Problem, required=True, allow_none=True)


class SyncAnswer(Schema):
    server_time = Moment(required=True)
    seal = fields.Nested(SealView, required=True, allow_none=True)
    results = fields.List(fields.Nested(ResultView), required=True)


class CourierKey(Schema):
    session_id = fields.UUID(required=True)
    key = fields.String(required=True, metadata={"description": "256 bit as base64url, of this session alone"})


class SealedQueue(Schema):
    envelope = fields.String(required=True, metadata={"description": "base64url, see docs/sync.md"})


class SealedAnswer(Schema):
    answer = fields.String(required=True, metadata={"description": "base64url, for the owner of the envelope alone"})


class FeedSearch(Schema):
    since = fields.String(load_default=None, metadata={"description": "the cursor of the answer before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 100))


class FeedItem(Schema):
    kind = fields.String(required=True, metadata={"enum": ["incident", "gone"]})
    incident = fields.Nested(IncidentView)
    id = fields.UUID(metadata={"description": "of what is gone from your view"})


class FeedPage(Schema):
    items = fields.List(fields.Nested(FeedItem), required=True)
    cursor = fields.String(required=True)
    more = fields.Boolean(required=True)
    reset = fields.Boolean(required=True, metadata={"description": "drop what you were sent before: all comes again"})
    seal = fields.Nested(SealView, required=True, allow_none=True)
    notices = fields.List(
        fields.Nested(NoticeView),
        required=True,
        allow_none=True,
        metadata={
            "description": "those you have not taken note of, the newest, as it is now; null while there is more"
        },
    )


class ReceiptText(Schema):
    receipt = fields.String(required=True, validate=validate.Length(1, 2000))


class ReceiptFacts(Schema):
    incident_id = fields.UUID(required=True)
    number = fields.String(required=True)
    content_sha256 = fields.String(required=True)
    event = fields.Integer(required=True)
    event_hash = fields.String(required=True, metadata={"description": "its first half"})
    received_at = Moment(required=True)
    seal = fields.Integer(required=True, metadata={"description": "0: before the first"})
    seal_hash = fields.String(required=True, metadata={"description": "its first half"})
    photos = fields.Function(
        lambda receipt: [{"sha256": p, "state": "stored" if stored else "missing"} for p, stored in receipt.photos],
        required=True,
        metadata={"type": "array", "items": {"type": "object"}, "description": "first 16 digits of each hash"},
    )


class ReceiptCheck(Schema):
    genuine = fields.Boolean(required=True)
    in_log = fields.Boolean(required=True, allow_none=True, metadata={"description": "null: nobody can tell"})
    receipt = fields.Nested(ReceiptFacts, required=True, allow_none=True)
    problem = fields.Nested(Problem, required=True, allow_none=True)
