"""flask demo: an installation to try things on."""

import click
from flask import current_app
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.transaction import committing
from services.bad_file import BadFile
from services.demo import is_empty, load_demo

demo = AppGroup("demo", help="Dữ liệu mẫu. / Demo data.")


@demo.command("load")
@plain_errors
def load() -> None:
    """Nạp dữ liệu mẫu vào cơ sở dữ liệu trống: đơn vị, ranh giới giản lược, thỏa thuận, người dùng, vụ việc."""
    if not is_empty():
        raise BadFile("Cơ sở dữ liệu không trống; dữ liệu mẫu chỉ nạp vào cơ sở dữ liệu trống.")
    click.echo("Đang nạp dữ liệu mẫu …")
    with committing():
        count = load_demo(current_app.extensions["photo_store"])
    click.echo(f"Đã nạp {count} vụ việc mẫu.")
