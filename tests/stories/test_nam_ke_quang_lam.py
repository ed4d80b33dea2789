"""Nậm Kè – Na Cô Sa (Quảng Lâm today): one area, no agreement between its communes; their superior decides."""

from tests.people import new_report
from tests.stories.telling import Case, hotspot

NAM_KE, QUANG_LAM, AREA = "officer.nam-ke", "officer.quang-lam", "leader.muong-nhe"
SAID = {"reason": "disputed_border", "text": "Chưa rõ mốc.", "basis": "Bản đồ 364 hai xã không khớp"}


def test_two_communes_of_one_area_that_both_refuse_are_decided_by_the_leader_above_them(app, as_):
    place = hotspot(as_, NAM_KE, "Nậm Kè")
    assert place["border_kind"] == "between_communes"
    lon, lat = place["stretch"]["coordinates"][1]
    case = Case(app, as_, "ranger.nam-ke", new_report(location={"lat": lat, "lon": lon, "accuracy_m": 30.0}))
    names = {"Xã Nậm Kè": NAM_KE, "Xã Quảng Lâm": QUANG_LAM}
    first = case.now["lead"]["name"]
    second = next(name for name in names if name != first)
    assert case.stands == (first, "reported", "single"), "no agreement: near, named, but not asked"
    assert second in [c["unit"]["name"] for c in case.now["routing"]["candidates"]]

    case.answer(names[first], "decline", role="lead", **SAID)
    assert case.stands == (second, "reported", "disputed")
    case.answer(names[second], "decline", role="lead", **SAID)
    while case.now["lead"]["name"] not in ("Khu vực Mường Nhé", "Tỉnh Điện Biên"):
        raise AssertionError(case.stands)
    superior = {"Khu vực Mường Nhé": AREA, "Tỉnh Điện Biên": "leader.dien-bien"}[case.now["lead"]["name"]]
    assert case.stands[2] == "escalated"
    case.arbitrate(superior, NAM_KE)
    assert case.stands[0] == "Xã Nậm Kè" and case.stands[2] != "escalated"
    case.act(NAM_KE, "receive")
    assert hotspot(as_, NAM_KE, "Nậm Kè")["incidents"] == 1
    assert as_(superior).get("/disputes").json["items"][0]["places"][0]["settled_by"]["name"] == "Xã Nậm Kè"
