"""Putting an edition in force, and taking it back on the same day: each in one transaction, its effect seen first."""

from models import edition_drafts, edition_effects, passing
from models.base import db, new_id, now
from models.boundaries import Edition
from models.edition_drafts import ACTIVE, AlreadyActive, EditionDraft, EffectChanged, NotActive
from models.errors import TooLate
from models.events import Event
from models.passing import Effect
from models.units import Unit
from models.users import Person
from services.boundaries import check_new, store_boundaries
from services.editions import Entered, Reform, content_sha256, ending, enter, reform_of, supposed_effect, supposed_tree
from services.unit_tree import UnitTree


def effect_now(edition: Edition) -> Effect | None:
    """What activating it, or deactivating what is in force, would do now; None when neither can be done."""
    if edition.activated_at:
        try:
            return passing.effect_of_giving_back(edition)
        except TooLate:
            return None
    draft = db.session.get(EditionDraft, edition.id)
    if draft and not draft.entered:
        reform, tree = reform_of(edition), supposed_tree()
        entered = enter(reform, tree)
        return supposed_effect(ending(reform, entered.units, edition.id), tree)
    ended = passing.ending_of(edition)
    changes = draft.days_in_force() if draft else {}
    tree = supposed_tree()
    for id, last in changes.items():
        tree.by_id[id].valid_to = last
    return supposed_effect(ended, tree)


def _enter(edition: Edition) -> tuple[Reform | None, Entered | None, Effect]:
    """What is still to be stored of a draft, with its units as they are to be when it is in force; and what it moves."""
    draft = db.session.get(EditionDraft, edition.id)
    if draft and not draft.entered:
        entered = enter(reform := reform_of(edition), UnitTree())
        return reform, entered, passing.effect_of(ending(reform, entered.units, edition.id))
    if draft:
        for id, last in draft.days_in_force().items():
            db.session.get_one(Unit, id).valid_to = last
        db.session.flush()
    return None, None, passing.effect_of(passing.ending_of(edition))


def activate(edition: Edition, actor: Person, digest: str) -> Effect:
    """Put it in force and pass on what is open, if the effect is still the one that was seen. Raises AlreadyActive,
    EffectChanged, NoSuccessor."""
    if edition_drafts.status_of(edition) == ACTIVE:
        raise AlreadyActive(name=edition.name)
    reform, entered, effect = _enter(edition)
    _check_seen(effect, digest)
    if reform and entered:
        draft = db.session.get_one(EditionDraft, edition.id)
        store_boundaries(edition, reform.features, entered.units)
        draft.enter(entered.created, entered.ended)
    return put_in_force(edition, actor)


def put_in_force(edition: Edition, actor: Person | None) -> Effect:
    edition.activated_at = now()
    db.session.flush()
    effect = passing.pass_on(edition, actor)
    Event.record(edition, "activated", actor, valid_from=edition.valid_from.isoformat(), moved=effect.counts)
    return effect


def take_back(edition: Edition, actor: Person | None, digest: str | None = None) -> Effect:
    """Undo it on the day on which it was done, if the effect is the one that was seen (None: by who has just seen it)."""
    if edition_drafts.status_of(edition) != ACTIVE:
        raise NotActive(name=edition.name)
    if digest is not None:
        _check_seen(passing.effect_of_giving_back(edition), digest)
    effect = passing.give_back(edition, actor)
    if draft := db.session.get(EditionDraft, edition.id):
        draft.end()
        db.session.flush()
    Event.record(edition, "deactivated", actor, moved=effect.counts)
    return effect


def _check_seen(effect: Effect, digest: str) -> None:
    if (now_digest := edition_effects.digest(effect)) != digest:
        raise EffectChanged(effect=edition_effects.shown(effect), digest=now_digest)


def load(reform: Reform, actor: Person | None = None) -> tuple[Edition, Entered, Effect]:
    """From the terminal: stored and in force in one transaction, that of the caller."""
    check_new(reform.name, reform.valid_from, reform.valid_to)
    entered = enter(reform, UnitTree())
    edition = Edition(id=new_id(), name=reform.name, **reform.described)
    edition.valid_from, edition.valid_to = reform.valid_from, reform.valid_to
    db.session.add(edition)
    db.session.flush()
    store_boundaries(edition, reform.features, entered.units)
    draft = EditionDraft(id=edition.id, author_id=None, content_sha256=content_sha256(reform), report={})
    draft.units, draft.successions = reform.units, reform.successions
    db.session.add(draft)
    draft.enter(entered.created, entered.ended)
    db.session.flush()
    return edition, entered, put_in_force(edition, actor)
