"""What a phone keeps for days without signal: one call, and the map."""

from datetime import timedelta

import shapely

from models import Organisation, db
from models.clock import today
from models.reference import reference


def test_one_call_gives_a_ranger_everything_for_days_without_signal(as_):
    kept = as_("ranger.muong-toong").get("/bootstrap").json
    assert kept["me"]["username"] == "ranger.muong-toong"
    assert [u["name"] for u in kept["units"]] == ["Tỉnh Điện Biên", "Khu vực Mường Nhé", "Xã Mường Toong"]
    near = {n["unit"]["name"]: n["contacts"] for n in kept["near"]}
    assert near["Xã Tà Tổng"][0]["phone"]
    assert "Phường Sa Pa" not in near
    assert ["Mường Nhé – Nậm Pồ" in a["name"] for a in kept["agreements"]] == [True]
    assert [p["unit"]["code"] for p in kept["agreements"][0]["parties"]] == ["096", "103", "107", "112"]
    assert kept["limits"]["border_buffer_m"] == 1000
    assert {t["code"] for t in kept["types"]} >= {"illegal_logging", "forest_fire"}
    assert kept["server_time"].endswith("Z")


def test_the_map_shows_the_communes_of_a_day_and_says_that_it_is_schematic(as_):
    ranger = as_("ranger.muong-toong")
    today = ranger.get("/units/boundaries")
    assert today.mimetype == "application/geo+json"
    assert "không phải ranh giới thật" in today.json["edition"]["name"]
    before = ranger.get("/units/boundaries?at=2024-06-01&simplify_m=0").json
    assert len(before["features"]) > len(today.json["features"]) > 30
    shapes = [shapely.geometry.shape(f["geometry"]) for f in today.json["features"]]
    assert all(s.is_valid for s in shapes)


def test_a_coarser_map_is_smaller_and_areas_are_made_of_their_communes(as_):
    ranger = as_("ranger.muong-toong")
    fine, coarse = (len(ranger.get(f"/units/boundaries?simplify_m={m}").data) for m in (0, 500))
    assert coarse < fine
    districts = ranger.get("/units/boundaries?level=district&simplify_m=0").json["features"]
    assert {f["properties"]["name"] for f in districts} >= {"Khu vực Mường Nhé", "Khu vực Sa Pa"}
    communes = ranger.get("/units/boundaries?simplify_m=0").json["features"]
    area = sum(shapely.geometry.shape(f["geometry"]).area for f in districts)
    parts = sum(shapely.geometry.shape(f["geometry"]).area for f in communes)
    assert abs(area / parts - 1) < 1e-6


def test_an_organisation_that_has_ended_covers_nothing(in_app):
    """What is remembered is asked for anew once a row of it changed, and only for those in force."""

    def covered():
        station = db.session.scalars(db.select(Organisation)).one()
        before = reference().coverages.get(station.id)
        station.valid_to = today() - timedelta(days=1)
        db.session.commit()
        return before, reference().coverages.get(station.id)

    before, after = in_app(covered)
    assert before and not after
