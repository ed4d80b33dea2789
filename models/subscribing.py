"""What is done with a subscription: made, its address proven, its secret renewed, something sent again, ended."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from models.base import db, new_id, now
from models.channels import FOR_UNITS, WEB_PUSH, WEBHOOK, address_of, check_available, push_keys
from models.clock import today
from models.deliveries import (
    CODE,
    ORDINARY,
    TEST,
    Delivery,
    ask_for,
    count_proofs,
    delivery_id,
    drop_waiting,
    keep_new,
    lane_of,
    new_row,
)
from models.deliveries import FAILING as FAILING_LANE
from models.desks import leads
from models.errors import Conflict, Incomplete, Invalid, NotAllowed
from models.events import Event
from models.limits import limit
from models.subscription_errors import SubscriptionOver, TooManySubscriptions, WrongProof
from models.subscriptions import ACTIVE, FAILING, Subscription, count_made_by, count_of_owner
from models.users import Person, Role

DAY = timedelta(days=1)


def subscribe(
    user: Person,
    channel: str,
    address: str,
    available: Any,
    plain_http: bool = False,
    unit_id: UUID | None = None,
    id: UUID | None = None,
    keys: dict[str, Any] | None = None,
    quiet_from: str | None = None,
    quiet_to: str | None = None,
    **facts: Any,
) -> tuple[Subscription, bool]:
    """The subscription, and whether it is new: the same id, author and content again is the same one.

    Raises NotAllowed, ChannelNotAvailable, Invalid, Incomplete, IdConflict, TooManySubscriptions.
    """
    same = {"created_by_id": user.id, "content_sha256": facts.get("content_sha256")}
    if known := Subscription.sent_before(id, **same):
        return known, False
    _check_may(user, channel, unit_id)
    check_available(channel, available)
    address = address_of(channel, address, plain_http)
    sealed = push_keys(keys) if channel == WEB_PUSH else None
    if (quiet_from is None) != (quiet_to is None):
        raise Incomplete("quiet_to" if quiet_from else "quiet_from")
    owner = {"user_id": None if unit_id else user.id, "unit_id": unit_id}
    _check_room(user, **owner)
    made = Subscription(
        id=id or new_id(),
        created_by_id=user.id,
        channel=channel,
        address=address,
        quiet_from=quiet_from,
        quiet_to=quiet_to,
        secret_number=1,
        code_number=0,
        code_tries=0,
        failures=0,
        **owner,
        **facts,
    )
    if sealed:
        made.seal_keys(sealed)
    db.session.add(made)
    db.session.flush()
    Event.record(made, "created", user, channel=channel, of_unit=str(unit_id) if unit_id else None)
    if channel == WEB_PUSH:  # the browser itself made the address and its keys for us
        made.proven_at = now()
    else:
        _ask_for_proof(made)
    return made, True


def _check_may(user: Person, channel: str, unit_id: UUID | None) -> None:
    """Everybody for themselves but an admin, who is told of no case; for an office, a leader of its unit."""
    if user.role is Role.ADMIN or (unit_id and not leads(user, unit_id)):
        raise NotAllowed(action="subscribe")
    if unit_id and channel not in FOR_UNITS:
        raise Invalid("kind", ", ".join(FOR_UNITS))


def _check_room(user: Person, user_id: UUID | None, unit_id: UUID | None) -> None:
    on = today()
    if count_of_owner(user_id, unit_id) >= limit("subscriptions_max", on):
        raise TooManySubscriptions()
    if count_made_by(user, now() - DAY) >= limit("subscriptions_a_day_max", on):
        raise TooManySubscriptions()


# The proof: whoever subscribed reads what arrives there, and a webhook takes what is signed


def _ask_for_proof(made: Subscription) -> None:
    made.code_number += 1
    made.code_tries = 0
    made.code_until = now() + timedelta(minutes=limit("subscription_code_minutes", today()))
    what = TEST if made.channel == WEBHOOK else CODE
    keep_new([new_row(made.id, what, id=delivery_id(what, made.id, made.code_number))])


def prove_again(id: UUID, user: Person) -> Subscription:
    """Another code, or another test: also for one that was given up, which then begins anew.

    Raises NotFound, SubscriptionOver, TooManySubscriptions.
    """
    failing = Subscription.find(id, user).failing_since
    ask_for(id, FAILING_LANE if failing else ORDINARY)  # before it is locked: workers lock the job first
    made = Subscription.find(id, user, lock=True)
    if made.ended_at or made.state == ACTIVE or made.channel == WEB_PUSH:
        raise SubscriptionOver()
    if made.state == FAILING:
        made.retry_at = now()  # proven already: only tried at once
        return made
    if count_proofs(id, now() - DAY) >= limit("subscription_codes_max", today()):
        raise TooManySubscriptions()
    if made.given_up_at:
        made.given_up_at = made.proven_at = None
        Event.record(made, "resumed", user)
    made.note_success()
    drop_waiting(made.id, "out_of_date")
    db.session.flush()
    _ask_for_proof(made)
    return made


def confirm(id: UUID, user: Person, code: str) -> Subscription:
    """With the code that arrived. Once is enough. Raises NotFound, SubscriptionOver, WrongProof."""
    made = Subscription.find(id, user, lock=True)
    if made.is_over or made.channel in (WEBHOOK, WEB_PUSH):
        raise SubscriptionOver()
    if made.proven_at and made.is_code(code):
        return made
    in_time = made.code_until is not None and made.code_until > now()
    made.code_tries += 1
    if made.proven_at or not in_time or made.code_tries > limit("subscription_code_tries", today()):
        raise WrongProof(errors={"code": ["mã còn hiệu lực / a code that holds"]})
    if not made.is_code(code):
        raise WrongProof(errors={"code": ["mã đã gửi đến địa chỉ / the code sent to the address"]})
    _proven(made, user)
    return made


def proven_by_answer(made: Subscription) -> None:
    """A webhook took what was signed."""
    if made.proven_at is None and not made.is_over:
        _proven(made, None)


def _proven(made: Subscription, user: Person | None) -> None:
    made.proven_at = now()
    made.note_success()
    Event.record(made, "proven", user)


# Later


def renew_secret(id: UUID, user: Person, number: int) -> Subscription:
    """The next secret of a webhook; the one before it signs along for some hours. Sent again it is refused, so that no
    secret is passed over unseen. Raises NotFound, SubscriptionOver, Conflict."""
    made = Subscription.find(id, user, lock=True)
    if made.ended_at or made.channel != WEBHOOK:
        raise SubscriptionOver()
    if number != made.secret_number + 1:
        raise Conflict()
    made.secret_number = number
    made.former_secret_until = now() + timedelta(hours=limit("webhook_secret_overlap_hours", today()))
    Event.record(made, "secret_renewed", user)
    return made


def send_again(id: UUID, delivery_id: UUID, user: Person) -> Delivery:
    """What was sent, dropped or given up goes out once more, under the same id. Raises NotFound, SubscriptionOver."""
    found = Subscription.find(id, user)
    if found.is_over or found.proven_at is None:
        raise SubscriptionOver()
    delivery = Delivery.find(delivery_id, found)
    if delivery.what in (CODE, TEST):
        raise SubscriptionOver()
    delivery.again()
    ask_for(id, lane_of(delivery.urgent))
    return delivery


def end(id: UUID, user: Person) -> None:
    """Nothing is sent any more; address and keys are forgotten, the log of what was sent stays. Once is enough."""
    made = Subscription.find(id, user, lock=True)
    if made.ended_at:
        return
    made.ended_at = now()
    made.address, made.sealed_keys = "", None
    drop_waiting(made.id, "ended")
    Event.record(made, "ended", user)
