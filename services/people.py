"""People from a CSV file, all or none; whoever comes without a password gets an enrolment code."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from uuid import UUID

from models.administration import create
from models.base import db, new_id
from models.enrolments import Enrolment
from models.errors import WeakPassword
from models.organisations import Organisation
from models.units import Unit, fold
from models.users import Role, User, username_of
from services.bad_file import BadFile
from services.passwords import hash_password, refuse_weak
from services.units import day, rows_of

NEEDED = ("username", "name", "role")
Row = dict[str, str]


def read_people(path: Path) -> list[tuple[str, Row]]:
    """(where it stands, row) of each line; a file with a mistake is refused with its line, before anything is done."""
    rows = [(f"{path.name} dòng {number}", row) for number, row in enumerate(rows_of(path, NEEDED), 2)]
    if not rows:
        raise BadFile(f"{path.name}: không có dòng nào.")
    seen: dict[str, str] = {}
    for where, row in rows:
        _judge(where, row)
        name = username_of(row["username"])
        if name in seen:
            raise BadFile(f"{where}: tên đăng nhập “{name}” đã có ở {seen[name].removeprefix(path.name).strip()}.")
        seen[name] = where
    return rows


def _judge(where: str, row: Row) -> None:
    if missing := [name for name in NEEDED if not row[name]]:
        raise BadFile(f"{where}: thiếu {', '.join(missing)}.")
    if len(row["username"].split()) > 1:
        raise BadFile(f"{where}: tên đăng nhập “{row['username']}” có khoảng trắng.")
    if row["role"] not in list(Role):
        raise BadFile(f"{where}: vai trò “{row['role']}” không có trong {', '.join(Role)}.")
    if bool(row.get("unit_code")) == bool(row.get("organisation")):
        raise BadFile(f"{where}: cần unit_code hoặc organisation, chỉ một trong hai.")
    day(row.get("at", ""), where)
    if row.get("password"):
        judge_password(row["password"], row["username"], row["name"], where)


def judge_password(password: str, username: str, name: str, where: str = "") -> None:
    try:
        refuse_weak(password, username, name)
    except WeakPassword as error:
        raise BadFile(f"{where}{': ' if where else ''}{error.text('vi')}") from None


def hash_passwords(rows: Sequence[tuple[str, Row]]) -> dict[str, str]:
    """By where it stands; it takes 25 ms each, so it is done before the transaction."""
    return {where: hash_password(row["password"]) for where, row in rows if row.get("password")}


def import_people(rows: Sequence[tuple[str, Row]], hashes: dict[str, str], key: str) -> list[tuple[User, str | None]]:
    """The new users, each with an enrolment code where no password was given. The caller commits."""
    done: list[tuple[User, str | None]] = []
    for where, row in rows:
        if User.named(row["username"]):
            raise BadFile(f"{where}: đã có người dùng “{username_of(row['username'])}”.")
        at = day(row.get("at", ""), where)
        user, _ = create(
            None,
            row["username"],
            row["name"],
            Role(row["role"]),
            unit_id=_unit(row["unit_code"], at, where) if row.get("unit_code") else None,
            organisation_id=_organisation(row["organisation"], where) if row.get("organisation") else None,
            password_hash=hashes.get(where, ""),
        )
        code = None if where in hashes else Enrolment.issue(user, None, key, new_id()).code
        done.append((user, code))
    return done


def _unit(code: str, at: date | None, where: str) -> UUID:
    if (unit := Unit.by_code(code, at)) is None:
        raise BadFile(f"{where}: không có đơn vị mã {code} vào ngày đó.")
    return unit.id


def _organisation(name: str, where: str) -> UUID:
    found = [o for o in db.session.scalars(Organisation.in_force()) if fold(o.name) == fold(name)]
    if len(found) != 1:
        raise BadFile(f"{where}: {'không có' if not found else 'có nhiều'} tổ chức tên “{name}”.")
    return found[0].id
