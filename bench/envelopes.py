"""A phone's side of envelopes: its queue sealed for another phone to carry, and the answer opened."""

import gzip
import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

QUEUE, ANSWER = b"GRE1", b"GRA1"
NONCE, STEP = 12, 512


def seal(key: str, session_id: str, batch: dict[str, Any]) -> str:
    """The body of POST /sync, as text that only the server can read; key and session_id are of GET /sync/key."""
    packed = gzip.compress(json.dumps(batch, ensure_ascii=False).encode(), mtime=0)
    padded = len(packed).to_bytes(4) + packed
    padded += bytes(-len(padded) % STEP)
    nonce = secrets.token_bytes(NONCE)
    header = QUEUE + UUID(session_id).bytes + nonce
    return _text(header + _cipher(key, QUEUE).encrypt(nonce, padded, header))


def open_answer(key: str, envelope: str, answer: str) -> dict[str, Any]:
    """The server's answer to an envelope of ours. Raises when it was changed, or belongs to another."""
    asked, whole = _bytes(envelope), _bytes(answer)
    begin = ANSWER + asked[4:32]  # the session, and the nonce of the envelope
    header, sealed = whole[: len(begin) + NONCE], whole[len(begin) + NONCE :]
    if not header.startswith(begin):
        raise ValueError("an answer to another envelope")
    content = _cipher(key, ANSWER).decrypt(header[-NONCE:], sealed, header)
    found: dict[str, Any] = json.loads(gzip.decompress(content[4 : 4 + int.from_bytes(content[:4])]))
    return found


def _cipher(key: str, way: bytes) -> AESGCM:
    return AESGCM(hmac.new(_bytes(key), way, hashlib.sha256).digest())


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(whole: bytes) -> str:
    return urlsafe_b64encode(whole).decode().rstrip("=")
