"""Enrolment codes: a ranger's phone signs in without a password, once, with a code that an officer shows."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record, db, now
from models.errors import NotAllowed, WrongCode
from models.events import Event
from models.sign_in_failures import count_failure, counter_of, queue, refuse_too_many
from models.users import Person, User

LIFE = timedelta(hours=24)
# Crockford's base 32: no I, L, O, U, so that a code can be read out and typed.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MISREAD = str.maketrans("ILO", "110", " -")
LENGTH = 16  # 80 bit


def code_of(id: UUID, key: str) -> str:
    """The code of an enrolment, in groups of four. Derived, so that asking again shows the same one unstored."""
    digest = hmac.new(key.encode(), b"enrolment:" + id.bytes, hashlib.sha256).digest()
    code = "".join(ALPHABET[byte % 32] for byte in digest[:LENGTH])
    return "-".join(code[i : i + 4] for i in range(0, LENGTH, 4))


def code_fingerprint(code: str) -> str:
    return hashlib.sha256(code.upper().translate(MISREAD).encode()).hexdigest()


class Enrolment(Record):
    """One code for one user; a newer one takes its place."""

    __tablename__ = "enrolments"
    __allow_unmapped__ = True  # for `code`

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    issuer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # None: at the terminal
    code_sha256: Mapped[str] = mapped_column(unique=True)
    content_sha256: Mapped[str | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    code: str | None = None  # while it is being shown

    @property
    def user(self) -> User:
        return db.session.get_one(User, self.user_id)

    def shown_again(self, keys: Sequence[str]) -> "Enrolment":
        """With its code, if a live key still tells it."""
        codes = (code_of(self.id, key) for key in keys)
        self.code = next((code for code in codes if code_fingerprint(code) == self.code_sha256), None)
        return self

    @classmethod
    def issue(
        cls, user: User, issuer: Person | None, key: str, id: UUID, content_sha256: str | None = None
    ) -> "Enrolment":
        if user.disabled_at:
            raise NotAllowed(action="enrol")
        cls.cancel(user.id)
        enrolment = cls(id=id, user_id=user.id, issuer_id=issuer and issuer.id, content_sha256=content_sha256)
        enrolment.code = code_of(id, key)
        enrolment.code_sha256 = code_fingerprint(enrolment.code)
        enrolment.expires_at = now() + LIFE
        db.session.add(enrolment)
        Event.record(user, "code_issued", issuer, enrolment=str(id))
        return enrolment

    @classmethod
    def cancel(cls, user_id: UUID) -> None:
        """Codes of a user not used so far are worth nothing any more."""
        unused = db.and_(cls.user_id == user_id, cls.used_at.is_(None), cls.expires_at > now())
        db.session.execute(db.update(cls).where(unused).values(expires_at=now()))

    @classmethod
    def redeem(cls, code: str, device_id: str, address: str) -> User:
        """The user of a code, which is used up. Whoever guesses is counted by device, and slowed down by address."""
        counter = counter_of("code", device_id)
        queue(counter)
        refuse_too_many(counter)
        wanted = db.select(cls).where(cls.code_sha256 == code_fingerprint(code))
        enrolment = db.session.scalar(wanted.with_for_update(of=cls).execution_options(populate_existing=True))
        user = enrolment.user if enrolment else None
        if enrolment is None or user is None or enrolment.used_at or enrolment.expires_at <= now() or user.disabled_at:
            count_failure(counter, address)
            raise WrongCode()
        enrolment.used_at = now()
        Event.record(user, "enrolled", user, enrolment=str(enrolment.id))
        return user
