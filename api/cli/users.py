"""flask users: people who sign in."""

import csv
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.security import refresh_keys
from api.transaction import committing
from models import Role, Unit, User, administration, db
from services.bad_file import BadFile
from services.passwords import hash_password
from services.people import hash_passwords, import_people, judge_password, read_people

users = AppGroup("users", help="Người dùng. / People who sign in.")


@users.command("create")
@click.argument("username")
@click.option("--role", required=True, type=click.Choice([str(r) for r in Role]))
@click.option("--unit", "code", required=True, help="Mã đơn vị (xã, khu vực hoặc tỉnh).")
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), help="Ngày mà mã đó có nghĩa; mặc định hôm nay.")
@click.option("--name", help="Họ tên; mặc định là tên đăng nhập.")
@click.option("--password-stdin", is_flag=True, required=True, help="Đọc mật khẩu từ đầu vào chuẩn.")
@plain_errors
def create(username: str, role: str, code: str, at: datetime | None, name: str | None, password_stdin: bool) -> None:
    """Tạo người dùng USERNAME; mật khẩu đọc từ đầu vào chuẩn, tối thiểu 12 ký tự."""
    hashed = password_from_stdin(username, name or username)
    with committing():
        unit = Unit.by_code(code, at.date() if at else None)
        if unit is None:
            raise BadFile(f"Không có đơn vị mã {code} vào ngày đó.")
        if User.named(username):
            raise BadFile(f"Đã có người dùng “{username}”.")
        administration.create(None, username, name or username, Role(role), unit_id=unit.id, password_hash=hashed)
        where = unit.name
    click.echo(f"Đã tạo {username} ({role}, {where}).")


def password_from_stdin(*names: str) -> str:
    """Its hash; the password must be good enough for whoever bears the names."""
    password = sys.stdin.readline().rstrip("\r\n")
    judge_password(password, *names)
    db.session.rollback()
    return hash_password(password)


@users.command("password")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, required=True, help="Đọc mật khẩu từ đầu vào chuẩn.")
@plain_errors
def set_password(username: str, password_stdin: bool) -> None:
    """Đặt mật khẩu mới cho USERNAME, đọc từ đầu vào chuẩn; mọi phiên đăng nhập của người này kết thúc."""
    known = User.named(username)
    if known is None:
        raise BadFile(f"Không có người dùng “{username}”.")
    hashed = password_from_stdin(known.username, known.name)
    with committing():
        administration.set_password(db.session.get_one(User, known.id), None, hashed)
    click.echo(f"Đã đặt mật khẩu mới cho {known.username}.")


@users.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--codes", type=click.Path(path_type=Path), help="Ghi mã ghi danh vào tệp CSV mới này, thay vì ra màn hình."
)
@plain_errors
def import_file(file: Path, codes: Path | None) -> None:
    """Nhập người dùng từ FILE (CSV: username, name, role, unit_code hoặc organisation; tùy chọn at, password).

    Ai không có mật khẩu thì nhận mã ghi danh dùng một lần trong 24 giờ. Tệp có lỗi thì không nhập ai.
    """
    rows = read_people(file)
    db.session.rollback()
    with codes_in(codes) as output:
        with click.progressbar(rows, label="Mật khẩu", file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:
            hashes = {where: hashed for row in shown for where, hashed in hash_passwords([row]).items()}
        with committing():
            made = import_people(rows, hashes, refresh_keys()[0])
            coded = [(user.username, user.name, code) for user, code in made if code]
            csv.writer(output).writerows([("username", "name", "code"), *coded] if coded else [])
            output.flush()  # before the commit: codes that cannot be written would be lost
    if isinstance(output, io.StringIO):
        click.echo(output.getvalue(), nl=False)
    click.echo(f"Đã nhập {len(made)} người dùng; {len(coded)} mã ghi danh{f' trong {codes}' if codes else ''}.")


@contextmanager
def codes_in(path: Path | None) -> Iterator[TextIO]:
    """A new file that only its owner reads, gone again when the import fails; without one, for the screen."""
    if path is None:
        yield io.StringIO()
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadFile(f"{path}: tệp này đã có.") from None
    except OSError as error:
        raise BadFile(f"{path}: không ghi được ({error.strerror}).") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
            yield file
    except BaseException:
        path.unlink()  # codes of people who are not there
        raise
