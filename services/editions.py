"""An edition of boundaries from what somebody sent to what is in force: read, tried, kept as a draft, activated, undone."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import shapely

from models import passing
from models.base import db, new_id
from models.boundaries import BoundaryIndex, Edition, Territory
from models.edition_drafts import EditionDraft
from models.edition_effects import SHOWN, listed
from models.passing import Effect, Ending
from models.reference import supposing
from models.units import KnownUnit, Unit, refresh_names_and_scopes
from services.boundaries import Report, Standing, befores, compare, units_of
from services.boundary_features import Feature
from services.placing import place
from services.unit_tree import UnitTree
from services.units import Ends, end_predecessors, enter_successions, enter_units


@dataclass
class Reform:
    """What somebody sends: polygons, and beside them what begins, ends and succeeds."""

    name: str
    valid_from: date
    valid_to: date | None
    features: list[Feature]
    units: list[dict[str, str]] = field(default_factory=list)
    successions: list[dict[str, str]] = field(default_factory=list)
    described: dict[str, Any] = field(default_factory=dict)  # source, licence, legal_reference, error_m


@dataclass
class Entered:
    """What entering it made of the tree."""

    units: list[Any]  # of each feature
    created: list[Unit]
    ended: list[Unit]


@dataclass
class Tried:
    report: Report
    effect: Effect
    units_created: int
    units_ending: int


def enter(reform: Reform, tree: UnitTree) -> Entered:
    """Make the units that it names, end those that it ends, and link them, in the transaction of the caller; with a tree
    that is supposed, only there. Raises BadFile."""
    ends = Ends()
    end_predecessors(reform.successions, "successions", tree, ends)
    enter_units(reform.units, "units", tree, ends)
    units, _ = units_of(reform.features, reform.valid_from, reform.valid_to, tree)
    db.session.flush()
    linked = enter_successions(reform.successions, "successions", tree)
    if (tree.created or ends.units or linked) and not tree.supposed:
        refresh_names_and_scopes()
    return Entered(units, tree.created, ends.units)


def supposed_tree() -> UnitTree:
    """The units as they are, to be changed in thought: others write meanwhile."""
    tree = UnitTree(supposed=True)
    db.session.rollback()
    return tree


def supposed_effect(ending: Ending, tree: UnitTree) -> Effect:
    """What an edition would move if these were the units. Nothing is written, so nobody who writes waits for it."""
    units = {id: KnownUnit.of(unit) for id, unit in tree.by_id.items()}
    with supposing(units, tree.lineages):
        effect = passing.effect_of(ending)
    db.session.rollback()
    return effect


def place_on_earth(reform: Reform, file: str, given_epsg: int | None, said_epsg: int | None) -> str:
    """Turn its polygons to WGS 84; one sentence about the coordinate system. Raises BadFile."""
    standing = Standing.on(reform.valid_from)
    db.session.rollback()  # others write meanwhile
    return place(reform.features, file, given_epsg, said_epsg, standing.places)


def try_out(reform: Reform) -> Tried:
    """What it would change, worked out in memory while others write. Raises BadFile."""
    tree = supposed_tree()
    entered = enter(reform, tree)
    effect = supposed_effect(ending(reform, entered.units), tree)
    standing = Standing.on(reform.valid_from, tree.linked)
    db.session.rollback()
    report = compare(reform.features, befores(reform.features, entered.units, standing), reform.name, standing)
    return Tried(report, effect, len(entered.created), len(entered.ended))


def ending(reform: Reform, units: list[Any], id: UUID | None = None) -> Ending:
    """As passing on must know it, before its boundaries are stored."""
    facts = {"id": str(id or new_id()), "name": reform.name, "valid_from": reform.valid_from.isoformat()}
    territories = []
    for feature, unit in zip(reform.features, units, strict=True):
        inside = feature.polygon.representative_point()
        at = (inside.y, inside.x)
        territories.append(Territory(unit.id, unit.lineage_ids, unit.facts, feature.polygon, at))
    index = BoundaryIndex(facts, reform.described.get("error_m") or 0.0, sorted(territories, key=lambda t: t.id))
    return Ending(facts, reform.valid_from, index)


# A draft.


def content_sha256(reform: Reform) -> str:
    """Of what was understood: the same content is the same in whichever format it came."""
    lines = hashlib.sha256()
    for feature in reform.features:
        properties = sorted(feature.properties.items())
        lines.update(repr((feature.code, feature.name, properties)).encode() + shapely.to_wkb(feature.polygon))
    said = (reform.name, reform.valid_from, reform.valid_to, reform.units, reform.successions)
    lines.update(repr((*said, sorted(reform.described.items()))).encode())
    return lines.hexdigest()


def drafted(tried: Tried, system: str) -> dict[str, Any]:
    """What the map report of a draft keeps: all are counted, the first of them named."""
    report = tried.report
    moved = [change for change in report.changes if change.moved_ha]
    hectares = ("before_ha", "after_ha", "gained_ha", "lost_ha")
    moves = [
        {"unit": c.named, "from": c.from_names} | {name: round(getattr(c, name), 2) for name in hectares} for c in moved
    ]
    return {
        "system": system,
        "appears": listed(report.appears, SHOWN),
        "disappears": listed(report.disappears, SHOWN),
        "moves": listed(moves, SHOWN),
        "gaps": listed([{"at": at, "ha": round(ha, 4)} for at, ha in report.gaps], SHOWN),
        "overlaps": listed([{"between": units, "ha": round(ha, 4)} for units, ha in report.overlaps], SHOWN),
        "before_ha": round(report.before_ha, 2),
        "after_ha": round(report.after_ha, 2),
        "units_created": tried.units_created,
        "units_ending": tried.units_ending,
    }


def polygons_of(reform: Reform) -> list[dict[str, Any]]:
    """As a draft keeps them."""
    return [
        {
            "position": position,
            "code": feature.code,
            "name": feature.name,
            "properties": feature.properties,
            "wkb": shapely.to_wkb(feature.polygon),
            "area_m2": feature.area_m2,
        }
        for position, feature in enumerate(reform.features)
    ]


def reform_of(edition: Edition) -> Reform:
    """What a draft was made of."""
    draft = db.session.get_one(EditionDraft, edition.id)
    features = [Feature(p.code, p.name, p.properties, shapely.from_wkb(p.wkb), p.area_m2) for p in draft.polygons]
    described = {name: getattr(edition, name) for name in ("source", "licence", "legal_reference", "error_m")}
    reform = Reform(edition.name, edition.valid_from, edition.valid_to, features, described=described)
    reform.units, reform.successions = draft.units, draft.successions
    return reform
