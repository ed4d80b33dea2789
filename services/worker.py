"""Work after the answer: takes jobs of the outbox by lease and does them, one after the other.

In-process by default (a thread in each process of the server), or apart with `flask worker`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from models.base import db
from models.database import write_transaction
from models.jobs import LEASE, Job, worker_name
from services.arrivals import store
from services.audit import seal
from services.case_links import link
from services.examination import examine
from services.notices import EVERY_S, has_news, tell
from services.offers import expire
from services.orphans import collect
from services.passing import is_another_day, pass_on_today
from services.photos import preview
from services.uploads import attach

PAUSE_S = 1.0
CALL_PAUSE_S = 2.0
LONGEST_PAUSE_S = 10.0  # while the database is away
DEAD_S = 5.0  # how often it is asked whether another worker died
AT_ONCE = 4

# What is done for a kind of job: outside any transaction, returning what to write in the one that ends the job.
# That returns whether there is more of it to do at once.
Result = Callable[[], bool | None]
HANDLERS: dict[str, Callable[[Any, str, dict[str, Any]], Result]] = {
    "attach": attach,
    "collect": collect,
    "examine": examine,
    "expire": expire,
    "link": link,
    "pass_on": pass_on_today,
    "preview": preview,
    "seal": seal,
    "store": store,
    "tell": tell,
}
RECURRING = {  # s
    "seal": 60,
    "attach": 60,
    "examine": 60,
    "expire": 60,
    "link": 60,
    "pass_on": 60,
    "tell": EVERY_S,
    "collect": 86_400,
}
# What recurs, and goes before all else as soon as a reading finds work for it.
CALLED: dict[str, Callable[[], bool]] = {"pass_on": is_another_day, "tell": has_news}

log = logging.getLogger(__name__)
_news = threading.Event()


def wake() -> None:
    _news.set()


def called_for() -> list[str]:
    """The kinds that cannot wait and have work: a row of photos must not keep a fire from being told."""
    called = [kind for kind, has_work in CALLED.items() if has_work()]
    db.session.rollback()
    return called


class Paced:
    """The same, once in a while: what is done for them is a commit, for which reports would wait."""

    def __init__(self) -> None:
        self.last = float("-inf")

    def __call__(self) -> list[str]:
        if time.monotonic() - self.last < CALL_PAUSE_S:
            return []
        if called := called_for():
            self.last = time.monotonic()
        return called


def run_once(app: Any, stop: threading.Event | None = None, calls: Callable[[], list[str]] = called_for) -> bool:
    """Do the jobs that are due, a few at most; whether there were any. Those not begun at a stop are given back, and
    those that would keep waiting what cannot wait."""
    with app.app_context():
        waiting = Job.is_waiting(HANDLERS)
        called = calls()
        if not waiting and not called:
            return False
        me = worker_name()
        with write_transaction():
            for kind in called:
                Job.call(kind)
            jobs = [(job.id, job.kind, job.key, job.facts) for job in Job.take(me, AT_ONCE, HANDLERS, CALLED)]
            db.session.commit()
        begun = 0
        with renewing(app, [id for id, *_ in jobs], me):
            for job in jobs:
                if (stop and stop.is_set()) or (begun > 1 and calls()):
                    break
                begun += 1
                _do(app, me, *job)
        if begun < len(jobs):
            with write_transaction():
                Job.release([id for id, *_ in jobs[begun:]], me)
                db.session.commit()
        return bool(jobs)


def _do(app: Any, me: str, id: Any, kind: str, key: str, facts: dict[str, Any]) -> None:
    try:
        write = HANDLERS[kind](app, key, facts)
        with write_transaction():
            if job := Job.still_of(id, me):
                more = write()
                job.done(bool(more))
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
    """What recurs is asked for."""
    with app.app_context(), write_transaction():
        for kind, every_s in RECURRING.items():
            Job.ask(kind, kind, every_s=every_s)
        db.session.commit()


def release_of_the_dead(app: Any) -> None:
    """What killed workers of this machine held is free again. Only a reading, as long as nobody died."""
    with app.app_context():
        dead = Job.dead_holders()
        db.session.rollback()
        if dead:
            with write_transaction():
                Job.release_of(dead)
                db.session.commit()


def run_until(app: Any, stop: threading.Event) -> None:
    """Work until told to stop. Whatever goes wrong is noted, and tried again after a pause that doubles."""
    prepared, looked, pause, calls = False, float("-inf"), PAUSE_S, Paced()
    while not stop.is_set():
        try:
            if not prepared:
                prepare(app)
                prepared = True
            if time.monotonic() - looked >= DEAD_S:
                looked = time.monotonic()
                release_of_the_dead(app)
            busy, pause = run_once(app, stop, calls), PAUSE_S
            if busy:
                continue
        except Exception:
            log.exception("worker")
            pause = min(2 * pause, LONGEST_PAUSE_S)
        _news.wait(pause)
        _news.clear()


def start(app: Any) -> None:
    """One thread per process; it must start after a fork, never before."""
    threading.Thread(target=run_until, args=(app, threading.Event()), daemon=True, name="worker").start()
