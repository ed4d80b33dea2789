"""Passwords: what is refused, and Argon2id, few at once, so that sign-ins cannot take all memory and all cores."""

import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import Busy, WeakPassword
from models.reference import reference
from models.units import fold, split_kind
from models.vocabulary import CATALOGUE

LEAST_LENGTH = 12
FEWEST_CHARACTERS = 5  # different ones
MOST_READ = 200  # letters of a password in which words are looked for
# What is put for a letter; digits at the ends were added, so they are taken off before.
STAND_INS = str.maketrans("@4031!$57", "aaoeiisst")

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_at_once = threading.BoundedSemaphore(4)
# Those who verify and those who wait for it; the threads beyond stay free for reports.
_waiting = threading.BoundedSemaphore(40)
# Verified in place of an unknown user's, so that both answers take the same time.
_NOBODY = _hasher.hash("không ai cả")


def normal(typed: str) -> str:
    """NFC: the same name or password typed on another keyboard may come decomposed."""
    return unicodedata.normalize("NFC", typed)


@contextmanager
def _turn() -> Iterator[None]:
    if not _waiting.acquire(blocking=False):
        raise Busy()
    try:
        with _at_once:
            yield
    finally:
        _waiting.release()


def hash_password(password: str) -> str:
    with _turn():
        return _hasher.hash(normal(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one; takes as long for whoever is nobody or has none (None, "")."""
    with _turn():
        try:
            _hasher.verify(stored or _NOBODY, normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return bool(stored)


def refuse_weak(password: str, *names: str) -> None:
    """Raises WeakPassword, which says why. `names` are the user's own: user name and name."""
    password = normal(password)
    if len(password) < LEAST_LENGTH:
        raise WeakPassword(f"Ít nhất {LEAST_LENGTH} ký tự. / At least {LEAST_LENGTH} characters.")
    if password.isdigit() or len(set(password.casefold())) < FEWEST_CHARACTERS:
        raise WeakPassword("Chỉ có chữ số hoặc quá ít ký tự khác nhau. / Only digits, or too few different characters.")
    for letters in _readings(password):
        if _spells(letters, _common() | _own(names), _places()):
            raise WeakPassword(
                "Chỉ gồm từ thông dụng, địa danh hoặc tên của bạn; hãy dùng vài từ không liên quan. / "
                "Only common words, place names or your own name; use a few unrelated words."
            )


def _readings(password: str) -> set[str]:
    """The letters of a password, without diacritics: as it stands, and with digits and signs read as letters."""
    folded = fold(password)[:MOST_READ]
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    return {re.sub(r"[\W\d_]", "", text) for text in (folded, bare.translate(STAND_INS), folded.translate(STAND_INS))}


def _spells(letters: str, words: frozenset[str], places: frozenset[str]) -> bool:
    """Whether common words, and at most one place name, spell all of it."""
    plain, placed = {0}, set()  # how far words alone reach, and words with one place name
    for start in range(len(letters)):
        if start not in plain and start not in placed:
            continue
        for end in range(start + 1, len(letters) + 1):
            part = letters[start:end]
            if part in words:
                plain |= {end} if start in plain else set()
                placed |= {end} if start in placed else set()
            if start in plain and part in places:
                placed.add(end)
    return len(letters) in plain | placed


@cache
def _common() -> frozenset[str]:
    lines = (CATALOGUE / "common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _own(names: tuple[str, ...]) -> frozenset[str]:
    """The letters of a person's names, whole and by part."""
    parts = {part for name in names for part in re.split(r"[\W\d_]+", fold(name)) if len(part) > 1}
    return frozenset(parts | {"".join(re.findall(r"[^\W\d_]", fold(name))) for name in names}) - {""}


def _places() -> frozenset[str]:
    """Names of all units there ever were, with and without their kind; remembered with the reference data."""
    known = reference()
    if "place_words" not in known.more:
        names = {fold(n) for unit in known.units.values() for n in (unit.name, split_kind(unit.name)[1])}
        known.more["place_words"] = frozenset("".join(re.findall(r"[^\W\d_]", name)) for name in names) - {""}
    return known.more["place_words"]
