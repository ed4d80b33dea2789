"""/hotspots: border places that two units keep an eye on."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.geojson import ALSO_GEOJSON, collection_of
from api.schemas.common import cursor_text
from api.schemas.hotspots import (
    CountedHotspot,
    HotspotChange,
    HotspotPage,
    HotspotSearch,
    HotspotView,
    NewHotspot,
    Since,
)
from api.security import current_user, signed_in
from api.transaction import writes
from models import entering_hotspots
from models.parties import page

hotspots = Blueprint("hotspots", url_prefix="/api/v1/hotspots", description="Border hotspots")


@hotspots.get("")
@signed_in
@hotspots.arguments(HotspotSearch, location="query")
@hotspots.response(200, HotspotPage)
@hotspots.doc(**ALSO_GEOJSON)
def list_hotspots(search):  # type: ignore[no-untyped-def]
    """Hotspots of your units, above and beneath, with the cases you may see in each. `?format=geojson` for a map."""
    known = entering_hotspots.hotspots_of(current_user, search["at"])
    found, following = page(known, search["limit"], search["cursor"])
    counted = entering_hotspots.counted(found, current_user, search["since"])
    if search["format"]:
        return collection_of(counted, CountedHotspot(), "geometry", cursor_text(following))
    return {"items": counted, "next": cursor_text(following)}


@hotspots.get("/<uuid:id>")
@signed_in
@hotspots.arguments(Since, location="query")
@hotspots.response(200, CountedHotspot)
def read_hotspot(search, id):  # type: ignore[no-untyped-def]
    """One hotspot, also a former one."""
    hotspot = entering_hotspots.find(id, current_user)
    return entering_hotspots.counted([hotspot], current_user, search["since"])[0]


@hotspots.post("")
@signed_in
@hotspots.arguments(NewHotspot)
@hotspots.response(201, HotspotView)
@hotspots.alt_response(200, schema=HotspotView, description="The same hotspot again")
@writes
def enter_hotspot(hotspot):  # type: ignore[no-untyped-def]
    """Enter a place that two units keep an eye on."""
    entered, new = entering_hotspots.enter(current_user, content_sha256=content_sha256(body()), **hotspot)
    return entered, 201 if new else 200


@hotspots.patch("/<uuid:id>")
@signed_in
@hotspots.arguments(HotspotChange)
@hotspots.response(200, HotspotView)
@writes
def change_hotspot(changes, id):  # type: ignore[no-untyped-def]
    """Another name, disputed or not, its agreement, a note, its last day."""
    return entering_hotspots.change(entering_hotspots.find(id, current_user, lock=True), current_user, **changes)
