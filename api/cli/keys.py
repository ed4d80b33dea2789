"""flask keys: the keys that sign tokens."""

import click
from flask import current_app
from flask.cli import AppGroup

from services.keys import rotate

keys = AppGroup("keys", help="Khóa ký mã đăng nhập. / Keys that sign tokens.")


@keys.command("rotate")
def rotate_keys() -> None:
    """Tạo khóa mới; khóa trước còn hiệu lực đến lần đổi kế tiếp, nên không ai bị đăng xuất.

    Nghi khóa bị lộ thì chạy hai lần liên tiếp: mã truy cập cũ hết hiệu lực ngay, điện thoại tự xin mã mới.
    """
    rotate(current_app.config["KEY_FOLDER"])
    click.echo("Đã đổi khóa; máy chủ đang chạy tự nhận khóa mới, không cần khởi động lại.")
