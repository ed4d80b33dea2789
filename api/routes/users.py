"""/users: people, their passwords and their devices, administered."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.passwords import hashes_password
from api.schemas.auth import DeviceList
from api.schemas.common import cursor_text
from api.schemas.users import NewPerson, PasswordOfPerson, PersonChange, PersonPage, PersonSearch, PersonView
from api.security import current_user, signed_in
from api.transaction import writes
from models import Device, Role, administration

users = Blueprint("users", url_prefix="/api/v1/users", description="People")


@users.get("")
@signed_in
@users.arguments(PersonSearch, location="query")
@users.response(200, PersonPage)
def list_users(search):  # type: ignore[no-untyped-def]
    """The people of your scope, newest first; an admin sees all."""
    items, following = administration.page(current_user, search.pop("limit"), search.pop("cursor"), **search)
    return {"items": items, "next": cursor_text(following)}


@users.post("")
@signed_in
@users.arguments(NewPerson)
@hashes_password
@users.response(201, PersonView)
@users.alt_response(200, schema=PersonView, description="The same person again")
@writes
def create_user(person):  # type: ignore[no-untyped-def]
    """Create a person; without a password they sign in with an enrolment code."""
    administration.require_admin(current_user)
    content = content_sha256({k: v for k, v in body().items() if k != "password"})
    role = Role(person.pop("role"))
    user, new = administration.create(current_user, role=role, content_sha256=content, **person)
    return user, 201 if new else 200


@users.patch("/<uuid:id>")
@signed_in
@users.arguments(PersonChange)
@users.response(200, PersonView)
@writes
def change_user(changes, id):  # type: ignore[no-untyped-def]
    """Disable or enable, move, another role, another name."""
    return administration.change(administration.find(id, current_user, lock=True), current_user, **changes)


@users.post("/<uuid:id>/password")
@signed_in
@users.arguments(PasswordOfPerson)
@hashes_password
@users.response(204)
@writes
def set_password(password, id):  # type: ignore[no-untyped-def]
    """Give somebody a new password; all their sessions end."""
    administration.require_admin(current_user)
    user = administration.find(id, current_user, lock=True)
    administration.set_password(user, current_user, password["password_hash"])


@users.get("/<uuid:id>/devices")
@signed_in
@users.response(200, DeviceList)
def list_devices(id):  # type: ignore[no-untyped-def]
    """The devices somebody is known on."""
    devices = Device.of(administration.find_ranger(id, current_user))
    for device in devices:
        device.this = False
    return {"items": devices, "next": None}


@users.delete("/<uuid:id>/devices")
@signed_in
@users.response(204)
@writes
def sign_out(id):  # type: ignore[no-untyped-def]
    """Sign somebody out everywhere."""
    administration.sign_out(administration.find_ranger(id, current_user), current_user)


@users.delete("/<uuid:id>/devices/<uuid:device_id>")
@signed_in
@users.response(204)
@writes
def revoke_device(id, device_id):  # type: ignore[no-untyped-def]
    """Sign one of somebody's devices out; it is dead at its next request."""
    administration.sign_out(administration.find_ranger(id, current_user), current_user, device_id)
