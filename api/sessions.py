"""The session that a request's token names: looked up once, in the transaction that uses it."""

from typing import cast
from uuid import UUID

from flask import g
from werkzeug.local import LocalProxy

from models import Session, User
from models.errors import NotSignedIn


def open_session() -> Session:
    """The live session of the token's claims. Raises NotSignedIn once it, its device or its user is shut."""
    session = Session.live(UUID(g.claims["sid"]))
    if session is None:
        raise NotSignedIn()
    g.session = session
    return session


def first_use(session: Session) -> bool:
    """Whether this is the first sight of an access token of the live generation."""
    return session.generation == g.claims["gen"] and not session.in_use


def _user() -> User:
    return (g.session if "session" in g else open_session()).user


current_user: User = cast(User, LocalProxy(_user))
