"""/subscriptions: where one's notices are sent to, beside the inbox that needs no subscription."""

from flask import current_app

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.passwords import keeps_no_answer
from api.schemas.common import Page, cursor_text
from api.schemas.subscriptions import (
    DeliveryPage,
    DeliveryView,
    NewSubscription,
    NextSecret,
    ProofCode,
    SubscriptionList,
    SubscriptionView,
    SubscriptionWithSecret,
)
from api.security import current_user, signed_in
from api.transaction import writes
from models import Delivery, Subscription, subscribing
from services import channels

subscriptions = Blueprint(
    "subscriptions", url_prefix="/api/v1/subscriptions", description="Where notices are sent to, beside the inbox"
)


@subscriptions.get("")
@signed_in
@subscriptions.response(200, SubscriptionList)
def list_subscriptions():  # type: ignore[no-untyped-def]
    """One's own and those of the office one leads, newest first; and which channels this server offers."""
    return {"items": Subscription.of(current_user), "next": None, "channels": channels.offered(current_app.config)}


@subscriptions.post("")
@signed_in
@subscriptions.arguments(NewSubscription)
@keeps_no_answer
@subscriptions.response(201, SubscriptionWithSecret)
@subscriptions.alt_response(200, schema=SubscriptionWithSecret, description="The same subscription again")
@writes
def subscribe(subscription):  # type: ignore[no-untyped-def]
    """Have notices sent. A code (or to a webhook a signed test) goes to the address, which is used once it is proven."""
    made, new = subscribing.subscribe(
        current_user,
        subscription.pop("kind"),
        subscription.pop("address"),
        channels.available(current_app.config),
        current_app.config["WEBHOOKS_LOCAL"],
        content_sha256=content_sha256(body()),
        **subscription,
    )
    return made.with_secret(new), 201 if new else 200


@subscriptions.get("/<uuid:id>")
@signed_in
@subscriptions.response(200, SubscriptionView)
def read_subscription(id):  # type: ignore[no-untyped-def]
    """How it stands: whether its address is proven, whether the receiver answers."""
    return Subscription.find(id, current_user)


@subscriptions.delete("/<uuid:id>")
@signed_in
@subscriptions.response(204)
@writes
def end_subscription(id):  # type: ignore[no-untyped-def]
    """Nothing is sent there any more."""
    subscribing.end(id, current_user)


@subscriptions.post("/<uuid:id>/confirm")
@signed_in
@subscriptions.arguments(ProofCode)
@keeps_no_answer
@subscriptions.response(200, SubscriptionView)
@writes
def confirm_subscription(proof, id):  # type: ignore[no-untyped-def]
    """With the code that arrived there."""
    return subscribing.confirm(id, current_user, proof["code"])


@subscriptions.post("/<uuid:id>/proof")
@signed_in
@subscriptions.response(200, SubscriptionView)
@writes
def prove_subscription(id):  # type: ignore[no-untyped-def]
    """Another code, or another test of a webhook; one that was given up begins anew, one that fails is tried at once."""
    return subscribing.prove_again(id, current_user)


@subscriptions.post("/<uuid:id>/secret")
@signed_in
@subscriptions.arguments(NextSecret)
@keeps_no_answer
@subscriptions.response(200, SubscriptionWithSecret)
@writes
def renew_secret(secret, id):  # type: ignore[no-untyped-def]
    """The next secret of a webhook; for a day both sign."""
    return subscribing.renew_secret(id, current_user, secret["number"]).with_secret()


@subscriptions.get("/<uuid:id>/deliveries")
@signed_in
@subscriptions.arguments(Page, location="query")
@subscriptions.response(200, DeliveryPage)
def list_deliveries(page, id):  # type: ignore[no-untyped-def]
    """What was sent or is to be, newest first, with every attempt; none of the words."""
    found = Subscription.find(id, current_user)
    items, following = Delivery.page(found, page["limit"], page["cursor"])
    return {"items": items, "next": cursor_text(following)}


@subscriptions.post("/<uuid:id>/deliveries/<uuid:delivery_id>/send")
@signed_in
@subscriptions.response(200, DeliveryView)
@writes
def send_again(id, delivery_id):  # type: ignore[no-untyped-def]
    """Send it once more, under the same id."""
    return subscribing.send_again(id, delivery_id, current_user)
