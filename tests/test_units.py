"""Units: found by place in the tree, by day, by any of their names; read in from CSV whole or not at all."""

import unicodedata
from uuid import UUID, uuid4

import pytest

from models import ScopeUnit, Unit, User, db
from tests.test_cli import refusal, succeeds

IN_2024 = "2024-06-01"
HEADER = "level,code,name,parent_level,parent_code,valid_from,valid_to"
SIN_HO = ("district,108,Huyện Sìn Hồ,province,12,,2025-06-30", "commune,03493,Xã Pa Tần,district,108,,2025-06-30")


@pytest.fixture
def names(as_):
    """The names of the units that a search finds."""

    def search(**query):
        reply = as_("officer.muong-toong").get("/units", query_string=query)
        assert reply.status_code == 200, reply.json
        return [unit["name"] for unit in reply.json["items"]]

    return search


@pytest.fixture
def unit(as_):
    """The one unit of a level that bears a code on a day (today when not given)."""

    def find(code, level="commune", **query):
        page = as_("officer.muong-toong").get("/units", query_string={"level": level, "limit": 100} | query).json
        return next(u for u in page["items"] if u["code"] == code)

    return find


@pytest.fixture
def csv_file(tmp_path):
    def write(*lines, header=HEADER, encoding="utf-8-sig"):
        path = tmp_path / "đơn vị.csv"
        path.write_bytes("\r\n".join([header, *lines, ""]).encode(encoding))
        return path

    return write


def test_units_are_those_of_the_day(names):
    assert names(level="province") == ["Tỉnh Điện Biên", "Tỉnh Lai Châu", "Tỉnh Lào Cai"]
    assert "Khu vực Mường Nhé" in names(level="district")
    assert "Huyện Mường Nhé" in names(level="district", at=IN_2024)
    assert (len(names(level="commune", at=IN_2024, limit=100)), len(names(level="commune", limit=100))) == (85, 38)


def test_a_unit_lives_from_its_first_day_through_its_last(names):
    assert names(q="096", at="2025-06-30") == ["Huyện Mường Nhé"]
    assert names(q="096", at="2025-07-01") == ["Khu vực Mường Nhé"]


def test_units_below_one_are_found_by_their_parent(names, unit):
    area = unit("096", level="district")
    below = names(parent=area["id"])
    assert sorted(below) == ["Xã Mường Nhé", "Xã Mường Toong", "Xã Nậm Kè", "Xã Quảng Lâm", "Xã Sín Thầu"]


def test_a_unit_has_the_shape_of_the_contract(as_, unit):
    muong_toong = unit("03163")
    assert set(muong_toong) == {"id", "code", "name", "level", "kind", "parent_id", "valid_from", "valid_to"}
    assert (muong_toong["kind"], muong_toong["valid_from"], muong_toong["valid_to"]) == ("xã", "2025-07-01", None)
    assert muong_toong["parent_id"] == unit("096", level="district")["id"]
    assert as_("ranger.ta-tong").get(f"/units/{muong_toong['id']}").json == muong_toong


def test_pages_follow_each_other_without_a_gap_or_a_double(as_):
    officer, found, cursor = as_("officer.muong-toong"), [], None
    while True:
        query = {"at": IN_2024, "limit": 17} | ({"cursor": cursor} if cursor else {})
        page = officer.get("/units", query_string=query).json
        assert len(page["items"]) <= 17
        found += [u["id"] for u in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(found) == len(set(found)) == 3 + 7 + 85


def test_a_search_that_cannot_be_read_is_refused_by_name(as_):
    bad = {"level": "hamlet", "parent": "x", "at": "hôm qua", "cursor": "x"}
    for name, value in [*bad.items(), ("limit", 0), ("limit", 101), ("cursor", "a~b"), ("cursor", "~")]:
        reply = as_("officer.muong-toong").get("/units", query_string={name: value})
        assert (reply.status_code, list(reply.json["errors"])) == (422, [name])


def test_a_search_ignores_accents_and_case(names):
    for typed in ("muong toong", "MƯỜNG TOONG", " mường  toong ", unicodedata.normalize("NFD", "Mường Toong")):
        assert names(q=typed) == ["Xã Mường Toong"], typed
    assert names(q="dien bien") == ["Tỉnh Điện Biên"]  # the stroke of đ is no accent to Unicode
    assert names(q="PHUONG TAN PHONG") == ["Phường Tân Phong"]


def test_signs_with_a_meaning_for_the_database_are_only_signs(names):
    for typed in ("%", "_", "03163%", "\\"):
        assert names(q=typed) == [], typed


def test_another_spelling_finds_the_unit_of_2024_and_its_successor_of_today(names):
    for typed in ("Huổi Lếch", "Huổi Lếnh", "huoi lenh"):
        assert (names(q=typed, at=IN_2024), names(q=typed)) == (["Xã Huổi Lếch"], ["Xã Mường Toong"])


def test_a_former_name_finds_todays_unit(names):
    assert names(q="Chà Cang") == ["Xã Mường Chà"]
    assert names(q="Sen Thượng") == ["Xã Sín Thầu"]


def test_a_later_name_does_not_find_the_unit_before_it_was_called_so(names):
    assert names(q="Mường Chà", at=IN_2024) == []


def test_a_code_means_the_unit_that_bore_it_on_the_day(names, unit):
    assert (names(q="03166", at=IN_2024), names(q="03166")) == (["Xã Chà Cang"], ["Xã Mường Chà"])
    assert unit("03166", at=IN_2024)["id"] != unit("03166")["id"]


def test_units_of_one_name_are_told_apart(names, app, as_, csv_file):
    assert names(q="Trung Chải", at=IN_2024) == ["Xã Trung Chải", "Xã Trung Chải"]
    succeeds(app, "units", "import", csv_file(*SIN_HO))
    found = as_("officer.muong-toong").get("/units", query_string={"q": "pa tan", "at": IN_2024}).json["items"]
    assert [u["code"] for u in found] == ["03165", "03493"]
    assert len({u["parent_id"] for u in found}) == 2


def test_an_unknown_unit_is_not_found(as_):
    for path in ("", "/contacts"):
        reply = as_("officer.muong-toong").get(f"/units/{uuid4()}{path}")
        assert (reply.status_code, reply.json["code"]) == (404, "not_found")


def test_units_are_only_for_those_who_sign_in(app):
    assert app.test_client().get("/api/v1/units").status_code == 401


def test_the_duty_list_says_whom_to_phone(as_, unit):
    contacts = as_("ranger.muong-toong").get(f"/units/{unit('03463')['id']}/contacts").json["items"]
    assert sorted(c["role"] for c in contacts) == ["coordination", "fire_duty"]
    assert all(c["phone"] and c["name"] and c["hours"] for c in contacts)
    above = as_("ranger.muong-toong").get(f"/units/{unit('03451')['id']}/contacts").json["items"]
    assert {c["of"] for c in above} == {"Khu vực Mường Tè"}, "where nobody is named, the nearest above is"


def test_an_organisation_covers_units_across_the_tree(as_):
    (station,) = as_("ranger.muong-toong").get("/organisations").json["items"]
    assert (station["name"], station["kind"]) == ("Hạt Kiểm lâm khu vực Mường Nhé", "ranger_station")
    assert {c["unit"]["name"] for c in station["coverage"]} == {"Khu vực Mường Nhé", "Khu vực Nậm Pồ"}


def scope_of(username):
    scope = User.named(username).person.scope
    return {(u.name, u.valid_to is None) for u in db.session.scalars(db.select(Unit).where(Unit.id.in_(scope)))}


def test_a_scope_includes_the_predecessors_of_its_units(in_app):
    assert in_app(lambda: scope_of("officer.muong-toong")) == {
        ("Xã Mường Toong", True),
        ("Xã Mường Toong", False),
        ("Xã Huổi Lếch", False),
    }


def test_a_scope_holds_what_a_commune_brought_along_from_another_district(in_app):
    # Na Cô Sa lay in Nậm Pồ; it is a part of Quảng Lâm now, which lies in the area of Mường Nhé.
    assert ("Xã Na Cô Sa", False) in in_app(lambda: scope_of("leader.muong-nhe"))
    assert ("Huyện Mường Nhé", False) in in_app(lambda: scope_of("leader.muong-nhe"))


def test_a_province_whose_code_changed_keeps_its_past(in_app):
    def codes():
        inside = db.select(ScopeUnit.includes_id).where(ScopeUnit.unit_id == Unit.by_code("15").id)
        return {u.code for u in db.session.scalars(db.select(Unit).where(Unit.id.in_(inside)))}

    assert in_app(codes) == {"15", "10"}


def test_units_come_in_from_csv_children_before_parents_too(app, names, csv_file):
    said = succeeds(app, "units", "import", csv_file(*reversed(SIN_HO)))
    assert "Đơn vị mới: 2" in said
    assert names(q="sin ho", at=IN_2024) == ["Huyện Sìn Hồ"]
    assert names(q="sin ho") == []


def test_importing_twice_is_harmless(app, csv_file, in_app):
    succeeds(app, "units", "import", csv_file(*SIN_HO))
    before = in_app(lambda: db.session.scalar(db.select(db.func.count(Unit.id))))
    assert "Đơn vị mới: 0 · đã có: 2" in succeeds(app, "units", "import", csv_file(*SIN_HO))
    assert in_app(lambda: db.session.scalar(db.select(db.func.count(Unit.id)))) == before


def test_aliases_and_successions_come_in_with_units(app, names, csv_file, tmp_path, unit, in_app):
    (tmp_path / "tên.csv").write_text("commune_code,name,alias,source\n03493,Xã Pa Tần,Xã Ba Tần,thử\n")
    columns = "old_commune_code,new_commune_code,relation,valid_to_old,valid_from_new"
    (tmp_path / "mới.csv").write_text(f"{columns}\n03493,03503,merged_whole,2025-06-30,2025-07-01\n")
    files = ("--aliases", tmp_path / "tên.csv", "--succession", tmp_path / "mới.csv")
    said = succeeds(app, "units", "import", csv_file(*SIN_HO), *files)
    assert "tên khác: 1" in said
    assert (names(q="ba tan", at=IN_2024), names(q="ba tan")) == (["Xã Pa Tần"], ["Xã Pa Tần"])
    old, new = UUID(unit("03493", at=IN_2024)["id"]), UUID(unit("03503")["id"])
    assert in_app(lambda: db.session.get(ScopeUnit, (new, old))) is not None


GOOD = SIN_HO[0]
BAD = {
    "an unknown level": ("quarter,1,Khu phố 1,province,12,,", "quarter"),
    "a code twice": (GOOD, "108"),
    "an unknown parent": ("commune,99901,Xã Mồ Côi,district,777,2025-07-01,", "777"),
    "a bad first day": ("commune,99901,Xã Sai Ngày,province,12,01/07/2025,", "01/07/2025"),
    "a bad last day": ("commune,99901,Xã Sai Ngày,province,12,,2025-06-31", "2025-06-31"),
    "an end before the beginning": ("commune,99901,Xã Ngược,province,12,2025-07-01,2025-06-30", "dòng 3"),
    "no name": ("commune,99901,,province,12,2025-07-01,", "dòng 3"),
    "a code of another unit": ("commune,03163,Xã Mường Lạ,district,096,2026-01-01,", "Xã Mường Toong"),
}


def test_a_file_with_one_bad_line_changes_nothing(app, csv_file):
    for wrong, (line, named) in BAD.items():
        assert named in refusal(app, "units", "import", csv_file(GOOD, line)), wrong


def test_a_sign_that_no_database_keeps_is_refused_like_any_other_mistake(app, csv_file):
    line = "commune,99901,Xã \0Lạ,province,12,2025-07-01,"
    assert "dòng 3" in refusal(app, "units", "import", csv_file(GOOD, line))


def test_a_missing_column_is_named(app, csv_file):
    for header in (HEADER.replace("parent_code,", ""), HEADER.replace(",", ";"), ""):
        assert "parent_code" in refusal(app, "units", "import", csv_file(GOOD, header=header))


def test_a_file_that_is_not_utf_8_is_refused(app, csv_file):
    line = "commune,99901,Xã A,province,12,2025-07-01,"
    for encoding in ("utf-16", "latin-1"):
        assert "UTF-8" in refusal(app, "units", "import", csv_file(line, encoding=encoding))


def test_a_file_that_is_not_there_is_named(app, tmp_path):
    assert "không có.csv" in refusal(app, "units", "import", tmp_path / "không có.csv")
    refusal(app, "units", "import", tmp_path)


def test_a_bad_second_file_undoes_the_first(app, csv_file, tmp_path):
    (tmp_path / "tên.csv").write_text("mã,tên\n03493,Xã Pa Tần\n")
    assert "commune_code" in refusal(app, "units", "import", csv_file(*SIN_HO), "--aliases", tmp_path / "tên.csv")
