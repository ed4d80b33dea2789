"""Which units have somebody on the system. The others are `off_system`: somebody above them must lead."""

from uuid import UUID

from models.base import db
from models.organisations import RANGER_STATION, Organisation
from models.reference import PARTS, Reference
from models.units import KnownUnit
from models.users import Role, User

PARTS.add(User)


def is_staffed(unit: KnownUnit, known: Reference) -> bool:
    """Whether a unit has an active officer or leader of its own, or of a ranger station that covers it."""
    if "staffed" not in known.more:
        known.more["staffed"] = _staffed(known)
    own, covered = known.more["staffed"]
    return unit.id in own or not covered.isdisjoint(unit.lineage_ids)


def has_leader(unit: KnownUnit, known: Reference) -> bool:
    """Whether an active leader serves in the unit itself."""
    if "led" not in known.more:
        active = db.and_(User.disabled_at.is_(None), User.role == Role.LEADER, User.unit_id.is_not(None))
        known.more["led"] = frozenset(db.session.scalars(db.select(User.unit_id).where(active).distinct()))
    return unit.id in known.more["led"]


def _staffed(known: Reference) -> tuple[frozenset[UUID], frozenset[UUID]]:
    """Units with people of their own, and units that a staffed ranger station covers."""
    active = db.and_(User.disabled_at.is_(None), User.role.in_([Role.OFFICER, Role.LEADER]))
    own = db.session.scalars(db.select(User.unit_id).where(active, User.unit_id.is_not(None)).distinct())
    stations = db.session.scalars(
        db.select(User.organisation_id)
        .join(Organisation, Organisation.id == User.organisation_id)
        .where(active, Organisation.kind == RANGER_STATION)
        .distinct()
    )
    covered = (unit for station in stations if station for unit in known.coverages.get(station, []))
    return frozenset(id for id in own if id), frozenset(covered)
