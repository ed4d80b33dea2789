"""Border hotspots: places that two units keep an eye on, and how many cases each reader may count in them."""

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import numpy as np
import pytest
import shapely

from models import Event, Hotspot, Succession, Unit, db
from models.clock import today
from models.places import Area
from tests.people import BORDER, INSIDE
from tests.squares import GEOD, spot
from tests.test_agreements import code
from tests.test_workflows import OFFICER, PARTNER, REPORTER, report, step

# Along the border of Mường Toong and Tà Tổng; BORDER lies 391 m south of it.
STRETCH = {"type": "LineString", "coordinates": [[102.58, 22.246], [102.62, 22.246]]}


def point(as_, **said):
    return {
        "id": str(uuid4()),
        "name": "Dốc mốc 17",
        "sides": [code(as_, "03163"), code(as_, "03463")],
        "lat": BORDER["lat"],
        "lon": BORDER["lon"],
        "radius_m": 500,
    } | said


def stretch(as_, **said):
    place = {"lat": None, "lon": None, "radius_m": None}
    return (
        {k: v for k, v in (point(as_) | place).items() if v is not None}
        | {
            "stretch": STRETCH,
            "corridor_m": 600,
        }
        | said
    )


def listed(as_, who, **query):
    reply = as_(who).get("/hotspots", query_string=query)
    assert reply.status_code == 200, reply.json
    return {hotspot["name"]: hotspot for hotspot in reply.json["items"]}


def entered(as_, said, who=OFFICER):
    reply = as_(who).post("/hotspots", json=said)
    assert reply.status_code == 201, reply.json
    return reply.json


def test_the_three_real_ones_are_told_in_the_units_of_today(as_):
    found = listed(as_, "admin")
    kinds = {name.split(" (")[0]: hotspot["border_kind"] for name, hotspot in found.items()}
    assert kinds == {
        "Bản Dền Thàng": "within",
        "Xã Nậm Kè": "between_communes",
        "Bản Cây Sặt": "between_provinces",
    }
    far = next(hotspot for name, hotspot in found.items() if name.startswith("Bản Cây Sặt"))
    called = [(side["unit"]["name"], side["today"]["name"]) for side in far["sides"]]
    assert called == [("Xã Huổi Lếch", "Xã Mường Toong"), ("Xã Tà Tổng", "Xã Tà Tổng")]
    assert [hotspot["stretch"] is None for hotspot in found.values()].count(False) == 1
    assert all(hotspot["agreement_id"] for hotspot in found.values())


def test_they_are_shown_to_their_sides_above_and_below(as_):
    for who, count in (
        *((REPORTER, 1), (OFFICER, 1), ("officer.nam-ke", 1), ("officer.quang-lam", 2), ("leader.muong-te", 1)),
        *(("leader.dien-bien", 3), ("leader.lai-chau", 1), ("leader.lao-cai", 0), ("officer.sa-pa", 0), ("admin", 3)),
    ):
        assert len(listed(as_, who)) == count, who
    id = listed(as_, PARTNER)[next(iter(listed(as_, PARTNER)))]["id"]
    assert as_(OFFICER).get(f"/hotspots/{id}").status_code == 200
    assert as_("officer.sa-pa").get(f"/hotspots/{id}").status_code == 404
    assert [h["id"] for h in as_(REPORTER).get("/bootstrap").json["hotspots"]] == [id]


def test_a_hotspot_is_entered_once_however_often_it_is_sent(as_, in_app):
    said = point(as_, note="Đường mòn kéo gỗ.", disputed=True)
    first = entered(as_, said)
    assert {name: first[name] for name in ("name", "lat", "radius_m", "disputed", "note")} == {
        name: said[name] for name in ("name", "lat", "radius_m", "disputed", "note")
    }
    assert (first["border_kind"], first["valid_to"]) == ("between_provinces", None)
    again = as_(OFFICER).post("/hotspots", json=said)
    assert (again.status_code, again.json) == (200, first)
    assert as_(OFFICER).post("/hotspots", json=said | {"name": "Khác"}).json["code"] == "id_conflict"
    assert listed(as_, PARTNER)["Dốc mốc 17"]["id"] == said["id"]

    def events():
        own = db.select(Event).where(Event.subject_id == UUID(said["id"])).options(db.selectinload(Event.texts))
        return [(e.kind, str(e.facts), e.readable_facts["note"]) for e in db.session.scalars(own)]

    [(kind, facts, note)] = in_app(events)
    assert (kind, note) == ("hotspot.entered", said["note"]) and said["note"] not in facts


def test_officers_and_leaders_of_a_side_and_admins_enter_them(as_):
    for who, status in (
        *((REPORTER, 403), ("officer.nam-ke", 403), ("leader.lao-cai", 403), (PARTNER, 201)),
        *(("leader.muong-nhe", 201), ("leader.lai-chau", 201), ("admin", 201)),
    ):
        assert as_(who).post("/hotspots", json=point(as_)).status_code == status, who


@pytest.mark.only_on("sqlite")
def test_what_cannot_be_is_refused_by_name(as_):
    one = code(as_, "03163")
    curve = {"type": "LineString", "coordinates": [[102.58, 22.246], [102.58, 22.246]]}
    for said, field in (
        (point(as_, sides=[one, one]), "sides"),
        (point(as_, sides=[one, str(uuid4())]), "sides"),
        (point(as_, sides=[one]), "sides"),
        (point(as_, corridor_m=100), "lat"),
        (point(as_, stretch=STRETCH, corridor_m=100), "lat"),
        ({k: v for k, v in point(as_).items() if k != "radius_m"}, "lat"),
        ({k: v for k, v in stretch(as_).items() if k != "corridor_m"}, "lat"),
        (point(as_, radius_m=50_000), "radius_m"),
        (point(as_, lat=91), "lat"),
        (stretch(as_, stretch=curve), "stretch"),
        (stretch(as_, stretch={"type": "Point", "coordinates": [102.6, 22.2]}), "stretch"),
        (stretch(as_, stretch={"type": "LineString", "coordinates": [[22.246, 102.58], [22.246, 102.6]]}), "stretch"),
        (point(as_, agreement_id=str(uuid4())), "agreement_id"),
        (point(as_, valid_from="2026-01-02", valid_to="2026-01-01"), "valid_to"),
    ):
        reply = as_(OFFICER).post("/hotspots", json=said)
        assert (reply.status_code, list(reply.json["errors"])) == (422, [field]), said
    assert len(listed(as_, OFFICER)) == 1


def test_cases_count_by_their_place_and_only_those_the_reader_may_see(as_):
    near, line = entered(as_, point(as_))["id"], entered(as_, stretch(as_, name="Đường phân thuỷ"))["id"]
    report(as_)
    report(as_, location=dict(INSIDE))
    step(as_, report(as_), "dismiss")

    def counts(who, **query):
        return [as_(who).get(f"/hotspots/{id}", query_string=query).json["incidents"] for id in (near, line)]

    assert counts(OFFICER) == counts(PARTNER) == counts("leader.dien-bien") == [1, 1], "of three, one lies elsewhere"
    assert counts("admin") == counts("ranger.ta-tong") == [0, 0]
    assert counts(OFFICER, since="2100-01-01") == [0, 0]
    assert listed(as_, OFFICER)["Dốc mốc 17"]["incidents"] == 1
    own = as_(REPORTER).get(f"/hotspots/{near}").json
    assert (own["incidents"], own["incidents_since"]) == (1, str(today() - timedelta(days=365)))


def test_what_changes_says_so_once_and_the_last_day_ends_it(as_, in_app):
    id = entered(as_, point(as_, valid_from="2024-01-01"))["id"]
    path, said = f"/hotspots/{id}", {"disputed": True, "note": "Hai bên cùng nhận."}
    assert as_(REPORTER).patch(path, json=said).status_code == 403
    assert as_("officer.sa-pa").patch(path, json=said).status_code == 404
    for _ in range(2):
        changed = as_(PARTNER).patch(path, json=said)
        assert (changed.status_code, changed.json["disputed"], changed.json["note"]) == (200, True, said["note"])
    assert as_(PARTNER).patch(path, json={"radius_m": 5}).status_code == 422, "its place never changes"
    assert as_(PARTNER).patch(path, json={"valid_to": "2023-12-31"}).status_code == 422
    assert as_(OFFICER).patch(path, json={"valid_to": "2025-12-31"}).status_code == 200
    assert "Dốc mốc 17" not in listed(as_, OFFICER) and "Dốc mốc 17" in listed(as_, OFFICER, at="2025-12-31")
    assert as_(OFFICER).get(path).json["valid_to"] == "2025-12-31"

    def events():
        own = db.select(Event).where(Event.subject_id == UUID(id)).order_by(Event.position)
        return [(event.kind, event.facts.get("fields")) for event in db.session.scalars(own)]

    assert in_app(events) == [
        ("hotspot.entered", None),
        ("hotspot.changed", ["disputed", "note"]),
        ("hotspot.changed", ["valid_to"]),
    ]


def test_a_page_at_a_time_and_on_a_map(as_):
    first = as_("admin").get("/hotspots?limit=2").json
    rest = as_("admin").get("/hotspots", query_string={"limit": 2, "cursor": first["next"]}).json
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert len({hotspot["id"] for hotspot in first["items"] + rest["items"]}) == 3
    reply = as_("admin").get("/hotspots?format=geojson")
    assert reply.mimetype == "application/geo+json"
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in reply.json["features"]]
    assert sorted(shape.geom_type for shape in shapes) == ["LineString", "Point", "Point"]
    assert all("border_kind" in feature["properties"] for feature in reply.json["features"])


def test_of_a_side_that_was_divided_the_part_nearest_to_the_place_counts(in_app):
    """Had Huổi Lếch been divided between Mường Toong and Tà Tổng, this hotspot would lie within Tà Tổng today."""

    def divide():
        old = Unit.by_code("03177", date(2025, 6, 30))
        db.session.add(Succession(old_unit_id=old.id, new_unit_id=Unit.by_code("03463").id, relation="divided"))
        db.session.flush()
        kinds = []
        for lat, lon in ((22.30, 102.61), (22.19, 102.58)):
            sides = {"side_a_id": old.id, "side_b_id": Unit.by_code("03463", date(2025, 6, 30)).id}
            hotspot = Hotspot(name="Chia đôi", lat=lat, lon=lon, radius_m=100.0, valid_from=date(2024, 1, 1), **sides)
            kinds.append(hotspot.border_kind)
        return kinds

    assert in_app(divide) == ["within", "between_provinces"]


@pytest.mark.parametrize("within_m", [50.0, 3000.0])
def test_places_within_a_width_of_a_line_are_those_that_geodesics_find(within_m):
    line = [spot(-4000, 300), spot(0, -200), spot(5000, 900)]
    area = Area(shapely.LineString([(lon, lat) for lat, lon in line]), within_m)
    places = [spot(east, north) for east in range(-9000, 9001, 1300) for north in range(-4000, 5001, 350)]
    dense = [(lat, lon) for a, b in pairwise(line) for lat, lon in zip(*np.linspace(a, b, 300).T)]

    def away_m(place):
        lats, lons = np.array(dense).T
        return min(GEOD.inv(np.full(len(lons), place[1]), np.full(len(lats), place[0]), lons, lats)[2])

    held = area.holds(*np.array(places).T)
    expected = [away_m(place) for place in places]
    wrong = [m for m, is_held in zip(expected, held) if (m <= within_m) != is_held and abs(m - within_m) > 3]
    assert held.any() and not held.all() and not wrong
