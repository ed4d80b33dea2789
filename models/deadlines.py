"""When a step is due: on the clock for fires, in working time for all else."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

from models.clock import local, local_zone
from models.limits import deadline_rule

Rule = dict[str, int]  # one of minutes, working_hours, working_days

# The office day that working hours are counted in.
OFFICE_OPENS, OFFICE_CLOSES = time(8), time(17)
LUNCH = (time(12), time(13))
HOURS_A_DAY = 8


@cache
def _holidays() -> Any:
    import holidays  # 30 ms, and only needed once a report came in

    return holidays.country_holidays("VN")


def is_working(day: Any) -> bool:
    return day.weekday() < 5 and day not in _holidays()


def add_working_time(start: datetime, hours: float) -> datetime:
    """The moment `hours` of office time after `start`; eight hours are a working day."""
    zone, moment, left = local_zone(), local(start), timedelta(hours=hours)
    while True:
        if is_working(moment.date()):
            for opens, closes in ((OFFICE_OPENS, LUNCH[0]), (LUNCH[1], OFFICE_CLOSES)):
                begin = max(moment, datetime.combine(moment.date(), opens, zone))
                end = datetime.combine(moment.date(), closes, zone)
                if begin < end:
                    if left <= end - begin:
                        return (begin + left).astimezone(UTC)
                    left -= end - begin
        moment = datetime.combine(moment.date() + timedelta(days=1), time(), zone)


def due(step: str, fire: bool, since: datetime) -> datetime:
    """When a step that began at `since` must be done, where no agreement says anything else."""
    return after(deadline_rule(step, fire, local(since).date()), since)


def due_for(incident: Any, step: str, since: datetime) -> datetime:
    """When a step of a case must be done: by the clocks of the agreements over its borders, as its routing decision
    keeps them (models/agreed_clocks.py); where they say nothing of the step, by the default."""
    found = rules_for(incident, step)
    return min(after(rule, since) for rule in found) if found else due(step, incident.urgent, since)


def on_the_clock(incident: Any, step: str, since: datetime) -> bool:
    """Whether a step cannot wait for the office: of a fire, and by default counted in minutes."""
    return incident.urgent and "minutes" in deadline_rule(step, True, local(since).date())


def rules_for(incident: Any, step: str) -> list[Rule]:
    """What agreements say of a step; of two, whichever ends first holds."""
    routing = incident.routing
    late = routing["inputs"]["fire"] and not incident.urgent
    said = routing.get("late_clocks" if late else "clocks", {}).get(step)
    return [clock["rule"] for clock in (said, said.get("or")) if clock] if said else []


def after(rule: Rule, since: datetime) -> datetime:
    if "minutes" in rule:
        return since + timedelta(minutes=rule["minutes"])
    return add_working_time(since, working_hours(rule))


def working_hours(rule: Rule) -> int:
    return rule.get("working_hours", 0) + rule.get("working_days", 0) * HOURS_A_DAY
