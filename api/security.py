"""Who is calling. What they may do is decided in models/permissions.py."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, verify_jwt_in_request

from api.errors import plain
from api.sessions import current_user, first_use, open_session
from api.transaction import note_in_use
from models import Session
from models.errors import NotSignedIn
from services.keys import LiveKeys, key_id

__all__ = ["access_token", "current_user", "install", "public", "refresh_keys", "signed_in"]

jwt = JWTManager()
TOKENS_REMEMBERED = 10_000


def install(app: Flask) -> None:
    app.extensions["jwt.key"] = LiveKeys(app.config["KEY_FOLDER"], "jwt.key")
    app.extensions["refresh.key"] = LiveKeys(app.config["KEY_FOLDER"], "refresh.key")
    jwt.init_app(app)


def signing_keys() -> LiveKeys:
    return current_app.extensions["jwt.key"]


def refresh_keys() -> tuple[str, ...]:
    """The current one first."""
    return current_app.extensions["refresh.key"].keys


def access_token(session: Session) -> str:
    g.signing_key = signing_keys().current  # the very one that the header names, should it change right now
    return create_access_token(
        str(session.user_id),
        additional_claims={"sid": str(session.id), "did": str(session.device_id), "gen": session.generation},
        additional_headers={"kid": key_id(g.signing_key)},
    )


@jwt.encode_key_loader
def key_to_sign(_identity: Any) -> str:
    return g.signing_key


@jwt.decode_key_loader
def key_named(header: dict[str, Any], _claims: Any) -> str:
    if (key := signing_keys().named(header.get("kid"))) is None:
        raise NotSignedIn()
    return key


def verified_claims() -> dict[str, Any]:
    """The claims of this request's token. A signature found good stays good while the keys stay the same: only its
    age is asked again."""
    keys = signing_keys().keys
    of_keys, verified = current_app.extensions.get("verified_tokens", (None, {}))
    if of_keys is not keys:  # a key that went out takes its tokens along
        verified = {}
        current_app.extensions["verified_tokens"] = (keys, verified)
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
