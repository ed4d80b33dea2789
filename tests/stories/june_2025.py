"""The world as it was in June 2025: the old communes under their districts, and nobody who knows of what comes.

It is made of the demo's world: what began on 2025-07-01 is taken out of it, and everybody serves where they did then.
"""

import csv
import json
from datetime import date
from functools import cache
from pathlib import Path

import shapely

from models import Boundary, Contact, Coverage, Edition, Role, ScopeUnit, Succession, Unit, UnitAlias, User, db
from models.base import new_id
from models.geometry import METRES_PER_DEGREE
from models.reference import mark_changed
from models.units import refresh_names_and_scopes
from services.demo import load

REFORM = date(2025, 7, 1)
HERE = Path(load.__file__).parent


def rows(name):
    with open(HERE / name, encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


SUCCESSIONS = rows("old_to_new.csv")
# Of the list of units the lines that the reform brings: what begins on that day, and provinces that end.
UNITS = [r for r in rows("demo_units.csv") if r["valid_from"] or (r["level"] == "province" and r["valid_to"])]


def back_to_june(keep_boundaries):
    """In one transaction; `keep_boundaries`: of the schematic edition of 2024."""
    former = dict(_formers())
    for table, column in ((User, "unit_id"), (Contact, "unit_id"), (Coverage, "unit_id")):
        for row in db.session.scalars(db.select(table)):
            setattr(row, column, former.get(getattr(row, column), getattr(row, column)))
            if table is Coverage:
                row.valid_from = None
    gone = db.select(Edition.id).where(db.true() if not keep_boundaries else Edition.valid_from == REFORM)
    db.session.flush()
    for statement in (
        db.delete(Boundary).where(Boundary.edition_id.in_(gone)),
        db.delete(Edition).where(Edition.id.in_(gone.subquery().select())),
        db.delete(ScopeUnit),
        db.delete(Succession),
        db.delete(UnitAlias).where(UnitAlias.unit_id.in_(db.select(Unit.id).where(Unit.valid_from == REFORM))),
    ):
        db.session.execute(statement)
    # Events of signing in name them, so they stay as what nobody finds.
    begun, long_ago = Unit.valid_from == REFORM, date(1800, 1, 1)
    hidden = {"valid_from": long_ago, "valid_to": long_ago, "code": "x" + Unit.code}
    db.session.execute(db.update(Unit).where(begun).values(hidden), execution_options={"synchronize_session": False})
    db.session.execute(db.update(Unit).where(Unit.valid_from.is_(None)).values(valid_to=None))
    db.session.execute(db.update(Edition).values(valid_to=None))
    db.session.expire_all()
    refresh_names_and_scopes()
    mark_changed(db.session)
    db.session.commit()


def _formers():
    """(id of a unit since the reform, id of the one in whose place somebody served before)."""
    old, new = (
        {(u.level, u.code): u.id for u in db.session.scalars(db.select(Unit).where(condition))}
        for condition in (Unit.valid_from.is_(None), Unit.valid_from == REFORM)
    )
    yield new["province", "15"], old["province", "10"]
    yield from ((new[key], old[key]) for key in new if key[0] == "district")
    for row in SUCCESSIONS:
        before, after = ("commune", row["old_commune_code"]), ("commune", row["new_commune_code"])
        if before in old and after in new and (before[1] == after[1] or ("commune", after[1]) not in old):
            yield new[after], old[before]
    yield new["commune", "03006"], old["commune", "03001"]


def staff():
    """An officer in every commune, `officer.<code>`, with everybody's password; a leader of Nậm Pồ."""
    password_hash = User.named("admin").password_hash
    for unit in db.session.scalars(db.select(Unit).where(Unit.level == "commune")):
        person = {"username": f"officer.{unit.code}", "name": "Cán bộ", "role": Role.OFFICER, "unit_id": unit.id}
        db.session.add(User(id=new_id(), password_hash=password_hash, **person))
    db.session.commit()


def schematic(codes=None):
    """The polygons of 2025 as GeoJSON: each the union of its predecessors' cells."""
    kept = db.session.execute(db.select(Unit.code, Boundary.wkb).join(Unit, Unit.id == Boundary.unit_id))
    cells = {code: shapely.from_wkb(wkb) for code, wkb in kept}
    parts = {}
    for row in SUCCESSIONS:
        if row["old_commune_code"] in cells and row["old_in_seed_districts"] == "Y":
            parts.setdefault(row["new_commune_code"], []).append(cells[row["old_commune_code"]])
    named = {r["code"]: r["name"] for r in UNITS if r["level"] == "commune"}
    province = {r["new_commune_code"]: r["new_province_code"] for r in SUCCESSIONS}
    features = [
        {
            "type": "Feature",
            "properties": {"code": c, "name": named[c], "province_code": province[c], "province_name": "Tỉnh"},
            "geometry": shapely.geometry.mapping(load.merged(of)),
        }
        for c, of in parts.items()
    ]
    return {"type": "FeatureCollection", "features": features}


def cells_of(edition):
    """{code: polygon} of an edition by name."""
    query = db.select(Unit.code, Boundary.wkb).join(Unit, Unit.id == Boundary.unit_id).join(Edition)
    return {c: shapely.from_wkb(w) for c, w in db.session.execute(query.where(Edition.name == edition))}


def places(cells, count):
    """(latitude, longitude) of so many places: half on borders between communes, those between two districts first, the
    longest first; half inside a commune."""
    codes, polygons = list(cells), list(cells.values())
    district = {
        r["code"]: r["parent_code"] for r in rows("demo_units.csv") if r["level"] == "commune" and r["valid_to"]
    }
    found = []
    for i, j in zip(*shapely.STRtree(polygons).query(polygons, predicate="intersects"), strict=True):
        if i < j and (line := border(polygons[i], polygons[j])).length > 0.01:
            found.append((district[codes[i]] == district[codes[j]], -line.length, middle_of(line)))
    borders = [middle for _, _, middle in sorted(found)][: count // 2]
    inside = [polygon.representative_point() for polygon in polygons[:: max(1, len(polygons) // (count // 2))]]
    return borders + [(point.y, point.x) for point in inside[: count - len(borders)]]


def border(one, other):
    """The longest line that two polygons share."""
    parts = shapely.get_parts(shapely.line_merge(shapely.intersection(one, other)))
    lines = [part for part in parts if part.geom_type == "LineString"]
    return max(lines, key=lambda line: line.length, default=shapely.LineString())


def middle_of(line):
    point = shapely.line_interpolate_point(line, 0.5, normalized=True)
    return point.y, point.x


@cache
def geojson(path, simplify_m=None):
    """The file; its lines simplified along shared edges at once, so that neighbours still meet."""
    content = json.loads(path.read_text("utf-8"))
    if simplify_m:
        shapes = [shapely.geometry.shape(feature["geometry"]) for feature in content["features"]]
        simple = shapely.coverage_simplify(shapes, simplify_m / METRES_PER_DEGREE)
        for feature, shape in zip(content["features"], simple, strict=True):
            feature["geometry"] = shapely.geometry.mapping(shape)
    return content
