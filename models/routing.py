"""Which unit is responsible for a point, and with how much doubt. A pure function of its inputs.

The decision is stored whole with the incident and can be made again from its stored inputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any
from uuid import UUID

from models.agreed_clocks import Clocks, clocks_of
from models.agreements import Accord
from models.boundaries import BoundaryIndex, Territory
from models.disputed_grounds import Claim, Ground
from models.errors import OutsideTerritory
from models.geometry import PlaneEdges, TangentPlane
from models.limits import accuracy_m, limit
from models.routing_words import explain

ON_LINE_M = 0.001  # a point on a shared line lies in both units; rounding alone could put it in neither
TIE = 1e-6  # shares closer than this are equal
FORM = 1  # of stored decisions: grows when their fields or sentences change, so that older ones are still replayed


@dataclass(frozen=True)
class Place:
    """Where and when: degrees WGS 84, accuracy as the phone states it (radius in metres, None when unknown)."""

    lat: float
    lon: float
    accuracy_m: float | None
    fire: bool
    on: date


@dataclass
class Candidate:
    territory: Territory
    distance_m: float  # to its boundary line, whichever side; infinite when the edition draws none
    inside: bool
    share: float  # of the error disc, overlaps and gaps taken out
    interior_m: float  # to its stored interior point
    accord: Accord | None = None  # the agreement that covers the border with the lead
    buffer_m: float | None = None  # within which it counts as near; the lead has none
    by_agreement: bool = False  # near only by the buffer of its agreement, not by the default
    offered: bool = False  # support is offered at once

    @property
    def id(self) -> UUID:
        return self.territory.id

    @property
    def is_drawn(self) -> bool:
        return math.isfinite(self.distance_m)

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "unit": self.territory.facts,
            "share": self.share,
            "distance_m": round(self.distance_m, 1) if self.is_drawn else None,
            "inside": self.inside,
            "covered": self.accord is not None,
            "agreement_id": str(self.accord.id) if self.accord else None,
            "buffer_m": self.buffer_m,
            "support_offered": self.offered,
        }


@dataclass
class Decision:
    rule: str
    candidates: list[Candidate]  # the lead first
    place: Place
    radius_m: float
    edition: dict[str, Any]
    accords: Sequence[Accord] = field(repr=False, default=())
    grounds: Sequence[Ground] = field(repr=False, default=())  # disputed, and holding the place
    claimants: list[Candidate] = field(default_factory=list)  # of those grounds, but for the lead

    @property
    def disputed(self) -> list[Ground]:
        """The grounds in which somebody claims the place beside the lead."""
        lead, others = self.lead.territory.lineage, [c.territory.lineage for c in self.claimants]
        return [
            ground
            for ground in self.grounds
            if any(claim.is_of(other) and not claim.is_of(lead) for claim in ground.claims for other in others)
        ]

    @property
    def lead(self) -> Candidate:
        return self.candidates[0]

    @property
    def supports(self) -> list[Candidate]:
        return [c for c in self.candidates[1:] if c.offered]

    @property
    def facts(self) -> dict[str, Any]:
        """What is stored: the answer, its explanation, and the inputs that lead to it again."""
        agreement = next((c.accord for c in self.candidates if c.accord), None)
        return {
            "rule": self.rule,
            "lead": self.lead.territory.facts,
            "candidates": [c.facts for c in self.candidates],
            "agreement_id": str(agreement.id) if agreement else None,
            "disputed_ground_ids": [str(g.id) for g in self.disputed],
            "edition": self.edition,
            "explanation": explain(self),
            **self.clocks,
            "inputs": {
                "lat": self.place.lat,
                "lon": self.place.lon,
                "accuracy_m": self.place.accuracy_m,
                "fire": self.place.fire,
                "on": self.place.on.isoformat(),
                "radius_m": self.radius_m,
                "agreements": [str(a.id) for a in self.accords],
                "disputed_grounds": [str(g.id) for g in self.grounds],
                "form": FORM,
            },
        }

    @property
    def clocks(self) -> dict[str, Clocks]:
        """What agreements say of how long steps may take; `late_clocks`: of a fire that counts as other because it was
        found long before and burns no more. Neither is there when they say nothing."""
        stating, lineages = [a for a in self.accords if a.clocks], [c.territory.lineage for c in self.candidates]
        found = {"clocks": clocks_of(stating, lineages, self.place.fire)} if stating else {}
        if stating and self.place.fire:
            found["late_clocks"] = clocks_of(stating, lineages, False)
        return {name: clocks for name, clocks in found.items() if clocks}


def route(place: Place, index: BoundaryIndex, accords: Sequence[Accord], grounds: Sequence[Ground] = ()) -> Decision:
    """Decide who leads at a place and who stands near. Raises OutsideTerritory beyond 20 km from every unit.

    `grounds` are those disputed on that day; only the ones that hold the place matter.
    """
    radius_m = max(accuracy_m(place.accuracy_m, place.on), limit("accuracy_least_m", place.on)) + index.error_m
    default_buffer_m = limit("border_buffer_fire_m" if place.fire else "border_buffer_m", place.on)
    widest_m = max([radius_m, default_buffer_m, *(a.buffer(place.fire) or 0 for a in accords)])

    near = _measure(place, index, widest_m, radius_m)
    inside = [c for c in near if c.inside]
    reach_m = limit("territory_reach_m", place.on)
    if not inside and not any(c.distance_m <= reach_m for c in near):
        near = [_nearest(place, index)]
    lead = _lead(near, gap=not inside)

    others = []
    for candidate in near:
        if candidate is lead:
            continue
        covering = [a for a in accords if a.covers(lead.territory.lineage, candidate.territory.lineage)]
        buffers = {a: default_buffer_m if (b := a.buffer(place.fire)) is None else b for a in covering}
        widest = max(buffers, key=lambda a: buffers[a], default=None)  # the newest signed between equals
        candidate.buffer_m = buffers[widest] if widest else default_buffer_m
        if candidate.distance_m <= max(radius_m, candidate.buffer_m) or candidate.inside:
            candidate.accord = widest
            candidate.by_agreement = not candidate.inside and candidate.distance_m > max(radius_m, default_buffer_m)
            others.append(candidate)
    held = [ground for ground in grounds if ground.holds(place.lat, place.lon)]
    claiming = _claimants(held, lead, near, place, index)
    others += [c for c in claiming if c not in others]
    others.sort(key=lambda c: (-c.share, c.distance_m, c.id))

    # Claimants hold the point itself, by more than a line, and have ground in common.
    within = [c for c in inside if c.distance_m > ON_LINE_M]
    claims = [pair for pair in combinations(within, 2) if index.overlap(pair[0].territory, pair[1].territory)]
    claimants = [c for c in others if c in claiming or any(c in pair for pair in claims)]
    if not inside:
        rule = "gap"
    elif claimants:
        rule = "overlap"
    else:
        rule = "near_border" if others else "inside"
    for candidate in others:
        candidate.offered = candidate.accord is not None or candidate in claimants
    return Decision(rule, [lead, *others], place, radius_m, index.edition, accords, held, claiming)


def _claimants(
    held: Sequence[Ground], lead: Candidate, near: list[Candidate], place: Place, index: BoundaryIndex
) -> list[Candidate]:
    """Who claims the place beside the lead, one commune for each claimant: of those near the one with the largest
    share, then the nearest; else the nearest of its communes, however far."""
    found: list[Candidate] = []
    for claim in (claim for ground in held for claim in ground.claims if not claim.is_of(lead.territory.lineage)):
        candidates = [c for c in (*near, *found) if claim.is_of(c.territory.lineage)] or _far(claim, place, index)
        best = min(candidates, key=lambda c: (-c.share, c.distance_m, c.id))
        if best not in found:
            found.append(best)
    return found


def _far(claim: Claim, place: Place, index: BoundaryIndex) -> list[Candidate]:
    """Its communes, beyond the error disc and so without a share; the claimant itself when the edition has none."""
    communes = [territory for territory in index.territories if claim.is_of(territory.lineage)]
    if not communes:
        undrawn = (Territory(u.id, u.lineage_ids, u.facts, None, (place.lat, place.lon)) for u in claim.units)
        return [Candidate(territory, math.inf, False, 0.0, math.inf) for territory in undrawn]
    plane = TangentPlane(place.lat, place.lon)
    distances = ((territory, territory.edges.around(plane).distance_m()) for territory in communes)
    return [Candidate(t, distance_m, False, 0.0, _interior_m(place, t)) for t, distance_m in distances]


def _measure(place: Place, index: BoundaryIndex, reach_m: float, radius_m: float) -> list[Candidate]:
    """The territories that hold the point or come within reach, with their shares of the error disc."""
    plane = TangentPlane(place.lat, place.lon)
    disc_m2 = math.pi * radius_m * radius_m
    found = []
    for territory in index.near(place.lat, place.lon, reach_m):
        edges = territory.edges.around(plane)
        distance_m = edges.distance_m()
        inside = distance_m <= ON_LINE_M or edges.hold_origin()
        if inside or distance_m <= reach_m:
            share = _share(edges, distance_m, inside, radius_m, disc_m2)
            found.append(Candidate(territory, distance_m, inside, share, _interior_m(place, territory)))
    total = math.fsum(c.share for c in found)
    for candidate in found:
        candidate.share = candidate.share / total if total else 0.0
    return found


def _share(edges: PlaneEdges, distance_m: float, inside: bool, radius_m: float, disc_m2: float) -> float:
    if distance_m >= radius_m:
        return 1.0 if inside else 0.0
    return min(1.0, max(0.0, edges.disc_area_m2(radius_m) / disc_m2))


def _interior_m(place: Place, territory: Territory) -> float:
    """To its interior point, on the sphere: only ever compared with another such distance."""
    lat, lon = territory.interior
    across = (lon - place.lon) * math.cos(math.radians(place.lat))
    return math.hypot(lat - place.lat, across) * 111_195.0


def _nearest(place: Place, index: BoundaryIndex) -> Candidate:
    reach_m = limit("territory_reach_m", place.on)
    found = _measure(place, index, reach_m, radius_m=0.0)
    if not found:
        raise OutsideTerritory()
    return min(found, key=lambda c: (c.distance_m, c.interior_m, c.id))


def _lead(candidates: list[Candidate], gap: bool) -> Candidate:
    """The largest share; between equals the nearer interior point, then the smaller id. In a gap the nearest."""
    if gap:
        return min(candidates, key=lambda c: (round(c.distance_m, 3), c.interior_m, c.id))
    largest = max(c.share for c in candidates)
    equal = [c for c in candidates if largest - c.share <= TIE]
    return min(equal, key=lambda c: (c.interior_m, c.id))
