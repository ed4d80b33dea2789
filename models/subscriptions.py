"""Who has notices sent where: a person, or a unit as an office, by one channel each.

Kept without a secret: the secret of a webhook and the code that proves an address are derived with a key outside the
database, and what a browser gave lies sealed with it. An address is used only once it is proven.
"""

import hmac
import json
import random
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record, db, now
from models.channels import KINDS, WEBHOOK
from models.desks import leads
from models.errors import NotFound
from models.quiet_hours import quiet_until, time_of
from models.reference import reference
from models.signing import key_of
from models.units import KnownUnit
from models.users import Person, User, people

UNPROVEN, ACTIVE, FAILING, GIVEN_UP, ENDED = STATES = ("unproven", "active", "failing", "given_up", "ended")
CODE_DIGITS = 6
# After how many failures in a row it is tried again after how long; from then on each hour.
WAITS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
LONGEST_WAIT = timedelta(hours=1)


class Subscription(Record):
    kind = "subscription"  # as the subject of events

    __tablename__ = "subscriptions"
    __allow_unmapped__ = True  # for `shown_secret`
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (unit_id IS NULL)", "one_owner"),
        CheckConstraint(f"channel IN {KINDS}", "known_channel"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", "quiet_from_and_to"),
    )

    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"), index=True)
    created_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    channel: Mapped[str]
    address: Mapped[str]  # empty once it has ended
    sealed_keys: Mapped[str | None]  # of a browser
    language: Mapped[str]
    urgent_only: Mapped[bool]
    quiet_from: Mapped[str | None]  # "21:00", local; None: the usual hours
    quiet_to: Mapped[str | None]
    secret_number: Mapped[int] = mapped_column(default=1)  # of a webhook: which secret is the current one
    former_secret_until: Mapped[datetime | None]
    code_number: Mapped[int] = mapped_column(default=0)
    code_until: Mapped[datetime | None]
    code_tries: Mapped[int] = mapped_column(default=0)
    proven_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    failing_since: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    content_sha256: Mapped[str | None]

    shown_secret: str | None = None  # while it is being shown, once

    @property
    def unit(self) -> KnownUnit | None:
        return reference().units[self.unit_id] if self.unit_id else None

    @property
    def user(self) -> Person | None:
        return people((self.user_id,)).get(self.user_id) if self.user_id else None

    @property
    def owner_id(self) -> UUID:
        """Whom it is told when the channel does not work: the person, or the unit."""
        return self.user_id or self.unit_id  # type: ignore[return-value]

    @property
    def state(self) -> str:
        if self.ended_at:
            return ENDED
        if self.given_up_at:
            return GIVEN_UP
        if self.proven_at is None:
            return UNPROVEN
        return FAILING if self.failing_since else ACTIVE

    @classmethod
    def is_live(cls) -> Any:
        """The condition that notices are sent to it."""
        return db.and_(cls.proven_at.is_not(None), cls.given_up_at.is_(None), cls.ended_at.is_(None))

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.given_up_at is not None

    # Whose it is

    def kept_by(self, user: Person) -> bool:
        """Its person's own; an office's by the leaders of the unit."""
        return self.user_id == user.id if self.user_id else leads(user, self.unit_id)

    @classmethod
    def of(cls, user: Person) -> list["Subscription"]:
        """Those this person keeps, that have not ended, newest first."""
        offices = [id for id in user.scope if leads(user, id)]
        mine = db.or_(cls.user_id == user.id, cls.unit_id.in_(offices))
        found = db.select(cls).where(mine, cls.ended_at.is_(None)).order_by(cls.created_at.desc(), cls.id.desc())
        return list(db.session.scalars(found))

    @classmethod
    def find(cls, id: UUID, user: Person, lock: bool = False) -> "Subscription":
        """One that this person keeps. Raises NotFound."""
        found = db.session.get(cls, id, with_for_update=lock or None, populate_existing=lock)
        if found is None or not found.kept_by(user):
            raise NotFound()
        return found

    # Secrets

    def secret(self, number: int) -> str:
        """As Standard Webhooks writes it; 256 bit."""
        key = key_of("webhook:1", self.id.bytes + number.to_bytes(4, "big"))
        return "whsec_" + b64encode(key).decode()

    def with_secret(self, shown: bool = True) -> "Subscription":
        """To be shown to whoever made it or renewed it, in that answer alone."""
        self.shown_secret = self.secret(self.secret_number) if shown and self.channel == WEBHOOK else None
        return self

    @property
    def live_secrets(self) -> list[str]:
        """The current one first; for some hours after a change the one before it, too."""
        numbers = [self.secret_number]
        if self.former_secret_until and self.former_secret_until > now():
            numbers.append(self.secret_number - 1)
        return [self.secret(number) for number in numbers]

    @property
    def code(self) -> str:
        """What proves that whoever subscribed reads what arrives there."""
        key = key_of("subscription-code:1", self.id.bytes + self.code_number.to_bytes(4, "big"))
        return str(int.from_bytes(key[:8], "big") % 10**CODE_DIGITS).zfill(CODE_DIGITS)

    def is_code(self, said: str) -> bool:
        return hmac.compare_digest(self.code.encode(), said.strip().encode())

    @cached_property
    def _box(self) -> Fernet:
        return Fernet(urlsafe_b64encode(key_of("push-keys:1", self.id.bytes)))

    def seal_keys(self, keys: dict[str, str]) -> None:
        self.sealed_keys = self._box.encrypt(json.dumps(keys).encode()).decode()

    @property
    def keys(self) -> dict[str, str]:
        return json.loads(self._box.decrypt((self.sealed_keys or "").encode()))

    # When

    def quiet_until(self, moment: datetime) -> datetime | None:
        """Until when what is not urgent is held; programs do not sleep."""
        if self.channel == WEBHOOK:
            return None
        if self.quiet_from and self.quiet_to:
            return quiet_until(moment, time_of(self.quiet_from), time_of(self.quiet_to))
        return quiet_until(moment)

    @property
    def is_left_alone(self) -> bool:
        """It has not answered lately, and is not to be tried again yet."""
        return self.retry_at is not None and self.retry_at > now()

    def note_failure(self) -> None:
        """One more in a row: the receiver is left alone for a while, whatever else waits for it."""
        self.failures += 1
        self.failing_since = self.failing_since or now()
        self.retry_at = now() + jittered(wait_after(self.failures))

    def note_success(self) -> None:
        self.failures, self.failing_since, self.retry_at = 0, None, None


def wait_after(failures: int) -> timedelta:
    return WAITS[failures - 1] if failures <= len(WAITS) else LONGEST_WAIT


def jittered(wait: timedelta) -> timedelta:
    """A little earlier or later, so that what failed together is not tried again together."""
    return wait * random.uniform(0.9, 1.2)


def count_of_owner(user_id: UUID | None, unit_id: UUID | None) -> int:
    """How many an owner has that have not ended."""
    table = Subscription
    own = db.and_(table.user_id == user_id if user_id else table.unit_id == unit_id, table.ended_at.is_(None))
    return db.session.scalar(db.select(db.func.count()).select_from(table).where(own)) or 0


def count_made_by(user: Person, since: datetime) -> int:
    """How many addresses somebody has entered since, ended ones included: each was written to."""
    made = db.and_(Subscription.created_by_id == user.id, Subscription.created_at >= since)
    return db.session.scalar(db.select(db.func.count()).select_from(Subscription).where(made)) or 0


def count_failing() -> int:
    """How many do not work, or were given up, that nobody has ended."""
    table = Subscription
    failing = db.or_(table.failing_since.is_not(None), table.given_up_at.is_not(None))
    counted = db.select(db.func.count()).select_from(table).where(failing, table.ended_at.is_(None))
    return db.session.scalar(counted) or 0


def live_for(
    units: Sequence[UUID], persons: Sequence[UUID], homes: Any, organisations: Any
) -> list[tuple[UUID, UUID | None, UUID | None, bool]]:
    """(id, person, unit, urgent only) of live ones: of these offices, these persons, whoever serves in these places."""
    table = Subscription
    of_these = db.or_(
        table.unit_id.in_(units),
        table.user_id.in_(persons),
        User.unit_id.in_(homes),
        User.organisation_id.in_(organisations),
    )
    found = (
        db.select(table.id, table.user_id, table.unit_id, table.urgent_only)
        .outerjoin(User, User.id == table.user_id)
        .where(table.is_live(), of_these)
    )
    return [tuple(row) for row in db.session.execute(found)]  # type: ignore[misc]
