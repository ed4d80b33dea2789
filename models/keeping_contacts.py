"""Duty lists as people keep them: who enters a contact, and how one ends."""

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from models.base import db, new_id
from models.clock import today
from models.contacts import Contact
from models.errors import Invalid, NotAllowed, NotFound
from models.events import Event
from models.organisations import Organisation
from models.reference import find_unit
from models.users import Person, Role

SHORTEST, LONGEST = 3, 20  # characters of a phone number: "114" is one
DIVIDERS = re.compile(r"[\s.()/-]+")
PHONE = re.compile(r"\+?[0-9][0-9 ]*")


def phone_number(text: str) -> str:
    """As it is dialled: digits, "+" in front, single spaces. Points, dashes and brackets are taken for spaces."""
    number = DIVIDERS.sub(" ", text).strip()
    if not (PHONE.fullmatch(number) and SHORTEST <= len(number) <= LONGEST):
        raise Invalid(
            "phone", "số điện thoại như 0215 3 823 114 hoặc +84 … / a phone number as 0215 3 823 114 or +84 …"
        )
    return number


def add(
    user: Person,
    name: str,
    phone: str,
    role: str,
    unit_id: UUID | None = None,
    organisation_id: UUID | None = None,
    id: UUID | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
    **facts: Any,
) -> tuple[Contact, bool]:
    """A contact on the list of a unit or an organisation, and whether it is new: the same id and content again is
    the same. Raises NotFound, NotAllowed, IdConflict, Invalid."""
    owner = {"unit_id": unit_id, "organisation_id": organisation_id}
    _check_keeps(user, **owner)
    if known := Contact.sent_before(id, **owner, content_sha256=facts.get("content_sha256")):
        return known, False
    if valid_from and valid_to and valid_to < valid_from:
        raise Invalid("valid_to", "không trước valid_from / not before valid_from")
    dated = {"valid_from": valid_from, "valid_to": valid_to}
    contact = Contact(
        id=id or new_id(), name=name.strip(), phone=phone_number(phone), role=role, **owner, **dated, **facts
    )
    db.session.add(contact)
    db.session.flush()
    _record(contact, "added", user)
    return contact, True


def end(user: Person, id: UUID, unit_id: UUID | None = None, organisation_id: UUID | None = None) -> None:
    """Nobody phones them from today on; the row stays. Ended before, it stays as it was ended."""
    _check_keeps(user, unit_id, organisation_id)
    contact = db.session.get(Contact, id, with_for_update=True, populate_existing=True)
    if contact is None or contact.owner_id != (unit_id or organisation_id):
        raise NotFound()
    yesterday = today() - timedelta(days=1)
    if contact.valid_to is None or contact.valid_to > yesterday:
        contact.valid_to = yesterday
        db.session.flush()
        _record(contact, "ended", user)


def _check_keeps(user: Person, unit_id: UUID | None, organisation_id: UUID | None) -> None:
    """An admin; officers and leaders who answer for the unit, or who serve in the organisation."""
    if unit_id:
        answers = user.acts_for(find_unit(unit_id))
    else:
        assert organisation_id is not None
        answers = user.organisation_id == Organisation.find(organisation_id).id
    if user.role is not Role.ADMIN and not (user.decides and answers):
        raise NotAllowed(action="keep_contacts")


def _record(contact: Contact, action: str, user: Person) -> None:
    Event.record(
        contact,
        action,
        user,
        texts={"name": contact.name, "phone": contact.phone},
        of_unit=str(contact.unit_id) if contact.unit_id else None,
        of_organisation=str(contact.organisation_id) if contact.organisation_id else None,
        role=contact.role,
        valid_to=contact.valid_to.isoformat() if contact.valid_to else None,
    )
