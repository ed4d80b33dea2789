"""Subscriptions and what was sent to them, on the wire."""

from marshmallow import Schema, fields, validate

from api.schemas.common import Moment, one_of
from api.schemas.units import UnitField
from models.channels import KINDS, LONGEST_URL
from models.deliveries import STATES as DELIVERY_STATES
from models.subscriptions import STATES
from services.channels.outcomes import RESULTS

LANGUAGES = ("vi", "en")
ADDRESS = "an e-mail address, the chat id with the bot, an https address, or the endpoint that a browser gave"
HOUR = validate.Regexp("^([01][0-9]|2[0-3]):[0-5][0-9]$"), validate.Length(equal=5)
SECRET = "of a webhook, whsec_…: shown here alone, never again; null when the same request comes again"


def hour(**kwargs):  # type: ignore[no-untyped-def]
    return fields.String(validate=HOUR, allow_none=True, **kwargs)


class PushKeys(Schema):
    p256dh = fields.String(required=True, validate=validate.Length(max=100))
    auth = fields.String(required=True, validate=validate.Length(max=100))


class NewSubscription(Schema):
    """For oneself, or (e-mail, webhook) for the office of a unit that one leads."""

    id = fields.UUID()
    kind = fields.String(required=True, validate=one_of(KINDS))
    address = fields.String(
        required=True,
        validate=validate.Length(1, LONGEST_URL),
        metadata={"description": ADDRESS, "example": "canbo@kiemlam.vn"},
    )
    unit_id = fields.UUID(allow_none=True)
    language = fields.String(load_default="vi", validate=one_of(LANGUAGES))
    urgent_only = fields.Boolean(load_default=False, metadata={"description": "fires alone, and no digest"})
    quiet_from = hour(metadata={"description": "local; with quiet_to, else 21:00–06:00; the same: no quiet hours"})
    quiet_to = hour()
    keys = fields.Nested(PushKeys, allow_none=True, metadata={"description": "of a browser (web_push)"})


class ProofCode(Schema):
    code = fields.String(required=True, validate=validate.Length(1, 20))


class NextSecret(Schema):
    number = fields.Integer(
        required=True, validate=validate.Range(2, 1_000_000), metadata={"description": "secret_number and one more"}
    )


class SubscriptionView(Schema):
    id = fields.UUID(required=True)
    kind = fields.String(required=True, attribute="channel", validate=one_of(KINDS))
    address = fields.String(required=True)
    unit = UnitField(required=True, allow_none=True, metadata={"description": "null: one's own"})
    language = fields.String(required=True)
    urgent_only = fields.Boolean(required=True)
    quiet_from = fields.String(required=True, allow_none=True)
    quiet_to = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=one_of(STATES))
    secret_number = fields.Integer(required=True)
    created_at = Moment(required=True)
    proven_at = Moment(required=True, allow_none=True)
    failing_since = Moment(required=True, allow_none=True)
    retry_at = Moment(required=True, allow_none=True)
    given_up_at = Moment(required=True, allow_none=True)


class SubscriptionWithSecret(SubscriptionView):
    secret = fields.String(required=True, allow_none=True, attribute="shown_secret", metadata={"description": SECRET})


class ChannelView(Schema):
    kind = fields.String(required=True, validate=one_of(KINDS))
    available = fields.Boolean(required=True)
    public_key = fields.String(
        required=True, allow_none=True, metadata={"description": "applicationServerKey of web_push, base64url"}
    )


class SubscriptionList(Schema):
    items = fields.List(fields.Nested(SubscriptionView), required=True)
    next = fields.String(required=True, allow_none=True)
    channels = fields.List(fields.Nested(ChannelView), required=True)


class Attempt(Schema):
    at = fields.String(required=True)
    result = fields.String(required=True, validate=one_of(RESULTS))
    status = fields.Integer(required=True, allow_none=True)


class DeliveryView(Schema):
    id = fields.UUID(required=True, metadata={"description": "webhook-id, or the Message-ID: the same when sent again"})
    notice = fields.UUID(required=True, allow_none=True, attribute="notice_id")
    what = fields.String(required=True, validate=one_of(("notice", "digest", "code", "test")))
    urgent = fields.Boolean(required=True)
    state = fields.String(required=True, validate=one_of(DELIVERY_STATES))
    reason = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True)
    due_at = Moment(required=True)
    ended_at = Moment(required=True, allow_none=True)
    tries = fields.Integer(required=True)
    attempts = fields.List(fields.Nested(Attempt), required=True, metadata={"description": "the last twenty"})


class DeliveryPage(Schema):
    items = fields.List(fields.Nested(DeliveryView), required=True)
    next = fields.String(required=True, allow_none=True)
