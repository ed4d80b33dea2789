"""Hooks of gunicorn: say when the port is open; background work starts in each worker, after the fork."""

import gc
import os
from typing import Any

from services.worker import start


def when_ready(_server: Any) -> None:
    print(os.environ.get("GIAP_RANH_BANNER", ""), flush=True)


def post_worker_init(worker: Any) -> None:
    # What was loaded until now stays for good; a request makes some 10,000 short-lived objects, so the collector's
    # default of 700 would search them all a dozen times in each.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    start(worker.wsgi)
