"""/units/…/contacts, /organisations/…/contacts: whom to phone, and who keeps these lists."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.schemas.contacts import ContactEntry, ContactSearch, NewContact
from api.schemas.units import ContactList
from api.security import current_user, signed_in
from api.transaction import writes
from models import keeping_contacts
from models.duty_lists import duty_list, organisation_duty_list
from models.organisations import Organisation
from models.reference import find_unit

contacts = Blueprint("contacts", url_prefix="/api/v1", description="Duty lists: whom to phone")


@contacts.get("/units/<uuid:id>/contacts")
@signed_in
@contacts.arguments(ContactSearch, location="query")
@contacts.response(200, ContactList)
def list_contacts_of_unit(search, id):  # type: ignore[no-untyped-def]
    """The duty list of a unit; without one, of who covers it and of its nearest superior, marked with `of`."""
    return {"items": duty_list(find_unit(id), on=search["at"]), "next": None}


@contacts.post("/units/<uuid:id>/contacts")
@signed_in
@contacts.arguments(NewContact)
@contacts.response(201, ContactEntry)
@contacts.alt_response(200, schema=ContactEntry, description="The same contact again")
@writes
def add_contact_of_unit(contact, id):  # type: ignore[no-untyped-def]
    """Enter somebody on the duty list of a unit."""
    return _entered(contact, unit_id=id)


@contacts.delete("/units/<uuid:id>/contacts/<uuid:contact_id>")
@signed_in
@contacts.response(204)
@writes
def end_contact_of_unit(id, contact_id):  # type: ignore[no-untyped-def]
    """Take somebody off the duty list of a unit, from today on."""
    keeping_contacts.end(current_user, contact_id, unit_id=id)


@contacts.get("/organisations/<uuid:id>/contacts")
@signed_in
@contacts.arguments(ContactSearch, location="query")
@contacts.response(200, ContactList)
def list_contacts_of_organisation(search, id):  # type: ignore[no-untyped-def]
    """The duty list of a station, forest owner, border post."""
    return {"items": organisation_duty_list(Organisation.find(id).id, on=search["at"]), "next": None}


@contacts.post("/organisations/<uuid:id>/contacts")
@signed_in
@contacts.arguments(NewContact)
@contacts.response(201, ContactEntry)
@contacts.alt_response(200, schema=ContactEntry, description="The same contact again")
@writes
def add_contact_of_organisation(contact, id):  # type: ignore[no-untyped-def]
    """Enter somebody on the duty list of an organisation."""
    return _entered(contact, organisation_id=id)


@contacts.delete("/organisations/<uuid:id>/contacts/<uuid:contact_id>")
@signed_in
@contacts.response(204)
@writes
def end_contact_of_organisation(id, contact_id):  # type: ignore[no-untyped-def]
    """Take somebody off the duty list of an organisation, from today on."""
    keeping_contacts.end(current_user, contact_id, organisation_id=id)


def _entered(contact, **owner):  # type: ignore[no-untyped-def]
    entered, new = keeping_contacts.add(current_user, content_sha256=content_sha256(body()), **owner, **contact)
    return entered, 201 if new else 200
