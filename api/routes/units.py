"""/units, /organisations, /incident-types: what phones keep for offline work."""

from datetime import datetime

from flask import jsonify

from api.blueprint import Blueprint
from api.schemas.incident_types import Catalogue
from api.schemas.units import (
    BoundarySearch,
    FeatureCollection,
    Locate,
    OrganisationPage,
    RoutingView,
    UnitPage,
    UnitSearch,
    UnitView,
)
from api.security import signed_in
from models import Organisation, Unit, db
from models.base import now
from models.clock import parse_day_or_time, today
from models.deciding import route_at
from models.incident_types import INCIDENT_TYPES, enums
from services.maps import boundaries

units = Blueprint("units", url_prefix="/api/v1", description="Units, organisations, the catalogue")


@units.get("/units")
@signed_in
@units.arguments(UnitSearch, location="query")
@units.response(200, UnitPage)
def list_units(search):  # type: ignore[no-untyped-def]
    """Units in force on a day; q ignores accents and case and knows aliases and former names."""
    items, following = Unit.page(**search)
    return {"items": items, "next": following}


@units.get("/units/<uuid:id>")
@signed_in
@units.response(200, UnitView)
def read_unit(id):  # type: ignore[no-untyped-def]
    """One unit."""
    return Unit.find(id)


@units.get("/units/locate")
@signed_in
@units.arguments(Locate, location="query")
@units.response(200, RoutingView)
def locate(place):  # type: ignore[no-untyped-def]
    """Who would be responsible for a point, and why."""
    at: datetime = parse_day_or_time(place["at"]) if place["at"] else now()
    return route_at(place, place["type"], at).facts


@units.get("/units/boundaries")
@signed_in
@units.arguments(BoundarySearch, location="query")
@units.response(200, FeatureCollection, content_type="application/geo+json")
def list_boundaries(search):  # type: ignore[no-untyped-def]
    """Boundaries of a level on a day as GeoJSON, simplified for phones."""
    response = jsonify(boundaries(search["level"], search["at"] or today(), search["simplify_m"]))
    response.content_type = "application/geo+json"
    return response


@units.get("/organisations")
@signed_in
@units.response(200, OrganisationPage)
def list_organisations():  # type: ignore[no-untyped-def]
    """Stations, forest owners, border posts, police, with the units they cover."""
    return {"items": db.session.scalars(Organisation.in_force()).all(), "next": None}


@units.get("/incident-types")
@signed_in
@units.response(200, Catalogue)
def list_incident_types():  # type: ignore[no-untyped-def]
    """The catalogue: labels, JSON Schema of the details, and every coded list."""
    return {
        "items": [kind.public for kind in INCIDENT_TYPES.values()],
        "enums": enums(),
        "next": None,
    }
