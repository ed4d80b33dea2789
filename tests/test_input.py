"""What comes in: packed bodies, places in metres, and reports that look odd in every way a phone can think of."""

import csv
import gzip
import io
import json
import tracemalloc
import unicodedata
import zlib
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from api.incoming import Unpacked
from models import Incident, Unit, User, db
from models.errors import TooLarge
from services.coordinates import distance_m
from services.demo import PASSWORD
from tests.people import BASE, BORDER, INSIDE, new_report
from tests.pictures import jpeg
from tests.test_cli import succeeds

RANGER = "ranger.muong-toong"
JSON = "application/json"


def packed(report, encoding="gzip", **more):
    headers = {"Content-Encoding": encoding} | more
    return {"data": gzip.compress(json.dumps(report).encode()), "content_type": JSON, "headers": headers}


class TestPackedBodies:
    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
    def test_a_packed_report_is_the_same_report(self, as_, encoding):
        ranger, report = as_(RANGER), new_report()
        first = ranger.post("/incidents", **packed(report, encoding))
        assert first.status_code == 201
        again = ranger.post("/incidents", json=report)
        assert (again.status_code, again.json["content_sha256"]) == (200, first.json["content_sha256"])

    def test_a_text_report_is_small_on_the_wire(self, as_):
        words = "Bảy gốc nghiến mới chặt gần mốc giáp ranh, gỗ đã kéo về phía suối. "
        sent = packed(new_report(description=words * 40, details={"stumps": 7}))
        assert len(sent["data"]) < 1200 < len(words * 40)
        assert as_(RANGER).post("/incidents", **sent).json["description"] == words * 40

    def test_an_idempotency_key_knows_the_body_however_it_was_packed(self, as_):
        ranger, report, key = as_(RANGER), new_report(), str(uuid4())
        ranger.post("/incidents", **packed(report, **{"Idempotency-Key": key}))
        plain = ranger.post("/incidents", data=json.dumps(report), content_type=JSON, headers={"Idempotency-Key": key})
        assert (plain.status_code, plain.headers["Idempotent-Replay"]) == (201, "true")

    def test_not_packed_at_all_may_be_said(self, as_):
        reply = as_(RANGER).post("/incidents", json=new_report(), headers={"Content-Encoding": "identity"})
        assert reply.status_code == 201

    @pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
    def test_another_packing_is_refused_and_told_which_ones_are_taken(self, as_, encoding):
        reply = as_(RANGER).post("/incidents", **packed(new_report(), encoding))
        assert (reply.status_code, reply.json["code"]) == (415, "unsupported_media_type")
        assert reply.headers["Accept-Encoding"] == "gzip, identity"

    def test_a_body_cut_short_can_be_sent_again(self, as_):
        sent = packed(new_report())
        reply = as_(RANGER).post("/incidents", **sent | {"data": sent["data"][:-9]})
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (400, "cut_short", True)

    @pytest.mark.parametrize("damage", ["plain", "flipped", "trailing"])
    def test_what_is_not_gzip_is_refused_in_a_sentence(self, as_, damage):
        sent = packed(new_report())
        body = sent["data"]
        broken = {
            "plain": json.dumps(new_report()).encode(),
            "flipped": body[:-8] + bytes([body[-8] ^ 1]) + body[-7:],
            "trailing": body + b"rest",
        }[damage]
        reply = as_(RANGER).post("/incidents", **sent | {"data": broken})
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (400, "not_gzip", False)
        assert "gzip" in reply.json["detail"]

    def test_several_members_in_a_row_are_one_body(self, as_):
        body = json.dumps(new_report()).encode()
        sent = packed({}) | {"data": gzip.compress(body[:50]) + gzip.compress(b"") + gzip.compress(body[50:])}
        assert as_(RANGER).post("/incidents", **sent).status_code == 201

    def test_a_bomb_is_refused_before_it_bursts(self, as_):
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
        assert len(bomb) < 1 << 20
        ranger = as_(RANGER)
        tracemalloc.start()
        try:
            reply = ranger.post("/incidents", **packed({}) | {"data": bomb})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (reply.status_code, reply.json["code"]) == (413, "too_large")
        assert peak < 8 << 20

    def test_a_body_too_large_even_when_packed_is_refused(self, as_):
        reply = as_(RANGER).post("/incidents", **packed({}) | {"data": bytes(2 << 20)})
        assert reply.status_code == 413

    def test_each_route_may_set_its_own_bound(self, app):
        """As a batch of an offline week needs: the bound of the request counts, on both sides of the packing."""
        body = bytes(3 << 20)
        for limit, fits in ((4 << 20, True), (2 << 20, False)):
            builder = EnvironBuilder(method="POST", data=gzip.compress(body), headers={"Content-Encoding": "gzip"})
            request = app.request_class(builder.get_environ())
            request.max_content_length = limit
            if fits:
                assert request.get_data() == body
            else:
                with pytest.raises(TooLarge):
                    request.get_data()

    def test_a_packed_photo_is_kept_as_the_bytes_it_was(self, app, as_, a_felling):
        photo = jpeg()
        sent = {"data": gzip.compress(photo), "content_type": "image/jpeg", "headers": {"Content-Encoding": "gzip"}}
        reply = as_(RANGER).post(f"/incidents/{a_felling['id']}/photos", **sent)
        assert (reply.status_code, reply.json["size"]) == (201, len(photo))
        stored = app.extensions["photo_store"].path("originals", reply.json["sha256"])
        assert stored.read_bytes() == photo

    @given(st.binary(max_size=5000), st.integers(1, 700), st.integers(1, 9))
    @settings(max_examples=60)
    def test_whatever_was_packed_comes_out_again_in_pieces_of_any_size(self, body, piece, level):
        stream = Unpacked(io.BytesIO(gzip.compress(body, level)), None)
        found = b""
        while chunk := stream.read(piece):
            assert len(chunk) <= piece
            found += chunk
        assert found == body


def vectors(shared_data):
    path = shared_data / "domain" / "vn2000_test_vectors.csv"
    if not path.is_file():
        pytest.skip("the published VN-2000 test vectors are not here")
    with open(path, encoding="utf-8") as file:
        return [
            {k: v if k == "label" else int(v) if k == "epsg" else float(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]


GRID = {"easting": 458500.2, "northing": 2432608.91, "epsg": 9205}  # 21.99 N, 102.6 E


class TestPlacesInMetres:
    def test_the_published_vectors_come_out_to_the_centimetre(self, as_, shared_data):
        ranger = as_("ranger.quang-lam")
        for row in vectors(shared_data):
            place = {"easting": row["easting_m"], "northing": row["northing_m"], "epsg": row["epsg"]}
            reply = ranger.post("/incidents", json=new_report(location=place))
            if reply.status_code == 422:  # beyond the communes of the demo
                assert reply.json["code"] == "outside_territory", row
                continue
            kept = reply.json["location"]
            assert distance_m(kept["lat"], kept["lon"], row["lat_wgs84"], row["lon_wgs84"]) < 0.02, row
            assert {name: kept[name] for name in place} == place
            assert reply.json["findings"] == []

    def test_swapped_metres_are_said_to_be_swapped(self, as_):
        place = GRID | {"easting": GRID["northing"], "northing": GRID["easting"]}
        reply = as_(RANGER).post("/incidents", json=new_report(location=place))
        assert reply.status_code == 422
        assert "đổi chỗ" in reply.json["errors"]["location.easting"][0]

    def test_metres_that_are_nowhere_are_refused_in_words(self, as_):
        for odd in ({"easting": 1e300}, {"northing": -5}, {"easting": 1e12, "northing": 1e12}):
            reply = as_(RANGER).post("/incidents", json=new_report(location=GRID | odd))
            assert "VN-2000" in reply.json["errors"]["location.easting"][0]

    @pytest.mark.parametrize("zone", [9208, 9218, 5899])
    def test_another_zone_is_another_place_far_away(self, as_, zone):
        reply = as_("ranger.quang-lam").post("/incidents", json=new_report(location=GRID | {"epsg": zone}))
        assert (reply.status_code, reply.json["code"]) == (422, "outside_territory")

    def test_an_unknown_zone_is_named(self, as_):
        reply = as_(RANGER).post("/incidents", json=new_report(location=GRID | {"epsg": 4326}))
        assert list(reply.json["errors"]) == ["location.epsg"]

    def test_degrees_and_metres_that_agree_are_no_finding(self, as_):
        both = GRID | {"lat": 21.99, "lon": 102.6}
        reply = as_("ranger.quang-lam").post("/incidents", json=new_report(location=both))
        assert (reply.status_code, reply.json["findings"]) == (201, [])

    def test_degrees_and_metres_that_differ_are_a_finding_and_the_degrees_count(self, as_):
        reply = as_("ranger.quang-lam").post("/incidents", json=new_report(location=GRID | INSIDE))
        assert reply.status_code == 201
        (found,) = reply.json["findings"]
        assert (found["check"], round(found["distance_m"], -3)) == ("two_places", 22_000)
        assert reply.json["location"]["lat"] == INSIDE["lat"]
        assert reply.json["location"]["easting"] == GRID["easting"]

    @pytest.mark.parametrize("odd", [{"easting": "?"}, {"epsg": 1}, {"northing": None}, {"easting": 1e300}])
    def test_beside_good_degrees_bad_metres_are_set_aside(self, as_, odd):
        reply = as_(RANGER).post("/incidents", json=new_report(location=BORDER | GRID | odd))
        assert (reply.status_code, reply.json["location"]["lat"]) == (201, BORDER["lat"])

    @pytest.mark.parametrize("odd", [{"lat": "?", "lon": 1}, {"lat": 22}, {"lat": 91, "lon": None}])
    def test_beside_good_metres_bad_degrees_are_set_aside(self, as_, odd):
        reply = as_("ranger.quang-lam").post("/incidents", json=new_report(location=GRID | odd))
        assert reply.status_code == 201, reply.json
        assert reply.json["location"]["lat"] == pytest.approx(21.99, abs=1e-6)


# Anything that JSON can hold, and some things that break programs.
# fmt: off
ODD_TEXTS = [
    "\ud800", "a\x00b", "NaN", "1e999", "x" * 30_000, "﷽" * 100, "\ufeff", "\u202e", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z", "2026-W47-1", "24:00",
    "2026-11-23T24:00:00Z", "2026-11-23T10:00:00+99:99", "-0", "١٢", "__proto__", "findings", "extras",
]
# fmt: on
TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(ODD_TEXTS))
NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 5e-324, 2**53, -(2**63), 2**64, -0.0, 10**400]),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
OPTIONAL = (
    *("act_from", "act_to", "description", "severity", "burning", "source", "channel", "plots", "forest_category"),
    *("forest_origin", "forest_owner", "damage", "details", "people", "vehicles", "exhibits", "informant"),
    *("patrol_id", "photos"),
)
ODD_REPORTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(OPTIONAL, ANYTHING)
    | {
        "damage": st.dictionaries(
            st.sampled_from(["area_m2", "trees", "volume_m3", "timber", "parts", "khác"]), ANYTHING, max_size=4
        ),
        "details": st.dictionaries(st.sampled_from(["stumps", "species", "extras", "findings"]), ANYTHING, max_size=3),
        "photos": st.lists(
            st.fixed_dictionaries({"sha256": st.sampled_from(["aa" * 32, "AA", 7])}, optional={"size": ANYTHING}),
            max_size=3,
        ),
    },
)
STRANGE_PLACES = st.dictionaries(
    st.sampled_from(["accuracy_m", "altitude_m", "source", "captured_at", "easting", "northing", "epsg", "vệ tinh"]),
    ANYTHING,
    max_size=4,
)


class TestOddReports:
    @pytest.fixture
    def ranger(self, as_):
        return as_(RANGER)

    def test_whatever_stands_in_an_optional_field_the_report_is_taken(self, ranger, as_, times):
        officer = as_("officer.muong-toong")

        @settings(max_examples=times(80))
        @given(odd=ODD_REPORTS, more=st.dictionaries(TEXTS, ANYTHING, max_size=3), place=STRANGE_PLACES)
        @example(odd={"details": {"extras": 5, "findings": "x"}}, more={}, place={})
        @example(odd={"damage": {"area_m2": 10**400}}, more={}, place={"accuracy_m": 1e308})
        @example(odd={"act_from": "0001-01-01T00:00:00+23:59"}, more={"": {"": None}}, place={"captured_at": True})
        def send(odd, more, place):
            report = more | new_report(**odd) | {"location": BORDER | place}
            reply = ranger.post("/incidents", data=json.dumps(report), content_type=JSON)
            assert reply.status_code == 201, (reply.json, report)
            assert officer.get(f"/incidents/{report['id']}").status_code == 200
            again = ranger.post("/incidents", data=json.dumps(report), content_type=JSON)
            assert again.status_code == 200, again.json

        send()
        for path in ("/incidents?limit=100", "/incidents?overdue=true"):
            assert officer.get(path).status_code == 200

    def test_whatever_stands_in_a_needed_field_the_answer_is_said(self, ranger, times):
        @settings(max_examples=times(60))
        @given(changes=st.dictionaries(st.sampled_from(["id", "type", "found_at", "location"]), ANYTHING, min_size=1))
        def send(changes):
            reply = ranger.post("/incidents", data=json.dumps(new_report() | changes), content_type=JSON)
            assert reply.status_code in (201, 422), reply.json
            if reply.status_code == 422:
                assert {name.split(".")[0] for name in reply.json["errors"]} <= changes.keys()

        send()

    @pytest.mark.parametrize(
        "found_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1700-01-01T00:00:00-11:00", "0002-01-01T00:00:00"]
    )
    def test_a_clock_at_the_end_of_time_is_a_finding(self, as_, ranger, found_at):
        reply = ranger.post("/incidents", json=new_report(found_at=found_at))
        assert reply.status_code == 201, reply.json
        assert [f["check"] for f in reply.json["findings"]] == ["clock"]
        assert as_("officer.muong-toong").get("/incidents").status_code == 200

    @pytest.mark.parametrize("depth", [70, 300])
    def test_what_is_nested_too_deep_is_kept_as_text(self, ranger, depth):
        nested = "[" * depth + "7" + "]" * depth
        report = json.dumps(new_report(details={"x": 0})).replace('"x": 0', f'"x": {nested}')
        reply = ranger.post("/incidents", data=report, content_type=JSON)
        assert reply.status_code == 201
        value = reply.json["details"]["x"]
        while isinstance(value, list):
            (value,) = value
        assert value.count("[") + 62 == depth

    def test_what_no_parser_follows_is_refused_in_words(self, ranger):
        body = b'{"details": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        assert ranger.post("/incidents", data=body, content_type=JSON).status_code in (400, 422)

    def test_a_number_that_no_float_holds_stays_what_it_was(self, ranger, in_app):
        report = json.dumps(new_report(details={"x": 0, "y": 1})).replace('"x": 0', '"x": 1e999')
        reply = ranger.post("/incidents", data=report.replace('"y": 1', '"y": ' + "9" * 5000), content_type=JSON)
        assert (reply.status_code, reply.json["details"]) == (201, {"x": "1e999", "y": "9" * 5000})

    def test_one_bad_measure_does_not_take_the_others_along(self, ranger, in_app):
        damage = {"area_m2": 400, "trees": "bảy", "loại": "nghiến", "timber": [{"volume_m3": 2.5}, {"volume_m3": "x"}]}
        reply = ranger.post("/incidents", json=new_report(damage=damage))
        assert reply.json["damage"] == {"area_m2": 400.0, "timber": [{"volume_m3": 2.5}]}
        assert {f["value"] for f in reply.json["findings"]} == {"damage.trees", "damage.?", "damage.timber"}
        extras = in_app(lambda: db.session.get(Incident, db.session.scalar(db.select(Incident.id))).extras)
        assert extras["damage"] == {"trees": "bảy", "loại": "nghiến", "timber": [{"volume_m3": "x"}]}

    def test_one_bad_photo_does_not_hide_the_others(self, ranger):
        photos = [{"sha256": "aa" * 32, "tên": "IMG_1.jpg"}, {"sha256": "không"}]
        reply = ranger.post("/incidents", json=new_report(photos=photos))
        assert [p["sha256"] for p in reply.json["photos"]] == ["aa" * 32]
        assert reply.json["findings"] == [{"check": "unreadable_field", "value": "photos"}]

    def test_what_nobody_understands_is_bounded(self, ranger, in_app):
        rubbish = {f"k{n}": n for n in range(5000)} | {"lớn": "x" * 300_000}
        reply = ranger.post("/incidents", json=new_report(**rubbish))
        assert reply.status_code == 201
        checks = [f["check"] for f in reply.json["findings"]]
        assert (checks[0], checks[-1], len(checks)) == ("dropped_field", "more_findings", 51)
        extras = in_app(lambda: db.session.scalars(db.select(Incident)).one().extras)
        assert extras["k4999"] == 4999 and "lớn" not in extras

    def test_a_form_that_is_far_too_large_is_kept_apart(self, ranger, in_app):
        reply = ranger.post("/incidents", json=new_report(details={"x": "y" * 70_000}, plots=[{"a": "b" * 70_000}]))
        assert reply.status_code == 201
        assert (reply.json["details"], reply.json["plots"]) == (None, None)
        extras = in_app(lambda: db.session.scalars(db.select(Incident)).one().extras)
        assert len(extras["details"]["x"]) == len(extras["plots"][0]["a"]) == 70_000

    def test_complaints_about_details_stay_short(self, ranger):
        reply = ranger.post("/incidents", json=new_report(details={"stumps": "y" * 50_000}))
        assert all(len(f["value"]) <= 200 for f in reply.json["findings"])


LETTERS = st.text("ăâđêôơưáàảãạếềểễệộợựẫậ aABÁƯ가각", min_size=1, max_size=20)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def test_every_string_that_is_kept_is_nfc(app, as_):
    """Typed on one keyboard composed, on another decomposed: one word, found by one search."""
    ranger, officer = as_(RANGER), as_("officer.muong-toong")

    def decomposed(body):
        text = unicodedata.normalize("NFD", json.dumps(body, ensure_ascii=False))
        return {"data": text.encode(), "content_type": JSON}

    @settings(max_examples=25)
    @given(word=LETTERS)
    def send(word):
        report = new_report(
            description=word, details={word: [word]}, plots=[{"khoảnh": word}], forest_owner={"tên": word}
        )
        report |= {f"lạ{word}": {word: word}, "people": [{"tên": word}], "location": BORDER | {"source": word}}
        reply = ranger.post("/incidents", **decomposed(report))
        assert reply.status_code == 201
        path = f"/incidents/{report['id']}"
        assert ranger.post(f"{path}/notes", **decomposed({"text": word})).status_code == 201
        act = {"action": "correct", "changes": {"description": word}, "reason": word}
        act = decomposed(act) | {"headers": {"If-Match": "*"}}
        assert ranger.post(f"{path}/actions", **act).status_code == 200
        for address in (path, f"{path}/restricted", f"{path}/timeline"):
            for text in strings(officer.get(address).json):
                assert unicodedata.is_normalized("NFC", text), text
        with app.app_context():
            extras = db.session.get(Incident, UUID(report["id"])).extras
            assert all(unicodedata.is_normalized("NFC", text) for text in strings(extras))
            db.session.remove()

    send()


def test_signing_in_with_a_decomposed_name_is_signing_in(app):
    body = {"username": "officer.muong-toong", "password": PASSWORD, "device": {"id": "x", "name": "Máy cũ"}}
    sent = unicodedata.normalize("NFD", json.dumps(body, ensure_ascii=False)).encode()
    reply = app.test_client().post(f"{BASE}/auth/login", data=sent, content_type=JSON)
    assert reply.status_code == 200
    headers = {"Authorization": f"Bearer {reply.json['access_token']}"}
    devices = app.test_client().get(f"{BASE}/me/devices", headers=headers).json["items"]
    assert [device["name"] for device in devices if device["this"]] == ["Máy cũ"]


def test_what_the_terminal_takes_in_is_nfc_too(app, in_app, tmp_path):
    path = tmp_path / "đơn vị.csv"
    lines = ("level,code,name,parent_level,parent_code,valid_from,valid_to", "province,99,Tỉnh Mường Thử,,,2025-07-01,")
    path.write_text(unicodedata.normalize("NFD", "\n".join(lines)), "utf-8")
    succeeds(app, "units", "import", path)
    name = unicodedata.normalize("NFD", "Lò Thị Ánh")
    create = ("users", "create", "anh.lo", "--role", "leader", "--unit", "99", "--name", name, "--password-stdin")
    succeeds(app, *create, input="mười hai gốc nghiến\n")
    kept = in_app(lambda: (Unit.by_code("99", None).name, User.named("anh.lo").name))
    assert kept == ("Tỉnh Mường Thử", "Lò Thị Ánh")
