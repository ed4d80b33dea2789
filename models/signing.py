"""What only this server can have made: short text with an HMAC, keys, each for a purpose of its own."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from models.base import db

MAC_BYTES = 16


def signed(purpose: str, content: bytes) -> str:
    """The content and its HMAC-SHA256, cut to 128 bit, as base64url."""
    return text_of(content + _mac(purpose, content))


def content_of(purpose: str, text: str) -> bytes | None:
    """What was signed, or None when this server did not sign it for that purpose."""
    try:
        whole = bytes_of(text)
    except ValueError:
        return None
    content, mac = whole[:-MAC_BYTES], whole[-MAC_BYTES:]
    same = hmac.compare_digest(mac, _mac(purpose, content)) and text_of(whole) == text
    return content if same else None


def key_of(purpose: str, content: bytes) -> bytes:
    """256 bit that nobody without the audit key can derive."""
    key: bytes = db.engine.get_execution_options()["audit_key"]
    own = hmac.new(key, b"sign:" + purpose.encode(), hashlib.sha256).digest()
    return hmac.new(own, content, hashlib.sha256).digest()


def _mac(purpose: str, content: bytes) -> bytes:
    return key_of(purpose, content)[:MAC_BYTES]


def text_of(whole: bytes) -> str:
    """Base64url without its padding."""
    return urlsafe_b64encode(whole).decode().rstrip("=")


def bytes_of(text: str) -> bytes:
    """What `text_of` wrote. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
