"""What is to be sent next for a subscription, and what follows from how that went.

Planned in a reading, sent outside any transaction, written down in the one that ends the job (services/deliveries.py).
A row that another dropped or ended meanwhile stays as they left it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models.base import db, now
from models.channels import EMAIL, WEB_PUSH
from models.clock import today
from models.deliveries import (
    DROPPED,
    FAILING,
    GIVEN_UP,
    ORDINARY,
    PROOFS,
    SENT,
    TEST,
    URGENT,
    WAITING,
    Delivery,
    ask_for,
    drop_waiting,
    hold,
    next_due,
)
from models.events import Event
from models.letters import Letter, Needless, letter_of
from models.limits import limit
from models.notices import keep, notice_id
from models.subscribing import proven_by_answer
from models.subscriptions import Subscription, jittered, wait_after

TEST_HOURS = 1  # for which a webhook is asked to answer a test; a code ends with its time


@dataclass(frozen=True)
class Plan:
    """One thing to do for a subscription: send the letter, or write down that there is nothing to be sent."""

    subscription_id: UUID
    lane: str
    delivery_id: UUID | None = None
    letter: Letter | Needless | None = None
    hold_until: datetime | None = None
    channel: str = ""
    address: str = ""
    secrets: tuple[str, ...] = ()
    keys: dict[str, str] | None = None


def plan(id: UUID, lane: str) -> Plan:
    """What the job of a lane is to do next for one subscription; a reading."""
    found = db.session.get(Subscription, id)
    if found is None or found.is_over or lane != _lane(found, lane):
        return Plan(id, lane)
    delivery = Delivery.next_of(id, lane, proofs=found.proven_at is None)
    if delivery is None or (found.is_left_alone and not delivery.knocks):
        return Plan(id, lane)
    quiet = None if delivery.urgent or delivery.what in PROOFS else found.quiet_until(now())
    if quiet:
        return Plan(id, lane, hold_until=quiet)
    letter = letter_of(delivery, found)
    keys = found.keys if found.channel == WEB_PUSH else None
    secrets = tuple(found.live_secrets)
    return Plan(id, lane, delivery.id, letter, None, found.channel, found.address, secrets, keys)


def _lane(found: Subscription, asked: str) -> str:
    """In which lane it is served: what fails, apart from what works."""
    if found.failing_since:
        return FAILING
    return ORDINARY if asked == FAILING else asked


def settle(done: Plan, at: datetime, result: str = "", status: int | None = None) -> datetime | None:
    """Write down what came of a plan. Returns when the job is needed again, if it is."""
    found = db.session.get(Subscription, done.subscription_id, with_for_update=True, populate_existing=True)
    if found is None or found.is_over:
        return None
    if done.hold_until:
        hold(found.id, done.hold_until)
    if done.delivery_id:
        delivery = db.session.get(Delivery, done.delivery_id, with_for_update=True, populate_existing=True)
        if delivery is not None and delivery.state == WAITING:
            if isinstance(done.letter, Needless):
                delivery.end(DROPPED, done.letter.reason)
            else:
                delivery.note(at, result, status)
                _sent(found, delivery) if result == "sent" else _failed(found, delivery, result)
        db.session.flush()
    if found.is_over:
        return None
    return _again(found, done.lane)


def _sent(found: Subscription, delivery: Delivery) -> None:
    delivery.end(SENT)
    found.note_success()
    if delivery.what == TEST:
        proven_by_answer(found)


def _failed(found: Subscription, delivery: Delivery, result: str) -> None:
    delivery.due_at = now() + jittered(wait_after(delivery.tries))
    if found.proven_at is None:
        ends = found.code_until or delivery.since + timedelta(hours=TEST_HOURS)
        if result == "gone" or delivery.due_at >= ends:
            delivery.end(GIVEN_UP, "no_answer")
        return
    found.note_failure()
    days = timedelta(days=limit("delivery_days", today()))
    ours = result == "not_available" or (found.channel == EMAIL and result in ("unreachable", "timed_out"))
    for_days = found.failing_since is not None and now() - found.failing_since >= days
    if result == "gone" or (for_days and not ours):
        _give_up(found, "gone" if result == "gone" else "no_answer")
    elif now() - delivery.since >= days:
        delivery.end(GIVEN_UP, "no_answer")


def _give_up(found: Subscription, why: str) -> None:
    """It is disabled, and its owner is told where they look without it: in the inbox, and on their other channels."""
    found.given_up_at = now()
    drop_waiting(found.id, why, GIVEN_UP)
    event = Event.record(found, "given_up", None, channel=found.channel, reason=why)
    notice: dict[str, Any] = {
        "id": notice_id(event.hash, found.owner_id),
        "event_number": event.number,
        "receiver_id": found.owner_id,
        "at": event.at,
        "kind": "channel_given_up",
        "incident_id": None,
        "urgent": False,
        "facts": {"channel": found.channel},
    }
    db.session.flush()  # it is not one of the channels on which this is said
    keep([notice])


def _again(found: Subscription, lane: str) -> datetime | None:
    """When the job is needed again; what belongs into another lane by now is asked for there."""
    lanes = [FAILING] if found.failing_since else [URGENT, ORDINARY] if lane == FAILING else [lane]
    due = {each: at for each in lanes if (at := next_due(found.id, each, found.retry_at))}
    if lane in lanes:
        return due.get(lane)
    for each, at in due.items():
        ask_for(found.id, each, at)
    return None
