"""Hooks of gunicorn: say when the port is open; background work starts in each worker, after the fork."""

import os
from typing import Any

from services.worker import start


def when_ready(_server: Any) -> None:
    print(os.environ.get("GIAP_RANH_BANNER", ""), flush=True)


def post_worker_init(worker: Any) -> None:
    start(worker.wsgi)
