"""What a phone needs to work for days without signal, in one answer."""

from typing import Any

from models.agreements import Agreement
from models.base import db, in_force, now
from models.clock import local_zone, today
from models.incident_types import INCIDENT_TYPES, enums
from models.limits import limit
from models.reference import reference_on
from models.users import Person
from services.photos import LARGEST_BYTES

LIMITS = ("border_buffer_m", "border_buffer_fire_m", "accuracy_unknown_m", "territory_reach_m")


def bootstrap(user: Person) -> dict[str, Any]:
    """Me, my units, communes near me with contacts, the catalogue, my agreements, settings, limits, the time."""
    day = today()
    reach_m = limit("territory_reach_m", day)
    known = reference_on(day)
    near = known.boundaries.neighbours(user.scope, reach_m) if known.boundaries else []
    own = [*reversed(known.above(user.unit)), user.unit] if user.unit else []
    return {
        "me": user,
        "units": own,
        "near": [{"unit": t, "contacts": known.contacts.get(t.id, [])} for t in near],
        "types": [kind.public for kind in INCIDENT_TYPES.values()],
        "enums": enums(),
        "agreements": agreements_of(user),
        "settings": {"time_zone": str(local_zone())},
        "limits": {name: limit(name, day) for name in LIMITS} | {"photo_bytes": LARGEST_BYTES},
        "server_time": now(),
    }


def agreements_of(user: Person) -> list[Agreement]:
    """Agreements in force of the units in, above and beneath a person's scope, former parties included."""
    day = today()
    known = reference_on(day)
    scope = [known.units[id] for id in user.scope]
    found = []
    for agreement in db.session.scalars(db.select(Agreement).where(in_force(Agreement, day))):
        parties = [known.units[id] for party in agreement.parties for id in known.lineages.on(party.unit_id, day)]
        if any(p.lineage.startswith(u.lineage) or u.lineage.startswith(p.lineage) for p in parties for u in scope):
            found.append(agreement)
    return found
