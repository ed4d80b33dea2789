"""flask serve: migrate, load the demo if wanted, say where and who, then become the server."""

import os
import sys

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade

from api import metrics
from api.cli.plain import plain_errors
from api.config import in_production, processes, setting
from api.transaction import committing
from api.weaknesses import TooWeak, refuse_weakness
from models import User
from services import demo


@click.command("serve", help="Nâng cấp cơ sở dữ liệu, nạp mẫu nếu trống (DEMO=1), rồi chạy máy chủ.")
@with_appcontext
@plain_errors
def serve() -> None:
    upgrade()
    if setting("DEMO") != "0" and not in_production() and demo.is_empty():
        click.echo("Đang nạp dữ liệu mẫu …")
        with committing():
            demo.load_demo(current_app.extensions["photo_store"])
    try:
        refuse_weakness(current_app._get_current_object())  # type: ignore[attr-defined]
    except TooWeak as reasons:
        raise click.ClickException(str(reasons)) from None
    # Reports are taken all the same, and photos wait here. Asked before the server is another program: see buckets.py.
    if said := current_app.extensions["photo_store"].trouble():
        click.echo(said, err=True)
    environment = {
        # Argon2 takes 19 MiB; in glibc's arena of each thread it would stay there for good.
        "MALLOC_ARENA_MAX": "2",
        **os.environ,
        # Printed by api/server.py once the port is open, so that the address on the screen answers.
        "GIAP_RANH_BANNER": banner(),
        metrics.FOLDER: metrics.prepare(),
    }
    arguments = [
        *("-m", "gunicorn", "wsgi:app"),
        *("--bind", f"{setting('HOST')}:{setting('PORT')}"),
        *("--worker-class", "gthread", "--workers", str(processes()), "--threads", "64", "--preload"),
        *("--timeout", "60", "--graceful-timeout", "10", "--keep-alive", "30"),
        "--no-control-socket",
        *("--log-level", "warning"),
        *("--config", "python:api.server"),
    ]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def banner() -> str:
    """Where the server answers, and who may sign in to the demo."""
    host, port = setting("HOST"), setting("PORT")
    address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"
    lines = [f"\nGiáp Ranh: {address}", f"API:       {address}/docs"]
    if User.named("officer.muong-toong") and not in_production():
        lines.append("\nĐăng nhập mẫu (ranh giới giản lược, không phải bản đồ thật):")
        lines += [f"  {who:<28} {role:<8} {name}" for who, (role, _, name) in demo.SIGN_INS.items()]
        lines.append(f"password: {demo.PASSWORD}")
    return "\n".join([*lines, "\nCtrl-C để dừng.\n"])
