"""Named devices, the sessions opened on them, and refresh tokens that rotate.

A refresh token's successor is derived from it, so a phone that lost the answer and asks again gets the same
one. A predecessor whose successor was seen in use is stolen or replayed: the whole session ends.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db, new_id, now
from models.errors import NotFound, NotSignedIn, RefreshReused
from models.events import Event
from models.reference import TOKEN, take_token
from models.users import Person, Role, User, person

IDLE = {Role.RANGER: timedelta(days=30)}
ABSOLUTE = {Role.RANGER: timedelta(days=180)}
IDLE_OF_OTHERS = timedelta(hours=8)
ABSOLUTE_OF_OTHERS = timedelta(hours=24)


def fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def successor(token: str, key: str) -> str:
    return hmac.new(key.encode(), b"refresh:" + token.encode(), hashlib.sha256).hexdigest()


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
        mine = db.select(cls).where(cls.user_id == user.id, cls.client_id == client_id)
        device = db.session.scalar(mine.with_for_update())
        if device is None or device.revoked_at:
            device = device or cls(id=new_id(), user_id=user.id, client_id=client_id)
            db.session.add(device)
            Event.record(user, "device_known", user, device=str(device.id))
        device.name, device.platform = name or device.name or "", platform or device.platform or ""
        device.last_seen_at, device.revoked_at = now(), None
        return device

    @classmethod
    def revoke(cls, id: UUID, user: User, actor: Any) -> None:
        """Dead at its next request. Raises NotFound when it is no device of this user."""
        device = db.session.scalar(db.select(cls).where(cls.id == id, cls.user_id == user.id).with_for_update())
        if device is None:
            raise NotFound()
        if device.revoked_at is None:
            Event.record(user, "device_revoked", actor, device=str(device.id))
        device.revoked_at = now()
        Session.end_of(user.id, device_id=device.id)

    @classmethod
    def revoke_all(cls, user: User, actor: Any, but: Any = None) -> None:
        """All of a user's, sessions included; `but` is the session that goes on, and its device with it."""
        mine = db.select(cls).where(cls.user_id == user.id, cls.revoked_at.is_(None)).order_by(cls.id)
        devices = [d for d in db.session.scalars(mine.with_for_update()) if not but or d.id != but.device_id]
        for device in devices:
            device.revoked_at = now()
        Session.end_of(user.id, but=but.id if but else None)
        Event.record(user, "signed_out", actor, devices=[str(d.id) for d in devices])


class Session(Record):
    """One sign-in on one device."""

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
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

    @classmethod
    def start(cls, device: Device) -> tuple["Session", str]:
        """A new session, and its first refresh token."""
        refresh_token = secrets.token_hex(32)
        return cls.open(device, refresh_token), refresh_token

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

    @classmethod
    def end_of(cls, user_id: UUID, device_id: UUID | None = None, but: UUID | None = None) -> None:
        """End a user's sessions: all, those of one device, all but one."""
        theirs = [cls.user_id == user_id, cls.revoked_at.is_(None)]
        if device_id:
            theirs.append(cls.device_id == device_id)
        if but:
            theirs.append(cls.id != but)
        db.session.execute(db.update(cls).where(*theirs).values(revoked_at=now()))

    @property
    def lapsed(self) -> bool:
        idle = IDLE.get(self.user.role, IDLE_OF_OTHERS)
        absolute = ABSOLUTE.get(self.user.role, ABSOLUTE_OF_OTHERS)
        return now() > min(self.last_refresh_at + idle, self.created_at + absolute)

    @classmethod
    def refresh(cls, token: str, keys: Sequence[str]) -> tuple["Session", str]:
        """The session and its live refresh token. Raises NotSignedIn, or RefreshReused (which ends it)."""
        known = db.session.get(RefreshToken, fingerprint(token))
        if known is None:
            raise NotSignedIn()
        # Twenty refreshes at once queue here, so that all but the first see the rotation.
        session = db.session.scalars(db.select(cls).where(cls.id == known.session_id).with_for_update(of=cls)).one()
        db.session.refresh(session)
        if session.revoked_at or session.user.disabled_at or session.lapsed:
            raise NotSignedIn()
        if known.generation == session.generation:
            session.generation += 1
            session.in_use = False
            session.last_refresh_at = session.device.last_seen_at = now()
            return session, session._issue(successor(token, keys[0]))
        if session.in_use or known.generation != session.generation - 1:
            session.end()
            Event.record(db.session.get_one(User, session.user_id), "refresh_reused", None, session=str(session.id))
            raise RefreshReused()
        return session, session._repeat(successor(token, key) for key in keys)

    def _issue(self, token: str) -> str:
        db.session.add(RefreshToken(fingerprint=fingerprint(token), session_id=self.id, generation=self.generation))
        return token

    def _repeat(self, candidates: Iterable[str]) -> str:
        """The live token that was issued, whichever live key it was derived with.

        When that key is gone, the token, which was never seen, gives way to a new one.
        """
        candidates = list(candidates)
        for token in candidates:
            if db.session.get(RefreshToken, fingerprint(token)):
                return token
        live = [RefreshToken.session_id == self.id, RefreshToken.generation == self.generation]
        db.session.execute(db.delete(RefreshToken).where(*live))
        return self._issue(candidates[0])


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
