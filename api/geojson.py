"""Answers for a map: application/geo+json instead of a list, where a route is asked for it."""

from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields

from api.schemas.common import one_of

GEOJSON = "application/geo+json"
ALSO_GEOJSON = {"responses": {200: {"content": {GEOJSON: {"schema": {"type": "object"}}}}}}


def format_field() -> fields.String:
    return fields.String(load_default=None, validate=one_of(["geojson"]))


def geojson(collection: dict[str, Any]) -> Response:
    answer = jsonify(collection)
    answer.content_type = GEOJSON
    return answer


def collection_of(items: Any, schema: Schema, geometry: str, following: str | None) -> Response:
    """A page of things on a map: each one's geometry stands under that name, all else in its properties."""
    features = []
    for item in items:
        said = schema.dump(item)
        properties = {name: value for name, value in said.items() if name != geometry}
        features.append(
            {"type": "Feature", "id": said["id"], "geometry": getattr(item, geometry), "properties": properties}
        )
    return geojson({"type": "FeatureCollection", "features": features, "next": following})
