"""Argon2id, at most four at once, so that a burst of sign-ins cannot take all memory and both cores."""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_LENGTH = 12
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_at_once = threading.BoundedSemaphore(4)
# Verified in place of an unknown user's, so that both answers take the same time.
_NOBODY = _hasher.hash("không ai cả")


def normal(typed: str) -> str:
    """NFC: the same name or password typed on another keyboard may come decomposed."""
    return unicodedata.normalize("NFC", typed)


def hash_password(password: str) -> str:
    with _at_once:
        return _hasher.hash(normal(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one; takes as long for nobody (None) as for somebody."""
    with _at_once:
        try:
            _hasher.verify(stored or _NOBODY, normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None
