"""One attempt to sign in: what is asked before the password is verified, and what follows once it is."""

from dataclasses import dataclass
from uuid import UUID

from models.base import db
from models.devices import Device
from models.errors import DomainError, WrongOldPassword, WrongPassword
from models.sign_in_failures import (
    count_failure,
    counter_of,
    counter_of_address,
    forget_failures,
    queue,
    refuse_too_many,
    slow_down_s,
)
from models.users import Person, User, username_of


@dataclass(frozen=True)
class Attempt:
    """Counted for the account as given, existing or not; a device known to the account has a counter of its own.

    So nobody learns which accounts exist, and nobody can lock a ranger out who stays on the same phone.
    """

    counter: str
    address: str | None  # None from a known device: what others do at the same address does not matter
    user_id: UUID | None
    password_hash: str | None
    refusal: type[DomainError] = WrongPassword

    @classmethod
    def of(cls, username: str, device_id: str, address: str) -> "Attempt":
        """Raises TooManyAttempts, before anything costly is done."""
        name = username_of(username)
        known = db.and_(Device.user_id == User.id, Device.client_id == device_id, Device.revoked_at.is_(None))
        row = db.session.execute(
            db.select(User.id, User.password_hash, User.disabled_at, Device.id.label("device_id"))
            .outerjoin(Device, known)
            .where(User.username == name)
        ).first()
        device = row.device_id if row else None
        counter = counter_of("device", str(device)) if device else counter_of("account", name)
        refuse_too_many(counter)
        address_counter = None if device else counter_of_address(address)
        if row is None or row.disabled_at:
            return cls(counter, address_counter, None, None)
        return cls(counter, address_counter, row.id, row.password_hash)

    @classmethod
    def again(cls, user: Person, device_id: UUID) -> "Attempt":
        """Somebody signed in proves once more who they are."""
        counter = counter_of("device", str(device_id))
        refuse_too_many(counter)
        known = db.session.scalar(db.select(User.password_hash).where(User.id == user.id))
        return cls(counter, None, user.id, known, WrongOldPassword)

    @property
    def pause_s(self) -> float:
        return slow_down_s(self.address) if self.address else 0.0

    def settle(self, right: bool) -> User:
        """The user, when the password was right and still is theirs; else the failure is counted.

        Of any number of attempts at once no more than the limit are told anything: the count is asked again here,
        one after the other.
        """
        queue(self.counter)
        refuse_too_many(self.counter)
        user = db.session.get(User, self.user_id, populate_existing=True) if self.user_id and right else None
        if user is None or user.disabled_at or user.password_hash != self.password_hash:
            count_failure(self.counter, *([self.address] if self.address else []))
            raise self.refusal()
        if self.address is None:
            forget_failures(self.counter)
        return user
