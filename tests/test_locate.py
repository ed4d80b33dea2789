"""GET /units/locate on the demo's schematic boundaries, and the same decision on the real ones."""

import gzip
import json
from functools import cache
from uuid import UUID

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from models import Agreement, db
from models.boundaries import BoundaryIndex, Territory
from models.routing import Place
from tests.people import BORDER, INSIDE
from tests.squares import DAY, EDITION, border_corners, decide, distance_between, expected_shares, radius_of

# In the schematic cell of Huổi Lếch, which became part of Mường Toong on 2025-07-01, near the border with Tà Tổng.
HUOI_LECH = {"lat": 22.2, "lon": 102.7, "accuracy_m": 20.0}
BETWEEN_BUFFERS = {"lat": 22.23, "lon": 102.6}  # 1.7 km from Tà Tổng, 2.5 km from Mường Nhé


@pytest.fixture
def locate(as_):
    """Ask as Mường Toong's ranger; answers the reply."""

    def ask(place, language="vi", **more):
        headers = {"Accept-Language": language}
        return as_("ranger.muong-toong").get("/units/locate", query_string=place | more, headers=headers)

    return ask


def names(routing):
    return [c["unit"]["name"] for c in routing["candidates"]]


def test_a_place_near_the_border_names_lead_and_neighbour(locate):
    routing = locate(BORDER).json
    fixed = {"rule", "lead", "candidates", "agreement_id", "edition", "explanation"}
    assert set(routing) == fixed | {"disputed_ground_ids"} and routing["disputed_ground_ids"] == []
    unit = {"id", "code", "name", "level", "kind", "parent_id", "valid_from", "valid_to"}
    assert set(routing["lead"]) == unit and set(routing["edition"]) == {"id", "name", "valid_from"}
    assert all({"unit", "share", "distance_m", "inside"} <= set(c) for c in routing["candidates"])
    assert routing["rule"] == "near_border" and routing["lead"] == routing["candidates"][0]["unit"]
    assert names(routing) == ["Xã Mường Toong", "Xã Tà Tổng"]
    assert [(c["share"], c["inside"]) for c in routing["candidates"]] == [(1, True), (0, False)]
    assert [c["distance_m"] for c in routing["candidates"]] == pytest.approx([391, 391], abs=1)


def test_deep_inside_a_commune_no_neighbour_is_listed(locate):
    routing = locate(INSIDE).json
    assert (routing["rule"], names(routing), routing["agreement_id"]) == ("inside", ["Xã Mường Toong"], None)


def test_the_agreement_of_the_former_districts_still_covers_the_border_today(locate, in_app):
    """Mường Nhé and Mường Tè ended on 2025-06-30; the areas with their codes stand in their place."""
    routing = locate(BORDER).json
    neighbour = routing["candidates"][1]
    assert (neighbour["covered"], neighbour["support_offered"]) == (True, True)

    def parties():
        agreement = db.session.get(Agreement, UUID(routing["agreement_id"]))
        return {str(p.unit_id): str(p.unit.valid_to) for p in agreement.parties}

    signed = in_app(parties)
    assert set(signed.values()) == {"2025-06-30"}
    assert not {c["unit"]["parent_id"] for c in routing["candidates"]} & set(signed)


@pytest.mark.parametrize(
    "language, words", [("vi", "nên chủ trì"), ("en", "so it leads"), ("vi-VN,vi;q=0.9", "chủ trì")]
)
def test_the_explanation_speaks_the_language_of_the_request(locate, language, words):
    explanation = locate(BORDER, language).json["explanation"]
    assert words in explanation and "Xã Mường Toong" in explanation


def test_a_day_before_the_reform_is_asked_of_the_old_boundaries(locate):
    """The day ends at midnight in Vietnam: 17:00 UTC."""
    before = [locate(HUOI_LECH, at=at).json for at in ("2025-06-30", "2025-06-30T16:59:59Z")]
    after = [locate(HUOI_LECH, at=at).json for at in ("2025-07-01", "2025-06-30T17:00:00Z")] + [locate(HUOI_LECH).json]
    assert [r["lead"]["name"] for r in before] == ["Xã Huổi Lếch"] * 2
    assert [r["lead"]["name"] for r in after] == ["Xã Mường Toong"] * 3
    assert {r["edition"]["valid_from"] for r in after} == {"2025-07-01"}
    assert all(r["edition"]["valid_from"] < "2025-07-01" and r["lead"]["valid_to"] == "2025-06-30" for r in before)


def test_a_fire_is_told_to_neighbours_that_other_cases_are_not(locate):
    assert names(locate(BETWEEN_BUFFERS, type="illegal_logging").json) == ["Xã Mường Toong"]
    fire = locate(BETWEEN_BUFFERS, type="forest_fire").json
    assert names(fire) == ["Xã Mường Toong", "Xã Tà Tổng", "Xã Mường Nhé"]
    # Mường Nhé is of the same party, so no agreement lies between them.
    assert [c["support_offered"] for c in fire["candidates"]] == [False, True, False]


def test_far_from_every_unit_the_place_is_refused(locate):
    reply = locate({"lat": 21.0, "lon": 105.8})
    assert (reply.status_code, reply.json["code"]) == (422, "outside_territory")


NOT_PLACES = [
    ({"lat": 91, "lon": 102}, "lat"),
    ({"lat": 22, "lon": -181}, "lon"),
    ({"lat": "nan", "lon": 102}, "lat"),
    ({"lat": 22, "lon": "hai"}, "lon"),
    ({"lon": 102}, "lat"),
    ({"lat": 22, "lon": 102, "accuracy_m": -1}, "accuracy_m"),
    ({"lat": 22, "lon": 102, "type": "la"}, "type"),
    ({"lat": 22, "lon": 102, "at": "hôm qua"}, "at"),
]


def test_a_place_that_cannot_be_is_refused_and_the_field_named(locate):
    replies = [(locate(place), field) for place, field in NOT_PLACES]
    assert [(r.status_code, list(r.json["errors"])) for r, _ in replies] == [(422, [field]) for _, field in replies]


def test_a_place_out_of_range_is_explained_in_one_language(locate):
    assert " and " not in locate({"lat": 91, "lon": 102}).json["errors"]["lat"][0]
    assert " and " in locate({"lat": 91, "lon": 102}, "en").json["errors"]["lat"][0]


def test_a_time_that_cannot_be_read_is_not_blamed_on_the_example(locate):
    """The sentence names the field, and gives the example as what is wanted, not as what is wrong."""
    detail = locate(BORDER, at="hôm qua").json["detail"]
    assert "“at”" in detail and "cần: 2026-11-23" in detail


# The real boundaries, when ../shared/data is here.

PROVINCE = UUID(int=1)
FILES = ["communes_2025.geojson", "communes_2024.geojson"]
NATIONAL = "vietnam_communes_all.geojson.gz"


@cache
def real(file):
    """An edition straight from a file, its units numbered as they stand there."""
    packed = file.read_bytes()
    content = json.loads(gzip.decompress(packed) if file.suffix == ".gz" else packed)
    territories = []
    for number, feature in enumerate(content["features"], 1):
        polygon, known = shape(feature["geometry"]), feature["properties"]
        interior = polygon.representative_point()
        id = UUID(int=number)
        facts = {"id": str(id), "code": known["code"], "name": known["name"]}
        territories.append(Territory(id, (PROVINCE, id), facts, polygon, (interior.y, interior.x)))
    return BoundaryIndex(EDITION, 0.0, territories)


@pytest.fixture(params=FILES)
def boundaries(request, shared_data):
    return real(shared_data / "boundaries" / request.param)


def points_in(polygon, count, chance):
    """So many random (lat, lon) inside a polygon."""
    west, south, east, north = polygon.bounds
    shapely.prepare(polygon)
    found = []
    while len(found) < count:
        lon, lat = chance.uniform(west, east, count), chance.uniform(south, north, count)
        within = shapely.contains_xy(polygon, lon, lat)
        found += zip(lat[within].tolist(), lon[within].tolist(), strict=True)
    return found[:count]


def assert_lead_holds(point, index):
    """With a good fix the lead is the commune that holds the point, unless its border runs through the disc."""
    decision = decide(Place(*point, 5, False, DAY), index)
    assert decision.rule in ("inside", "near_border")
    holding = next(t for t in index.territories if t.polygon.contains(shapely.Point(point[1], point[0])))
    held = next(c for c in decision.candidates if c.id == holding.id)
    assert decision.lead is held or held.distance_m < 5


def test_two_thousand_points_of_the_district_all_have_the_lead_that_holds_them(boundaries):
    for territory in boundaries.territories:
        shapely.prepare(territory.polygon)
    whole = shapely.coverage_union_all([t.polygon for t in boundaries.territories])
    for point in points_in(whole, 2000, np.random.default_rng(2026)):
        assert_lead_holds(point, boundaries)


def test_points_all_over_the_country_have_a_lead(shared_data):
    """The national set is digitised coarsely, so it has gaps and overlaps: the commune drawn from must be listed."""
    index, chance = real(shared_data / "boundaries" / NATIONAL), np.random.default_rng(54)
    for territory in chance.choice(np.array(index.territories, dtype=object), 200, replace=False):
        decision = decide(Place(*points_in(territory.polygon, 1, chance)[0], 20, False, DAY), index)
        held = next(c for c in decision.candidates if c.id == territory.id)
        assert decision.lead.share >= held.share - 1e-6
        assert decision.lead is held or held.distance_m < 20 or decision.rule == "overlap"


@pytest.mark.parametrize("file, year", [(FILES[0], "2025"), (FILES[1], "2024")])
def test_the_border_hotspots_fall_to_their_communes(shared_data, file, year):
    """Those set on a border line, in whole micro-degrees, may fall to either side: there the commune is listed."""
    index = real(shared_data / "boundaries" / file)
    for hotspot in json.loads((shared_data / "boundaries" / "hotspots.geojson").read_text("utf-8"))["features"]:
        known, (lon, lat) = hotspot["properties"], hotspot["geometry"]["coordinates"]
        decision = decide(Place(lat, lon, 20, False, DAY), index)
        listed = [f"{c.territory.facts['name']} ({c.territory.facts['code']})" for c in decision.candidates]
        sides = listed if known["coord_kind"] == "border_midpoint" else listed[:1]
        assert known[f"commune_{year}"][0] in sides, known["id"]


def test_where_real_communes_meet_there_is_one_lead_and_no_gap(boundaries):
    corners = border_corners(boundaries)
    for lat, lon in [*corners[:120], *corners[120 :: len(corners) // 300]]:
        where = Place(lat, lon, 20, False, DAY)
        decision = decide(where, boundaries)
        largest = max(c.share for c in decision.candidates)
        equal = [c for c in decision.candidates if largest - c.share <= 1e-6]
        assert decision.rule == "near_border" and decision.lead in equal
        assert distance_between(where, decision.lead.territory.interior) <= 1 + min(
            distance_between(where, c.territory.interior) for c in equal
        )


def test_real_shares_agree_with_geos_to_a_millionth(boundaries):
    chance = np.random.default_rng(7)
    corners = border_corners(boundaries)
    for lat, lon in chance.choice(corners, 40):
        # Within some 300 m of a border, with a fix that reaches across it.
        beside = lat + chance.normal(0, 0.001), lon + chance.normal(0, 0.001)
        where = Place(*beside, chance.uniform(50, 800), False, DAY)
        shares = {c.id: c.share for c in decide(where, boundaries).candidates}
        for id, share in expected_shares(where, boundaries, radius_of(where, boundaries)).items():
            assert shares.get(id, 0.0) == pytest.approx(share, abs=1e-6)
