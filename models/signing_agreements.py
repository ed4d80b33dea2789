"""Agreements as people read and enter them: the parties, above and below see them; leaders of a party and admins sign."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from models.agreements import Agreement, Party
from models.base import db, new_id
from models.clock import today
from models.errors import Conflict, Invalid, NotAllowed, NotFound
from models.events import Event
from models.limits import steps
from models.organisations import Organisation
from models.parties import concern
from models.reference import Reference, reference, reference_on
from models.users import Person, Role

ACTIVITIES = (
    *("outreach_meeting", "participants", "commitment", "checkpoint"),
    *("joint_patrol", "briefing", "dialogue"),
)


def agreements_of(user: Person, on: date | None = None) -> list[Agreement]:
    """Those in force on a day that concern a person's scope: of its units, above and beneath, former parties included."""
    day = on or today()
    known = reference_on(day)
    return [found for found in db.session.scalars(Agreement.in_force(day)) if concerns(found, user, known, day)]


def find(id: UUID, user: Person) -> Agreement:
    """Any version. Raises NotFound."""
    agreement = db.session.get(Agreement, id)
    if agreement is None or not concerns(agreement, user, reference(), today()):
        raise NotFound()
    return agreement


def concerns(agreement: Agreement, user: Person, known: Reference, day: date) -> bool:
    ids = {id for party in agreement.parties for id in party.units_on(day, known.lineages, known.coverages)}
    return concern(ids, user, known)


def sign(
    user: Person, parties: list[dict[str, Any]], id: UUID | None = None, replaces: UUID | None = None, **facts: Any
) -> tuple[Agreement, bool]:
    """Enter an agreement, or the next version of one; and whether it is new: the same id and content again is the
    same. Raises NotAllowed, Invalid, IdConflict, Conflict."""
    if known := Agreement.sent_before(id, content_sha256=facts.get("content_sha256")):
        return known, False
    rows = [_party(at, **party) for at, party in enumerate(parties)]
    check_may_sign(user, rows)
    _check(rows, facts)
    before = _replaced(replaces, user, facts["valid_from"]) if replaces else None
    agreement = Agreement(
        id=id or new_id(),
        replaces_id=before and before.id,
        version=before.version + 1 if before else 1,
        parties=rows,
        **facts,
    )
    db.session.add(agreement)
    db.session.flush()
    Event.record(agreement, "signed", user, version=agreement.version, replaces=str(replaces) if replaces else None)
    return agreement, True


def check_may_sign(user: Person, rows: list[Party]) -> None:
    """An admin, or a leader who answers for one of the parties."""
    if user.role is Role.ADMIN:
        return
    known = reference()
    units = {id for row in rows for id in row.units_on(today(), known.lineages, known.coverages)}
    if user.role is not Role.LEADER or not any(user.acts_for(known.units.get(id)) for id in units):
        raise NotAllowed(action="sign_agreement")


def _party(position: int, unit_id: UUID | None = None, organisation_id: UUID | None = None) -> Party:
    if (unit_id is None) == (organisation_id is None):
        raise Invalid("parties", "unit_id hoặc organisation_id, chỉ một / unit_id or organisation_id, only one")
    if unit_id and unit_id not in reference().units:
        raise Invalid("parties", "đơn vị đã có / units that exist")
    if organisation_id and db.session.get(Organisation, organisation_id) is None:
        raise Invalid("parties", "tổ chức đã có / organisations that exist")
    return Party(id=new_id(), unit_id=unit_id, organisation_id=organisation_id, position=position)


def _check(rows: list[Party], facts: dict[str, Any]) -> None:
    given = [row.unit_id or row.organisation_id for row in rows]
    if len(set(given)) < 2 or len(set(given)) != len(given):
        raise Invalid("parties", "ít nhất hai bên, mỗi bên một lần / at least two parties, each once")
    if facts.get("valid_to") and facts["valid_to"] < facts["valid_from"]:
        raise Invalid("valid_to", "không trước valid_from / not before valid_from")
    units = {str(row.unit_id) for row in rows}
    if any(chair["unit_id"] not in units for chair in facts.get("chairs") or ()):
        raise Invalid("chairs", "các bên ký kết / units that are parties")
    arbiter = facts.get("arbiter_unit_id")
    if arbiter and arbiter not in reference().units:
        raise Invalid("arbiter_unit_id", "đơn vị đã có / a unit that exists")
    if unknown := set(facts.get("clocks") or ()) - steps():
        raise Invalid("clocks", f"{', '.join(sorted(steps()))} ({', '.join(sorted(unknown))})")


def _replaced(id: UUID, user: Person, valid_from: date) -> Agreement:
    before = find(id, user)
    if db.session.scalar(db.select(Agreement.id).where(Agreement.replaces_id == before.id)):
        raise Conflict()
    if before.valid_from and valid_from < before.valid_from + timedelta(days=1):
        raise Invalid("valid_from", f"sau {before.valid_from} / after {before.valid_from}")
    return before
