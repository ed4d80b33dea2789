"""Incidents, through the door that phones use: reporting, resending, reading, listing."""

import copy
import hashlib
import json
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import rfc8785

from models import Counter, Event, Incident, db
from tests.people import BORDER, INSIDE, new_report


def test_a_report_at_the_border_reaches_its_commune_and_the_neighbour(as_, a_felling):
    assert a_felling["lead"]["name"] == "Xã Mường Toong"
    assert a_felling["status"] == "reported"
    assert [(r["unit"]["name"], r["role"], r["state"]) for r in a_felling["assignments"]] == [
        ("Xã Mường Toong", "lead", "offered"),
        ("Xã Tà Tổng", "support", "offered"),
    ]
    assert a_felling["joint_status"] == "proposed"
    assert as_("officer.ta-tong").read(a_felling)["number"] == a_felling["number"]
    assert a_felling["assignments"][1]["contacts"][0]["phone"]


def test_a_number_is_the_district_the_local_year_and_a_counter(as_):
    first = as_("ranger.muong-toong").post("/incidents", json=new_report()).json["number"]
    second = as_("ranger.muong-toong").post("/incidents", json=new_report()).json["number"]
    year = datetime.now(UTC).year
    assert (first, second) == (f"MN-{year}-000001", f"MN-{year}-000002")


def test_the_same_report_again_is_the_same_incident_and_takes_no_number(as_, in_app):
    ranger, report = as_("ranger.muong-toong"), new_report()
    first = ranger.post("/incidents", json=report)
    again = ranger.post("/incidents", json=report)
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json["id"], again.json["number"]) == (first.json["id"], first.json["number"])
    assert in_app(lambda: db.session.scalar(db.select(Counter.value))) == 1
    assert len(ranger.get("/incidents").json["items"]) == 1


def test_the_same_id_with_another_content_is_a_conflict_that_names_what_is_stored(as_):
    ranger, report = as_("ranger.muong-toong"), new_report()
    stored = ranger.post("/incidents", json=report).json
    reply = ranger.post("/incidents", json=report | {"description": "Khác hẳn."})
    assert (reply.status_code, reply.json["code"]) == (409, "id_conflict")
    assert reply.json["content_sha256"] == stored["content_sha256"]


def test_another_author_learns_nothing_of_a_taken_id(as_):
    report = new_report()
    as_("ranger.muong-toong").post("/incidents", json=report)
    reply = as_("ranger.sa-pa").post("/incidents", json=report)
    assert (reply.status_code, reply.json["code"]) == (409, "id_conflict")
    assert "content_sha256" not in reply.json


def test_the_content_hash_is_that_of_the_canonical_json_without_photos(as_):
    report = new_report(photos=[{"sha256": "ab" * 32}])
    without = {k: v for k, v in report.items() if k != "photos"}
    reply = as_("ranger.muong-toong").post("/incidents", json=report)
    assert reply.json["content_sha256"] == hashlib.sha256(rfc8785.dumps(without)).hexdigest()


def test_decomposed_letters_are_the_same_content(as_):
    ranger, report = as_("ranger.muong-toong"), new_report(description="Rừng phòng hộ Mường Nhé")
    decomposed = report | {"description": unicodedata.normalize("NFD", report["description"])}
    assert decomposed != report
    first = ranger.post("/incidents", json=decomposed)
    assert ranger.post("/incidents", json=report).status_code == 200
    assert first.json["description"] == report["description"]


def test_photos_declared_later_are_added_and_none_is_taken_away(as_):
    ranger, report = as_("ranger.muong-toong"), new_report(photos=[{"sha256": "aa" * 32, "size": 10}])
    ranger.post("/incidents", json=report)
    reply = ranger.post("/incidents", json=report | {"photos": [{"sha256": "bb" * 32}]})
    assert reply.status_code == 200
    assert {p["sha256"]: p["state"] for p in reply.json["photos"]} == {"aa" * 32: "missing", "bb" * 32: "missing"}


def test_one_report_sent_eight_times_at_once_is_one_incident(app, as_, in_app):
    ranger, report = as_("ranger.muong-toong"), new_report()
    headers = {"Authorization": f"Bearer {ranger.tokens['access_token']}"}

    def send(_):
        return app.test_client().post("/api/v1/incidents", json=report, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(8)))
    assert statuses == [200] * 7 + [201]
    assert in_app(lambda: db.session.scalar(db.select(db.func.count(Incident.id)))) == 1
    assert in_app(lambda: db.session.scalar(db.select(Counter.value))) == 1
    reports = db.select(db.func.count()).where(Event.kind == "incident.report")
    assert in_app(lambda: db.session.scalar(reports)) == 1


@pytest.mark.parametrize(
    "change, field",
    [
        ({"type": None}, "type"),
        ({"type": "ufo"}, "type"),
        ({"found_at": None}, "found_at"),
        ({"found_at": "hôm qua"}, "found_at"),
        ({"location": None}, "location"),
        ({"location": {}}, "location.lat"),
        ({"location": {"lat": 91, "lon": 102}}, "location.lat"),
        ({"location": {"lat": "x", "lon": 102}}, "location.lat"),
        ({"location": {"easting": 1.0, "northing": 2.0}}, "location.epsg"),
        ({"id": "không phải"}, "id"),
    ],
)
def test_only_a_missing_type_place_or_time_is_refused_and_named(as_, change, field):
    reply = as_("ranger.muong-toong").post("/incidents", json=new_report() | change)
    assert reply.status_code == 422
    assert field in reply.json["errors"]


def test_a_place_far_from_every_unit_stays_with_the_phone(as_):
    reply = as_("ranger.muong-toong").post("/incidents", json=new_report(location={"lat": 10.8, "lon": 106.7}))
    assert (reply.status_code, reply.json["code"]) == (422, "outside_territory")


@pytest.mark.parametrize(
    "odd",
    [
        {"severity": "khủng khiếp"},
        {"damage": {"area_m2": "nhiều"}},
        {"details": {"stumps": "bảy"}},
        {"trường_mới": {"a": [1, 2]}},
        {"act_from": "tuần trước"},
        {"photos": "không có"},
        {"burning": "có"},
        {"plots": "562A"},
        {"location": dict(BORDER) | {"accuracy_m": "kém", "vệ_tinh": 4}},
    ],
)
def test_a_report_is_never_refused_for_its_looks(as_, in_app, odd):
    reply = as_("ranger.muong-toong").post("/incidents", json=new_report() | odd)
    assert reply.status_code == 201
    assert reply.json["findings"]


def test_what_is_not_understood_is_kept(as_, in_app):
    as_("ranger.muong-toong").post("/incidents", json=new_report(severity="khủng khiếp", mới={"a": 1}))
    extras = in_app(lambda: db.session.scalars(db.select(Incident)).one().extras)
    assert extras == {"severity": "khủng khiếp", "mới": {"a": 1}}


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 19_000, "🌲🔥", "<script>", "%s {0} ' \" \\"])
def test_any_text_is_taken(as_, text):
    body = json.dumps(new_report(description=text))  # escaped, as phones may send it
    reply = as_("ranger.muong-toong").post("/incidents", data=body, content_type="application/json")
    assert reply.status_code == 201
    kept = text.replace("\x00", "").replace("\ud800", "?")
    assert as_("officer.muong-toong").read(reply.json)["description"] == kept


def test_a_wrong_phone_clock_is_flagged_and_counts_by_receipt(as_, in_app):
    ranger = as_("ranger.muong-toong")
    for found_at in ("1970-01-01T00:00:00Z", "2036-05-05T10:00:00+07:00"):
        reply = ranger.post("/incidents", json=new_report(found_at=found_at))
        assert reply.status_code == 201
        assert "clock" in {f["check"] for f in reply.json["findings"]}
    counted = in_app(lambda: [(i.counted_at, i.received_at) for i in db.session.scalars(db.select(Incident))])
    assert all(at == received for at, received in counted)


def test_grid_coordinates_become_degrees_and_are_kept(as_):
    # Test vector "Quảng Lâm rep. pt" of the published list: 21.99 N, 102.6 E.
    place = {"easting": 458500.2, "northing": 2432608.91, "epsg": 9205}
    reply = as_("ranger.quang-lam").post("/incidents", json=new_report(location=place))
    assert reply.status_code == 201
    location = reply.json["location"]
    assert (location["lat"], location["lon"]) == (pytest.approx(21.99, abs=1e-7), pytest.approx(102.6, abs=1e-7))
    assert location["epsg"] == 9205


def test_reading_again_what_has_not_changed_is_304(as_, a_felling):
    officer = as_("officer.muong-toong")
    tag = officer.get(f"/incidents/{a_felling['id']}").headers["ETag"]
    again = officer.get(f"/incidents/{a_felling['id']}", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    compressed = officer.get(f"/incidents/{a_felling['id']}", headers={"If-None-Match": tag[:-1] + ':br"'})
    assert compressed.status_code == 304


def test_answers_are_private_and_vary_by_reader_and_language(as_, a_felling):
    headers = as_("officer.muong-toong").get(f"/incidents/{a_felling['id']}").headers
    assert headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Accept-Language"} <= {v.strip() for v in headers["Vary"].split(",")}


def test_a_note_is_one_note_however_often_it_is_sent(as_, a_felling):
    note = {"id": str(uuid4()), "text": "Đã chặn đường xe ra."}
    path = f"/incidents/{a_felling['id']}/notes"
    ranger = as_("ranger.muong-toong")
    assert [ranger.post(path, json=note).status_code for _ in range(2)] == [201, 200]
    other = ranger.post(path, json=note | {"text": "Khác."})
    assert (other.status_code, other.json["code"]) == (409, "id_conflict")
    kinds = [e["kind"] for e in ranger.get(f"/incidents/{a_felling['id']}/timeline").json["items"]]
    assert kinds == ["incident.report", "incident.note"]


def test_a_private_note_is_for_its_unit_alone(as_, a_felling):
    path = f"/incidents/{a_felling['id']}"
    as_("officer.ta-tong").post(f"{path}/notes", json={"text": "Chưa báo bên kia.", "private": True})
    people = ("officer.ta-tong", "leader.muong-te", "officer.muong-toong", "ranger.muong-toong")
    seen = {who: "Chưa báo bên kia." in as_(who).get(f"{path}/private-notes").text for who in people}
    heard = {who: "incident.note" in as_(who).get(f"{path}/timeline").text for who in people}
    assert seen == heard == dict(zip(people, (True, True, False, False), strict=True))
    assert not any("Chưa báo bên kia." in as_(who).get(f"{path}/timeline").text for who in people)


def test_private_notes_are_read_only_after_that_was_recorded(as_, a_felling, in_app):
    path = f"/incidents/{a_felling['id']}"
    before = as_("officer.muong-toong").get(path).headers["ETag"]
    assert as_("officer.muong-toong").get(f"{path}/private-notes").json == {"items": []}
    assert as_("officer.muong-toong").get(path).headers["ETag"] == before

    def readings():
        return db.session.scalars(db.select(Event.kind).where(Event.subject_kind == "access")).all()

    assert in_app(readings) == ["incident.read_private_notes"]
    assert as_("ranger.muong-toong").get(f"{path}/private-notes").status_code == 403
    assert len(in_app(readings)) == 1


def test_the_timeline_is_a_chain_of_hashes(as_, a_felling, in_app):
    as_("officer.muong-toong").act(a_felling, "receive")
    as_("officer.muong-toong").act(a_felling, "ask", question="Gỗ còn ở đó không?")

    def events():
        own = db.select(Event).where(Event.subject_kind == "incident")
        rows = db.session.scalars(own.order_by(Event.position)).all()
        return [(e.position, e.hash, copy.deepcopy(e.content)) for e in rows]

    previous = ""
    for position, (stored, digest, content) in enumerate(in_app(events), 1):
        assert stored == position
        assert digest == hashlib.sha256(rfc8785.dumps(content) + previous.encode()).hexdigest()
        previous = digest


def test_the_question_stands_beside_the_chain_not_in_it(as_, a_felling, in_app):
    as_("officer.muong-toong").act(a_felling, "receive")
    as_("officer.muong-toong").act(a_felling, "ask", question="Ông Vàng A Páo có ở đó không?")
    facts = in_app(lambda: [e.facts for e in db.session.scalars(db.select(Event))])
    assert "Páo" not in str(facts)
    timeline = as_("ranger.muong-toong").get(f"/incidents/{a_felling['id']}/timeline").json["items"]
    assert timeline[-1]["facts"]["question"] == "Ông Vàng A Páo có ở đó không?"


class TestLists:
    @pytest.fixture
    def reports(self, as_):
        """Newest first: seven of Mường Toong's ranger, well inside or at the border, two types, days apart."""
        ranger, now = as_("ranger.muong-toong"), datetime.now(UTC)
        sent = []
        for number in range(7):
            report = new_report(
                type="wildlife" if number % 3 == 0 else "illegal_logging",
                location=dict(INSIDE if number % 2 else BORDER),
                found_at=(now - timedelta(days=number)).isoformat(),
            )
            sent.insert(0, ranger.post("/incidents", json=report).json)
        return sent

    def ids(self, reply):
        assert reply.status_code == 200, reply.json
        return [i["id"] for i in reply.json["items"]]

    def test_pages_follow_each_other_without_gap_or_repeat(self, as_, reports):
        officer, found, cursor = as_("officer.muong-toong"), [], ""
        while cursor is not None:
            reply = officer.get(f"/incidents?limit=3{cursor and '&cursor=' + cursor}")
            found += self.ids(reply)
            cursor = reply.json["next"]
        assert found == [r["id"] for r in reports]

    @pytest.mark.parametrize(
        "query, count",
        [
            ("type=wildlife", 3),
            ("type=wildlife,illegal_logging", 7),
            ("status=received", 0),
            ("status=reported", 7),
            ("joint_status=proposed", 4),
            ("joint_status=single", 3),
            ("mine=true", 0),
            ("overdue=true", 0),
            ("bbox=102.57,22.18,102.58,22.20", 3),
        ],
    )
    def test_a_filter_narrows(self, as_, reports, query, count):
        assert len(self.ids(as_("officer.muong-toong").get(f"/incidents?{query}"))) == count

    def test_mine_is_what_i_reported(self, as_, reports):
        assert self.ids(as_("ranger.muong-toong").get("/incidents?mine=true")) == [r["id"] for r in reports]

    def test_dates_are_from_inclusive_to_exclusive(self, as_, reports):
        middle = reports[3]["found_at"]
        officer = as_("officer.muong-toong")
        older = self.ids(officer.get(f"/incidents?found_to={middle}"))
        newer = self.ids(officer.get(f"/incidents?found_from={middle}"))
        assert len(older) == 3 and len(newer) == 4
        assert reports[3]["id"] in newer

    def test_a_unit_lists_what_it_leads_with_all_beneath(self, as_, reports):
        leader = as_("leader.dien-bien")
        commune = reports[0]["lead"]
        assert len(self.ids(leader.get(f"/incidents?unit={commune['id']}"))) == 7
        assert len(self.ids(leader.get(f"/incidents?unit={leader.user['unit']['id']}"))) == 7
        neighbour = as_("officer.ta-tong").user["unit"]["id"]
        assert self.ids(leader.get(f"/incidents?unit={neighbour}")) == []

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=xyz", "status=nope", "type=ufo", "bbox=1,2"])
    def test_a_filter_that_cannot_be_read_is_named(self, as_, query):
        reply = as_("officer.muong-toong").get(f"/incidents?{query}")
        assert reply.status_code == 422
        assert list(reply.json["errors"]) == [query.split("=")[0]]
