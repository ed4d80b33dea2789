"""Local days and weeks. Time is stored as UTC; people count in the time zone of the forest."""

import os
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from models.base import now
from models.errors import Invalid

EARLIEST_YEAR = 1900  # before it nothing was counted, and time zones were not what they are


def local_zone() -> ZoneInfo:
    return ZoneInfo(os.environ.get("TZ_LOCAL") or "Asia/Ho_Chi_Minh")


def local(moment: datetime) -> datetime:
    return moment.astimezone(local_zone())


def today() -> date:
    return local(now()).date()


def start_of(day: date) -> datetime:
    """Midnight at which a local day begins, in UTC."""
    return datetime.combine(day, time(), local_zone()).astimezone(UTC)


def week_of(day: date) -> str:
    """The ISO 8601 week, as "2026-W47"."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def monday_of(week: str) -> date:
    """The Monday of "2026-W47". Raises ValueError for another form, or a week that the year does not have."""
    year, number = week.split("-W")
    if len(year) != 4 or len(number) != 2 or int(year) < EARLIEST_YEAR:
        raise ValueError(week)
    return date.fromisocalendar(int(year), int(number), 1)


def same_week_last_year(week: str) -> date | None:
    """The Monday of the week with the same number a year earlier; None when that year has no week 53."""
    year, number = week.split("-W")
    try:
        return date.fromisocalendar(int(year) - 1, int(number), 1)
    except ValueError:
        return None


def parse_day_or_time(text: str) -> datetime:
    """An aware moment from "2026-11-23" (noon, local) or an RFC 3339 time. Raises Invalid."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(12), local_zone()).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=local_zone())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("at", "2026-11-23") from None
