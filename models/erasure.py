"""Erasing what somebody wrote: in the log, and wherever else the same words are kept."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from models import joint_verifications
from models.base import db
from models.case_links import CaseLink
from models.errors import NotAllowed, NotFound
from models.events import Event
from models.fires import FireUpdate
from models.notes import Note
from models.replies import Reply
from models.users import Person, Role


def erase(incident: Any, position: int, actor: Person, reason: str, names: Iterable[str] = ()) -> Event:
    """Forget texts of one event of an incident, and what else repeats them. Returns the event that says so.

    The caller holds the incident's lock. Raises NotFound when there is no such event or text, NotAllowed for
    anybody but an admin.
    """
    if actor.role is not Role.ADMIN:
        raise NotAllowed(action="erase")
    its_own = (Event.subject_kind == incident.kind, Event.subject_id == incident.id, Event.position == position)
    event = db.session.scalar(db.select(Event).where(*its_own).options(db.selectinload(Event.texts)))
    if event is None:
        raise NotFound()
    known = {text.name: text.value for text in event.texts}
    said = event.erase(actor, reason, names)
    forgotten = {known[name] for name in said.facts["erased"]}
    incident.handling = {k: v for k, v in incident.handling.items() if not _is(v, forgotten)}
    for row in incident.assignments:
        row.text = None if row.text in forgotten else row.text
    if note := event.facts.get("note"):
        db.session.get_one(Note, UUID(note)).text = ""
    if update := event.facts.get("update"):
        db.session.get_one(FireUpdate, UUID(update)).forget(forgotten)
    if verification := event.facts.get("verification"):
        joint_verifications.forget(UUID(verification), forgotten)
    if incident.verified:
        incident.verified = {k: v for k, v in incident.verified.items() if not _is(v, forgotten)}
    CaseLink.forget(incident, forgotten)
    _out_of_answers(str(incident.id), forgotten)
    incident.touch()
    db.session.flush()
    return said


def _out_of_answers(id: str, forgotten: set[str | None]) -> None:
    """Answers kept for requests that are sent again tell what the case looked like."""
    about = db.or_(Reply.route.contains(id), db.cast(Reply.body, db.Text).contains(id))
    for reply in db.session.scalars(db.select(Reply).where(about)):
        reply.body = _without(reply.body, forgotten)


def _without(value: Any, forgotten: set[str | None]) -> Any:
    if isinstance(value, dict):
        return {name: _without(part, forgotten) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(part, forgotten) for part in value]
    return None if _is(value, forgotten) else value


def _is(value: Any, forgotten: set[str | None]) -> bool:
    return isinstance(value, str) and value in forgotten
