"""Web push: sealed for the one browser that subscribed, signed with the server's VAPID key (RFC 8030, 8291, 8292).

pywebpush is an extra: a server without it does not offer this channel.
"""

import json
from base64 import urlsafe_b64encode
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from models.base import now
from models.letters import Letter
from services.channels.outcomes import GONE, Outcome, Target
from services.channels.public_addresses import post

LIVES_S = 86_400  # how long a push service keeps it for a browser that is away
LONGEST_TEXT = 1000  # characters: push services take 4 kB


def is_installed() -> bool:
    return find_spec("pywebpush") is not None


def send(config: Any, target: Target, letter: Letter) -> Outcome:
    from pywebpush import WebPusher

    subscription = {"endpoint": target.address, "keys": target.keys}
    sealed = WebPusher(subscription).encode(json.dumps(content(letter), ensure_ascii=False).encode())
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(LIVES_S),
        "Urgency": "high" if letter.urgent else "normal",
        "Topic": urlsafe_b64encode(letter.id.bytes).decode().rstrip("="),  # a repeat takes the place of the first
        **_signed(config, target.address),
    }
    outcome = post(target.address, sealed["body"], headers, local_too=config["WEBHOOKS_LOCAL"])
    return Outcome(GONE, 404) if outcome.status == 404 else outcome


def content(letter: Letter) -> dict[str, Any]:
    case = letter.notice.get("incident")
    words = {"title": letter.title, "text": letter.text[:LONGEST_TEXT], "urgent": letter.urgent}
    return {"id": str(letter.id), "notice": letter.notice.get("id"), "incident": case and case["id"]} | words


def _signed(config: Any, endpoint: str) -> dict[str, str]:
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "sub": f"mailto:{config['SMTP_FROM']}",
        "exp": int(now().timestamp()) + 12 * 3600,
    }
    return dict(_vapid(config["VAPID_KEY"]).sign(claims))


@cache
def _vapid(key: str) -> Any:
    from py_vapid import Vapid

    return Vapid.from_string(key)


def public_key(config: Any) -> str | None:
    """What a browser needs to subscribe (applicationServerKey): the public point, base64url."""
    if not config.get("VAPID_KEY") or not is_installed():
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = _vapid(config["VAPID_KEY"]).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).decode().rstrip("=")
