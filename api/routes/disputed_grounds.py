"""/disputed-grounds: polygons that more than one unit claims."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.geojson import ALSO_GEOJSON, collection_of
from api.schemas.common import cursor_text
from api.schemas.disputed_grounds import (
    GroundPage,
    GroundSearch,
    GroundView,
    NewDialogue,
    NewGround,
    Reopening,
    Settlement,
)
from api.security import current_user, signed_in
from api.transaction import writes
from models import recording_grounds
from models.parties import page

disputed_grounds = Blueprint(
    "disputed_grounds", url_prefix="/api/v1/disputed-grounds", description="Grounds that more than one unit claims"
)


@disputed_grounds.get("")
@signed_in
@disputed_grounds.arguments(GroundSearch, location="query")
@disputed_grounds.response(200, GroundPage)
@disputed_grounds.doc(**ALSO_GEOJSON)
def list_grounds(search):  # type: ignore[no-untyped-def]
    """Grounds that your units claim, or those above or beneath, settled ones too. `?format=geojson` for a map."""
    known = recording_grounds.grounds_of(current_user, search["status"], search["at"])
    found, following = page(known, search["limit"], search["cursor"])
    if search["format"]:
        return collection_of(found, GroundView(), "polygon", cursor_text(following))
    return {"items": found, "next": cursor_text(following)}


@disputed_grounds.get("/<uuid:id>")
@signed_in
@disputed_grounds.response(200, GroundView)
def read_ground(id):  # type: ignore[no-untyped-def]
    """One ground, also one that was settled or drawn anew."""
    return recording_grounds.find(id, current_user)


@disputed_grounds.post("")
@signed_in
@disputed_grounds.arguments(NewGround)
@disputed_grounds.response(201, GroundView)
@disputed_grounds.alt_response(200, schema=GroundView, description="The same ground again")
@writes
def record_ground(ground):  # type: ignore[no-untyped-def]
    """Record a ground and who claims it; with `replaces`, draw a former one anew. Nothing is ever edited in place."""
    recorded, new = recording_grounds.record(current_user, content_sha256=content_sha256(body()), **ground)
    return recorded, 201 if new else 200


@disputed_grounds.put("/<uuid:id>/settlement")
@signed_in
@disputed_grounds.arguments(Settlement)
@disputed_grounds.response(200, GroundView)
@writes
def settle_ground(settlement, id):  # type: ignore[no-untyped-def]
    """Say how it was settled, from which day on, by which document."""
    return recording_grounds.settle(recording_grounds.find(id, current_user, lock=True), current_user, **settlement)


@disputed_grounds.delete("/<uuid:id>/settlement")
@signed_in
@disputed_grounds.arguments(Reopening, location="query")
@disputed_grounds.response(200, GroundView)
@writes
def reopen_ground(reopening, id):  # type: ignore[no-untyped-def]
    """The settlement did not hold: it is disputed again."""
    return recording_grounds.reopen(recording_grounds.find(id, current_user, lock=True), current_user, **reopening)


@disputed_grounds.post("/<uuid:id>/dialogues")
@signed_in
@disputed_grounds.arguments(NewDialogue)
@disputed_grounds.response(201, GroundView)
@disputed_grounds.alt_response(200, schema=GroundView, description="The same dialogue again")
@writes
def note_dialogue(dialogue, id):  # type: ignore[no-untyped-def]
    """Add what the sides said to each other, with its document."""
    ground = recording_grounds.find(id, current_user, lock=True)
    new = recording_grounds.note_dialogue(ground, current_user, content_sha256=content_sha256(body()), **dialogue)
    return ground, 201 if new else 200
