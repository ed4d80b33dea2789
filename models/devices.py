"""Named devices, the sessions opened on them, and refresh tokens that rotate.

A refresh token's successor is derived from it, so a phone that lost the answer and asks again gets the same
one. A predecessor whose successor was seen in use is stolen or replayed: the whole session ends.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db, new_id, now
from models.errors import NotFound, NotSignedIn, RefreshReused
from models.reference import TOKEN, take_token
from models.users import Person, Role, User, person

IDLE = {Role.RANGER: timedelta(days=30)}
ABSOLUTE = {Role.RANGER: timedelta(days=180)}
IDLE_OF_OTHERS = timedelta(hours=8)
ABSOLUTE_OF_OTHERS = timedelta(hours=24)


def fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def successor(token: str, key: bytes) -> str:
    return hmac.new(key, b"refresh:" + token.encode(), hashlib.sha256).hexdigest()


class Device(Record):
    """A phone or computer as one user knows it; a phone shared by a team is a device of each of them."""

    __tablename__ = "devices"
    __table_args__ = (UniqueConstraint("user_id", "client_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    client_id: Mapped[str]  # the id the device gave itself
    name: Mapped[str] = mapped_column(default="")
    platform: Mapped[str] = mapped_column(default="")
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]

    @classmethod
    def of(cls, user: Person) -> list["Device"]:
        """Those not revoked, the one used last first."""
        return list(
            db.session.scalars(
                db.select(cls).where(cls.user_id == user.id, cls.revoked_at.is_(None)).order_by(cls.last_seen_at.desc())
            )
        )

    @classmethod
    def sign_in(cls, user: User, client_id: str, name: str = "", platform: str = "") -> "Device":
        """The user's device of that id, known from now on; signing in again brings back a revoked one."""
        device = db.session.scalar(db.select(cls).where(cls.user_id == user.id, cls.client_id == client_id))
        if device is None:
            device = cls(id=new_id(), user_id=user.id, client_id=client_id)
            db.session.add(device)
        device.name, device.platform = name or device.name or "", platform or device.platform or ""
        device.last_seen_at, device.revoked_at = now(), None
        return device

    @classmethod
    def revoke(cls, id: UUID, user: Person) -> None:
        device = db.session.scalar(db.select(cls).where(cls.id == id, cls.user_id == user.id))
        if device is None:
            raise NotFound()
        device.revoked_at = now()
        for session in db.session.scalars(db.select(Session).where(Session.device_id == device.id)):
            session.end()


class Session(Record):
    """One sign-in on one device."""

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"), index=True)
    generation: Mapped[int] = mapped_column(default=0)  # of the live refresh token
    in_use: Mapped[bool] = mapped_column(default=False)  # the live token, or an access token with it, was seen
    last_refresh_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]

    device: Mapped[Device] = relationship()

    @classmethod
    def open(cls, device: Device, refresh_token: str) -> "Session":
        session = cls(id=new_id(), user_id=device.user_id, device=device, generation=0, in_use=False)
        db.session.add(session)
        db.session.flush()
        db.session.add(RefreshToken(fingerprint=fingerprint(refresh_token), session_id=session.id, generation=0))
        return session

    @property
    def user(self) -> Person:
        return person(self.user_id)

    @classmethod
    def live(cls, id: UUID) -> Any:
        """The row of the session an access token names, unless it or its user is shut; a revoked device ended it.

        On every request: one plain statement, that brings the token of the reference data along.
        """
        session = db.session.connection().execute(LIVE, {"id": id}).first()
        if session is None or session.revoked_at:
            return None
        take_token(session.reference_token)
        return None if person(session.user_id).disabled_at else session

    @classmethod
    def note_in_use(cls, id: UUID, generation: int) -> None:
        """An access token of the live generation was seen: from now on its predecessor counts as used."""
        unchanged = db.and_(cls.id == id, cls.generation == generation)
        db.session.execute(db.update(cls).where(unchanged).values(in_use=True))

    def end(self) -> None:
        self.revoked_at = self.revoked_at or now()

    @property
    def lapsed(self) -> bool:
        idle = IDLE.get(self.user.role, IDLE_OF_OTHERS)
        absolute = ABSOLUTE.get(self.user.role, ABSOLUTE_OF_OTHERS)
        return now() > min(self.last_refresh_at + idle, self.created_at + absolute)

    @classmethod
    def refresh(cls, token: str, key: bytes) -> tuple["Session", str]:
        """The session and its live refresh token. Raises NotSignedIn, or RefreshReused (which ends it)."""
        known = db.session.get(RefreshToken, fingerprint(token))
        if known is None:
            raise NotSignedIn()
        # Twenty refreshes at once queue here, so that all but the first see the rotation.
        session = db.session.scalars(db.select(cls).where(cls.id == known.session_id).with_for_update(of=cls)).one()
        db.session.refresh(session)
        if session.revoked_at or session.user.disabled_at or session.lapsed:
            raise NotSignedIn()
        following = successor(token, key)
        if known.generation == session.generation:
            session.generation += 1
            session.in_use = False
            session.last_refresh_at = session.device.last_seen_at = now()
            db.session.add(
                RefreshToken(fingerprint=fingerprint(following), session_id=session.id, generation=session.generation)
            )
        elif session.in_use or known.generation != session.generation - 1:
            session.end()
            raise RefreshReused()
        return session, following


LIVE = db.select(
    *(Session.__table__.c[name] for name in ("id", "user_id", "device_id", "generation", "in_use", "revoked_at")),
    TOKEN.scalar_subquery().label("reference_token"),
).where(Session.__table__.c.id == db.bindparam("id"))


class RefreshToken(db.Model):  # type: ignore[name-defined]
    """Every refresh token ever issued, as its SHA-256, so that an old one is recognised as such."""

    __tablename__ = "refresh_tokens"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), index=True)
    generation: Mapped[int]
