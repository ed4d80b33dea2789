"""/incidents/{id}/links: officers send, read and revoke one-case links."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.passwords import keeps_no_answer
from api.schemas.case_links import LinkList, LinkView, NewLink
from api.security import current_user, signed_in
from api.transaction import writes
from models import CaseLink, Incident

case_links = Blueprint("links", url_prefix="/api/v1/incidents", description="One case for an agency without an account")


@case_links.post("/<uuid:id>/links")
@signed_in
@case_links.arguments(NewLink)
@keeps_no_answer
@case_links.response(201, LinkView)
@case_links.alt_response(200, schema=LinkView, description="The same link again")
@writes
def create_link(link, id):  # type: ignore[no-untyped-def]
    """A link by which an agency without an account reads the shared part of a case, and answers."""
    incident = Incident.find(id, current_user, lock=True)
    made, new = CaseLink.create(incident, current_user, content_sha256=content_sha256(body()), **link)
    return made, 201 if new else 200


@case_links.get("/<uuid:id>/links")
@signed_in
@case_links.response(200, LinkList)
def list_links(id):  # type: ignore[no-untyped-def]
    """The links of a case with what was answered, oldest first; those still open with what to send."""
    return {"items": CaseLink.of(Incident.find(id, current_user), current_user), "next": None}


@case_links.delete("/<uuid:id>/links/<uuid:link_id>")
@signed_in
@case_links.response(204)
@writes
def revoke_link(id, link_id):  # type: ignore[no-untyped-def]
    """It opens nothing any more."""
    CaseLink.find(link_id, Incident.find(id, current_user, lock=True)).revoke(current_user)
