"""Hours of the local day in which nobody is woken, but for a fire."""

from datetime import UTC, datetime, time, timedelta

from models.clock import local, local_zone
from models.limits import limit


def usual(on: datetime) -> tuple[time, time]:
    """From when to when nobody is woken who has not said otherwise."""
    day = local(on).date()
    return time(int(limit("quiet_from_hour", day))), time(int(limit("quiet_to_hour", day)))


def quiet_until(moment: datetime, begins: time | None = None, ends: time | None = None) -> datetime | None:
    """The end of the quiet hours in which a moment falls; None outside them. Who begins when they end has none."""
    if begins is None or ends is None:
        begins, ends = usual(moment)
    here = local(moment)
    now, day = here.time(), here.date()
    over_midnight = ends < begins
    if not (now >= begins or now < ends if over_midnight else begins <= now < ends):
        return None
    if over_midnight and now >= begins:
        day += timedelta(days=1)
    return datetime.combine(day, ends, local_zone()).astimezone(UTC)


def time_of(text: str) -> time:
    """Of "21:00"."""
    return time.fromisoformat(text)
