"""flask photos: whether every photo is there, and what lies in the store that belongs to nothing."""

from collections import Counter

import click
from flask import current_app
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from services.orphans import Collected, collect_orphans, damaged, orphans

photos = AppGroup("photos", help="Ảnh: kiểm tra kho ảnh. / Photos: check the store.")
MEBIBYTE = 1 << 20


@photos.command("check")
@click.option("--delete", is_flag=True, help="Xóa các tệp thừa; không có thì chỉ liệt kê.")
@plain_errors
def check(delete: bool) -> None:
    """Kiểm tra kho ảnh: ảnh gốc bị mất hoặc bị sửa, và tệp thừa không thuộc vụ nào.

    Tệp thừa chỉ tính khi đã cũ hơn 7 ngày, tệp dở dang hơn 1 ngày. Có ảnh gốc bị mất hoặc bị sửa thì mã thoát là 1.
    """
    store = current_app.extensions["photo_store"]
    if said := store.trouble():
        raise click.ClickException(said)
    lost = Counter[str]()
    for photo in damaged(store):
        what = "MẤT" if photo.gone else "BỊ SỬA"
        lost[what] += 1
        click.echo(f"{what}: ảnh gốc {photo.sha256} của vụ {photo.incident} (ảnh {photo.photo_id})")
    found = Collected()
    for orphan in orphans(store):
        found.add(orphan)
        click.echo(f"Thừa: {orphan.name} ({orphan.size} byte)")
    if delete:
        show("Đã xóa", collect_orphans(store))
    else:
        show("Tệp thừa", found)
        if found != Collected():
            click.echo("Chưa xóa gì. Thêm --delete để xóa.")
    if lost:
        raise click.ClickException(f"{lost['MẤT']} ảnh gốc bị mất, {lost['BỊ SỬA']} ảnh gốc bị sửa.")
    click.echo("Mọi ảnh gốc đều còn nguyên.")


def show(title: str, counted: Collected) -> None:
    click.echo(
        f"{title}: {counted.originals} ảnh gốc, {counted.thumb + counted.view} ảnh xem trước, "
        f"{counted.leftovers} tệp dở dang; {counted.bytes / MEBIBYTE:.1f} MiB"
    )
