"""Boundaries: shown first with gaps and overlaps in hectares, then in force from their day; bad files change nothing."""

import json
import re
from datetime import date, timedelta

import pytest
import shapely
from pyproj import Geod

from models import Boundary, Edition, Unit, db
from models.units import refresh_names_and_scopes
from tests.test_cli import contents, refusal, succeeds

WGS_84 = Geod(ellps="WGS84")
# Where Mường Toong and Tà Tổng meet. A and B stand side by side, C beside B.
A, B = shapely.box(102.60, 22.20, 102.64, 22.24), shapely.box(102.64, 22.20, 102.68, 22.24)
C = shapely.box(102.68, 22.20, 102.70, 22.24)
HOLE = shapely.box(102.635, 22.215, 102.645, 22.225)
STRIP = shapely.box(102.64, 22.20, 102.642, 22.24)
POINT = {"lat": 22.21, "lon": 102.66}  # in B


def hectares(polygon):
    """On the ellipsoid by another library: what the report must come close to."""
    return abs(WGS_84.geometry_area_perimeter(polygon)[0]) / 10_000


def feature(polygon, code="03163", name="Xã Mường Toong", **properties):
    named = {"code": code, "name": name, "province_code": "11", "province_name": "Tỉnh Điện Biên"} | properties
    return {"type": "Feature", "properties": named, "geometry": shapely.geometry.mapping(polygon)}


def neighbours(left=A, right=B):
    return [feature(left), feature(right, "03463", "Xã Tà Tổng", province_code="12", province_name="Tỉnh Lai Châu")]


@pytest.fixture
def geojson(tmp_path):
    def write(content):
        path = tmp_path / "ranh giới.geojson"
        if isinstance(content, list):
            content = json.dumps({"type": "FeatureCollection", "features": content}, ensure_ascii=False)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def command(path, *more, edition="Đo đạc 2026", valid_from="2026-01-01"):
    return ("boundaries", "import", path, "--edition", edition, "--valid-from", valid_from, *more)


@pytest.fixture
def lead(as_):
    """Who leads at a point on a day, and by which edition."""

    def locate(at, **place):
        found = as_("officer.muong-toong").get("/units/locate", query_string=POINT | {"at": at} | place).json
        return found["lead"]["name"], found["edition"]["name"]

    return locate


def total_ha(said, title):
    return [float(n) for n in re.search(rf"^{title}: (\d+), tổng ([\d.]+) ha$", said, re.MULTILINE).groups()]


def test_a_dry_run_says_what_appears_and_what_disappears_and_changes_nothing(app, geojson):
    before = contents(app)
    said = succeeds(app, *command(geojson([*neighbours(), feature(C, "99901", "Xã Hoàn Toàn Mới")])))
    assert "Xuất hiện: 1\n  Xã Hoàn Toàn Mới (99901)" in said
    assert "Không còn: 36" in said and "Xã Nậm Kè (03162)" in said
    assert "--commit" in said
    assert contents(app) == before


def rename(code, name, last_day):
    """The unit of a code ends, and from the next day another bears the code."""
    old = Unit.by_code(code)
    old.valid_to = last_day
    Unit.add(old.level, code, name, old.above()[0], valid_from=last_day + timedelta(days=1))
    refresh_names_and_scopes()
    db.session.commit()


def test_a_code_that_bears_another_name_now_appears_and_disappears(app, geojson, in_app):
    in_app(lambda: rename("03163", "Xã Đổi Tên", date(2025, 12, 31)))
    said = succeeds(app, *command(geojson([feature(A, "03163", "Xã Đổi Tên")])))
    assert "Xuất hiện: 1\n  Xã Đổi Tên (03163)" in said
    assert "Không còn: 38" in said


def test_neighbours_that_fit_have_neither_gap_nor_overlap(app, geojson):
    said = succeeds(app, *command(geojson(neighbours())))
    assert (total_ha(said, "Khoảng trống"), total_ha(said, "Chồng lấn")) == ([0, 0], [0, 0])


def test_a_gap_is_shown_in_hectares_with_a_point_in_it(app, geojson):
    said = succeeds(app, *command(geojson(neighbours(A.difference(HOLE), B.difference(HOLE)))))
    count, ha = total_ha(said, "Khoảng trống")
    assert (count, ha) == (1, pytest.approx(hectares(HOLE), rel=0.01))
    lat, lon = map(float, re.search(r"^  ([\d.]+), ([\d.]+): ", said, re.MULTILINE).groups())
    assert HOLE.contains(shapely.Point(lon, lat))


def test_an_overlap_is_shown_in_hectares_with_both_names(app, geojson):
    said = succeeds(app, *command(geojson(neighbours(A.union(STRIP), B))))
    count, ha = total_ha(said, "Chồng lấn")
    assert (count, ha) == (1, pytest.approx(hectares(STRIP), rel=0.01))
    assert "Xã Mường Toong – Xã Tà Tổng" in said


def test_a_committed_edition_routes_from_its_first_day(app, geojson, lead):
    new = [feature(A), feature(B, "99901", "Xã Hoàn Toàn Mới")]
    assert "1 đơn vị mới" in succeeds(app, *command(geojson(new), "--commit"))
    assert lead("2026-01-01") == ("Xã Hoàn Toàn Mới", "Đo đạc 2026")
    assert lead("2025-12-31")[1].startswith("Sơ đồ 2025")


def test_a_committed_edition_ends_after_its_last_day(app, geojson, lead):
    succeeds(app, *command(geojson(neighbours()), "--commit", "--valid-to", "2026-03-31"))
    assert lead("2026-03-31") == ("Xã Tà Tổng", "Đo đạc 2026")
    assert lead("2026-04-01")[1].startswith("Sơ đồ 2025")


def test_old_editions_stay(app, geojson, in_app):
    succeeds(app, *command(geojson(neighbours()), "--commit"))
    names = in_app(lambda: set(db.session.scalars(db.select(Edition.name))))
    assert len(names) == 3 and "Đo đạc 2026" in names


def test_missing_units_are_made_with_their_line_above(app, geojson, as_):
    province = {"province_code": "14", "province_name": "Tỉnh Sơn La"}
    district = {"district_code": "119", "district_name": "Khu vực Quỳnh Nhai"}
    chieng_on = feature(C, "03760", "Xã Chiềng Ơn", **province, **district)
    succeeds(app, *command(geojson([*neighbours(), chieng_on]), "--commit"))
    officer = as_("officer.muong-toong")

    def one(q):
        return officer.get("/units", query_string={"q": q}).json["items"][0]

    assert one("chieng on")["parent_id"] == one("quynh nhai")["id"]
    assert one("quynh nhai")["parent_id"] == one("son la")["id"]
    assert one("chieng on")["valid_from"] == "2026-01-01"


def test_a_boundary_keeps_its_area_and_a_point_inside(app, geojson, in_app):
    succeeds(app, *command(geojson(neighbours()), "--commit"))

    def stored():
        edition = db.session.scalar(db.select(Edition).where(Edition.name == "Đo đạc 2026"))
        b = db.session.scalar(
            db.select(Boundary).join(Unit).where(Boundary.edition_id == edition.id, Unit.code == "03163")
        )
        return b.area_m2, b.interior_lat, b.interior_lon

    area_m2, lat, lon = in_app(stored)
    assert area_m2 == pytest.approx(hectares(A) * 10_000, rel=1e-3)
    assert A.contains(shapely.Point(lon, lat))


def test_the_edition_in_force_can_be_checked_for_gaps_and_overlaps(app, geojson):
    succeeds(app, *command(geojson(neighbours(A.union(STRIP), B)), "--commit"))
    said = succeeds(app, "boundaries", "check", "--at", "2026-02-01")
    assert "Đo đạc 2026" in said and total_ha(said, "Chồng lấn")[0] == 1
    assert "Chưa có" in refusal(app, "boundaries", "check", "--at", "1990-01-01")


BOW_TIE = shapely.Polygon([(102.6, 22.2), (102.7, 22.3), (102.7, 22.2), (102.6, 22.3)])
SWAPPED = shapely.transform(A, lambda points: points[:, ::-1])
PROJECTED = shapely.box(463_000, 2_460_000, 465_000, 2_462_000)


NOWHERE = {"type": "Polygon", "coordinates": [[[102.6, 22.2], [float("nan"), 22.3], [102.7, 22.2], [102.6, 22.2]]]}


def without(name):
    item = feature(A)
    del item["properties"][name]
    return item


BAD = {
    "not JSON": ('{"type": "FeatureCollection", "features": [', "GeoJSON"),
    "an empty file": ("", "GeoJSON"),
    "not UTF-8": (b"\xff\xfe\x00 x", "GeoJSON"),
    "JSON, but not GeoJSON": ('{"xã": "Mường Toong"}', "FeatureCollection"),
    "a bare list": ("[1, 2]", "FeatureCollection"),
    "no features": ([], "feature"),
    "a feature that is none": (["Xã Mường Toong"], "thứ 1"),
    "no code": ([without("code")], "“code”"),
    "no name": ([without("name")], "“name”"),
    "no province": ([feature(B, "03463", "Xã Tà Tổng"), without("province_code")], "thứ 2"),
    "a code twice": ([feature(A), feature(B)], "03163"),
    "a border that crosses itself": ([feature(BOW_TIE)], "Xã Mường Toong (03163)"),
    "latitude before longitude": ([feature(SWAPPED)], "Xã Mường Toong (03163)"),
    "metres whose grid nobody knows": ([feature(PROJECTED)], "--epsg"),
    "a point": ([feature(shapely.Point(102.6, 22.2))], "Polygon"),
    "no geometry": ([feature(A) | {"geometry": None}], "Polygon"),
    "coordinates that are none": ([feature(A) | {"geometry": {"type": "Polygon", "coordinates": "đây"}}], "03163"),
    "a ring of two points": (
        [feature(A) | {"geometry": {"type": "Polygon", "coordinates": [[[102.6, 22.2], [102.7, 22.3]]]}}],
        "03163",
    ),
    "a place that is not a number": ([feature(A) | {"geometry": NOWHERE}], "03163"),
    "a code of another unit": ([feature(B, "03463", "Xã Tà Tổng"), feature(A, "03163", "Xã Mường Lạ")], "Xã Mường Lạ"),
    "a bad day": ([feature(A, valid_from="hôm nay")], "hôm nay"),
}


def test_a_bad_file_is_refused_in_one_sentence_and_changes_nothing(app, geojson):
    for wrong, (content, named) in BAD.items():
        assert named in refusal(app, *command(geojson(content), "--commit")), wrong


def test_a_dry_run_refuses_a_file_that_cannot_be_read_too(app, geojson):
    for wrong in ("not JSON", "a code twice", "a border that crosses itself", "latitude before longitude"):
        content, named = BAD[wrong]
        assert named in refusal(app, *command(geojson(content))), wrong


@pytest.mark.parametrize("wrong", ["a code of another unit", "a bad day"])
def test_a_dry_run_refuses_what_a_commit_would_refuse(app, geojson, wrong):
    content, named = BAD[wrong]
    assert named in refusal(app, *command(geojson(content)))


def test_brackets_without_end_are_refused_like_any_other_mistake(app, geojson):
    assert "GeoJSON" in refusal(app, *command(geojson("[" * 100_000), "--commit"))


def test_a_file_that_is_not_there_is_named(app, tmp_path):
    assert "không có.geojson" in refusal(app, *command(tmp_path / "không có.geojson", "--commit"))


def test_the_name_of_an_edition_is_given_once(app, geojson):
    path = geojson(neighbours())
    succeeds(app, *command(path, "--commit"))
    for more in ((), ("--commit",)):
        assert "Đo đạc 2026" in refusal(app, *command(path, *more, valid_from="2026-05-01"))


def test_an_edition_cannot_end_before_it_begins(app, geojson):
    assert "trước" in refusal(app, *command(geojson(neighbours()), "--valid-to", "2025-12-31", "--commit"))


def test_the_real_boundaries_load_and_route(app, shared_data, in_app, lead):
    folder = shared_data / "boundaries"
    old = command(folder / "communes_2024.geojson", "--commit", edition="2024", valid_from="2010-01-01")
    new = command(folder / "communes_2025.geojson", "--commit", edition="2025", valid_from="2025-07-01")
    assert "85 ranh giới, 0 đơn vị mới" in succeeds(app, *old, "--valid-to", "2025-06-30")
    assert "38 ranh giới, 0 đơn vị mới" in succeeds(app, *new)
    counts = db.select(Edition.name, db.func.count(Boundary.id)).join(Boundary).group_by(Edition.name)
    stored = in_app(lambda: dict(db.session.execute(counts).all()))
    assert (stored["2024"], stored["2025"]) == (85, 38)
    huoi_lech = {"lat": 22.184, "lon": 102.717}
    assert lead("2024-06-01", **huoi_lech) == ("Xã Huổi Lếch", "2024")
    assert lead("2026-06-01", **huoi_lech) == ("Xã Mường Toong", "2025")
