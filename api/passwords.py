"""What takes long about passwords, done before the transaction begins, so that nobody waits for it."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request

from api.security import current_user
from api.sessions import open_session
from api.transaction import stop_reading
from models import User, db
from models.administration import find, require_admin
from models.errors import Busy
from models.sign_in import Attempt
from models.sign_in_failures import counter_of_address, slow_down_s
from services.passwords import hash_password, refuse_weak, verify_password

# Threads of this process that may wait for nothing but time.
_sleepers = threading.BoundedSemaphore(8)


def pause(seconds: float) -> None:
    """Hold one request back. Raises Busy when as many are held back as this process can spare."""
    if not seconds:
        return
    if not _sleepers.acquire(blocking=False):
        raise Busy()
    try:
        time.sleep(seconds)
    finally:
        _sleepers.release()


def keeps_no_answer(view: Callable[..., Any]) -> Callable[..., Any]:
    """An Idempotency-Key would store the answer and a hash of the request; here one of them is a secret."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g.keeps_no_answer = True
        return view(*args, **kwargs)

    return wrapper


def checks_password(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whether the password is right takes 25 ms; what follows from it is settled in the transaction."""

    @wraps(view)
    def wrapper(login: dict[str, Any]) -> Any:
        attempt = Attempt.of(login["username"], login["device"]["id"], request.remote_addr or "")
        seconds = attempt.pause_s
        db.session.rollback()
        pause(seconds)
        login["right"] = verify_password(attempt.password_hash, login["password"])
        return view(login, attempt)

    return wrapper


def slow_down(view: Callable[..., Any]) -> Callable[..., Any]:
    """An address that failed often of late waits a little."""

    @wraps(view)
    def wrapper(arguments: dict[str, Any]) -> Any:
        seconds = slow_down_s(counter_of_address(request.remote_addr or ""))
        db.session.rollback()
        pause(seconds)
        return view(arguments)

    return wrapper


def replaces_password(view: Callable[..., Any]) -> Callable[..., Any]:
    """One's own: the old one verified, the new one judged and hashed."""

    @wraps(view)
    def wrapper(passwords: dict[str, Any]) -> Any:
        open_session()
        attempt = Attempt.again(current_user, g.session.device_id)
        refuse_weak(passwords["new"], current_user.username, current_user.name)
        stop_reading()
        # Whoever enrolled with a code has none yet, and gives none.
        right = not attempt.password_hash or verify_password(attempt.password_hash, passwords["old"])
        return view(attempt, right, hash_password(passwords["new"]) if right else "")

    return keeps_no_answer(wrapper)


def hashes_password(view: Callable[..., Any]) -> Callable[..., Any]:
    """Somebody else's, by an admin: `password` becomes `password_hash`."""

    @wraps(view)
    def wrapper(sent: dict[str, Any], **path: Any) -> Any:
        open_session()
        require_admin(current_user)
        named: Any = find(path["id"], current_user) if "id" in path else None
        password, names = sent.pop("password", None), _names(named, sent)
        if password:
            refuse_weak(password, *names)
        stop_reading()
        sent["password_hash"] = hash_password(password) if password else ""
        return view(sent, **path)

    return keeps_no_answer(wrapper)


def _names(user: User | None, sent: dict[str, Any]) -> tuple[str, ...]:
    return (user.username, user.name) if user else (sent["username"], sent["name"])
