"""What is to be sent, and what became of it: one row for each notice and subscription, made with the notice.

Its id follows from both, so a receiver knows again what reaches it twice. Sent by the worker (services/deliveries.py),
by a job for each subscription: who is slow or dead holds up nobody else.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Json, Record, db, new_id, now, upsert
from models.desks import homes_over, lies_with
from models.errors import NotFound
from models.jobs import Job
from models.reference import reference
from models.subscriptions import Subscription, live_for
from models.users import people

SPACE = UUID("6d0b6b0e-8f34-5a53-9c55-3a1f5f7a9d02")  # of the ids
WAITING, SENT, DROPPED, GIVEN_UP = STATES = ("waiting", "sent", "dropped", "given_up")
NOTICE, DIGEST, CODE, TEST = "notice", "digest", "code", "test"
PROOFS = (CODE, TEST)
# Jobs of one subscription each. What failed last is tried apart, so that the dead wait for the dead alone.
URGENT, ORDINARY, FAILING = LANES = ("deliver_urgent", "deliver", "deliver_failing")
ATTEMPTS_KEPT = 20
Cursor = tuple[datetime, UUID]


class Delivery(Record):
    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_subscription_id_created_at", "subscription_id", "created_at", "id"),
        Index(
            "ix_deliveries_waiting",
            "subscription_id",
            "due_at",
            postgresql_where=db.text("state = 'waiting'"),
            sqlite_where=db.text("state = 'waiting'"),
        ),
    )

    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("subscriptions.id"))
    notice_id: Mapped[UUID | None] = mapped_column(ForeignKey("notices.id"))  # None: of another kind
    what: Mapped[str]
    day: Mapped[date | None]  # of a digest
    urgent: Mapped[bool]
    state: Mapped[str] = mapped_column(default=WAITING)
    reason: Mapped[str | None]  # why it was dropped or given up, as a code
    due_at: Mapped[datetime] = mapped_column(default=now)
    since: Mapped[datetime] = mapped_column(default=now)  # from when its days of trying count
    tries: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[list[Any]] = mapped_column(Json, default=list)  # the last: when, result, HTTP status; no words
    ended_at: Mapped[datetime | None]

    @classmethod
    def is_waiting(cls, subscription_id: UUID) -> Any:
        return db.and_(cls.subscription_id == subscription_id, cls.state == WAITING)

    @classmethod
    def of_lane(cls, subscription_id: UUID, lane: str) -> Any:
        """The condition that it waits, and that the jobs of a lane send it: no two lanes send the same."""
        waiting = cls.is_waiting(subscription_id)
        return waiting if lane == FAILING else db.and_(waiting, cls.urgent if lane == URGENT else ~cls.urgent)

    @property
    def knocks(self) -> bool:
        return knocks(self.urgent, self.tries)

    @classmethod
    def next_of(cls, subscription_id: UUID, lane: str, proofs: bool = False) -> "Delivery | None":
        """What is due: what is urgent first, then what was tried the least, then what waits the longest."""
        due = db.and_(cls.of_lane(subscription_id, lane), cls.due_at <= now())
        if proofs:
            due = db.and_(due, cls.what.in_(PROOFS))
        order = (cls.urgent.desc(), cls.tries, cls.due_at, cls.id)
        return db.session.scalar(db.select(cls).where(due).order_by(*order).limit(1))

    @classmethod
    def page(cls, subscription: Subscription, limit: int, after: Cursor | None) -> tuple[list["Delivery"], Any]:
        """Newest first, and where the next page begins."""
        rows = db.select(cls).where(cls.subscription_id == subscription.id)
        if after:
            at = db.bindparam(None, after[0], type_=cls.created_at.type)
            rows = rows.where(db.tuple_(cls.created_at, cls.id) < db.tuple_(at, after[1]))
        found = list(db.session.scalars(rows.order_by(cls.created_at.desc(), cls.id.desc()).limit(limit + 1)))
        last = found[limit - 1] if len(found) > limit else None
        return found[:limit], (last.created_at, last.id) if last else None

    @classmethod
    def find(cls, id: UUID, subscription: Subscription) -> "Delivery":
        """Raises NotFound."""
        found = db.session.get(cls, id, with_for_update=True, populate_existing=True)
        if found is None or found.subscription_id != subscription.id:
            raise NotFound()
        return found

    def note(self, at: datetime, result: str, status: int | None) -> None:
        """One line of the log."""
        self.tries += 1
        self.attempts = [*self.attempts, {"at": at.isoformat(), "result": result, "status": status}][-ATTEMPTS_KEPT:]

    def end(self, state: str, reason: str | None = None) -> None:
        self.state, self.reason, self.ended_at = state, reason, now()

    def again(self) -> None:
        """By hand: as if it were new, under the same id."""
        self.state, self.reason, self.ended_at = WAITING, None, None
        self.due_at = self.since = now()


def delivery_id(*of: Any) -> UUID:
    return uuid5(SPACE, ":".join(map(str, of)))


def ask_for(subscription_id: UUID, lane: str, at: datetime | None = None) -> None:
    """Somebody is to look after what waits for a subscription, at that time or earlier."""
    Job.ask_by(lane, str(subscription_id), at or now())


def keep_new(rows: Sequence[dict[str, Any]]) -> None:
    """Write deliveries. What is there already stays as it is, sent or not.

    The jobs come first, as everybody locks them: a worker that ends one sees these rows, or it is asked for again.
    """
    for lane, id in sorted({(lane_of(row["urgent"]), row["subscription_id"]) for row in rows}):
        ask_for(id, lane)
    if rows:
        db.session.connection().execute(upsert(Delivery.__table__).on_conflict_do_nothing(), list(rows))


def new_row(subscription_id: UUID, what: str, **facts: Any) -> dict[str, Any]:
    moment = now()
    known = {"id": new_id(), "created_at": moment, "due_at": moment, "since": moment, "notice_id": None, "day": None}
    return (
        known
        | {
            "subscription_id": subscription_id,
            "what": what,
            "urgent": False,
            "state": WAITING,
            "tries": 0,
            "attempts": [],
        }
        | facts
    )


def deliver_notices(notices: Iterable[dict[str, Any]]) -> None:
    """What new notices are to be sent to whom, written in their transaction.

    An office hears what its unit is told; a person what lies on their desk. Who has the right to read what is asked
    again when it is sent.
    """
    notices = list(notices)
    receivers = {notice["receiver_id"] for notice in notices}
    units = [id for id in receivers if id in reference().units]
    persons = [id for id in receivers if id not in reference().units]
    live = live_for(units, persons, *homes_over(units))
    if not live:
        return
    owners = people(user for _, user, _, _ in live if user)
    rows = []
    for notice in notices:
        receiver, kind = notice["receiver_id"], notice["kind"]
        for id, user_id, unit_id, urgent_only in live:
            if urgent_only and not notice["urgent"]:
                continue
            owner = owners.get(user_id) if user_id else None
            if unit_id == receiver or (owner and not owner.disabled_at and lies_with(owner, receiver, kind)):
                mine = {"id": delivery_id(notice["id"], id), "notice_id": notice["id"], "urgent": notice["urgent"]}
                rows.append(new_row(id, NOTICE, **mine))
    keep_new(rows)


def drop_waiting(subscription_id: UUID, reason: str, state: str = DROPPED) -> None:
    ended = {"state": state, "reason": reason, "ended_at": now()}
    db.session.execute(db.update(Delivery).where(Delivery.is_waiting(subscription_id)).values(ended))


def hold(subscription_id: UUID, until: datetime) -> None:
    """What is neither urgent nor a proof waits for the end of the quiet hours."""
    held = db.and_(Delivery.is_waiting(subscription_id), ~Delivery.urgent, Delivery.what.not_in(PROOFS))
    db.session.execute(db.update(Delivery).where(held, Delivery.due_at < until).values(due_at=until))


def next_due(subscription_id: UUID, lane: str, retry_at: datetime | None) -> datetime | None:
    """When the next of what waits in a lane is to be sent: not before the receiver is to be tried again, but for what
    knocks."""
    kinds = (Delivery.urgent, Delivery.tries)
    waiting = db.select(*kinds, db.func.min(Delivery.due_at)).where(Delivery.of_lane(subscription_id, lane))
    found = db.session.execute(waiting.group_by(*kinds))
    due = (at if knocks(urgent, tries) or not retry_at else max(at, retry_at) for urgent, tries, at in found)
    return min(due, default=None)


def knocks(urgent: bool, tries: int) -> bool:
    """What is urgent is tried once at once, even where nobody has answered lately."""
    return urgent and not tries


def lane_of(urgent: bool) -> str:
    """Of what works: what fails is sent apart."""
    return URGENT if urgent else ORDINARY


def count_proofs(subscription_id: UUID, since: datetime) -> int:
    """How often an address was written to only to prove it."""
    proofs = db.and_(
        Delivery.subscription_id == subscription_id, Delivery.what.in_(PROOFS), Delivery.created_at >= since
    )
    return db.session.scalar(db.select(db.func.count()).select_from(Delivery).where(proofs)) or 0


def forget_before(moment: datetime) -> None:
    """The log of what was sent, dropped or given up longer ago than anybody asks."""
    old = db.and_(Delivery.state != WAITING, Delivery.created_at < moment)
    db.session.execute(db.delete(Delivery).where(old), execution_options={"synchronize_session": False})


def forgotten() -> list[tuple[UUID, bool]]:
    """(subscription, urgent) of what is due and has no job: after a restore, say."""
    looked_after = set(db.session.scalars(db.select(Job.key).where(Job.kind.in_(LANES))))
    due = db.and_(Delivery.state == WAITING, Delivery.due_at < now())
    found = db.select(Delivery.subscription_id, Delivery.urgent).where(due).distinct()
    return [tuple(row) for row in db.session.execute(found) if str(row.subscription_id) not in looked_after]  # type: ignore[misc]
