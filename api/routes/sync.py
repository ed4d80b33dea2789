"""/sync: a phone's queue in, what changed out; and the receipts it was given."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, json, request

from api.blueprint import Blueprint
from api.errors import described, problem_of
from api.etags import etag
from api.incoming import BROKEN_OFF, one_upload
from api.limits import count_carried, count_operations
from api.schemas.incidents import IncidentView
from api.schemas.sync import (
    CourierKey,
    FeedPage,
    FeedSearch,
    ReceiptCheck,
    ReceiptText,
    SealedAnswer,
    SealedQueue,
    SyncAnswer,
    SyncBatch,
    read_batch,
    read_operations,
)
from api.security import current_user, signed_in
from api.sessions import answering, open_session
from api.transaction import in_turns, stop_reading, writes, writes_in_turns
from models import Incident, Seal
from models.base import now
from models.changes import changes_since
from models.clocks import PhoneClock
from models.envelopes import Envelope, courier_key
from models.errors import CutShort, DomainError
from models.events import carried_by
from models.notices import waiting
from models.receipts import LogCut, NotGenuine, Receipt
from models.signing import text_of
from services.sync import CREATED, Batch, Operation, Result

sync = Blueprint("sync", url_prefix="/api/v1", description="Offline sync")

LARGEST_BATCH = 4 << 20
MOST_NOTICES = 50
VIEW, ANSWER = IncidentView(), SyncAnswer()


def takes_batches(view: Callable[..., Any]) -> Callable[..., Any]:
    """The body read as photos are: slow phones must not hold all threads."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        request.max_content_length = LARGEST_BATCH
        try:
            with one_upload():
                request.get_data(cache=True)
        except BROKEN_OFF as error:
            raise CutShort() from error
        return view(*args, **kwargs)

    return wrapper


def read_first(view: Callable[..., Any]) -> Callable[..., Any]:
    """Every operation read and every report routed before anybody has to wait for the transaction."""

    @wraps(view)
    def wrapper(batch: dict[str, Any]) -> Any:
        clock = PhoneClock(batch.get("device_time"), now())
        open_session()
        stop_reading()
        count_operations(len(batch["operations"]))
        operations = read_operations(batch["operations"], current_user, clock)
        return view(Batch(current_user, g.session.device_id, clock, answer), operations)

    return wrapper


def unsealed(view: Callable[..., Any]) -> Callable[..., Any]:
    """The envelope opened and read, and everything from here on done as by its owner.

    What is wrong with its content is for its owner to know: it goes into the answer, sealed.
    """

    @wraps(view)
    def wrapper(sent: dict[str, Any]) -> Any:
        open_session()
        envelope = Envelope.open(sent["envelope"])
        carrier, sender = g.user, envelope.sender()
        owner, device_id = sender.user, sender.device_id
        count_carried(device_id, owner.id)
        with answering(owner), carried_by(carrier.id):
            try:
                batch = read_batch(envelope.content(LARGEST_BATCH))
            except DomainError as refusal:
                return view(envelope, refusal, [])
            clock = PhoneClock.carried(batch.get("device_time"), now(), device_id)
            stop_reading()
            count_operations(len(batch["operations"]), (device_id, owner.id))
            operations = read_operations(batch["operations"], owner, clock)
            return view(envelope, Batch(owner, device_id, clock, answer, carrier), operations)

    return wrapper


def types_of_new(operations: list[Operation], results: list[Result]) -> list[str]:
    """The types of the reports that were taken, for the metrics."""
    pairs = zip(operations, results, strict=True)
    return [o.facts["type"] for o, r in pairs if o.kind == "incident.create" and r.result == CREATED]


def answer(incident: Incident) -> tuple[dict[str, str], dict[str, Any]]:
    """What the live door would have answered to an action."""
    return {"ETag": etag(incident)}, json.loads(json.dumps(VIEW.dump(incident)))


@sync.post("/sync")
@signed_in
@takes_batches
@sync.arguments(SyncBatch)
@read_first
@sync.response(200, SyncAnswer)
@writes_in_turns
def exchange(batch, operations):  # type: ignore[no-untyped-def]
    """A phone's queue, in its order. One bad operation never blocks another."""
    return exchanged(batch, operations)


def exchanged(batch: Batch, operations: list[Operation]) -> dict[str, Any]:
    results = in_turns(batch.begin, operations, batch.apply)
    g.types_taken = types_of_new(operations, results)
    return {"server_time": now(), "seal": batch.seal, "results": results}


@sync.get("/sync/key")
@signed_in
@sync.response(200, CourierKey)
def read_key():  # type: ignore[no-untyped-def]
    """The key with which this phone seals its queue, should another have to carry it."""
    return {"session_id": g.session.id, "key": text_of(courier_key(g.session.id))}


@sync.post("/sync/sealed")
@signed_in
@takes_batches
@sync.arguments(SealedQueue)
@unsealed
@sync.response(200, SealedAnswer)
@writes_in_turns
def deliver(envelope, batch, operations):  # type: ignore[no-untyped-def]
    """The queue of another phone, carried here sealed; the answer is sealed for that phone."""
    if isinstance(batch, DomainError):
        told = {"problem": described(**problem_of(batch))}
    else:
        told = ANSWER.dump(exchanged(batch, operations))
    return {"answer": envelope.answer(json.dumps(told).encode())}


@sync.get("/sync")
@signed_in
@sync.arguments(FeedSearch, location="query")
@sync.response(200, FeedPage)
def read_changes(search):  # type: ignore[no-untyped-def]
    """What changed that you may see, oldest first; without a cursor, everything."""
    changes = changes_since(current_user, search["since"], search["limit"])
    items = [{"kind": "incident", "incident": incident} for incident in changes.incidents]
    items += [{"kind": "gone", "id": id} for id in changes.gone]
    return {
        "items": items,
        "cursor": changes.cursor,
        "more": changes.more,
        "reset": changes.reset,
        "seal": Seal.latest(),
        # On the last page, no more of them than a phone on a bad line asks for of the rest.
        "notices": None if changes.more else waiting(current_user, min(search["limit"], MOST_NOTICES)),
    }


@sync.post("/receipts/verify")
@signed_in
@sync.arguments(ReceiptText)
@sync.response(200, ReceiptCheck)
@writes
def verify_receipt(sent):  # type: ignore[no-untyped-def]
    """Whether this server made a receipt, and whether its log still holds what the receipt says."""
    found: dict[str, Any] = {"genuine": False, "in_log": None, "receipt": None, "problem": None}
    try:
        found["receipt"] = Receipt.read(sent["receipt"])
        found |= {"genuine": True, "in_log": False}
        found["receipt"].check_log()
        found["in_log"] = True
    except (NotGenuine, LogCut) as error:
        found["problem"] = described(**problem_of(error))
    return found
