"""Boundaries as offices have them: the same ground from every format, in any grid that is certain, or one sentence."""

import csv
import re
import sqlite3

import pytest
import shapely

from models import Boundary, Edition, Unit, db
from services.coordinates import from_vn2000
from tests.boundary_formats import (
    as_geojson,
    as_geopackage,
    as_shapefile,
    as_zip,
    packed,
    shapefile_parts,
    to_grid,
)
from tests.test_boundaries import A, B, C, command, lead, neighbours, total_ha  # noqa: F401
from tests.test_cli import refusal, succeeds

pytestmark = pytest.mark.only_on("sqlite")

HOLED = A.difference(shapely.box(102.61, 22.21, 102.62, 22.22))
# Two parts, one with a hole: what formats write differently.
PARTED = shapely.union_all([B, shapely.box(102.70, 22.20, 102.71, 22.21)])


def rows(left=HOLED, right=PARTED):
    """The two neighbours as (columns, polygon)."""
    return [(f["properties"], shapely.geometry.shape(f["geometry"])) for f in neighbours(left, right)]


def in_grid(epsg, of=None):
    return [(columns, to_grid(polygon, epsg)) for columns, polygon in of or rows()]


FORMATS = {
    "GeoJSON": lambda folder, of: as_geojson(folder / "a.geojson", of),
    "GeoPackage": lambda folder, of: as_geopackage(folder / "a.gpkg", {"xã": of}),
    "GeoPackage without envelopes": lambda folder, of: as_geopackage(folder / "b.gpkg", {"xã": of}, envelope=False),
    "shapefile": lambda folder, of: as_shapefile(folder / "a.shp", of, epsg=4326),
    "shapefile without .prj, .cpg and .shx": lambda folder, of: as_shapefile(folder / "b.shp", of, without=("shx",)),
    "zipped shapefile": lambda folder, of: as_zip(folder / "a.zip", of, epsg=4326, cpg="UTF-8"),
    "another name": lambda folder, of: as_geopackage(folder / "tệp.dữ liệu", {"xã": of}),
}


def stored(name):
    edition = db.session.scalar(db.select(Edition).where(Edition.name == name))
    kept = db.select(Unit.code, Boundary.wkb, Boundary.area_m2, Boundary.interior_lat, Boundary.interior_lon)
    return sorted(map(tuple, db.session.execute(kept.join(Unit).where(Boundary.edition_id == edition.id))))


def test_the_same_ground_is_the_same_edition_whichever_format_brought_it(app, tmp_path, in_app, lead):  # noqa: F811
    found = {}
    for number, (name, write) in enumerate(FORMATS.items(), 1):
        valid_from = f"2026-01-{number:02}"
        succeeds(app, *command(write(tmp_path, rows()), "--commit", edition=name, valid_from=valid_from))
        assert lead(valid_from) == ("Xã Tà Tổng", name)
        found[name] = in_app(lambda name=name: stored(name))
    assert len(found["GeoJSON"]) == 2 and all(edition == found["GeoJSON"] for edition in found.values())


@pytest.mark.parametrize("epsg", [9205, 3405, 5896, 9208, 4756, 32648])
def test_a_grid_that_the_file_names_puts_every_format_in_the_same_place(app, tmp_path, in_app, epsg):
    turned = in_grid(epsg)
    files = {
        "GeoJSON": as_geojson(tmp_path / "a.geojson", turned, crs=f"urn:ogc:def:crs:EPSG::{epsg}"),
        "GeoPackage": as_geopackage(tmp_path / "a.gpkg", {"xã": turned}, epsg=epsg),
        "shapefile": as_shapefile(tmp_path / "a.shp", turned, epsg=epsg),
        "--epsg": as_shapefile(tmp_path / "b.shp", turned),
    }
    for name, path in files.items():
        more = ("--epsg", epsg) if name == "--epsg" else ()
        said = succeeds(app, *command(path, "--commit", *more, edition=name))
        assert f"EPSG {epsg}" in said, name
        for (_, wkb, *_), (_, polygon) in zip(in_app(lambda name=name: stored(name)), rows(), strict=True):
            # Two millimetres, not the 0.8 m that a shift typed from a paper is off.
            assert shapely.hausdorff_distance(shapely.from_wkb(wkb), polygon) < 2e-8, name


def test_a_system_written_out_under_another_name_is_recognised_by_its_numbers(app, tmp_path):
    parts = shapefile_parts(in_grid(9205), epsg=9205)
    prj = parts["prj"].decode().replace("VN-2000_TM-3_103-00", "VN2000 KTT 103 mui 3").replace("D_Vietnam", "D_VN")
    said = succeeds(app, *command(as_shapefile(tmp_path / "a.shp", in_grid(9205), prj=prj)))
    assert "EPSG 9205" in said
    package = as_geopackage(tmp_path / "a.gpkg", {"xã": in_grid(9205)}, epsg=None, definition=prj)
    assert "EPSG 9205" in succeeds(app, *command(package))


def test_the_published_points_land_within_a_centimetre_of_where_they_are(shared_data):
    with open(shared_data / "domain" / "vn2000_test_vectors.csv", encoding="utf-8-sig") as file:
        vectors = list(csv.DictReader(file))
    for row in vectors:
        lat, lon = from_vn2000(float(row["easting_m"]), float(row["northing_m"]), int(row["epsg"]))
        wanted = (float(row["lat_wgs84"]), float(row["lon_wgs84"]))
        assert (lat, lon) == pytest.approx(wanted, abs=1e-7), row["label"]
    assert len(vectors) >= 20


def known_rows(codes=("03163", "03463", "03164", "03162")):
    """Communes of today exactly where the edition in force has them."""
    kept = db.select(Unit.code, Unit.name, Boundary.wkb).join(Unit).join(Edition, Edition.id == Boundary.edition_id)
    kept = kept.where(Edition.valid_to.is_(None), Unit.code.in_(codes))
    return [
        ({"code": c, "name": n, "province_code": "11", "province_name": "Tỉnh Điện Biên"}, shapely.from_wkb(w))
        for c, n, w in db.session.execute(kept)
    ]


@pytest.mark.parametrize("epsg", [9205, 9208, 9214, 5896])
def test_a_grid_that_nobody_names_is_found_by_where_the_known_communes_are(app, tmp_path, in_app, epsg):
    turned = in_grid(epsg, in_app(known_rows))
    for path in (as_geojson(tmp_path / "a.geojson", turned), as_shapefile(tmp_path / "a.shp", turned)):
        said = succeeds(app, *command(path))
        assert f"EPSG {epsg}" in said and "nhận ra" in said
        assert "Thay đổi diện tích: 0 trong 4" in said


@pytest.mark.parametrize(("epsg", "twin"), [(3405, 32648), (32648, 3405)])
def test_grids_that_lie_as_near_to_each_other_as_lines_are_drawn_are_refused_by_name(app, tmp_path, in_app, epsg, twin):
    path = as_shapefile(tmp_path / "a.shp", in_grid(epsg, in_app(known_rows)))
    said = refusal(app, *command(path))
    assert "không rõ hệ tọa độ: có thể là EPSG" in said and str(epsg) in said and str(twin) in said
    assert "--epsg" in said and "9205" not in said
    assert f"EPSG {epsg}" in succeeds(app, *command(path, "--epsg", epsg))


def test_metres_of_communes_that_nobody_knows_are_refused_with_the_possible_grids(app, tmp_path):
    strange = [(columns | {"code": "99901", "name": "Xã Lạ"}, polygon) for columns, polygon in in_grid(9205)[:1]]
    said = refusal(app, *command(as_geojson(tmp_path / "a.geojson", strange)))
    assert "có thể là EPSG" in said and "thường dùng 9205" in said and "--epsg" in said


def test_metres_that_no_grid_puts_where_the_communes_are_known_to_be_are_refused(app, tmp_path, in_app):
    moved = [(columns, shapely.affinity.translate(p, 9_000, 9_000)) for columns, p in in_grid(9205, in_app(known_rows))]
    said = refusal(app, *command(as_geojson(tmp_path / "a.geojson", moved)))
    assert "gần nhất là EPSG 9205" in said and re.search(r"lệch 12\.\d km", said) and "--epsg" in said


def swapped(polygon):
    return shapely.transform(polygon, lambda points: points[:, ::-1])


def test_swapped_axes_are_recognised_and_said(app, tmp_path):
    metres = as_geojson(tmp_path / "m.geojson", [(columns, swapped(p)) for columns, p in in_grid(9205)])
    for more in ((), ("--epsg", "9205")):
        said = refusal(app, *command(metres, *more))
        assert "đông" in said and "bắc" in said and "đổi chỗ" in said
    degrees = as_geojson(tmp_path / "d.geojson", [(columns, swapped(p)) for columns, p in rows()])
    assert "kinh độ và vĩ độ bị đổi chỗ" in refusal(app, *command(degrees))


def test_a_system_that_cannot_be_is_refused(app, tmp_path):
    degrees, metres = as_geojson(tmp_path / "a.geojson", rows()), as_geojson(tmp_path / "b.geojson", in_grid(9205))
    assert "EPSG 9205 tính bằng mét" in refusal(app, *command(degrees, "--epsg", "9205"))
    assert "EPSG 4326 tính bằng độ" in refusal(app, *command(metres, "--epsg", "4326"))
    assert "3857" in refusal(app, *command(metres, "--epsg", "3857"))
    other = as_geojson(tmp_path / "c.geojson", in_grid(9205), crs="urn:ogc:def:crs:EPSG::3148")
    assert "3148" in refusal(app, *command(other))
    assert "tệp lại ghi EPSG 3148" in succeeds(app, *command(other, "--epsg", "9205"))
    odd = as_geojson(tmp_path / "d.geojson", in_grid(9205), crs="hệ của xã")
    assert "hệ của xã" in refusal(app, *command(odd))
    local = as_shapefile(tmp_path / "e.shp", in_grid(9205), prj='LOCAL_CS["địa phương"]')
    assert ".prj" in refusal(app, *command(local))
    unknown = as_geopackage(tmp_path / "f.gpkg", {"xã": in_grid(9205)}, epsg=None, definition='LOCAL_CS["?"]')
    assert "--epsg" in refusal(app, *command(unknown))


def test_a_system_that_is_named_but_puts_known_communes_elsewhere_is_doubted_aloud(app, tmp_path, in_app):
    metres = as_geojson(tmp_path / "a.geojson", in_grid(9205, in_app(known_rows)))
    assert re.search(r"CHÚ Ý: lệch 5[67]\d\.\d km", succeeds(app, *command(metres, "--epsg", "9218")))
    assert "CHÚ Ý" not in succeeds(app, *command(metres, "--epsg", "9205"))


def test_columns_of_other_names_are_named_on_the_command_line(app, tmp_path):
    renamed = [
        ({"MaXa": p["code"], "TenXa": p["name"], "MaTinh": p["province_code"], "TenTinh": p["province_name"]}, polygon)
        for p, polygon in rows()
    ]
    fields = "code=maxa, name=TENXA,province_code=MaTinh,province_name=TenTinh"
    for path in (as_geojson(tmp_path / "a.geojson", renamed), as_shapefile(tmp_path / "a.shp", renamed)):
        missing = refusal(app, *command(path))
        assert "“code”" in missing and "MaXa, TenXa, MaTinh, TenTinh" in missing and "--fields" in missing
        assert "2 ranh giới" in succeeds(app, *command(path, "--fields", fields))
        absent = refusal(app, *command(path, "--fields", "code=ma_xa"))
        assert "ma_xa" in absent and "MaXa, TenXa" in absent
        for wrong in ("code", "code=", "mã=MaXa"):
            assert "--fields" in refusal(app, *command(path, "--fields", wrong))


def test_a_column_that_a_shapefile_cut_to_ten_letters_is_found_by_its_whole_name(app, tmp_path):
    long = [({"ma_don_vi_hanh_chinh": p["code"]} | {k: v for k, v in p.items() if k != "code"}, g) for p, g in rows()]
    path = as_shapefile(tmp_path / "a.shp", long)
    assert "2 ranh giới" in succeeds(app, *command(path, "--fields", "code=ma_don_vi_hanh_chinh"))


def test_a_code_kept_as_a_number_is_the_number_without_a_point(app, tmp_path):
    numbered = [(columns | {"code": 99901.0 + n, "name": f"Xã {n}"}, p) for n, (columns, p) in enumerate(rows(A, B))]
    assert "Xã 1 (99902)" in succeeds(app, *command(as_geojson(tmp_path / "a.geojson", numbered)))


def test_a_layer_is_chosen_when_there_are_several(app, tmp_path):
    package = as_geopackage(tmp_path / "a.gpkg", {"xã 2025": rows(), "xã 2024": rows(A, B)})
    archive = as_zip(tmp_path / "a.zip", rows(), layers=("xã 2024", "xã 2025"), epsg=4326)
    for path in (package, archive):
        several = refusal(app, *command(path))
        assert "“xã 2024”" in several and "“xã 2025”" in several and "--layer" in several
        assert "2 ranh giới" in succeeds(app, *command(path, "--layer", "xã 2025"))
        assert "“huyện”" in refusal(app, *command(path, "--layer", "huyện"))
    single = as_geojson(tmp_path / "xã.geojson", rows())
    assert "“huyện”" in refusal(app, *command(single, "--layer", "huyện"))


def test_doubled_spaces_and_taken_apart_letters_are_one_name(app, tmp_path, in_app):
    import unicodedata

    odd = unicodedata.normalize("NFD", "  Xã  Mường\u00a0 Toong ")
    path = as_geojson(tmp_path / "a.geojson", [(columns | {"name": odd}, p) for columns, p in rows()[:1]])
    assert "Xuất hiện: 0" in succeeds(app, *command(path))


@pytest.mark.parametrize(
    ("encoding", "cpg"), [("utf-8", None), ("utf-8", "UTF-8"), ("cp1258", None), ("cp1258", "1258")]
)
def test_a_table_in_utf_8_or_in_the_code_page_of_windows_is_read(app, tmp_path, encoding, cpg):
    path = as_shapefile(tmp_path / "a.shp", rows(), encoding=encoding, cpg=cpg)
    assert "Xuất hiện: 0" in succeeds(app, *command(path))


def test_a_table_in_an_old_font_is_refused_with_the_remedy(app, tmp_path):
    old = [(columns | {"name": "X· M­êng Toong"}, p) for columns, p in rows()[:1]]
    for path in (
        as_shapefile(tmp_path / "a.shp", [(c | {"province_name": "Tinh"}, p) for c, p in old], encoding="latin-1"),
        as_geojson(tmp_path / "a.geojson", old),
        as_geopackage(tmp_path / "a.gpkg", {"xã": old}),
    ):
        said = refusal(app, *command(path))
        assert "cột “name”" in said and "TCVN3" in said and "“Xã Mường Toong”" in said and "Unicode (UTF-8)" in said


def test_a_table_whose_letters_nobody_can_read_is_refused(app, tmp_path):
    wrong = as_shapefile(tmp_path / "a.shp", rows(), cpg="ascii")
    assert ".cpg" in refusal(app, *command(wrong))
    strange = [(columns | {"name": "\x81\x8d\x9d", "province_name": "Tinh"}, p) for columns, p in rows()[:1]]
    assert "bảng mã" in refusal(app, *command(as_shapefile(tmp_path / "b.shp", strange, encoding="latin-1")))


def damaged(path, content):
    path.write_bytes(content)
    return path


def test_what_is_no_file_of_boundaries_is_refused_in_one_sentence(app, tmp_path):
    parts = shapefile_parts(rows())
    mixed = as_shapefile(tmp_path / "lẫn.shp", rows())
    (tmp_path / "lẫn.dbf").write_bytes(shapefile_parts(rows()[:1])["dbf"])
    point = as_geopackage(tmp_path / "điểm.gpkg", {"xã": [(rows()[0][0], shapely.Point(102.6, 22.2))]})
    nothing = as_geopackage(tmp_path / "trống.gpkg", {"xã": [(rows()[0][0], None)]})
    plain = tmp_path / "thường.sqlite"
    with sqlite3.connect(plain) as file:
        file.execute("CREATE TABLE xã (code TEXT)")
    file.close()
    empty = as_geopackage(tmp_path / "rỗng.gpkg", {"xã": rows()})
    with sqlite3.connect(empty) as file:
        file.execute("DELETE FROM xã")
    file.close()
    bare = as_geopackage(tmp_path / "không lớp.gpkg", {})
    broken = as_geopackage(tmp_path / "hỏng.gpkg", {"xã": rows()})
    with sqlite3.connect(broken) as file:
        file.execute("UPDATE xã SET geom = ?", (packed(A)[:-40],))
    file.close()
    archive = as_zip(tmp_path / "hỏng.zip", rows())
    other = as_zip(tmp_path / "khác.zip", rows(), layers=())
    for path, named in {
        as_shapefile(tmp_path / "một.shp", rows(), without=("dbf",)): ".dbf",
        as_shapefile(tmp_path / "hai.dbf", rows(), without=("shp",)): ".shp",
        mixed: "không thuộc về nhau",
        damaged(tmp_path / "cụt.shp", parts["shp"][:150]): ".dbf",
        point: "Polygon",
        nothing: "Polygon",
        plain: "không phải GeoPackage",
        empty: "không có đối tượng",
        bare: "không có lớp",
        broken: "không đọc được",
        damaged(tmp_path / "cụt.gpkg", empty.read_bytes()[:3000]): "GeoPackage",
        damaged(archive, archive.read_bytes()[:400]): ".zip hỏng",
        other: "không có shapefile",
        damaged(tmp_path / "ảnh.jpg", b"\xff\xd8\xff\xe0 JFIF"): "shapefile",
        tmp_path: "thư mục",
    }.items():
        assert named in refusal(app, *command(path, "--commit")), path.name


def test_a_shapefile_cut_anywhere_is_refused_and_never_a_stack_trace(app, tmp_path):
    parts = shapefile_parts(rows())
    for ending in ("shp", "dbf"):
        for keep in range(8, len(parts[ending]) - 1, 97):
            path = as_shapefile(tmp_path / "cụt.shp", rows())
            path.with_suffix(f".{ending}").write_bytes(parts[ending][:keep])
            assert refusal(app, *command(path)), (ending, keep)


def test_a_file_larger_than_any_boundary_is_not_unpacked(app, tmp_path, monkeypatch):
    path = as_zip(tmp_path / "a.zip", rows() * 1, epsg=4326)
    plain = as_geojson(tmp_path / "a.geojson", rows())
    monkeypatch.setattr("services.boundary_files.shapefiles.LARGEST_BYTES", 500)
    monkeypatch.setattr("services.boundary_files.layer.LARGEST_BYTES", path.stat().st_size + 1)
    assert "giải nén" in refusal(app, *command(path))
    monkeypatch.setattr("services.boundary_files.layer.LARGEST_BYTES", 100)
    assert "lớn hơn" in refusal(app, *command(plain))
    monkeypatch.undo()
    monkeypatch.setattr("services.boundary_files.layer.MOST_FEATURES", 1)
    for file in (path, plain):
        assert "2 đối tượng" in refusal(app, *command(file))


def test_a_border_that_crosses_itself_is_told_with_its_part_and_place(app, tmp_path):
    bow_tie = shapely.Polygon([(102.6, 22.2), (102.62, 22.22), (102.62, 22.2), (102.6, 22.22)])
    both = shapely.MultiPolygon([shapely.box(102.65, 22.2, 102.66, 22.21), bow_tie])
    named = rows()[0][0]
    for path, more in (
        (as_geojson(tmp_path / "a.geojson", [(named, both)]), ()),
        (as_geopackage(tmp_path / "a.gpkg", {"xã": [(named, to_grid(both, 9205))]}, epsg=9205), ()),
    ):
        said = refusal(app, *command(path, *more))
        assert "Xã Mường Toong (03163)" in said and "tự cắt" in said and "trong 2 phần" in said
        assert "kinh độ 102.610000, vĩ độ 22.210000" in said


def test_a_file_of_any_format_that_fits_has_neither_gap_nor_overlap(app, tmp_path):
    for path in (
        as_geojson(tmp_path / "a.geojson", in_grid(9205, rows(A, B)), crs="EPSG:9205"),
        as_zip(tmp_path / "a.zip", in_grid(9205, rows(A, B)), epsg=9205),
    ):
        said = succeeds(app, *command(path))
        assert (total_ha(said, "Khoảng trống"), total_ha(said, "Chồng lấn")) == ([0, 0], [0, 0])


def test_the_real_communes_pass_through_every_format_and_grid(app, shared_data, tmp_path):
    import json

    content = json.loads((shared_data / "boundaries" / "communes_2025.geojson").read_text("utf-8"))
    names = ("code", "name", "province_code", "province_name")
    real = [
        ({n: f["properties"][n] for n in names}, shapely.geometry.shape(f["geometry"])) for f in content["features"]
    ]
    folder = command(shared_data / "boundaries" / "communes_2025.geojson", "--commit", edition="thật")
    assert "38 ranh giới, 0 đơn vị mới" in succeeds(app, *folder)
    turned = in_grid(9205, real)
    for path, more in (
        (as_geopackage(tmp_path / "a.gpkg", {"xã": real}), ()),
        (as_shapefile(tmp_path / "b.shp", turned), ()),  # the grid is found
        (as_zip(tmp_path / "c.zip", in_grid(3405, real)), ("--epsg", "3405")),
    ):
        said = succeeds(app, *command(path, *more, valid_from="2026-02-01"))
        assert "Thay đổi diện tích: 0 trong 38" in said, path.name
    assert C.is_valid and "EPSG 9205" in succeeds(app, *command(tmp_path / "b.shp", valid_from="2026-02-01"))
