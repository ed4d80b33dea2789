"""flask backup, flask restore: everything an instance holds, as one file and back again."""

import errno
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from api.cli.plain import plain_errors
from api.config import home
from api.transaction import filling
from services.archives import Archive
from services.backup import make_backup
from services.bad_file import BadFile
from services.restore import Instance, describe, restore_backup

FILE = click.Path(path_type=Path)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PHOTOS_DAMAGED = 3  # the exit code of a backup that is whole, of photos that are not
WORD = "THAY THE"


def say(sentence: str) -> None:
    click.echo(sentence, err=True)


@contextmanager
def all_or_nothing(otherwise: str) -> Iterator[None]:
    """Whatever stops the work, a signal included, is told in one sentence that ends with what is left."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(f"Đã dừng giữa chừng; {otherwise}") from None
    except OSError as error:
        reason = "Ổ đĩa đã đầy" if error.errno in DISK_FULL else f"{error.strerror} ({error.filename})"
        raise click.ClickException(f"{reason}; {otherwise}") from None
    except (SQLAlchemyError, psycopg.Error, sqlite3.Error, CommandError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise click.ClickException(f"Cơ sở dữ liệu báo lỗi: {reason}; {otherwise}") from None
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@click.command("backup")
@click.argument("file", type=FILE)
@click.option("--replace", is_flag=True, help="Thay tệp đã có.")
@click.option("--with-keys", is_flag=True, help="Kèm các khóa bí mật; ai có tệp này thì giả được mọi phiên.")
@click.option("--check", is_flag=True, help="Chỉ kiểm tra FILE, không sao lưu.")
@with_appcontext
@plain_errors
def backup(file: Path, replace: bool, with_keys: bool, check: bool) -> None:
    """Sao lưu vào FILE trong khi máy chủ vẫn chạy: cơ sở dữ liệu và mọi ảnh gốc. / Back up while running.

    Mã thoát: 0 trọn vẹn; 3 đã sao lưu, nhưng có ảnh gốc bị hỏng hoặc mất từ trước; khác: không có tệp nào.
    """
    with all_or_nothing("không có gì thay đổi." if check else "không có bản sao lưu nào được ghi."):
        if check:
            archive = Archive(file)
            archive.verify()
            manifest = archive.manifest
        else:
            keys = sorted(home().glob("*.key")) if with_keys else []
            manifest = make_backup(file, current_app.extensions["photo_store"], keys, say, replace)
    done = "Tệp nguyên vẹn" if check else f"Đã sao lưu vào {file} ({file.stat().st_size / 1e6:.1f} MB)"
    click.echo(f"{done}: {describe(manifest)}.")
    tell_damaged(manifest)


@click.command("restore")
@click.argument("file", type=FILE)
@click.option("--replace", is_flag=True, help="Cất dữ liệu đang có sang một bên rồi thay (hỏi lại một lần).")
@with_appcontext
@plain_errors
def restore(file: Path, replace: bool) -> None:
    """Khôi phục FILE vào một nơi trống, khi máy chủ đã dừng. / Restore into an empty instance.

    Kiểm tra toàn bộ tệp trước; nếu có gì sai thì không thay đổi gì. Sau đó nâng cấp cơ sở dữ liệu.
    """
    with all_or_nothing("không có gì thay đổi."):
        archive = Archive(file)
        if replace and click.prompt(f"Dữ liệu đang có sẽ được cất sang một bên. Gõ {WORD} để tiếp tục") != WORD:
            raise BadFile("Không thay.")
        instance = Instance(
            home=home(),
            store=current_app.extensions["photo_store"],
            knows_revision=knows_revision,
            migrate=migrate,
            filling=filling,
        )
        aside = restore_backup(archive, instance, say, replace)
    click.echo(f"Đã khôi phục: {describe(archive.manifest)}.")
    if aside:
        click.echo(f"Dữ liệu cũ được cất với tên {aside}.")
    if not archive.names("keys"):
        click.echo("Bản sao lưu không kèm khóa: mọi người phải đăng nhập lại.")
    tell_damaged(archive.manifest)


def tell_damaged(manifest: dict[str, Any]) -> None:
    photos = manifest["photos"]
    if photos["missing"] or photos["damaged"]:
        names = [*photos["missing"], *photos["damaged"]]
        say(f"Cảnh báo: {len(names)} ảnh gốc đã bị mất hoặc hỏng trước khi sao lưu: {', '.join(names[:5])}")
        click.get_current_context().exit(PHOTOS_DAMAGED)


def migrations() -> Config:
    return current_app.extensions["migrate"].migrate.get_config()


def knows_revision(revision: str) -> bool:
    try:
        return ScriptDirectory.from_config(migrations()).get_revision(revision) is not None
    except CommandError:
        return False


def migrate(connection: Connection, revision: str) -> None:
    """Inside the transaction of the connection."""
    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
