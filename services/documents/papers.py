"""A case as the words of one paper: filled here once, for every form it is printed in."""

from collections.abc import Callable
from typing import Any

from models.documents import HAND_OVER, REQUEST, SCENE, Opened
from models.vocabulary import word
from services.documents import coordination_request, hand_over_minutes, scene_minutes
from services.documents.bodies import Body, body_of
from services.documents.wording import NO_DATE, grid

FILL: dict[str, Callable[[Opened, Body], dict[str, Any]]] = {
    REQUEST: coordination_request.fill,
    SCENE: scene_minutes.fill,
    HAND_OVER: hand_over_minutes.fill,
}
FILE_NAMES = {REQUEST: "cong-van-phoi-hop", SCENE: "bien-ban-hien-truong", HAND_OVER: "bien-ban-ban-giao"}
NO_NUMBER = "………/………"
SCHEMATIC = (
    "Ghi chú: ranh giới dùng để xác định địa bàn là sơ đồ giản lược ({edition}), không phải bản đồ địa giới hành chính "
    "và không có giá trị phân định địa giới."
)


def get_ready() -> None:
    """Grids are read from disk the first time: not while others wait for their turn to write."""
    grid(22.0, 103.0, "Tỉnh Điện Biên")


def fill(paper: Opened) -> dict[str, Any]:
    """Everything that stands on it, as plain data. A value of None is a blank."""
    issuer = body_of(paper.unit, paper.user)
    filled = FILL[paper.kind](paper, issuer)
    edition = paper.incident.routing["edition"]["name"]
    return {
        "kind": paper.kind,
        "file_name": f"{FILE_NAMES[paper.kind]}-{paper.incident.number}",
        "name": f"{word(paper.kind, 'vi')} {paper.incident.number}",
        "mark": "DỰ THẢO",
        "above": issuer.above and issuer.above.upper(),
        "issuer": issuer.name.upper(),
        "number": f"Số: {filled.get('number') or NO_NUMBER}",
        "subject": filled.get("subject"),
        "dated": f"{issuer.place}, {filled['date'] or NO_DATE}",
        "title": filled.get("title"),
        "about": filled.get("about"),
        "addressee": filled.get("addressee"),
        "blocks": filled["blocks"],
        "notes": [SCHEMATIC.format(edition=edition)] if paper.is_schematic else [],
        "recipients": filled.get("recipients"),
        "signatures": filled["signatures"],
    }
