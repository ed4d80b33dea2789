"""/boundaries: editions of boundaries, sent to be tried, put in force, taken back. For administrators."""

from api.blueprint import Blueprint
from api.receiving_boundaries import BODIES, Sent, receives_boundaries
from api.schemas.boundaries import EditionPage, EditionSearch, Seen, WholeEdition
from api.schemas.common import cursor_text
from api.security import current_user, signed_in
from api.transaction import writes
from models import edition_drafts, edition_effects
from services.activation import activate, effect_now, take_back
from services.editions import polygons_of

boundaries = Blueprint("boundaries", url_prefix="/api/v1/boundaries", description="Editions of boundaries")


@boundaries.get("")
@signed_in
@boundaries.arguments(EditionSearch, location="query")
@boundaries.response(200, EditionPage)
def list_editions(search):  # type: ignore[no-untyped-def]
    """All editions, drafts too, the newest first."""
    found, following = edition_drafts.page(current_user, search["limit"], search["cursor"], search["status"])
    return {"items": [edition_drafts.summary(edition) for edition in found], "next": cursor_text(following)}


@boundaries.post("")
@signed_in
@boundaries.doc(requestBody=BODIES)
@receives_boundaries
@boundaries.response(201, WholeEdition)
@boundaries.alt_response(200, schema=WholeEdition, description="The same draft again")
@writes
def draft_edition(sent: Sent):  # type: ignore[no-untyped-def]
    """Try boundaries: kept as a draft, nothing of it in force, with what they would change. Send `digest` to activate."""
    edition, new = edition_drafts.keep(
        current_user,
        sent.id,
        sent.reform.name,
        sent.reform.valid_from,
        sent.reform.valid_to,
        sent.content_sha256,
        sent.reform.units,
        sent.reform.successions,
        sent.report,
        polygons_of(sent.reform),
        **sent.reform.described,
    )
    return edition_drafts.whole(edition, sent.effect, sent.digest), 201 if new else 200


@boundaries.get("/<uuid:id>")
@signed_in
@boundaries.response(200, WholeEdition)
def read_edition(id):  # type: ignore[no-untyped-def]
    """One edition, with what putting it in force would do now, or taking it back where it is in force."""
    effect = effect_now(edition_drafts.find(id, current_user))
    edition = edition_drafts.find(id, current_user)
    told = (edition_effects.shown(effect), edition_effects.digest(effect)) if effect else (None, None)
    return edition_drafts.whole(edition, *told)


@boundaries.delete("/<uuid:id>")
@signed_in
@boundaries.response(204)
@writes
def discard_draft(id):  # type: ignore[no-untyped-def]
    """Delete a draft. What was in force once stays."""
    edition_drafts.discard(edition_drafts.find(id, current_user, lock=True), current_user)


@boundaries.post("/<uuid:id>/activate")
@signed_in
@boundaries.arguments(Seen)
@boundaries.response(200, WholeEdition)
@writes
def activate_edition(seen, id):  # type: ignore[no-untyped-def]
    """Put it in force and pass on what is open, all at once. 409 `effect_changed`, with the effect as it is now, if it
    is not the one whose digest you send. The answer's `effect` is what was done."""
    edition = edition_drafts.find(id, current_user, lock=True)
    effect = activate(edition, current_user, seen["digest"])
    return edition_drafts.whole(edition, edition_effects.shown(effect), None)


@boundaries.post("/<uuid:id>/deactivate")
@signed_in
@boundaries.arguments(Seen)
@boundaries.response(200, WholeEdition)
@writes
def deactivate_edition(seen, id):  # type: ignore[no-untyped-def]
    """Take it back on the day it was put in force: what it moved goes back. The answer's `effect` is what was done."""
    edition = edition_drafts.find(id, current_user, lock=True)
    effect = take_back(edition, current_user, seen["digest"])
    return edition_drafts.whole(edition, edition_effects.shown(effect), None)
