"""What organisations cover passes on: the coverage of a unit that ends has a last day, and that of all that stands in its
place a first one; a station keeps watch over the same ground, whoever's it is now."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from models.base import db, new_id
from models.events import Event
from models.organisations import Coverage, Organisation
from models.passing_cases import gone_among
from models.passings import Passing, row_of
from models.standing import Standing

HOLDER = Coverage.__tablename__
Ended = tuple[Coverage, tuple[UUID, ...]]


def coverages_at(standing: Standing, day: date) -> list[Ended]:
    """Those of units that give way, with what follows."""
    holds = db.or_(Coverage.valid_to.is_(None), Coverage.valid_to >= day)
    gone = {id for id in gone_among([Coverage.unit_id], standing, holds) if standing.has_gone(id)}
    if not gone:
        return []
    found = db.session.scalars(db.select(Coverage).where(holds, Coverage.unit_id.in_(gone)).order_by(Coverage.id))
    return [(coverage, standing.in_place_of(coverage.unit_id)) for coverage in found]


def names_of(ended: Iterable[Ended]) -> dict[UUID, str]:
    ids = {coverage.organisation_id for coverage, _ in ended}
    rows = db.session.execute(db.select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids)))
    return {row.id: row.name for row in rows}


def pass_on_coverages(edition_id: UUID, ended: list[Ended], day: date, actor: Any, moment: datetime) -> None:
    kept: list[dict[str, Any]] = []
    said: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for old, follow in ended:
        last = day - timedelta(days=1)
        kept.append(row_of(edition_id, HOLDER, old.id, {"valid_to": old.valid_to}, {"valid_to": last}, moment))
        until, old.valid_to = old.valid_to, last
        pairs = said.setdefault(old.organisation_id, [])
        pairs += [(old.unit_id, id) for id in follow]
        for id in follow:
            if not _covers(old.organisation_id, id, day):
                facts = {"organisation_id": old.organisation_id, "unit_id": id, "valid_from": day, "valid_to": until}
                made = Coverage(id=new_id(), **facts)
                db.session.add(made)
                db.session.flush()
                kept.append(row_of(edition_id, HOLDER, made.id, {}, {"unit_id": id}, moment))
    db.session.flush()
    Passing.keep(kept)
    say("coverage_passed_on", edition_id, said, actor)


def say(action: str, edition_id: UUID, said: dict[UUID, list[tuple[UUID, UUID]]], actor: Any) -> None:
    Event.record_each(
        (
            (
                SimpleNamespace(kind="organisation", id=id),
                action,
                {
                    "edition": str(edition_id),
                    "from_units": [str(old) for old, _ in pairs],
                    "to_units": [str(new) for _, new in pairs],
                },
            )
            for id, pairs in said.items()
        ),
        actor,
    )


def _covers(organisation_id: UUID, unit_id: UUID, day: date) -> bool:
    own = (Coverage.organisation_id == organisation_id, Coverage.unit_id == unit_id)
    holds = db.or_(Coverage.valid_to.is_(None), Coverage.valid_to >= day)
    return db.session.scalar(db.select(Coverage.id).where(*own, holds).limit(1)) is not None
