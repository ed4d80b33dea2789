"""Webhooks, signed as Standard Webhooks says: a receiver checks them with the library of its own language."""

import json
from typing import Any

from models.base import now
from models.letters import Letter
from services.channels.outcomes import Outcome, Target
from services.channels.public_addresses import post


def send(config: Any, target: Target, letter: Letter) -> Outcome:
    body = json.dumps(payload(letter), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "giap-ranh"} | signed(
        str(letter.id), body, target.secrets
    )
    return post(target.address, body, headers, local_too=config["WEBHOOKS_LOCAL"])


def payload(letter: Letter) -> dict[str, Any]:
    words = {"urgent": letter.urgent, "language": letter.language, "title": letter.title, "text": letter.text}
    at = letter.at.isoformat().replace("+00:00", "Z")
    contacts = {"contacts": letter.contacts} if letter.contacts else {}
    return {"type": letter.what, "timestamp": at, "data": letter.notice | words | contacts}


def signed(id: str, body: bytes, secrets: list[str]) -> dict[str, str]:
    """A signature by each live secret, so that a receiver may change from one to the next when it likes."""
    from standardwebhooks import Webhook

    moment = now()
    signatures = [Webhook(secret).sign(id, moment, body.decode()) for secret in secrets]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
