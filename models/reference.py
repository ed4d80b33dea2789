"""Reference data, kept in memory until something of it changes: units, boundaries, agreements, duty lists.

Every change of it writes a new token in the same transaction, so one cheap query tells each process whether
what it remembers still holds. What a request reads of units costs no query at all.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.agreements import Accord, Agreement, Party, accords_on
from models.base import db, in_force, new_id
from models.boundaries import Boundary, BoundaryIndex, Edition, index_of
from models.clock import today
from models.contacts import Contact
from models.errors import NoBoundaries, NotFound
from models.organisations import Coverage, Organisation
from models.units import KnownUnit, Lineages, ScopeUnit, Succession, Unit

DAYS_KEPT = 64
# Whose changes make a new token; models that build on this one add theirs.
PARTS: set[type] = {Unit, Succession, ScopeUnit, Agreement, Party, Edition, Boundary, Contact, Organisation, Coverage}


class Revision(db.Model):  # type: ignore[name-defined]
    """One row: a token that is new after each change of the reference data."""

    __tablename__ = "reference_revisions"

    name: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]


# On every request, so as plain as it can be.
TOKEN = db.select(Revision.__table__.c.token).where(Revision.__table__.c.name == "reference")


@dataclass(frozen=True)
class Reference:
    """What holds on one local day. `boundaries` is None before the first edition."""

    token: str
    units: dict[UUID, KnownUnit]  # of all times
    boundaries: BoundaryIndex | None
    accords: list[Accord]
    lineages: Lineages
    scopes: dict[UUID, frozenset[UUID]]  # by unit: the roots of the subtrees it answers for
    coverages: dict[UUID, list[UUID]]  # by organisation: the units it covers
    organisations: dict[UUID, str]  # names of those in force
    contacts: dict[UUID, list[dict[str, Any]]]  # by unit or organisation: its own duty list
    more: dict[str, Any] = field(default_factory=dict)  # what other models remember with it

    @property
    def index(self) -> BoundaryIndex:
        if self.boundaries is None:
            raise NoBoundaries()
        return self.boundaries

    def above(self, unit: KnownUnit) -> list[KnownUnit]:
        """The units above one, nearest first."""
        return [self.units[id] for id in reversed(unit.lineage_ids[:-1])]


_known: OrderedDict[tuple[str, date], Reference] = OrderedDict()


def reference_on(day: date) -> Reference:
    """The reference data as this transaction sees it, for a local day."""
    token = _token()
    if (token, day) not in _known:
        _known[token, day] = _load(token, day)
        while len(_known) > DAYS_KEPT:
            _known.popitem(last=False)
    return _known[token, day]


def reference() -> Reference:
    """The reference data of today."""
    return reference_on(today())


def unit_of(id: UUID) -> KnownUnit:
    return reference().units[id]


def find_unit(id: UUID) -> KnownUnit:
    """Of any time. Raises NotFound."""
    if (unit := reference().units.get(id)) is None:
        raise NotFound()
    return unit


def _token() -> str:
    """Asked once a transaction."""
    kept = db.session.info
    if "reference" not in kept:
        kept["reference"] = db.session.connection().execute(TOKEN).scalar() or ""
    return kept["reference"]


def known_token() -> str | None:
    """The token, if this transaction has read it."""
    return db.session.info.get("reference")


def take_token(token: str | None) -> None:
    """The token was read along with something else in this transaction."""
    db.session.info["reference"] = token or ""


@contextmanager
def supposing(units: dict[UUID, KnownUnit], lineages: Lineages) -> Iterator[None]:
    """As if these were the units of today and what became of them, for what is worked out inside; nothing is written."""
    day, real = today(), reference()
    token = f"supposed {new_id()}"
    _known[token, day] = replace(real, token=token, units=units, lineages=lineages, more={})
    db.session.info["reference"] = token
    try:
        yield
    finally:
        _known.pop((token, day), None)
        db.session.info["reference"] = real.token


def _load(token: str, day: date) -> Reference:
    edition, (units, lineages, scopes) = Edition.on(day), _of_all_days(token)
    coverages: dict[UUID, list[UUID]] = {}
    organisations = db.select(Organisation.id, Organisation.name).where(in_force(Organisation, day))
    covering = db.select(Coverage.organisation_id, Coverage.unit_id).join(Organisation)
    for row in db.session.execute(covering.where(in_force(Coverage, day), in_force(Organisation, day))):
        coverages.setdefault(row.organisation_id, []).append(row.unit_id)
    contacts: dict[UUID, list[dict[str, Any]]] = {}
    on_duty = db.select(Contact).where(in_force(Contact, day)).order_by(Contact.role, Contact.name, Contact.id)
    for contact in db.session.scalars(on_duty):
        contacts.setdefault(contact.owner_id, []).append(contact.facts)
    return Reference(
        token,
        units,
        edition and index_of(edition),
        accords_on(day, lineages, coverages),
        lineages,
        scopes,
        coverages,
        {row.id: row.name for row in db.session.execute(organisations)},
        contacts,
    )


def _of_all_days(token: str) -> tuple[dict[UUID, KnownUnit], Lineages, dict[UUID, frozenset[UUID]]]:
    """Units, what became of them and whom scopes include: the same whatever the day, so read once for a token."""
    if known := next((known for known in list(_known.values()) if known.token == token), None):
        return known.units, known.lineages, known.scopes
    scopes: dict[UUID, set[UUID]] = {}
    for row in db.session.execute(db.select(ScopeUnit.unit_id, ScopeUnit.includes_id)):
        scopes.setdefault(row.unit_id, set()).add(row.includes_id)
    units = {u.id: KnownUnit.of(u) for u in db.session.scalars(db.select(Unit))}
    return units, Lineages.load(), {unit: frozenset(roots) for unit, roots in scopes.items()}


def accords_of(day: date) -> list[Accord]:
    """The agreements in force on a day. Whoever asks for many days has them worked out once for all on which the same
    hold: they change only when one of the dates that they follow from is passed."""
    known = reference()
    if day == today():
        return known.accords
    if "accord_days" not in known.more:
        known.more["accord_days"] = _accord_days(known)
    days: list[date] = known.more["accord_days"]
    at = bisect_right(days, day)
    return reference_on(days[at - 1] if at else date.min).accords


def _accord_days(known: Reference) -> list[date]:
    """First days of agreements, coverages and organisations, and the days after their last, and after those of units."""
    found = {unit.valid_to + timedelta(days=1) for unit in known.lineages.units.values() if unit.valid_to}
    for dated in (Agreement, Coverage, Organisation):
        for first, last in db.session.execute(db.select(dated.valid_from, dated.valid_to)):
            found |= {first} if first else set()
            found |= {last + timedelta(days=1)} if last else set()
    return sorted(found)


def mark_changed(session: Any) -> None:
    """A new token, in the transaction that changes the reference data."""
    session.info.pop("reference", None)
    revision = session.get(Revision, "reference")
    if revision is None:
        session.add(Revision(name="reference", token=str(new_id())))
    else:
        revision.token = str(new_id())


@event.listens_for(Session, "before_flush")
def note_change(session: Session, _context: Any, _instances: Any) -> None:
    changed = [*session.new, *session.deleted, *(thing for thing in session.dirty if session.is_modified(thing))]
    if any(type(thing) in PARTS for thing in changed):
        mark_changed(session)


@event.listens_for(Session, "after_transaction_end")
def forget_token(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop("reference", None)
