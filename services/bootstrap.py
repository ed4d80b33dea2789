"""What a phone needs to work for days without signal, in one answer."""

from typing import Any

from models.base import now
from models.clock import local_zone, today
from models.duty_lists import duty_list
from models.entering_hotspots import hotspots_of
from models.incident_types import INCIDENT_TYPES, enums
from models.limits import limit
from models.notices import count_waiting
from models.parties import page
from models.reference import reference_on
from models.signing_agreements import agreements_of
from models.users import Person
from services.photos import LARGEST_BYTES

MOST_HOTSPOTS = 100
MOST_COUNTED = 100  # notices
LIMITS = ("border_buffer_m", "border_buffer_fire_m", "accuracy_unknown_m", "territory_reach_m")


def bootstrap(user: Person) -> dict[str, Any]:
    """Me, my units, communes near me with contacts, the catalogue, my agreements and hotspots, settings, limits, the time."""
    day = today()
    reach_m = limit("territory_reach_m", day)
    known = reference_on(day)
    near = known.boundaries.neighbours(user.scope, reach_m) if known.boundaries else []
    own = [*reversed(known.above(user.unit)), user.unit] if user.unit else []
    return {
        "me": user,
        "units": own,
        "near": [{"unit": t, "contacts": duty_list(known.units[t.id])} for t in near],
        "types": [kind.public for kind in INCIDENT_TYPES.values()],
        "enums": enums(),
        "agreements": agreements_of(user),
        "hotspots": page(hotspots_of(user), MOST_HOTSPOTS, None)[0],
        "settings": {"time_zone": str(local_zone())},
        "limits": {name: limit(name, day) for name in LIMITS} | {"photo_bytes": LARGEST_BYTES},
        "unread": count_waiting(user, MOST_COUNTED),
        "server_time": now(),
    }
