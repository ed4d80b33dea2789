"""What routing and figures read of the territory on a day, kept in memory until something of it changes.

Every change of units, successions, agreements or boundaries writes a new revision in the same transaction, so
one cheap query tells each process, on every report, whether what it remembers still holds.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.agreements import Accord, Agreement, Party, accords_on
from models.base import db, new_id
from models.boundaries import Boundary, BoundaryIndex, Edition, index_of
from models.errors import NoBoundaries
from models.units import Lineages, Succession, Unit

PARTS = (Unit, Succession, Agreement, Party, Edition, Boundary)
DAYS_KEPT = 64


class Revision(db.Model):  # type: ignore[name-defined]
    """One row: a token that is new after each change of the territory."""

    __tablename__ = "reference_revisions"

    name: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]


@dataclass(frozen=True)
class Reference:
    """The boundaries (None before the first edition), agreements and successions on a day."""

    boundaries: BoundaryIndex | None
    accords: list[Accord]
    lineages: Lineages

    @property
    def index(self) -> BoundaryIndex:
        if self.boundaries is None:
            raise NoBoundaries()
        return self.boundaries


_known: OrderedDict[tuple[str, date], Reference] = OrderedDict()


def reference_on(day: date) -> Reference:
    """The territory as the database has it now, on a local day."""
    token = db.session.scalar(db.select(Revision.token).where(Revision.name == "territory")) or ""
    key = (token, day)
    if key not in _known:
        edition, lineages = Edition.on(day), Lineages.load()
        _known[key] = Reference(edition and index_of(edition), accords_on(day, lineages), lineages)
        while len(_known) > DAYS_KEPT:
            _known.popitem(last=False)
    return _known[key]


@event.listens_for(Session, "before_flush")
def note_change(session: Session, _context: Any, _instances: Any) -> None:
    changed = [*session.new, *session.deleted, *(thing for thing in session.dirty if session.is_modified(thing))]
    if any(isinstance(thing, PARTS) for thing in changed):
        revision = session.get(Revision, "territory")
        if revision is None:
            session.add(Revision(name="territory", token=str(new_id())))
        else:
            revision.token = str(new_id())
