"""A phone's queue, one operation after the other: each in its savepoint, so that a bad one never blocks another."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models import (
    Assignment,
    Event,
    Incident,
    Note,
    Person,
    Photo,
    Reply,
    Seal,
    SyncClock,
    Upload,
    answers,
    db,
    leading,
)
from models.clocks import PhoneClock
from models.errors import Conflict, DomainError, NotFound, Stale, WrongStatus
from models.fires import FireUpdate
from models.operations import FailedOperation, UnknownSubject
from models.permissions import reporter
from models.photos import check_may_add
from models.receipts import Receipt
from models.reporting import Draft

log = logging.getLogger(__name__)

TRIES = 3
CREATED, APPLIED, REPLAYED, CONFLICT, REJECTED = RESULTS = ("created", "applied", "replayed", "conflict", "rejected")

# What a stored answer to an action looks like, so that the same key gets it at the live door too.
Answer = Callable[[Incident], tuple[dict[str, str], dict[str, Any]]]


@dataclass
class Operation:
    """One item of a batch, read. `refusal` stands for what could not be read."""

    id: str | None
    kind: str | None = None
    subject: UUID | None = None
    versions: set[str] | None = None  # on which it was decided; None: not said
    facts: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""  # of the body as it was sent
    address: str = ""  # of the live door, under which an answer to its key is kept
    draft: Draft | None = None
    refusal: DomainError | None = None


@dataclass
class Result:
    id: str | None
    result: str
    number: str | None = None
    version: int | None = None
    photos: list[dict[str, str]] | None = None
    receipt: str | None = None
    problem: DomainError | None = None
    current: dict[str, Any] | None = None  # beside a conflict: what is true now


class Batch:
    """What all operations of one sync share."""

    def __init__(self, user: Person, device_id: UUID, clock: PhoneClock, answer: Answer, carrier: Person | None = None):
        self.user, self.device_id, self.clock, self.answer, self.carrier = user, device_id, clock, answer, carrier
        self.seal: Seal | None = None

    def begin(self) -> None:
        """In the first transaction: the clock is noted, and the latest seal is read for the receipts."""
        if self.clock.shows and not self.carrier:  # what was carried says nothing of how the clock stands now
            measured = {"device_time": self.clock.shows, "offset_s": self.clock.offset_s}
            db.session.add(SyncClock(device_id=self.device_id, **measured))
            db.session.flush()
        self.seal = Seal.latest()
        db.session.expunge_all()

    def apply(self, operation: Operation) -> Result:
        """Do it, or undo it and say why not. Trouble of the database itself is raised: it concerns all."""
        for _ in range(TRIES):
            try:
                with db.session.begin_nested():
                    return self._apply(operation)
            except IntegrityError:  # another transaction was first: tried again, it sees theirs
                refusal: DomainError = Conflict()
            except DomainError as error:
                refusal = error
                break
            except OperationalError as error:
                raise first_trouble(error) from None
            except (PoolTimeout, OSError):
                raise
            except Exception:
                log.exception("operation %s", operation.kind)
                refusal = FailedOperation()
                break
            finally:
                db.session.expunge_all()  # what was undone must not be found again, and a long batch stays flat
        return self._refused(operation, refusal)

    def _apply(self, operation: Operation) -> Result:
        if operation.refusal:
            raise operation.refusal
        return KINDS[operation.kind or ""](self, operation)

    def _refused(self, operation: Operation, refusal: DomainError) -> Result:
        # Perhaps refused only because the same operation, sent twice at once, was just done.
        if operation.address and operation.subject and isinstance(refusal, Conflict | Stale):
            try:
                if seen := self.replay(operation, address(operation)):
                    return seen
            except DomainError as error:
                refusal = error
        conflict = isinstance(refusal, Conflict | Stale)
        result = Result(operation.id, CONFLICT if conflict else REJECTED, problem=refusal)
        if conflict:
            result.current = self._current(operation)
        db.session.expunge_all()
        return result

    def _current(self, operation: Operation) -> dict[str, Any] | None:
        """What a phone needs to tell its user why; nothing of what they may not see."""
        try:
            if operation.draft:
                return Incident.find(operation.draft.id, self.user).current_state
            return subject(operation, self.user).current_state
        except NotFound:
            return None

    # Results

    def done(self, operation: Operation, word: str, incident: Incident, event: Any, photos: bool = False) -> Result:
        event = event or Event.latest_of(incident)
        receipt = Receipt.of(incident, operation.sha256, event, self.seal, incident.photos if photos else ())
        states = [{"sha256": p.sha256, "state": p.state} for p in incident.photos] if photos else None
        return Result(operation.id, word, incident.number, incident.version, states, receipt.text)

    def replay(self, operation: Operation, route: str) -> Result | None:
        """What was answered to this very operation, at whichever door."""
        seen = Reply.given(self.user.id, route, operation.id or "", operation.sha256)
        if seen is None:
            return None
        return Result(
            operation.id, REPLAYED, seen.body.get("number"), seen.body.get("version"), None, seen.headers.get("Receipt")
        )

    def remember(self, operation: Operation, route: str, incident: Incident, result: Result) -> None:
        headers, body = self.answer(incident)
        db.session.add(
            Reply(
                user_id=self.user.id,
                route=route,
                key=operation.id,
                request_hash=operation.sha256,
                status=200,
                headers=headers | {"Receipt": result.receipt},
                body=body,
            )
        )


def first_trouble(error: BaseException) -> BaseException:
    """On a full disk SQLite ends the whole transaction: that the savepoint is gone then is not the trouble."""
    first, before = error, error.__context__
    while before:
        first, before = before if isinstance(before, OperationalError) else first, before.__context__
    return first


# What a kind of operation does.


def create(batch: Batch, operation: Operation) -> Result:
    assert operation.draft is not None
    incident, new = operation.draft.file()
    event = operation.draft.event if new else Event.first_of(incident)
    return batch.done(operation, CREATED if new else REPLAYED, incident, event, photos=True)


def act(batch: Batch, operation: Operation) -> Result:
    """A step of the workflow; its id is its idempotency key, looked up before its version."""
    route = address(operation)
    if seen := batch.replay(operation, route):
        return seen
    incident = subject(operation, batch.user, lock=True, other=operation.facts.get("duplicate_of"))
    incident.check_decided_on(batch.user, operation.versions)
    try:
        incident.perform(actor=batch.user, **operation.facts)
    except WrongStatus:
        if not is_late_answer(incident, operation, batch.user):
            raise
        Note.write(incident, batch.user, text=operation.facts["answer"])
    return _kept(batch, operation, route, incident)


def is_late_answer(incident: Incident, operation: Operation, user: Person) -> bool:
    """The question was settled before the reporter's answer arrived: what they know is kept as a note."""
    said = operation.facts
    return said["action"] == "answer" and bool(said.get("answer") and incident.asked_from) and reporter(user, incident)


def answer_assignment(batch: Batch, operation: Operation) -> Result:
    route = address(operation)
    if seen := batch.replay(operation, route):
        return seen
    incident = subject(operation, batch.user, lock=True)
    incident.check_decided_on(batch.user, operation.versions)
    assert operation.subject is not None
    answers.act(incident, operation.subject, user=batch.user, **operation.facts)
    return _kept(batch, operation, route, incident)


def offer_assignment(batch: Batch, operation: Operation) -> Result:
    """Sent again, it is the same offer, whatever became of the case since."""
    incident = subject(operation, batch.user, lock=True)
    if not leading.is_known(operation.facts["id"]):
        incident.check_decided_on(batch.user, operation.versions)
    _, new = leading.offer(incident, batch.user, content_sha256=operation.sha256, **operation.facts)
    return batch.done(operation, CREATED if new else REPLAYED, incident, None)


def write_note(batch: Batch, operation: Operation) -> Result:
    incident = subject(operation, batch.user, lock=True)
    _, new = Note.write(incident, batch.user, **operation.facts)
    return batch.done(operation, CREATED if new else REPLAYED, incident, None)


def update_fire(batch: Batch, operation: Operation) -> Result:
    incident = subject(operation, batch.user, lock=True)
    said = {"content_sha256": operation.sha256} | operation.facts
    _, new = FireUpdate.record(incident, batch.user, **said)
    return batch.done(operation, CREATED if new else REPLAYED, incident, None)


def declare_photos(batch: Batch, operation: Operation) -> Result:
    incident = subject(operation, batch.user, lock=True)
    check_may_add(incident, batch.user)
    fresh = Photo.unite(incident, operation.facts["photos"])
    Upload.meet(incident, batch.user)  # what was sent before the report: a phone that asks is told of it
    return batch.done(operation, APPLIED if fresh else REPLAYED, incident, None, photos=True)


def _kept(batch: Batch, operation: Operation, route: str, incident: Incident) -> Result:
    result = batch.done(operation, APPLIED, incident, None)
    batch.remember(operation, route, incident, result)
    return result


KINDS: dict[str, Callable[[Batch, Operation], Result]] = {
    "incident.create": create,
    "incident.action": act,
    "incident.note": write_note,
    "incident.photos": declare_photos,
    "assignment.create": offer_assignment,
    "assignment.action": answer_assignment,
    "fire.update": update_fire,
}


def subject(operation: Operation, user: Person, lock: bool = False, other: UUID | None = None) -> Incident:
    """The incident it is about. Not there, not there yet and not to be seen are one answer."""
    try:
        return Incident.find(incident_id(operation), user, lock=lock, other=other)
    except NotFound as error:
        raise UnknownSubject() from error


def incident_id(operation: Operation) -> UUID:
    assert operation.subject is not None
    if operation.kind != "assignment.action":
        return operation.subject
    row = db.session.get(Assignment, operation.subject)
    if row is None:
        raise UnknownSubject()
    return row.incident_id


def address(operation: Operation) -> str:
    return operation.address.format(incident=incident_id(operation), subject=operation.subject)
