"""Joint verification: what both sides found, who reads who was there, and what follows for confirm and the clocks."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import time_machine

from models import Event, JointVerification, db
from models.base import now
from models.clock import local, today
from models.deadlines import due
from models.erasure import erase
from models.incidents import Incident
from models.users import User
from services import worker
from tests.pictures import jpeg
from tests.test_assignments import answer
from tests.test_hand_over import offer, unit_id
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

OUTLINE = {
    "type": "Polygon",
    "coordinates": [[[102.6, 22.2425], [102.601, 22.2425], [102.601, 22.2435], [102.6, 22.2435], [102.6, 22.2425]]],
}


@pytest.fixture
def joint(as_):
    """A felling at the border, received by Mường Toong; Tà Tổng has accepted its support."""
    incident = report(as_)
    accepts(as_, incident)
    return step(as_, incident, "receive")


def minutes(as_, **changes):
    """Of a visit this morning by both sides and a border post."""
    lead, partner = unit_id(as_, OFFICER), unit_id(as_, PARTNER)
    return {
        "id": str(uuid4()),
        "held_on": today().isoformat(),
        "minutes_number": "07/BB-KTHT",
        "people": [
            {"name": "Giàng A Sử", "unit_id": lead, "title": "Kiểm lâm địa bàn"},
            {"name": "Vàng Thị Mỷ", "unit_id": partner},
            {"name": "Hờ A Thầm", "unit_id": partner, "title": "Công an xã"},
            {"name": "Lò Văn Giữ", "unit_name": "Đồn Biên phòng Leng Su Sìn"},
        ],
        "text": "Hai bên thống nhất vị trí và phần thiệt hại của mỗi xã.",
        "outline": OUTLINE,
        "damage": {
            "trees": 7,
            "volume_m3": 4.4,
            "parts": [{"unit_id": lead, "volume_m3": 3.1}, {"unit_id": partner, "volume_m3": 1.3}],
        },
        "forest_category": "protection",
        "forest_origin": "natural",
    } | changes


def record(as_, who, incident, **changes):
    return as_(who).post(f"/incidents/{incident['id']}/joint-verifications", json=minutes(as_, **changes))


def read(as_, who, incident):
    reply = as_(who).get(f"/incidents/{incident['id']}/joint-verifications")
    assert reply.status_code == 200, reply.json
    return reply.json["items"]


def test_a_thing(as_, joint):
    reply = record(as_, OFFICER, joint)
    assert reply.status_code == 201, reply.json
    for kind in ("scene_minutes", "coordination_request", "hand_over_minutes"):
        for form in ("pdf", "html"):
            r = as_(OFFICER).get(f"/incidents/{joint['id']}/documents/{kind}.{form}")
            assert r.status_code == 200, r.json
            open(f"/tmp/documents-scratch/{kind}.{form}", "wb").write(r.data)
    print(as_(OFFICER).get(f"/incidents/{joint['id']}/documents").json)
    print(read(as_, OFFICER, joint))
