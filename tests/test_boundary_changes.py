"""What a new edition moves, in hectares per unit: gained, lost, and from whom; digitising noise left out."""

import re
from datetime import date

import pytest
import shapely

from models import Unit, db
from models.units import refresh_names_and_scopes
from services.unit_tree import UnitTree
from tests.test_boundaries import STRIP, A, B, C, command, feature, geojson, hectares, neighbours  # noqa: F401
from tests.test_cli import succeeds

THIRD = feature(C, "03164", "Xã Quảng Lâm")
LINE = re.compile(r"^  (.+?): trước ([\d.]+) ha, sau ([\d.]+) ha, thêm ([\d.]+) ha, bớt ([\d.]+) ha$", re.MULTILINE)


def told(said):
    """By unit: hectares before, after, gained, lost; in the order of the report."""
    return {name: tuple(map(float, numbers)) for name, *numbers in LINE.findall(said)}


@pytest.fixture
def before(app, geojson):  # noqa: F811
    """An edition of three communes in force."""
    succeeds(app, *command(geojson([*neighbours(), THIRD]), "--commit"))


def later(path, *more):
    return command(path, *more, edition="Đo lại 2026", valid_from="2026-06-01")


def test_a_strip_that_changes_hands_is_lost_here_and_gained_there(app, geojson, before):  # noqa: F811
    corner = shapely.box(102.69, 22.23, 102.70, 22.24)
    moved = [*neighbours(A.union(STRIP), B.difference(STRIP)), feature(C.difference(corner), "03164", "Xã Quảng Lâm")]
    said = succeeds(app, *later(geojson(moved)))
    strip, cut = hectares(STRIP), hectares(corner)
    assert told(said) == {
        "Xã Mường Toong (03163)": pytest.approx((hectares(A), hectares(A) + strip, strip, 0), abs=0.3),
        "Xã Tà Tổng (03463)": pytest.approx((hectares(B), hectares(B) - strip, 0, strip), abs=0.3),
        "Xã Quảng Lâm (03164)": pytest.approx((hectares(C), hectares(C) - cut, 0, cut), abs=0.3),
    }
    assert list(told(said))[-1] == "Xã Quảng Lâm (03164)" or cut > strip  # those that change most first
    total = sum(map(hectares, (A, B, C)))
    before_ha, after_ha = map(float, re.search(r"Tổng diện tích: trước ([\d.]+) ha, sau ([\d.]+) ha", said).groups())
    assert (before_ha, after_ha) == pytest.approx((total, total - cut), abs=0.5)
    for was, now, gained, lost in told(said).values():
        assert was + gained - lost == pytest.approx(now, abs=0.02)


def test_a_line_drawn_twice_is_no_change(app, geojson, before):  # noqa: F811
    def shaken(polygon):
        return shapely.transform(shapely.segmentize(polygon, 0.005), lambda p: p + 4e-6 * (-1) ** (p * 1e4).round())

    said = succeeds(
        app, *later(geojson([*neighbours(shaken(A), shaken(B)), feature(shaken(C), "03164", "Xã Quảng Lâm")]))
    )
    assert "Thay đổi diện tích: 0 trong 3 đơn vị" in said and told(said) == {}
    assert "100 m²" in said and "1 m" in said  # the threshold is said


def test_a_piece_of_some_hundred_square_metres_is_a_change(app, geojson, before):  # noqa: F811
    yard = shapely.box(102.60, 22.20, 102.6002, 22.2002)  # 20 m by 22 m
    said = succeeds(app, *later(geojson([*neighbours(A.difference(yard)), THIRD])))
    assert list(told(said)) == ["Xã Mường Toong (03163)"]
    assert told(said)["Xã Mường Toong (03163)"][2:] == (0, pytest.approx(hectares(yard), abs=0.01))


def merge(relation):
    """Mường Toong and Quảng Lâm end; a new commune stands in their place."""
    old = [Unit.by_code(code, level="commune") for code in ("03163", "03164")]
    for unit in old:
        unit.valid_to = date(2026, 5, 31)
    new = Unit.add("commune", "99902", "Xã Mường Toong Mới", old[0].above()[0], valid_from=date(2026, 6, 1))
    db.session.flush()
    tree = UnitTree()
    for unit in old:
        tree.link(unit, new, relation if unit.code == "03164" else "merged_whole")
    refresh_names_and_scopes()
    db.session.commit()


def test_a_successor_is_measured_against_those_it_stands_for(app, geojson, before, in_app):  # noqa: F811
    in_app(lambda: merge("merged_whole"))
    merged = feature(A.union(C).union(STRIP), "99902", "Xã Mường Toong Mới")
    right = feature(B.difference(STRIP), "03463", "Xã Tà Tổng", province_code="12", province_name="Tỉnh Lai Châu")
    found = told(succeeds(app, *later(geojson([merged, right]))))
    name = "Xã Mường Toong Mới (99902) (từ Xã Mường Toong (03163), Xã Quảng Lâm (03164))"
    other = "Xã Mường Toong Mới (99902) (từ Xã Quảng Lâm (03164), Xã Mường Toong (03163))"
    was, now, gained, lost = found.get(name) or found[other]
    assert (was, now) == pytest.approx(
        (hectares(A) + hectares(C), hectares(A) + hectares(C) + hectares(STRIP)), abs=0.3
    )
    assert (gained, lost) == pytest.approx((hectares(STRIP), 0), abs=0.3)


def test_of_a_divided_unit_only_what_became_the_successors_counts(app, geojson, before, in_app):  # noqa: F811
    in_app(lambda: merge("divided"))
    half = shapely.box(102.68, 22.20, 102.69, 22.24)
    merged = feature(A.union(half), "99902", "Xã Mường Toong Mới")
    said = succeeds(app, *later(geojson([merged, *neighbours()[1:]])))
    assert "Thay đổi diện tích: 0 trong 2 đơn vị" in said


def test_all_lines_are_shown_when_asked(app, geojson, before):  # noqa: F811
    path = geojson(neighbours())
    assert "dòng nữa (--full" in succeeds(app, *command(path, edition="khác", valid_from="2025-08-01"))
    full = succeeds(app, *command(path, "--full", edition="khác", valid_from="2025-08-01"))
    assert "dòng nữa" not in full and "Xã Sín Thầu" in full
