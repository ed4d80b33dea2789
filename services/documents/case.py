"""What several papers say of a case in the same words: what, when, where, whose."""

from typing import Any
from uuid import UUID

import shapely

from models.boundaries import area_m2
from models.documents import Opened
from models.drawn import from_geojson
from models.incident_types import INCIDENT_TYPES
from models.reference import reference
from models.units import KnownUnit
from services.coordinates import to_vn2000, zone_of
from services.documents.blocks import RIGHT, Block, field, numbered, text
from services.documents.bodies import province_of, with_province
from services.documents.things import facts_in_words
from services.documents.wording import (
    code_in_words,
    degrees,
    grid,
    joined,
    measured,
    metres,
    moment_in_words,
    number,
    plain,
    zone_in_words,
)

MOST_CORNERS = 40
PLOT = {"compartment": "tiểu khu", "sub_compartment": "khoảnh", "plot": "lô"}
PLOT |= {"tieu_khu": "tiểu khu", "khoanh": "khoảnh", "lo": "lô"}


def type_of(paper: Opened) -> str:
    """As it stands inside a sentence."""
    label = INCIDENT_TYPES[paper.incident.type].labels["vi"]
    return label[0].lower() + label[1:]


def routed_unit(paper: Opened) -> KnownUnit:
    """The commune in which the place lies, as it was routed."""
    return reference().units[UUID(paper.incident.routing["lead"]["id"])]


def found_at(paper: Opened) -> str | None:
    incident = paper.incident
    return moment_in_words(incident.found_at_corrected or incident.found_at)


def place(paper: Opened) -> list[Block]:
    """Where: both grids, how exact, plots, and why it is whose."""
    incident, commune = paper.incident, routed_unit(paper)
    province = province_of(commune)
    accuracy = incident.location.get("accuracy_m")
    return [
        field("Địa điểm", with_province(commune)),
        field("Tọa độ WGS 84", degrees(incident.lat, incident.lon)),
        field("Tọa độ VN-2000", grid(incident.lat, incident.lon, province.name) if province else None),
        field("Sai số định vị", measured(accuracy, "m") and f"± {measured(accuracy, 'm')}"),
        field("Tiểu khu, khoảnh, lô", plots(incident.plots)),
        field("Xác định địa bàn", plain(incident.routing["explanation"]["vi"])),
    ]


def plots(known: list[Any] | None) -> str | None:
    """ "tiểu khu 562A, khoảnh 3, lô 2" """
    said = [facts_in_words(plot, PLOT, ", ", " ") if isinstance(plot, dict) else plain(plot) for plot in known or []]
    return joined(*said)


def forest(paper: Opened) -> list[Block]:
    """Category and origin as verified, else as reported, and whose forest it is."""
    incident, found = paper.incident, paper.verification
    verified = incident.verified or {}

    def known(name: str) -> str | None:
        code = (found and getattr(found, name)) or verified.get(name) or getattr(incident, name)
        return code_in_words(name, code)

    owner = incident.forest_owner or {}
    owner_type = code_in_words("forest_owner_type", owner.get("type"))
    return [
        field("Loại rừng, nguồn gốc", joined(known("forest_category"), known("forest_origin"))),
        field("Chủ rừng", plain(owner.get("name") or owner.get("ten")) or owner_type),
    ]


def outline(paper: Opened) -> list[Block]:
    """The area both sides agreed on: how large, and its corners where they can be read on paper."""
    drawn = paper.verification and paper.verification.outline
    if not drawn:
        return [field("Ranh giới khu vực kiểm tra", None)]
    agreed = from_geojson(drawn)
    area = number(area_m2(agreed), 0)
    said = field("Ranh giới khu vực kiểm tra", f"theo ranh giới các bên thống nhất, {area} m²")
    province = province_of(routed_unit(paper))
    zone = zone_of(province.name) if province else None
    corners = [spot for polygon in shapely.get_parts(agreed) for spot in list(polygon.exterior.coords)[:-1]]
    if zone is None or len(corners) > MOST_CORNERS:
        return [said, text(f"Tọa độ {len(corners)} đỉnh của ranh giới lưu trong hồ sơ điện tử.")]
    rows = [tuple(metres(value) for value in to_vn2000(lat, lon, zone)) for lon, lat in corners]
    columns = [("X (Đông)", 2.0, RIGHT), ("Y (Bắc)", 2.0, RIGHT)]
    return [said, text(f"Tọa độ các đỉnh (VN-2000, {zone_in_words(zone)}):"), numbered(columns, rows)]
