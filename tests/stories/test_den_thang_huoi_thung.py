"""Dền Thàng – Huổi Thủng: a border between two communes until 2025-07-01, inside Quảng Lâm since; still a hotspot."""

from tests.people import new_report
from tests.stories.telling import Case, hotspot

QUANG_LAM = "officer.quang-lam"


def test_what_was_a_border_is_one_commune_now_so_nobody_is_asked_across_it_but_it_stays_watched(app, as_):
    place = hotspot(as_, QUANG_LAM, "Dền Thàng")
    assert place["border_kind"] == "within"
    assert {side["today"]["name"] for side in place["sides"]} == {"Xã Quảng Lâm"}
    assert {side["unit"]["name"] for side in place["sides"]} == {"Xã Quảng Lâm", "Xã Na Cô Sa"}

    location = {"lat": place["lat"], "lon": place["lon"], "accuracy_m": 15.0}
    felling = new_report(type="forest_clearing", location=location, damage={"area_m2": 3200})
    case = Case(app, as_, "ranger.quang-lam", felling)
    assert case.stands == ("Xã Quảng Lâm", "reported", "single")
    assert [row["unit"]["name"] for row in case.now["assignments"]] == ["Xã Quảng Lâm"]
    refused = as_(QUANG_LAM).answer(
        case.now, "decline", role="lead", reason="not_our_land", text="Đất Na Cô Sa cũ.", basis="Bản đồ 364"
    )
    assert refused.status_code in (409, 422), "there is no other side any more"
    case.act(QUANG_LAM, "receive")
    case.act(
        QUANG_LAM,
        "confirm",
        findings={"text": "Nương mới.", "forest_category": "protection", "forest_origin": "natural"},
    )
    assert hotspot(as_, QUANG_LAM, "Dền Thàng")["incidents"] == 1
