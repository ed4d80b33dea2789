"""/auth, /me: sign in, stay signed in, sign out, one's devices."""

import secrets

from flask import g

from api.blueprint import Blueprint
from api.schemas.auth import DeviceList, Login, Refresh, Tokens, UserView
from api.schemas.bootstrap import Bootstrap
from api.security import access_token, current_user, public, refresh_key, signed_in
from api.transaction import writes
from models import Device, Session, User, db
from models.errors import WrongPassword
from services.bootstrap import bootstrap
from services.passwords import verify_password

auth = Blueprint("auth", url_prefix="/api/v1", description="Sign-in")


def tokens(session: Session, refresh_token: str) -> dict[str, object]:
    return {
        "access_token": access_token(session),
        "refresh_token": refresh_token,
        "expires_in": 900,
        "user": session.user,
    }


def checks_password(view):  # type: ignore[no-untyped-def]
    """Argon2id takes 25 ms: before the transaction begins, so that nobody waits for it."""
    from functools import wraps

    @wraps(view)
    def wrapper(login):  # type: ignore[no-untyped-def]
        user = User.named(login["username"])
        known = user.password_hash if user and not user.disabled_at else None
        if not verify_password(known, login["password"]):
            raise WrongPassword()
        return view(login)

    return wrapper


@auth.post("/auth/login")
@public
@auth.arguments(Login)
@checks_password
@auth.response(200, Tokens)
@writes
def login(login):  # type: ignore[no-untyped-def]
    """Sign in on a named device."""
    facts = login["device"]
    device = Device.sign_in(
        User.named(login["username"]),  # type: ignore[arg-type]
        facts["id"],
        facts["name"],
        facts["platform"],
    )
    refresh_token = secrets.token_hex(32)
    return tokens(Session.open(device, refresh_token), refresh_token)


@auth.post("/auth/refresh")
@public
@auth.arguments(Refresh)
@auth.response(200, Tokens)
@writes
def refresh(request):  # type: ignore[no-untyped-def]
    """A new pair of tokens; asked again after a lost answer, the same refresh token."""
    return tokens(*Session.refresh(request["refresh_token"], refresh_key()))


@auth.post("/auth/logout")
@signed_in
@auth.response(204)
@writes
def logout():  # type: ignore[no-untyped-def]
    """End this session."""
    db.session.get_one(Session, g.session.id).end()


@auth.get("/me")
@signed_in
@auth.response(200, UserView)
def me():  # type: ignore[no-untyped-def]
    """Who I am, and where I serve."""
    return current_user


@auth.get("/bootstrap")
@signed_in
@auth.response(200, Bootstrap)
def read_bootstrap():  # type: ignore[no-untyped-def]
    """Everything a phone keeps for days without signal."""
    return bootstrap(current_user)


@auth.get("/me/devices")
@signed_in
@auth.response(200, DeviceList)
def my_devices():  # type: ignore[no-untyped-def]
    """The devices I am known on."""
    devices = Device.of(current_user)
    for device in devices:
        device.this = device.id == g.session.device_id
    return {"items": devices, "next": None}


@auth.delete("/me/devices/<uuid:id>")
@signed_in
@auth.response(204)
@writes
def revoke_device(id):  # type: ignore[no-untyped-def]
    """Sign a lost phone out; it is dead at its next request."""
    Device.revoke(id, current_user)
