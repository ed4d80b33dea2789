"""The reform of 2025 in the demo's world: the communes of then are at work until `activate` puts the new ones in force."""

from datetime import date
from typing import Any

from models import Contact, Coverage, Edition, Succession, Unit, User, db, passing
from models.base import now
from services.demo.load import LAST_OF_OLD, REFORM
from tests.test_assignments import recruit

ADMIN = "admin"


def turn_back(in_app: Any) -> None:
    """Everybody serves where they served before, and nobody knows of a reform but for what is to succeed to what."""

    def turn() -> None:
        edition_of(REFORM).activated_at = None
        edition_of(date(2010, 1, 1)).valid_to = None
        for unit in db.session.scalars(db.select(Unit).where(Unit.valid_to == LAST_OF_OLD)):
            unit.valid_to = None
        for model in (User, Contact, Coverage):
            for thing in db.session.scalars(db.select(model)):
                if thing.unit_id and (before := former(thing.unit_id)):
                    thing.unit_id = before
                    if model is Coverage:
                        thing.valid_from = None
        db.session.commit()

    in_app(turn)
    for who, code in (("officer.huoi-lech", "03177"), ("officer.na-co-sa", "03167")):
        recruit(in_app, who, "officer", "03162")
        in_app(lambda who=who, code=code: serve(who, code))


def serve(username: str, code: str) -> None:
    User.named(username).unit_id = old(code).id
    db.session.commit()


def former(id: Any) -> Any:
    """What a new unit mostly was before: the one with its code, else one of those that became it."""
    unit = db.session.get_one(Unit, id)
    befores = db.select(Unit).join(Succession, Succession.old_unit_id == Unit.id).where(Succession.new_unit_id == id)
    found = sorted(db.session.scalars(befores), key=lambda u: (u.code != unit.code, u.code))
    return found[0].id if found else None


def edition_of(first: date) -> Edition:
    return db.session.scalars(db.select(Edition).where(Edition.valid_from == first)).one()


def old(code: str) -> Unit:
    """A unit of before by its code, also when it is not known to end."""
    return db.session.scalars(db.select(Unit).where(Unit.code == code, Unit.valid_from.is_(None))).one()


def new(code: str) -> Unit:
    return db.session.scalars(db.select(Unit).where(Unit.code == code, Unit.valid_from == REFORM)).one()


def activate(in_app: Any, by_itself: bool = False) -> Any:
    """Put the new ones in force; the effect."""

    def put() -> Any:
        edition = edition_of(REFORM)
        edition.activated_at = now()
        db.session.flush()
        effect = passing.pass_on(edition, User.named(ADMIN).person, by_itself)
        db.session.commit()
        return effect

    return in_app(put)


def effect_of(in_app: Any) -> Any:
    """What activating would do, by somebody who only looks."""

    def look() -> Any:
        found = passing.effect_of(passing.ending_of(edition_of(REFORM)))
        assert not db.session.new and not db.session.dirty
        return found

    return in_app(look)


def give_back(in_app: Any, look: bool = False) -> Any:
    def give() -> Any:
        edition = edition_of(REFORM)
        if look:
            return passing.effect_of_giving_back(edition)
        effect = passing.give_back(edition, User.named(ADMIN).person)
        db.session.commit()
        return effect

    return in_app(give)
