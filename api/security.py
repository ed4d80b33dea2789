"""Who is calling. What they may do is decided in models/permissions.py."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import current_app, g, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, verify_jwt_in_request

from api.errors import plain
from api.sessions import current_user, first_use, open_session
from api.transaction import note_in_use
from models import Session

__all__ = ["access_token", "current_user", "jwt", "public", "refresh_key", "signed_in"]

jwt = JWTManager()
KEY_ID = "1"
TOKENS_REMEMBERED = 10_000


def access_token(session: Session) -> str:
    return create_access_token(
        str(session.user_id),
        additional_claims={"sid": str(session.id), "did": str(session.device_id), "gen": session.generation},
        additional_headers={"kid": KEY_ID},
    )


def refresh_key() -> bytes:
    return bytes.fromhex(current_app.config["REFRESH_KEY"])


def verified_claims() -> dict[str, Any]:
    """The claims of this request's token. A signature found good stays good: only its age is asked again."""
    verified: dict[str, dict[str, Any]] = current_app.extensions.setdefault("verified_tokens", {})
    header = request.headers.get("Authorization", "")
    claims = verified.get(header)
    if claims is None or claims["exp"] <= time.time():
        verified.pop(header, None)
        verify_jwt_in_request()
        if len(verified) >= TOKENS_REMEMBERED:
            verified.clear()
        claims = verified[header] = get_jwt()
    return claims


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """Only with a valid access token of a session that still lives, looked up on every request."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g.claims = verified_claims()
        if not hasattr(view, "writes"):  # a writer looks the session up in its own transaction
            session = open_session()
            if first_use(session):
                note_in_use(session)
        return view(*args, **kwargs)

    wrapper.policy = "signed_in"  # type: ignore[attr-defined]
    return wrapper


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """Says that a route is meant for everybody; a route that says nothing stops the app from starting."""
    view.policy = "public"  # type: ignore[attr-defined]
    return view


# Flask-JWT-Extended answers {"msg": …} by itself; every error of ours has one shape.
@jwt.unauthorized_loader
@jwt.invalid_token_loader
def refuse(_reason: str) -> Any:
    return plain(401)


@jwt.expired_token_loader
@jwt.revoked_token_loader
def refuse_token(_header: Any, _payload: Any) -> Any:
    return plain(401)
