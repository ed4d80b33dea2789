"""Hooks of gunicorn: say when the port is open; background work starts in each worker, after the fork."""

import gc
import os
import sys
from importlib import import_module
from typing import Any

from api.config import setting
from services.worker import start

# Imported by the first report: here once, before the fork, instead of half a second in each process.
FIRST_NEEDED = ("holidays.countries", "jsonschema")


def when_ready(_server: Any) -> None:
    for name in FIRST_NEEDED:
        import_module(name)
    # What was loaded until now stays for good, shared by all processes: the collector need not look at it.
    gc.collect()
    gc.freeze()
    print(os.environ.get("GIAP_RANH_BANNER", ""), flush=True)


def post_worker_init(worker: Any) -> None:
    # A request makes some 10,000 short-lived objects: the default of 700 would search them a dozen times in each.
    gc.set_threshold(50_000, 20, 20)
    sys.setswitchinterval(0.0005)
    worker.in_use = worker.wsgi.extensions["photo_store"].note_in_use()
    if setting("WORKER") != "0":
        start(worker.wsgi)
