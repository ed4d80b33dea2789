"""Clocks of phones: how far off one was at each sync, and what that says about the times it wrote down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record, db
from models.clock import local
from models.limits import limit

CHECK = "device_clock"
RESET = "reset"  # the clock was set between the recording and the sync: how far off it was, nobody knows


class SyncClock(Record):
    """One measurement: the phone's clock against ours (`created_at`)."""

    __tablename__ = "sync_clocks"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"), index=True)
    device_time: Mapped[datetime]
    offset_s: Mapped[float]  # positive: the phone is ahead

    @classmethod
    def latest_of(cls, device_id: UUID) -> "SyncClock | None":
        own = db.select(cls).where(cls.device_id == device_id)
        return db.session.scalar(own.order_by(cls.created_at.desc()).limit(1))


@dataclass(frozen=True)
class PhoneClock:
    """What a phone's clock showed at a moment of ours; None: it did not say, or nobody knows when it showed that."""

    shows: datetime | None
    at: datetime
    was_set: bool = False  # since it was last measured

    @classmethod
    def carried(cls, shows: datetime | None, at: datetime, device_id: UUID) -> "PhoneClock":
        """Of a batch that another phone brought: for how long, nobody knows. What its own last sync measured holds on,
        unless the batch would then have been sealed before that sync, or after now."""
        if shows is None:
            return cls(None, at)
        latest = SyncClock.latest_of(device_id)
        if latest is None:
            return cls(shows, at, was_set=True) if shows - at > tolerance(at) else cls(None, at)
        sealed_at = corrected(shows, latest.offset_s, at) or shows
        if latest.created_at - tolerance(at) <= sealed_at <= at + tolerance(at):
            return cls(shows, sealed_at)
        return cls(shows, at, was_set=True)

    @property
    def offset_s(self) -> float | None:
        return None if self.shows is None else round((self.shows - self.at).total_seconds(), 3)

    def ran_on(self, recorded: Sequence[datetime | None]) -> list[bool]:
        """For each thing, in the order a phone recorded them, whether the clock ran undisturbed from then until now.

        A clock that once showed more than it does later was set in between, by a dead battery or by the network;
        what was recorded before that was recorded with another clock than the one measured now.
        """
        ran: list[bool] = []
        latest, undisturbed = self.shows, not self.was_set
        for moment in reversed(recorded):
            if moment is not None and latest is not None and undisturbed:
                undisturbed = moment - latest <= tolerance(self.at)
            latest = moment or latest
            ran.append(undisturbed)
        return ran[::-1]

    def says_of(self, found_at: datetime, ran_on: bool) -> tuple[float | None, list[dict[str, Any]]]:
        """By how much a time was off, if that is known, and the finding to be kept with it, if any."""
        if self.shows is None or self.offset_s is None:
            return None, []
        if not ran_on or found_at - self.shows > tolerance(self.at):
            return None, [{"check": CHECK, "value": RESET}]
        off = abs(self.offset_s) > tolerance(self.at).total_seconds()
        return self.offset_s, [{"check": CHECK, "value": self.offset_s}] if off else []


def tolerance(at: datetime) -> timedelta:
    return timedelta(seconds=limit("device_clock_off_s", local(at).date()))


def corrected(moment: datetime, offset_s: float | None, at: datetime) -> datetime | None:
    """What a right clock would have shown; None where the phone's was right enough, or nobody knows."""
    if offset_s is None or abs(offset_s) <= tolerance(at).total_seconds():
        return None
    try:
        return moment - timedelta(seconds=offset_s)
    except OverflowError:
        return None
