"""Work after the answer: takes jobs of the outbox by lease and does them, one after the other.

In-process by default (a thread in each process of the server), or apart with `flask worker`.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from models.base import db
from models.database import write_transaction
from models.jobs import LEASE, Job, worker_name
from services.audit import seal
from services.photos import preview

PAUSE_S = 1.0
AT_ONCE = 4

# What is done for a kind of job: outside any transaction, returning what to write in the one that ends the job.
Result = Callable[[], None]
HANDLERS: dict[str, Callable[[Any, str, dict[str, Any]], Result]] = {
    "preview": preview,
    "seal": seal,
}
RECURRING = {"seal": 60}  # seconds

log = logging.getLogger(__name__)
_news = threading.Event()


def wake() -> None:
    _news.set()


def run_once(app: Any) -> bool:
    """Do the jobs that are due, a few at most; whether there were any."""
    with app.app_context():
        waiting = Job.is_waiting()
        db.session.rollback()
        if not waiting:
            return False
        me = worker_name()
        with write_transaction():
            jobs = [(job.id, job.kind, job.key, job.facts) for job in Job.take(me, AT_ONCE)]
            db.session.commit()
        with renewing(app, [id for id, *_ in jobs], me):
            for job in jobs:
                _do(app, me, *job)
        return bool(jobs)


def _do(app: Any, me: str, id: Any, kind: str, key: str, facts: dict[str, Any]) -> None:
    try:
        write = HANDLERS[kind](app, key, facts)
        with write_transaction():
            if job := Job.still_of(id, me):
                write()
                job.done()
                db.session.commit()
    except Exception as error:
        log.exception("job %s %s", kind, key)
        with write_transaction():
            if job := Job.still_of(id, me):
                job.failed(error)
                db.session.commit()


@contextmanager
def renewing(app: Any, ids: list[Any], me: str) -> Iterator[None]:
    """Keep the leases while the work lasts."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(LEASE.total_seconds() / 3):
            try:
                with app.app_context(), write_transaction():
                    Job.renew(ids, me)
                    db.session.commit()
            except Exception:
                log.exception("lease")

    keeper = threading.Thread(target=renew, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def prepare(app: Any) -> None:
    """What recurs is asked for, and what the dead held is free again."""
    with app.app_context(), write_transaction():
        for kind, every_s in RECURRING.items():
            Job.ask(kind, kind, every_s=every_s)
        Job.release_of_the_dead()
        db.session.commit()


def run_until(app: Any, stop: threading.Event) -> None:
    prepared = False
    while not stop.is_set():
        try:
            if not prepared:
                prepare(app)
                prepared = True
            if run_once(app):
                continue
        except Exception:
            log.exception("worker")
        _news.wait(PAUSE_S)
        _news.clear()


def start(app: Any) -> None:
    """One thread per process; it must start after a fork, never before."""
    threading.Thread(target=run_until, args=(app, threading.Event()), daemon=True, name="worker").start()
