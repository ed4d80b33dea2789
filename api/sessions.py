"""The session that a request's token names: looked up once, in the transaction that uses it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from flask import g
from werkzeug.local import LocalProxy

from models import Person, Session, person
from models.errors import NotSignedIn


def open_session() -> Any:
    """The row of the live session of the token's claims. Raises NotSignedIn once it, its device or its user is shut."""
    begun = time.monotonic()
    session = Session.live(UUID(g.claims["sid"]))
    g.waited_s = time.monotonic() - begun  # the first that a request reads: where it waits when others hold the file
    if session is None:
        raise NotSignedIn()
    g.session, g.user = session, person(session.user_id)
    return session


def first_use(session: Any) -> bool:
    """Whether this is the first sight of an access token of the live generation."""
    return session.generation == g.claims["gen"] and not session.in_use


@contextmanager
def answering(owner: Person) -> Iterator[None]:
    """What is done and answered inside is another's than the caller's."""
    g.user, caller = owner, g.user
    try:
        yield
    finally:
        g.user = caller


def _user() -> Person:
    if "user" not in g:
        open_session()
    return g.user


current_user: Person = cast(Person, LocalProxy(_user))
