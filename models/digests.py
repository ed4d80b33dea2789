"""The morning digest of an officer or leader: what waits for them, in counts and numbers of cases."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from models.assignments import Assignment, Part, State
from models.base import db, now
from models.channels import LETTERS
from models.clock import local, start_of
from models.deadlines import is_working
from models.deliveries import DIGEST, delivery_id, new_row
from models.incident_workflow import Status
from models.incidents import Incident
from models.limits import limit
from models.notices import count_waiting
from models.reference import reference
from models.subscriptions import Subscription
from models.users import Person, Role, User
from models.visibility import Viewer

NAMED = 10  # cases by number; of more only the count is said
MOST_UNREAD = 100


def due_on(moment: datetime) -> date | None:
    """The day whose digest is to be there by now: of a working day, from its hour on."""
    here = local(moment)
    began = here.hour >= limit("digest_hour", here.date())
    return here.date() if is_working(here.date()) and began else None


def of_day(day: date) -> list[dict[str, Any]]:
    """A delivery for each officer and leader, to the first place where they read letters. Once a day, whoever asks."""
    order = {channel: n for n, channel in enumerate(LETTERS)}
    theirs = (
        db.select(Subscription.id, Subscription.user_id, Subscription.channel)
        .join(User, User.id == Subscription.user_id)
        .where(
            Subscription.is_live(),
            ~Subscription.urgent_only,
            Subscription.channel.in_(LETTERS),
            User.disabled_at.is_(None),
            User.role.in_([Role.OFFICER, Role.LEADER]),
        )
        .order_by(Subscription.created_at, Subscription.id)
    )
    first: dict[UUID, Any] = {}
    for row in db.session.execute(theirs):
        known = first.get(row.user_id)
        if known is None or order[row.channel] < order[known.channel]:
            first[row.user_id] = row
    return [new_row(row.id, DIGEST, id=delivery_id(DIGEST, user, day), day=day) for user, row in first.items()]


@dataclass(frozen=True)
class Waits:
    """By what is to be done: how many cases, and the numbers of the first of them."""

    cases: dict[str, list[str]]
    unread: int

    @property
    def is_nothing(self) -> bool:
        return not self.unread and not any(self.cases.values())

    @classmethod
    def of(cls, user: Person, day: date) -> "Waits":
        units = _desk(user)
        led = db.select(Incident.number, Incident.status, Incident.deadline_at).where(
            Incident.lead_unit_id.in_(units), Incident.deadline_at.is_not(None), Viewer.shows(Incident.id, user)
        )
        found: dict[str, list[str]] = {"to_receive": [], "overdue": [], "due_today": []}
        tomorrow = start_of(day + timedelta(days=1))
        for row in db.session.execute(led.order_by(Incident.deadline_at, Incident.number)):
            if row.status == Status.REPORTED:
                found["to_receive"].append(row.number)
            if row.deadline_at < now():
                found["overdue"].append(row.number)
            elif row.deadline_at < tomorrow:
                found["due_today"].append(row.number)
        offered = (
            db.select(Incident.number)
            .join(Assignment, Assignment.incident_id == Incident.id)
            .where(Assignment.unit_id.in_(units), Assignment.state == State.OFFERED, Assignment.role == Part.SUPPORT)
            .where(Viewer.shows(Incident.id, user))
            .order_by(Assignment.due_at, Incident.number)
        )
        found["offers"] = list(dict.fromkeys(db.session.scalars(offered)))
        return cls(found, count_waiting(user, MOST_UNREAD))


def _desk(user: Person) -> list[UUID]:
    """The units for which this person is to act: a leader's own, an officer's with all beneath."""
    if user.role is Role.LEADER:
        return [id for id in user.scope if user.acts_for(reference().units.get(id))]
    return [unit.id for unit in reference().units.values() if user.acts_for(unit)]
