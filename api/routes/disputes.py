"""/disputes: where each side says "not ours"."""

from flask import jsonify

from api.blueprint import Blueprint
from api.schemas.disputes import DisputedPlace, Ledger, LedgerSearch
from api.security import current_user, signed_in
from models.disputes import as_geojson, ledger

GEOJSON = "application/geo+json"

disputes = Blueprint("disputes", url_prefix="/api/v1/disputes", description="Where the boundary is not agreed")


@disputes.get("")
@signed_in
@disputes.arguments(LedgerSearch, location="query")
@disputes.response(200, Ledger)
@disputes.doc(responses={200: {"content": {GEOJSON: {"schema": {"type": "object"}}}}})
def read_ledger(search):  # type: ignore[no-untyped-def]
    """By border: where, how often, between whom, still open or settled by whom. `?format=geojson` for a map."""
    borders = ledger(current_user)
    if search["format"] == "geojson":
        places = DisputedPlace()
        for border in borders:
            border["places"] = [places.dump(place) for place in border["places"]]
        answer = jsonify(as_geojson(borders))
        answer.content_type = GEOJSON
        return answer
    return {"items": borders, "next": None}
