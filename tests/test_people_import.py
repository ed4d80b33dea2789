"""`flask users import`, `users password`: whole or not at all, in plain sentences, by the same password rules."""

import csv

import pytest

from models import User, db
from tests.people import BASE
from tests.test_cli import LONG_ENOUGH, contents, login, refusal, run, succeeds
from tests.test_enrolments import enrol

HEAD = "username,name,role,unit_code,organisation,at,password\n"
GOOD = (
    f"Ranger.MOI,Lò Thị Ánh,ranger,03163,,,{LONG_ENOUGH}\n"
    "ranger.khong-mat-khau,Giàng A Páo,ranger,03463,,,\n"
    "officer.hat,Pờ Thị Xu,officer,,hat kiem lam khu vuc muong nhe,,\n"
    f"officer.cu,Mùa A Dế,officer,03166,,2024-06-01,{LONG_ENOUGH}\n"
)


@pytest.fixture
def file(tmp_path):
    def write(*lines, head=HEAD):
        path = tmp_path / "người dùng.csv"
        path.write_text(head + "".join(lines), "utf-8")
        return path

    return write


def test_people_come_in_with_a_password_or_with_a_code(app, in_app, file):
    said = succeeds(app, "users", "import", file(GOOD))
    assert "Đã nhập 4 người dùng; 2 mã ghi danh" in said
    codes = {line.split(",")[0]: line.split(",")[2] for line in said.splitlines() if line.count(",") == 2}
    assert login(app, "ranger.moi", LONG_ENOUGH).json["user"]["unit"]["code"] == "03163"
    signed_in = enrol(app, codes["ranger.khong-mat-khau"])
    assert signed_in.json["user"]["unit"]["name"] == "Xã Tà Tổng"
    assert enrol(app, codes["officer.hat"]).json["user"]["organisation_id"]
    assert in_app(lambda: User.named("officer.cu").unit.name) == "Xã Chà Cang"


def test_codes_go_into_a_new_file_that_only_its_owner_reads(app, file, tmp_path):
    codes = tmp_path / "mã.csv"
    said = succeeds(app, "users", "import", file(GOOD), "--codes", codes)
    assert codes.stat().st_mode & 0o777 == 0o600
    with open(codes, encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["name"] for row in rows] == ["Giàng A Páo", "Pờ Thị Xu"]
    assert rows[0]["code"] not in said
    assert enrol(app, rows[0]["code"]).status_code == 200
    other = file("ai.do,Ai Đó,ranger,03163,,,\n")
    assert "đã có" in refusal(app, "users", "import", other, "--codes", codes)
    assert "không ghi được" in refusal(app, "users", "import", other, "--codes", tmp_path / "không có" / "mã.csv")


@pytest.mark.parametrize(
    "line, sentence",
    [
        (",Không Tên,ranger,03163,,,\n", "dòng 3: thiếu username"),
        ("a.b,,ranger,03163,,,\n", "dòng 3: thiếu name"),
        ("a b,Tên,ranger,03163,,,\n", "dòng 3: tên đăng nhập “a b” có khoảng trắng"),
        ("a.b,Tên,vua,03163,,,\n", "dòng 3: vai trò “vua”"),
        ("a.b,Tên,ranger,,,,\n", "dòng 3: cần unit_code hoặc organisation"),
        ("a.b,Tên,ranger,03163,Hạt,,\n", "dòng 3: cần unit_code hoặc organisation"),
        ("a.b,Tên,ranger,99999,,,\n", "dòng 3: không có đơn vị mã 99999"),
        ("a.b,Tên,ranger,,Hạt ma,,\n", "dòng 3: không có tổ chức tên “Hạt ma”"),
        ("a.b,Tên,ranger,03166,,hôm qua,\n", "dòng 3: ngày “hôm qua”"),
        ("a.b,Tên,ranger,03163,,,ngắn\n", "dòng 3: Mật khẩu quá yếu. Ít nhất 12 ký tự"),
        ("a.b,Tên,ranger,03163,,,Muong Toong 2026\n", "dòng 3: Mật khẩu quá yếu."),
        ("officer.TA-TONG,Tên,ranger,03163,,,\n", "dòng 3: đã có người dùng “officer.ta-tong”"),
        ("Truoc.ROI,Tên,ranger,03163,,,\n", "dòng 3: tên đăng nhập “truoc.roi” đã có ở dòng 2"),
    ],
)
def test_one_mistake_refuses_the_file_with_its_line(app, file, line, sentence):
    assert sentence in refusal(app, "users", "import", file("truoc.roi,Đúng Rồi,ranger,03163,,,\n", line))


def test_a_file_that_is_none_is_explained(app, file, tmp_path):
    assert "không có tệp này" in refusal(app, "users", "import", tmp_path / "đâu.csv")
    assert "thiếu cột role" in refusal(app, "users", "import", file("a,b\n", head="username,name\n"))
    assert "không có dòng nào" in refusal(app, "users", "import", file())


def test_importing_again_changes_nothing(app, file):
    path = file(GOOD)
    succeeds(app, "users", "import", path)
    assert "dòng 2: đã có người dùng “ranger.moi”" in refusal(app, "users", "import", path)


def test_the_terminal_judges_passwords_as_the_server_does(app):
    create = ("users", "create", "can.bo.moi", "--role", "officer", "--unit", "03163", "--password-stdin")
    for password in ("matkhau123456", "Mường Toong 2026", "can.bo.moi.123", "rung-xanh-giap-ranh"):
        assert "Mật khẩu quá yếu" in refusal(app, *create, input=f"{password}\n")


def test_a_forgotten_password_is_set_at_the_terminal_and_ends_all_sessions(app, as_):
    admin = as_("admin")
    assert "quá yếu" in refusal(app, "users", "password", "admin", "--password-stdin", input="admin\n")
    assert "không.ai" in refusal(app, "users", "password", "không.ai", "--password-stdin", input=f"{LONG_ENOUGH}\n")
    succeeds(app, "users", "password", "Admin", "--password-stdin", input=f"{LONG_ENOUGH}\n")
    assert admin.get("/me").status_code == 401
    assert login(app, "admin", LONG_ENOUGH).status_code == 200


@pytest.mark.parametrize("command", ["users import", "users password", "keys rotate"])
def test_the_new_commands_explain_themselves_on_one_screen(app, command):
    assert 3 <= len(succeeds(app, *command.split(), "--help").splitlines()) <= 24


def test_nothing_is_imported_and_no_codes_are_left_when_the_database_refuses(app, file, tmp_path, monkeypatch):
    before, codes = contents(app), tmp_path / "mã.csv"

    def refuse():
        raise OSError("đĩa đầy")

    monkeypatch.setattr(db.session, "commit", refuse)
    assert run(app, "users", "import", file(GOOD), "--codes", codes).exit_code != 0
    monkeypatch.undo()
    assert contents(app) == before
    assert not codes.exists()


def test_imported_people_are_found_by_name(app, as_, file):
    succeeds(app, "users", "import", file(GOOD))
    found = as_("admin").client.get(
        f"{BASE}/users?q=giang a pao", headers={"Authorization": f"Bearer {as_('admin').tokens['access_token']}"}
    )
    assert [item["username"] for item in found.json["items"]] == ["ranger.khong-mat-khau"]
