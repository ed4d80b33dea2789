"""A place on the wire: degrees, or metres as maps print them."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from api.bodies import Tolerant
from api.schemas.common import Moment, one_of
from services.coordinates import VN2000_ZONES, distance_m, from_vn2000, looks_swapped

IN_DEGREES = {"description": "degrees, WGS 84"}
DEGREES, GRID = ("lat", "lon"), ("easting", "northing", "epsg")
SAME_PLACE_M = 50.0  # degrees rounded to three places are off by so much
SWAPPED = "Easting and northing seem to be swapped."
OFF = "Not a place in Vietnam's grid of this zone."


class Location(Tolerant):
    """Where: degrees, or VN-2000 metres with the EPSG code of the zone (9205 Điện Biên and Lai Châu, 9208 Lào Cai).

    One of the two, whole and readable, is enough. Where both are given the degrees count, and a difference is said.
    """

    essential = (*DEGREES, *GRID)

    lat = fields.Float(validate=validate.Range(-90, 90), metadata=IN_DEGREES)
    lon = fields.Float(validate=validate.Range(-180, 180), metadata=IN_DEGREES)
    accuracy_m = fields.Float(allow_none=True, validate=validate.Range(0, 1e6))
    altitude_m = fields.Float(allow_none=True, validate=validate.Range(-1000, 10_000))
    source = fields.String(allow_none=True, validate=validate.Length(max=100))
    captured_at = Moment(allow_none=True)
    mock = fields.Boolean(
        allow_none=True,
        truthy={True},
        falsy={False},
        metadata={"description": "the phone says that another app made this place up"},
    )
    easting = fields.Float(metadata={"description": "metres, VN-2000"})
    northing = fields.Float(metadata={"description": "metres, VN-2000"})
    epsg = fields.Integer(validate=one_of(VN2000_ZONES), metadata={"description": "EPSG code of the zone"})

    def refuses(self, errors: dict[str, Any], data: dict[str, Any]) -> set[str]:
        """Nothing, while one whole way of saying the place can be read."""
        if any(all(name in data and name not in errors for name in way) for way in (DEGREES, GRID)):
            return {"_schema"} & errors.keys()
        return super().refuses(errors, data)

    def load(self, data: Any, **options: Any) -> Any:
        if isinstance(data, dict):
            data = {k: v for k, v in data.items() if v is not None or k not in self.essential}
        return super().load(data, **options)

    @validates_schema
    def needs_a_point(self, data: dict[str, Any], **_: Any) -> None:
        if all(name in data for name in DEGREES) or all(name in data for name in GRID):
            return
        some_grid, some_degrees = (any(name in data for name in way) for way in (GRID, DEGREES))
        wanted = GRID if some_grid and not some_degrees else DEGREES
        raise ValidationError({name: ["Missing data for required field."] for name in wanted if name not in data})

    @post_load
    def to_degrees(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """WGS 84 is stored; the entry as it was made is kept beside it."""
        if not all(name in data for name in GRID):
            return data
        on_grid = from_vn2000(*(data[name] for name in GRID))
        if all(name in data for name in DEGREES):
            apart_m = distance_m(*on_grid, data["lat"], data["lon"]) if on_grid else None
            if apart_m is None or apart_m > SAME_PLACE_M:
                rounded = apart_m and round(apart_m)
                data["findings"] = [{"check": "two_places", "value": "easting", "distance_m": rounded}]
        elif on_grid:
            data["lat"], data["lon"] = on_grid
        else:
            raise ValidationError({"easting": [SWAPPED if looks_swapped(data["easting"], data["northing"]) else OFF]})
        return data
