"""Hooks of gunicorn: say when the port is open; background work starts in each worker, after the fork."""

import contextlib
import gc
import logging
import os
import socket
import sys
from importlib import import_module
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import configure_mappers

from api import incoming, logs, metrics
from api.config import setting
from models import db
from models.reference import reference
from services.worker import start

# Imported by the first report: here once, before the fork, instead of half a second in each process.
FIRST_NEEDED = ("holidays.countries", "jsonschema")
# Which proxies are believed says TRUSTED_PROXIES alone; the server itself would believe this whole machine.
forwarded_allow_ips = ""


def on_starting(_server: Any) -> None:
    logs.configure()


def pre_request(_worker: Any, request: Any) -> None:
    incoming.connection.request = request


def post_request(_worker: Any, _request: Any, environ: dict[str, Any], response: Any) -> None:
    # The server waits up to two seconds, and lets nobody else in meanwhile, for the end of what a client it leaves
    # is still sending. Nobody reads that any more.
    if response is not None and response.should_close():
        with contextlib.suppress(OSError):
            environ["gunicorn.socket"].shutdown(socket.SHUT_RD)


def child_exit(_server: Any, worker: Any) -> None:
    metrics.forget_process(worker.pid)


def when_ready(server: Any) -> None:
    for name in FIRST_NEEDED:
        import_module(name)
    remember_reference(server.app.wsgi())
    # What was loaded until now stays for good, shared by all processes: the collector need not look at it.
    gc.collect()
    gc.freeze()
    print(os.environ.get("GIAP_RANH_BANNER", ""), flush=True)


def remember_reference(app: Any) -> None:
    """Boundaries, units and people's scopes: read once, before the fork, and kept in memory that all processes share.

    A database that is away does not keep the server from starting; then each process reads them when it is back.
    """
    configure_mappers()
    with app.app_context():
        try:
            reference()
        except SQLAlchemyError:
            logging.getLogger(__name__).warning("the reference data could not be read yet", exc_info=True)
        finally:
            db.session.remove()
            db.engine.dispose()  # a connection belongs to one process


def post_worker_init(worker: Any) -> None:
    # A request makes some 10,000 short-lived objects: the default of 700 would search them a dozen times in each.
    gc.set_threshold(50_000, 20, 20)
    sys.setswitchinterval(0.0005)
    worker.in_use = worker.wsgi.extensions["photo_store"].note_in_use()
    if setting("WORKER") != "0":
        start(worker.wsgi)
