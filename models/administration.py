"""Who may see and change whom: an admin everybody; officers and leaders see people of their scope, and enrol rangers."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from models.base import db, new_id, now
from models.devices import Device, Session
from models.enrolments import Enrolment
from models.errors import Incomplete, Invalid, LastAdmin, NotAllowed, NotFound, UsernameTaken
from models.events import Event
from models.incident_lists import subtree
from models.organisations import Organisation
from models.reference import reference
from models.units import KnownUnit, fold
from models.users import Person, Role, User, username_of

Cursor = tuple[datetime, UUID]


def require_admin(actor: Person) -> None:
    if actor.role is not Role.ADMIN:
        raise NotAllowed(action="manage_people")


def homes(user: Any) -> list[KnownUnit]:
    """The units of a user, or those that their organisation covers."""
    known = reference()
    ids = [user.unit_id] if user.unit_id else known.coverages.get(user.organisation_id, [])
    return [known.units[id] for id in ids]


def may_see(actor: Person, user: Any) -> bool:
    if actor.role is Role.ADMIN or actor.id == user.id:
        return True
    return actor.decides and any(actor.answers_for(unit) for unit in homes(user))


def may_sign_out(actor: Person, user: Any) -> bool:
    """Read and revoke devices, hand out enrolment codes: an admin, and whoever acts for the unit of a ranger."""
    if actor.role is Role.ADMIN:
        return True
    return actor.decides and user.role is Role.RANGER and any(actor.acts_for(unit) for unit in homes(user))


def find(id: UUID, actor: Person, lock: bool = False) -> User:
    """A user whom the actor may see. Raises NotFound."""
    user = db.session.get(User, id, with_for_update=lock or None)
    if user is None or not may_see(actor, user):
        raise NotFound()
    return user


def find_ranger(id: UUID, actor: Person, lock: bool = False) -> User:
    """A user whom the actor may sign out and enrol."""
    user = find(id, actor, lock)
    if not may_sign_out(actor, user):
        raise NotAllowed(action="manage_devices")
    return user


def page(
    actor: Person,
    limit: int,
    after: Cursor | None,
    unit: UUID | None = None,
    role: str | None = None,
    q: str | None = None,
) -> tuple[list[User], Cursor | None]:
    """One page, newest first; `unit` with all beneath and before it, `q` without accents."""
    if actor.role is Role.RANGER:
        raise NotAllowed(action="manage_people")
    users = db.select(User).order_by(User.created_at.desc(), User.id.desc()).limit(limit + 1)
    if actor.role is not Role.ADMIN:
        users = users.where(_seen_by(actor))
    if unit:
        users = users.where(User.unit_id.in_(subtree(unit)))
    if role:
        users = users.where(User.role == Role(role))
    if q and (wanted := fold(q)):
        users = users.where(User.search.contains(wanted, autoescape=True))
    if after:
        at = db.bindparam(None, after[0], type_=User.created_at.type)
        users = users.where(db.tuple_(User.created_at, User.id) < db.tuple_(at, after[1]))
    found = list(db.session.scalars(users))
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], (last.created_at, last.id) if last else None


def _seen_by(actor: Person) -> Any:
    known = reference()
    units = {unit.id for unit in known.units.values() if actor.answers_for(unit)}
    covering = [id for id, covered in known.coverages.items() if not units.isdisjoint(covered)]
    return db.or_(User.unit_id.in_(units), User.organisation_id.in_(covering), User.id == actor.id)


def create(
    actor: Person | None,
    username: str,
    name: str,
    role: Role,
    unit_id: UUID | None = None,
    organisation_id: UUID | None = None,
    password_hash: str = "",
    id: UUID | None = None,
    content_sha256: str | None = None,
) -> tuple[User, bool]:
    """The user, and whether they are new: the same id and content again is the same user."""
    if known := User.sent_before(id, content_sha256=content_sha256):
        return known, False
    check_home(unit_id, organisation_id)
    if User.named(username):
        raise UsernameTaken()
    user = User(
        id=id or new_id(),
        username=username_of(username),
        name=unicodedata.normalize("NFC", name),
        role=role,
        unit_id=unit_id,
        organisation_id=organisation_id,
        password_hash=password_hash,
        content_sha256=content_sha256,
    )
    db.session.add(user)
    db.session.flush()
    Event.record(user, "created", actor, texts={"username": user.username, "name": name}, role=str(role), **_home(user))
    return user, True


def check_home(unit_id: UUID | None, organisation_id: UUID | None) -> None:
    """Exactly one of the two, and it must be there."""
    if (unit_id is None) == (organisation_id is None):
        raise Invalid("unit_id", "unit_id hoặc organisation_id, chỉ một / unit_id or organisation_id, only one")
    if unit_id and unit_id not in reference().units:
        raise Invalid("unit_id", "đơn vị đã có / a unit that exists")
    if organisation_id and db.session.get(Organisation, organisation_id) is None:
        raise Invalid("organisation_id", "tổ chức đã có / an organisation that exists")


def _home(user: User) -> dict[str, str | None]:
    ids = {"unit": user.unit_id, "organisation": user.organisation_id}
    return {name: str(id) if id else None for name, id in ids.items()}


def change(
    user: User,
    actor: Person,
    disabled: bool | None = None,
    role: str | None = None,
    name: str | None = None,
    unit_id: UUID | None = None,
    organisation_id: UUID | None = None,
) -> User:
    """Disable or enable, move, another role, another name. What is not given stays."""
    require_admin(actor)
    active_admin = user.role is Role.ADMIN and user.disabled_at is None
    if active_admin and (disabled or role not in (None, Role.ADMIN)):
        _keep_an_admin(user)
    if unit_id or organisation_id:
        check_home(unit_id, organisation_id)
        if (user.unit_id, user.organisation_id) != (unit_id, organisation_id):
            user.unit_id, user.organisation_id = unit_id, organisation_id
            Event.record(user, "moved", actor, **_home(user))
    if role and user.role is not Role(role):
        user.role = Role(role)
        Event.record(user, "role_changed", actor, role=role)
    if name and name != user.name:
        user.name = name
        Event.record(user, "renamed", actor, texts={"name": name})
    if disabled is not None and disabled != bool(user.disabled_at):
        user.disabled_at = now() if disabled else None
        Event.record(user, "disabled" if disabled else "enabled", actor)
    if disabled:
        Session.end_of(user.id)  # enabled again, they sign in again
        Enrolment.cancel(user.id)
    db.session.flush()
    return user


def _keep_an_admin(user: User) -> None:
    """Two admins who disable each other at once queue here, and the second finds nobody else."""
    admins = db.select(User.id).where(User.role == Role.ADMIN, User.disabled_at.is_(None)).order_by(User.id)
    if set(db.session.scalars(admins.with_for_update())) <= {user.id}:
        raise LastAdmin()


def set_password(user: User, actor: Person, password_hash: str, but: Any = None) -> None:
    """Ends all sessions of the user but one. Written past the listener: nobody remembers a password."""
    db.session.execute(
        db.update(User.__table__).where(User.__table__.c.id == user.id).values(password_hash=password_hash)
    )
    Session.end_of(user.id, but=but.id if but else None)
    Enrolment.cancel(user.id)
    Event.record(user, "password_set", actor)


def sign_out(user: User, actor: Person, device_id: UUID | None = None) -> None:
    if device_id:
        Device.revoke(device_id, user, actor)
    else:
        Device.revoke_all(user, actor)
        Enrolment.cancel(user.id)


def enrol(
    actor: Person,
    keys: Sequence[str],
    id: UUID,
    content_sha256: str,
    user_id: UUID | None = None,
    ranger: dict[str, Any] | None = None,
) -> tuple[Enrolment, bool]:
    """A code for somebody whom the actor may enrol, or for a new ranger; and whether it is new."""
    if not (actor.decides or actor.role is Role.ADMIN):
        raise NotAllowed(action="enrol")
    if known := Enrolment.sent_before(id, issuer_id=actor.id, content_sha256=content_sha256):
        return known.shown_again(keys), False
    if (user_id is None) == (ranger is None):
        raise Invalid("user_id", "user_id hoặc ranger, chỉ một / user_id or ranger, only one")
    user = find_ranger(user_id, actor, lock=True) if user_id else _new_ranger(actor, **(ranger or {}))
    return Enrolment.issue(user, actor, keys[0], id, content_sha256), True


def _new_ranger(actor: Person, id: UUID, username: str, name: str, unit_id: UUID | None = None) -> User:
    """In a unit of the actor's scope; their own when none is named."""
    home = unit_id or actor.unit_id
    if home is None:
        raise Incomplete("ranger.unit_id")
    unit = reference().units.get(home)
    if unit is None or not (actor.role is Role.ADMIN or actor.answers_for(unit)):
        raise NotFound()
    if not (actor.role is Role.ADMIN or actor.acts_for(unit)):
        raise NotAllowed(action="enrol")
    return create(actor, username, name, Role.RANGER, unit_id=home, id=id)[0]
