"""flask users: people who sign in."""

import sys
from datetime import datetime

import click
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.transaction import committing
from models import Role, Unit, User, db
from models.base import new_id
from services.passwords import LEAST_LENGTH, hash_password, normal
from services.units import BadFile

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
    password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < LEAST_LENGTH:
        raise BadFile(f"Mật khẩu phải có ít nhất {LEAST_LENGTH} ký tự.")
    hashed = hash_password(password)
    with committing():
        unit = Unit.by_code(code, at.date() if at else None)
        if unit is None:
            raise BadFile(f"Không có đơn vị mã {code} vào ngày đó.")
        if User.named(normal(username)):
            raise BadFile(f"Đã có người dùng “{username}”.")
        db.session.add(
            User(
                id=new_id(),
                username=normal(username.strip()).casefold(),
                name=normal(name or username),
                role=Role(role),
                unit_id=unit.id,
                password_hash=hashed,
            )
        )
        db.session.flush()
        where = unit.name
    click.echo(f"Đã tạo {username} ({role}, {where}).")
