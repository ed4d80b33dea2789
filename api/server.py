"""Hooks of gunicorn: background work starts in each worker, after the fork."""

from typing import Any


def post_worker_init(worker: Any) -> None:
    from services.worker import start

    start(worker.wsgi)
