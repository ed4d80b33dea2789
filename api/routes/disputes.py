"""/disputes: where each side says "not ours"."""

from api.blueprint import Blueprint
from api.geojson import ALSO_GEOJSON, geojson
from api.schemas.disputes import DisputedBorder, Ledger, LedgerSearch
from api.security import current_user, signed_in
from api.transaction import stop_reading
from models.disputes import as_features, ledger

disputes = Blueprint("disputes", url_prefix="/api/v1/disputes", description="Where the boundary is not agreed")


@disputes.get("")
@signed_in
@disputes.arguments(LedgerSearch, location="query")
@disputes.response(200, Ledger)
@disputes.doc(**ALSO_GEOJSON)
def read_ledger(search):  # type: ignore[no-untyped-def]
    """By border: where, how often, between whom, still open or settled by whom. `?format=geojson` for a map."""
    borders = ledger(current_user)
    stop_reading()  # writing out thousands of places takes longer than others should wait
    if search["format"] == "geojson":
        return geojson(as_features(DisputedBorder(many=True).dump(borders)))
    return {"items": borders, "next": None}
