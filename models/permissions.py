"""Who may do what: each rule is a named relation between a person and an incident."""

from collections.abc import Callable
from typing import Any

from models.users import Role

Rule = Callable[[Any, Any], bool]

OPEN = ("offered", "accepted")


def reporter(user: Any, incident: Any) -> bool:
    return incident.reporter_id == user.id


def officer_of_lead(user: Any, incident: Any) -> bool:
    """Officers whose scope holds the lead unit, and leaders of the lead unit itself."""
    if user.role is Role.LEADER:
        return user.unit_id == incident.lead_unit_id
    return user.role is Role.OFFICER and user.acts_for(incident.lead_unit)


def leader_of_lead(user: Any, incident: Any) -> bool:
    """Leaders whose scope holds the lead unit."""
    return user.role is Role.LEADER and user.acts_for(incident.lead_unit)


def officer_of_former_support(user: Any, incident: Any) -> bool:
    """Of a unit that had accepted to support and has no part left; whoever leads by now reopens instead."""
    supports = (row for row in incident.assignments if row.role == "support" and row.state == "concluded")
    return user.decides and any(row.unit_id != incident.lead_unit_id and user.acts_for(row.unit) for row in supports)


def answers_for_row(user: Any, row: Any) -> bool:
    """Accept, decline, conclude: officers and leaders whose scope holds that row's unit."""
    return user.decides and user.acts_for(row.unit)


def may_write(user: Any, incident: Any) -> bool:
    """Notes and photos: the reporter, and units with an open assignment; the lead's also once closed."""
    return reporter(user, incident) or any(
        answers_for_row(user, row) for row in incident.assignments if row.state in OPEN or row.is_lead
    )


def rows_served(user: Any, incident: Any) -> list[Any]:
    """The parts of units at work, the lead's also once closed, for which somebody may say how a fire stands: officers
    and leaders over them, and rangers who serve in them or beneath, for they stand before it with only a phone."""
    return [row for row in incident.assignments if (row.state in OPEN or row.is_lead) and _serves(user, row)]


def _serves(user: Any, row: Any) -> bool:
    beneath = user.role is Role.RANGER and user.unit is not None and row.unit_id in user.unit.lineage_ids
    return beneath or user.acts_for(row.unit)


def reads_restricted(user: Any, incident: Any) -> bool:
    """People, vehicles, private matters: officers and leaders of the lead and of supports that accepted."""
    return any(answers_for_row(user, row) for row in incident.assignments if row.is_lead or row.accepted_at is not None)


def reads_informant(user: Any, incident: Any) -> bool:
    return user.decides and user.acts_for(incident.lead_unit)


def works_on(user: Any, incident: Any) -> bool:
    """Officers of the lead, and of a support that has accepted."""
    supports = (row for row in incident.assignments if row.role == "support" and row.state == "accepted")
    return officer_of_lead(user, incident) or any(answers_for_row(user, row) for row in supports)


def any_of(*rules: Rule) -> Rule:
    return lambda user, incident: any(rule(user, incident) for rule in rules)
