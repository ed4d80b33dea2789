"""/incidents/{id}/fire-updates: how a fire stands, from every unit at work on it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.schemas.common import Page, cursor_text
from api.schemas.fires import FireUpdatePage, FireUpdateTaken, NewFireUpdate
from api.security import current_user, signed_in
from api.sessions import open_session
from api.transaction import stop_reading, writes
from models import FireUpdate, Incident
from models.fire_places import FirePlace

PATH = "/<uuid:id>/fire-updates"

fires = Blueprint("fires", url_prefix="/api/v1/incidents", description="How a fire stands, and whom it reaches")


def placed(view: Callable[..., Any]) -> Callable[..., Any]:
    """The place checked and routed before the transaction begins: everybody who writes waits for that."""

    @wraps(view)
    def wrapper(update: dict[str, Any], id: Any) -> Any:
        open_session()
        place = FirePlace(update.pop("point", None), update.pop("perimeter", None))
        place.reach()
        stop_reading()
        return view(update | {"place": place}, id)

    return wrapper


@fires.post(PATH)
@signed_in
@fires.arguments(NewFireUpdate)
@placed
@fires.response(201, FireUpdateTaken)
@fires.alt_response(200, schema=FireUpdateTaken, description="The same update again")
@writes
def add_update(update, id):  # type: ignore[no-untyped-def]
    """Say how a fire stands. Where it spreads, units are asked to support or told."""
    incident = Incident.find(id, current_user, lock=True)
    taken, new = FireUpdate.record(incident, current_user, content_sha256=content_sha256(body()), **update)
    return taken, 201 if new else 200


@fires.get(PATH)
@signed_in
@fires.arguments(Page, location="query")
@fires.response(200, FireUpdatePage)
def list_updates(search, id):  # type: ignore[no-untyped-def]
    """What was said of a fire, the newest first."""
    items, following = FireUpdate.page(Incident.find(id, current_user), search["limit"], search["cursor"])
    return {"items": items, "next": cursor_text(following)}
