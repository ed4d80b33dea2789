"""Work after the answer: takes jobs of the outbox by lease and does them, one after the other.

In-process by default (a thread in each process of the server), or apart with `flask worker`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from models.base import db
from models.database import write_transaction
from models.deliveries import FAILING, ORDINARY, URGENT
from models.jobs import LEASE, Job, worker_name
from services.arrivals import store
from services.audit import seal
from services.case_links import link
from services.channels.outcomes import LIMIT_S
from services.deliveries import HANDLERS as POST
from services.deliveries import digest, sweep
from services.examination import examine
from services.notices import EVERY_S, has_news, tell
from services.offers import expire
from services.orphans import collect
from services.overdue import overdue
from services.passing import is_another_day, pass_on_today
from services.photos import preview
from services.unacked import climb
from services.uploads import attach

PAUSE_S = 1.0
CALL_PAUSE_S = 2.0
LONGEST_PAUSE_S = 10.0  # while the database is away
LOOK_S = 2.0  # how often it is asked whether there is something to send; and at once after other work
DEAD_S = 5.0  # how often it is asked whether another worker died
AT_ONCE = 4

# What is done for a kind of job: outside any transaction, returning what to write in the one that ends the job.
# That returns whether there is more of it to do at once.
Result = Callable[[], bool | datetime | None]
Handlers = Mapping[str, Callable[[Any, str, dict[str, Any]], Result]]
HANDLERS: dict[str, Callable[[Any, str, dict[str, Any]], Result]] = {
    "attach": attach,
    "climb": climb,
    "collect": collect,
    "digest": digest,
    "examine": examine,
    "expire": expire,
    "link": link,
    "overdue": overdue,
    "pass_on": pass_on_today,
    "preview": preview,
    "seal": seal,
    "store": store,
    "sweep": sweep,
    "tell": tell,
}
RECURRING = {  # s
    **dict.fromkeys(("seal", "attach", "examine", "expire", "link", "overdue", "climb", "pass_on"), 60),
    "tell": EVERY_S,
    "digest": 300,
    "sweep": 3600,
    "collect": 86_400,
}
# What recurs, and goes before all else as soon as a reading finds work for it.
CALLED: dict[str, Callable[[], bool]] = {"pass_on": is_another_day, "tell": has_news}
# How many threads of a process send at once, by kind of job: a receiver that is slow or dead holds up nothing but its
# own kind, and no other work.
COURIERS = {URGENT: 2, ORDINARY: 1, FAILING: 1}

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


def run_once(
    app: Any,
    stop: threading.Event | None = None,
    calls: Callable[[], list[str]] = called_for,
    handlers: Handlers = HANDLERS,
    at_once: int = AT_ONCE,
    between: Callable[[], None] = lambda: None,
) -> bool:
    """Do the jobs that are due, a few at most; whether there were any. Those not begun at a stop are given back, and
    those that would keep waiting what cannot wait."""
    with app.app_context():
        waiting = Job.is_waiting(handlers)
        called = calls()
        if not waiting and not called:
            return False
        me = worker_name()
        with write_transaction():
            for kind in called:
                Job.call(kind)
            jobs = [(job.id, job.kind, job.key, job.facts) for job in Job.take(me, at_once, handlers, CALLED)]
            db.session.commit()
        begun = 0
        with renewing(app, [id for id, *_ in jobs], me):
            for job in jobs:
                if (stop and stop.is_set()) or (begun > 1 and calls()):
                    break
                begun += 1
                _do(app, me, handlers, *job)
                between()
        if begun < len(jobs):
            with write_transaction():
                Job.release([id for id, *_ in jobs[begun:]], me)
                db.session.commit()
        return bool(jobs)


def _do(app: Any, me: str, handlers: Handlers, id: Any, kind: str, key: str, facts: dict[str, Any]) -> None:
    try:
        write = handlers[kind](app, key, facts)
        with write_transaction():
            if job := Job.still_of(id, me):
                more = write()
                job.done(more)
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


class Couriers:
    """Threads that send, begun when there is something to send and ended when there is nothing more."""

    def __init__(self, app: Any, stop: threading.Event):
        self.app, self.stop = app, stop
        self.threads: dict[str, list[threading.Thread]] = {kind: [] for kind in COURIERS}
        self.looked = float("-inf")

    def look(self, every_s: float = 0.0) -> None:
        if time.monotonic() - self.looked < every_s:
            return
        self.looked = time.monotonic()
        with self.app.app_context():
            waiting = Job.kinds_waiting(COURIERS)
            db.session.rollback()
        for kind in waiting:
            alive = [thread for thread in self.threads[kind] if thread.is_alive()]
            if len(alive) < COURIERS[kind]:
                alive.append(threading.Thread(target=self._run, args=(kind,), daemon=True, name=kind))
                alive[-1].start()
            self.threads[kind] = alive

    def _run(self, kind: str) -> None:
        try:
            while not self.stop.is_set() and run_once(self.app, self.stop, list, {kind: POST[kind]}, 1):
                pass
        except Exception:
            log.exception("courier")

    def finish(self) -> None:
        """What is on its way arrives."""
        for thread in [thread for threads in self.threads.values() for thread in threads]:
            thread.join(LIMIT_S)


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
    couriers = Couriers(app, stop)
    while not stop.is_set():
        try:
            if not prepared:
                prepare(app)
                prepared = True
            if time.monotonic() - looked >= DEAD_S:
                looked = time.monotonic()
                release_of_the_dead(app)
            couriers.look(every_s=LOOK_S)
            busy, pause = run_once(app, stop, calls, between=couriers.look), PAUSE_S
            if busy:
                continue
        except Exception:
            log.exception("worker")
            pause = min(2 * pause, LONGEST_PAUSE_S)
        _news.wait(pause)
        _news.clear()
    couriers.finish()


def start(app: Any) -> None:
    """One thread per process; it must start after a fork, never before."""
    threading.Thread(target=run_until, args=(app, threading.Event()), daemon=True, name="worker").start()
