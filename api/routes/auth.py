"""/auth, /me: sign in, stay signed in, sign out, one's devices."""

from flask import g

from api.blueprint import Blueprint
from api.passwords import checks_password, replaces_password
from api.schemas.auth import DeviceList, Login, NewPassword, Refresh, Tokens, UserView
from api.schemas.bootstrap import Bootstrap
from api.security import access_token, current_user, public, refresh_keys, signed_in
from api.transaction import writes
from models import Device, Session, User, administration, db
from services.bootstrap import bootstrap

auth = Blueprint("auth", url_prefix="/api/v1", description="Sign-in")


def tokens(session: Session, refresh_token: str) -> dict[str, object]:
    return {
        "access_token": access_token(session),
        "refresh_token": refresh_token,
        "expires_in": 900,
        "user": session.user,
    }


@auth.post("/auth/login")
@public
@auth.arguments(Login)
@checks_password
@auth.response(200, Tokens)
@writes
def login(login, attempt):  # type: ignore[no-untyped-def]
    """Sign in on a named device."""
    facts = login["device"]
    device = Device.sign_in(attempt.settle(login["right"]), facts["id"], facts["name"], facts["platform"])
    return tokens(*Session.start(device))


@auth.post("/auth/refresh")
@public
@auth.arguments(Refresh)
@auth.response(200, Tokens)
@writes
def refresh(request):  # type: ignore[no-untyped-def]
    """A new pair of tokens; asked again after a lost answer, the same refresh token."""
    return tokens(*Session.refresh(request["refresh_token"], refresh_keys()))


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
    Device.revoke(id, db.session.get_one(User, current_user.id), current_user)


@auth.delete("/me/devices")
@signed_in
@auth.response(204)
@writes
def sign_out_elsewhere():  # type: ignore[no-untyped-def]
    """Sign out everywhere but here."""
    Device.revoke_all(db.session.get_one(User, current_user.id), current_user, but=g.session)


@auth.put("/me/password")
@signed_in
@auth.arguments(NewPassword)
@replaces_password
@auth.response(204)
@writes
def change_password(attempt, right, password_hash):  # type: ignore[no-untyped-def]
    """Another password; all other sessions of mine end."""
    administration.set_password(attempt.settle(right), current_user, password_hash, but=g.session)
