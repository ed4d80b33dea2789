"""One write request, one transaction, one answer. Nothing else in this room commits."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from flask import Response, g, jsonify, request
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from api.bodies import request_hash
from api.sessions import first_use, open_session
from models import Reply, Session, db
from models.database import BUSY_TIMEOUT_S, queue_batches, write_transaction
from models.errors import Busy, DomainError, Invalid
from models.reference import known_token, take_token

log = logging.getLogger(__name__)

KEPT_HEADERS = ("ETag", "Location", "Receipt")
LONGEST_KEY = 200
TRIES = 3
A_MOMENT_S = 0.2  # is all that reading waits for a turn to write
TURN_S = 0.25  # of a batch, before others may write


def writes(view: Callable[..., Any]) -> Callable[..., Any]:
    """Commit once, after the view has succeeded, the stored answer with it; replay the answer to a repeat.

    It stands beneath the `response` of the route: an answer that is not stored is written out after the commit,
    while the next writer has its turn.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return _tried(lambda: _once(wrapper.answers, view, args, kwargs))  # type: ignore[attr-defined]

    wrapper.writes = True  # type: ignore[attr-defined]
    wrapper.answers = {}  # type: ignore[attr-defined]  # filled by Blueprint.response
    return wrapper


def writes_in_turns(view: Callable[..., Any]) -> Callable[..., Any]:
    """For a batch: the view leaves what it writes to `in_turns`."""
    view.writes = True  # type: ignore[attr-defined]
    return view


def in_turns(begin: Callable[[], None], items: Sequence[Any], work: Callable[[Any], Any]) -> list[Any]:
    """Work through the items in their order and commit, as often as others must have their turn.

    One commit costs more than an item, so a short batch is one transaction. A transaction that lost against
    another is tried again; what was committed before it stays.
    """
    done = _tried(lambda: _turn(begin, items, work))
    while len(done) < len(items):
        rest = items[len(done) :]
        done += _tried(lambda rest=rest: _turn(lambda: None, rest, work))  # type: ignore[misc]
    return done


def one_turn(work: Callable[[], Any]) -> Any:
    """What a long request writes on its way, in a transaction of its own; only for a session that still lives."""

    def begin() -> None:
        open_session()

    return in_turns(begin, [None], lambda _: work())[0]


def _turn(begin: Callable[[], None], items: Sequence[Any], work: Callable[[Any], Any]) -> list[Any]:
    done: list[Any] = []
    with write_transaction(g.pop("waited_s", 0.0)):
        if len(items) > 1:
            queue_batches()
        note_first_use()
        begin()
        until = time.monotonic() + TURN_S
        for item in items:
            done.append(work(item))
            if time.monotonic() > until:
                break
        commit_and_remember()
    return done


def _tried(once: Callable[[], Any]) -> Any:
    for attempt in range(1, TRIES + 1):
        try:
            return once()
        except (IntegrityError, OperationalError) as error:
            if attempt == TRIES or not _passes(error):
                raise
    raise AssertionError("unreachable")


def note_first_use() -> bool:
    session = g.session if "session" in g else open_session()
    if first_use(session):
        Session.note_in_use(session.id, session.generation)
        return True
    return False


def _passes(error: Exception) -> bool:
    """Another transaction was first, with the same key or lock. All of ours is undone: tried again, it sees theirs."""
    return isinstance(error, IntegrityError) or "deadlock" in str(error).lower()


def _once(answers: dict[str, Any], view: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    with write_transaction(g.get("waited_s", 0.0)):
        if "claims" in g:
            noted = note_first_use()
        if (key := _key()) and (seen := Reply.given(g.session.user_id, _route(), key, request_hash())):
            return _replay(seen)
        try:
            result = view(*args, **kwargs)
        except DomainError as error:
            if error.keeps_writes:
                db.session.commit()
            db.session.rollback()
            if "claims" in g and noted:  # whatever was asked, the token was seen
                Session.note_in_use(g.session.id, g.session.generation)
                db.session.commit()
            # Perhaps refused only because the same request, sent twice at once, was just answered.
            if key and (seen := Reply.given(g.session.user_id, _route(), key, request_hash())):
                return _replay(seen)
            raise
        if key:
            result = answers["make"](result)
            _remember(key, result)
        commit_and_remember()
        return result


def commit_and_remember() -> None:
    """Commit; the answer is then written from what this transaction knew, without asking again."""
    token = known_token()
    db.session.commit()
    if token is not None:
        take_token(token)


def stop_reading() -> None:
    """Let go of the database, go on with what is remembered: on SQLite no commit passes while anybody reads."""
    token = known_token()
    db.session.rollback()
    if token is not None:
        take_token(token)


def _replay(seen: Reply) -> Response:
    response = jsonify(seen.body) if seen.status != 204 else Response()
    response.status_code = seen.status
    response.headers.update(seen.headers)
    response.headers["Idempotent-Replay"] = "true"
    return response


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    # A reading that is recorded is recorded each time: its answer is never kept to be given again.
    if not key or "claims" not in g or g.get("keeps_no_answer") or request.method in ("GET", "HEAD"):
        return None
    if len(key) > LONGEST_KEY:
        raise Invalid("Idempotency-Key", f"≤ {LONGEST_KEY}")
    return key


def _route() -> str:
    return f"{request.method} {request.path}"


def _remember(key: str, response: Response) -> None:
    db.session.add(
        Reply(
            user_id=g.session.user_id,
            route=_route(),
            key=key,
            request_hash=request_hash(),
            status=response.status_code,
            headers={h: response.headers[h] for h in KEPT_HEADERS if h in response.headers},
            body=response.get_json() or {},
        )
    )


def note_in_use(session: Any) -> None:
    """Outside a writing request. The next request will note it, if this one cannot."""
    note_if_free(lambda: Session.note_in_use(session.id, session.generation))


def note_if_free(write: Callable[[], None]) -> None:
    """What a reading request notes. While others write, or the disk is full, the reading goes on all the same."""
    try:
        with write_transaction(waited_s=BUSY_TIMEOUT_S - A_MOMENT_S):
            write()
            db.session.commit()
    except (Busy, OperationalError) as error:
        log.info("not noted: %s", error)


@contextmanager
def committing(really: bool = True) -> Iterator[None]:
    """For the terminal: everything inside, or nothing; nothing, too, when it was only to be tried."""
    with write_transaction():
        yield
        if really:
            db.session.commit()


@contextmanager
def filling(engine: Engine) -> Iterator[Connection]:
    """For a restore: a database filled by one transaction; everything inside, or nothing."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Rebuilding a table with foreign keys on would cascade to its children. Not possible inside BEGIN.
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA foreign_keys = OFF")
        yield connection
        connection.commit()
