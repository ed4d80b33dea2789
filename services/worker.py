"""Work after the answer: previews of photos, in one of the server's processes. It looks each second for more."""

import fcntl
import logging
import os
import threading
from typing import Any

from models.base import db
from models.database import write_transaction
from models.incidents import Incident
from models.photos import Photo
from services.photos import make_previews, next_awaiting

PAUSE_S = 1.0
LOCK = "worker.lock"  # in the photo store; held as long as a server runs
log = logging.getLogger(__name__)
_news = threading.Event()


def wake() -> None:
    _news.set()


def run_once(app: Any) -> bool:
    """Make the previews of one photo; whether there was one."""
    with app.app_context():
        photo = next_awaiting()
        if photo is None:
            return False
        ready, exif = make_previews(app.extensions["photo_store"], photo)
        with write_transaction():
            # The incident first, as everybody locks it: its revision grows.
            if db.session.get(Incident, photo.incident_id, with_for_update=True):
                mine = db.session.get_one(Photo, photo.id)
                mine.preview_made(ready, exif)
                db.session.commit()
        return True


def run_until(app: Any, stop: threading.Event) -> None:
    with open(app.extensions["photo_store"].root / LOCK, "ab") as lock:
        while not stop.is_set():
            try:
                if _is_mine(lock) and run_once(app):
                    continue
            except Exception:
                log.exception("preview")
            _news.wait(PAUSE_S)
            _news.clear()


def _is_mine(lock: Any) -> bool:
    """Whether this process does the work: the first to ask, until it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def start(app: Any) -> None:
    """One thread per process; it must start after a fork, never before."""
    threading.Thread(target=run_until, args=(app, threading.Event()), daemon=True, name=f"worker-{os.getpid()}").start()
