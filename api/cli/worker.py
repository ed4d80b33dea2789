"""flask worker: the work after the answers, in a process of its own."""

import signal
import threading
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from api.cli.plain import plain_errors
from services.worker import run_until, wake


@click.command("worker", help="Làm các việc sau câu trả lời (ảnh xem trước, niêm phong nhật ký …) đến khi bị dừng.")
@with_appcontext
@plain_errors
def worker() -> None:
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    stop = threading.Event()

    def end(*_: Any) -> None:
        stop.set()
        wake()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    in_use = app.extensions["photo_store"].note_in_use()
    click.echo("Đang làm việc; Ctrl-C để dừng.")
    with in_use:
        run_until(app, stop)
