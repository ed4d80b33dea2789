"""Sending a letter by one of the channels: outside any transaction, within a time limit, saying what became of it."""

from collections.abc import Callable
from typing import Any

from models.channels import EMAIL, TELEGRAM, WEB_PUSH, WEBHOOK, ZALO
from models.letters import Letter
from services.channels import bots, email, web_push, webhooks
from services.channels.outcomes import NOT_AVAILABLE, Outcome, Target

SEND: dict[str, Callable[[Any, Target, Letter], Outcome]] = {
    EMAIL: email.send,
    TELEGRAM: bots.send_by_telegram,
    ZALO: bots.send_by_zalo,
    WEB_PUSH: web_push.send,
    WEBHOOK: webhooks.send,
}
# What a channel needs of the server, by its setting; a webhook needs nothing.
NEEDS = {EMAIL: "SMTP_URL", TELEGRAM: "TELEGRAM_TOKEN", ZALO: "ZALO_TOKEN", WEB_PUSH: "VAPID_KEY"}


def available(config: Any) -> list[str]:
    """The channels that this server was given what they need for."""
    ready = [channel for channel in SEND if channel not in NEEDS or config.get(NEEDS[channel])]
    return [channel for channel in ready if channel != WEB_PUSH or web_push.is_installed()]


def offered(config: Any) -> list[dict[str, Any]]:
    """All channels, as those who may subscribe see them."""
    ready, key = available(config), web_push.public_key(config)
    return [
        {"kind": kind, "available": kind in ready, "public_key": key if kind == WEB_PUSH else None} for kind in SEND
    ]


def send(config: Any, channel: str, target: Target, letter: Letter) -> Outcome:
    if channel not in available(config):
        return Outcome(NOT_AVAILABLE)
    return SEND[channel](config, target, letter)
