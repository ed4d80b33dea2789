"""Boundaries through the door: sent to be tried, kept as a draft, put in force with its effect seen, taken back."""

import gzip
import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
import shapely
import time_machine

from api import receiving_boundaries
from models import Event, db
from models.base import now
from models.clock import today
from services import activation, editions
from services.bad_file_english import in_english
from tests.boundary_formats import as_geopackage, as_zip
from tests.people import new_report
from tests.test_boundaries import BAD, HOLE, POINT, STRIP, A, B, C, feature, neighbours
from tests.test_cli import contents, refusal, succeeds

NAME = "Đo đạc 2026"
STRANGER = "99901"


def collection(features):
    return {"type": "FeatureCollection", "features": features}


def sending(features=None, **said):
    """The body of a draft whose first day is today."""
    made = {"id": str(uuid4()), "edition": NAME, "valid_from": today().isoformat(), "source": "Đo thử"}
    return made | {"boundaries": collection(features or neighbours())} | said


@pytest.fixture
def admin(as_):
    return as_("admin")


@pytest.fixture
def draft(admin):
    def send(features=None, **said):
        reply = admin.post("/boundaries", json=sending(features, **said))
        assert reply.status_code == 201, reply.json
        return reply.json

    return send


@pytest.fixture
def lead(as_):
    def locate(**place):
        found = as_("officer.muong-toong").get("/units/locate", query_string=POINT | place).json
        return found["lead"]["name"], found["edition"]["name"]

    return locate


@pytest.fixture
def kinds(in_app):
    """The kinds of events of editions, in their order."""
    query = db.select(Event.kind).where(Event.subject_kind == "edition").order_by(Event.number)
    return lambda: in_app(lambda: list(db.session.scalars(query)))


def step(admin, edition, action, digest=None):
    digest = digest or admin.get(f"/boundaries/{edition['id']}").json["digest"]
    return admin.post(f"/boundaries/{edition['id']}/{action}", json={"digest": digest})


@contextmanager
def nothing_changes(app, but=("sessions",)):
    before = contents(app)
    yield
    after = contents(app)
    assert {t for t in after if after[t] != before[t]} <= set(but)


# The draft.


def test_a_draft_says_what_it_would_change_and_nothing_of_it_is_in_force(app, draft, lead, kinds):
    with nothing_changes(
        app, but=("editions", "edition_drafts", "draft_polygons", "events", "event_heads", "sessions")
    ):
        made = draft([*neighbours(A.union(STRIP).difference(HOLE), B.difference(HOLE)), feature(C, STRANGER, "Xã Mới")])
    assert (made["name"], made["status"], made["polygons"], made["activated_at"]) == (NAME, "draft", 3, None)
    report = made["report"]
    assert report["appears"] == {"count": 1, "items": ["Xã Mới (99901)"]}
    assert report["disappears"]["count"] == 36 and "Xã Nậm Kè (03162)" in report["disappears"]["items"]
    assert report["gaps"]["count"] == report["overlaps"]["count"] == 1
    assert {m["unit"] for m in report["moves"]["items"]} == {"Xã Mường Toong (03163)", "Xã Tà Tổng (03463)"}
    assert all(m["lost_ha"] > 0 for m in report["moves"]["items"])
    assert (report["units_created"], report["units_ending"]) == (1, 0)
    assert made["effect"]["day"] == today().isoformat() and len(made["digest"]) == 64
    assert lead()[1].startswith("Sơ đồ 2025")
    assert kinds() == ["edition.drafted"]


@pytest.mark.only_on("sqlite")
def test_reports_are_taken_while_a_draft_is_tried_and_its_effect_is_worked_out(world, admin, draft, monkeypatch):
    ranger, taken = world.person("ranger.muong-toong", "test"), []

    def reporting(work):
        def meanwhile(*given):
            with ThreadPoolExecutor(1) as pool:
                taken.append(pool.submit(ranger.post, "/incidents", json=new_report()).result().status_code)
            return work(*given)

        return meanwhile

    for room, work in ((editions, "enter"), (editions, "compare"), (activation, "enter")):
        monkeypatch.setattr(room, work, reporting(getattr(room, work)))
    made = draft([*neighbours(A, B.difference(C)), feature(C, STRANGER, "Xã Mới")])
    admin.get(f"/boundaries/{made['id']}")
    assert taken == [201, 201, 201]


@pytest.mark.only_on("sqlite")
def test_the_same_content_is_the_same_draft_in_whichever_form_it_comes(app, admin, tmp_path):
    said = sending()
    made = admin.post("/boundaries", json=said).json
    rows = [(f["properties"], geometry(f)) for f in neighbours()]
    options = {k: v for k, v in said.items() if k != "boundaries"}
    packed = gzip.compress(json.dumps(said).encode())
    with nothing_changes(app):
        for again in (
            {"json": said},
            {"json": said["boundaries"], "query_string": options},
            {"data": packed, "headers": {"Content-Encoding": "gzip"}, "content_type": "application/json"},
            {"data": options | {"file": attached(as_geopackage(tmp_path / "a.gpkg", {"xã": rows}))}},
            {"data": options | {"file": attached(as_zip(tmp_path / "a.zip", rows, epsg=4326, cpg="UTF-8"))}},
        ):
            reply = admin.post("/boundaries", **again)
            assert (reply.status_code, reply.json["id"]) == (200, made["id"]), reply.json
            assert (reply.json["digest"], reply.json["report"]) == (made["digest"], made["report"])


def attached(path):
    return io.BytesIO(path.read_bytes()), path.name


def geometry(item):
    return shapely.geometry.shape(item["geometry"])


def test_an_id_is_one_content_and_a_name_one_edition(app, admin):
    said = sending()
    admin.post("/boundaries", json=said)
    other = said | {"boundaries": collection(neighbours(A.union(STRIP)))}
    with nothing_changes(app):
        reply = admin.post("/boundaries", json=other)
        assert (reply.status_code, reply.json["code"]) == (409, "id_conflict") and reply.json["content_sha256"]
        reply = admin.post("/boundaries", json=said | {"id": str(uuid4())})
        assert (reply.status_code, reply.json["code"]) == (409, "edition_name_taken")


@pytest.mark.only_on("sqlite")
def test_boundaries_are_a_matter_of_administrators(app, as_, draft):
    made = draft()
    with nothing_changes(app):
        for who in ("leader.dien-bien", "officer.muong-toong", "ranger.muong-toong"):
            person, path = as_(who), f"/boundaries/{made['id']}"
            asked = [person.post("/boundaries", data="{" * 10), person.get("/boundaries"), person.get(path)]
            asked += [person.delete(path), step(person, made, "activate", "0" * 64)]
            assert {(r.status_code, r.json["code"]) for r in asked} == {(403, "not_allowed")}, who


@pytest.mark.only_on("sqlite")
def test_a_draft_can_be_deleted_and_its_name_is_free_again(app, admin, draft, kinds):
    first = draft()
    assert admin.delete(f"/boundaries/{first['id']}").status_code == 204
    assert admin.get(f"/boundaries/{first['id']}").status_code == 404
    second = draft()
    step(admin, second, "activate")
    reply = admin.delete(f"/boundaries/{second['id']}")
    assert (reply.status_code, reply.json["code"]) == (409, "edition_was_active")
    assert kinds() == ["edition.drafted", "edition.discarded", "edition.drafted", "edition.activated"]


@pytest.mark.only_on("sqlite")
def test_editions_are_listed_the_newest_first_by_their_status(admin, draft):
    made = draft()
    listed = admin.get("/boundaries?limit=2").json
    assert listed["items"][0]["id"] == made["id"] and listed["next"]
    rest = admin.get("/boundaries", query_string={"cursor": listed["next"]}).json
    assert rest["next"] is None and len(rest["items"]) == 1
    assert [e["name"] for e in admin.get("/boundaries?status=draft").json["items"]] == [NAME]
    active = admin.get("/boundaries?status=active").json["items"]
    assert [e["polygons"] for e in active] == [38, 85] and admin.get("/boundaries?status=deactivated").json[
        "items"
    ] == []


# Files that cannot be used.


@pytest.mark.only_on("sqlite")
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence_of_each_language_and_changes_nothing(app, admin):
    with nothing_changes(app):
        for wrong, (content, _) in BAD.items():
            text = collection(content) if isinstance(content, list) else content
            data = json.dumps(text).encode() if isinstance(text, dict) else text
            data = data if isinstance(data, bytes) else data.encode()
            query = {"id": str(uuid4()), "edition": NAME, "valid_from": "2026-01-01"}
            sent = {"data": data, "content_type": "application/geo+json", "query_string": query}
            said = {
                language: admin.post("/boundaries", headers={"Accept-Language": language}, **sent)
                for language in ("vi", "en")
            }
            assert {r.status_code for r in said.values()} == {422}, wrong
            vi, en = (r.json["detail"] for r in said.values())
            assert vi != en and "The file cannot be used" not in en, (wrong, en)


@pytest.mark.only_on("sqlite")
def test_options_that_are_missing_or_wrong_are_named(app, admin):
    with nothing_changes(app):
        for changes, field in (
            ({"id": None}, "id"),
            ({"edition": None}, "edition"),
            ({"valid_from": "hôm nay"}, "valid_from"),
            ({"valid_to": "2020-01-01"}, "valid_to"),
            ({"units": "nhiều"}, "units"),
            ({"error_m": -1}, "error_m"),
            ({"boundaries": None}, "boundaries"),
        ):
            said = {k: v for k, v in (sending() | changes).items() if v is not None}
            reply = admin.post("/boundaries", json=said)
            assert reply.status_code == 422 and field in reply.json["errors"], (changes, reply.json)
        assert admin.post("/boundaries", data=b"x", content_type="text/plain").status_code == 415


@pytest.mark.only_on("sqlite")
def test_a_body_has_a_bound_on_both_sides_of_its_packing(app, admin, monkeypatch):
    monkeypatch.setattr(receiving_boundaries, "LARGEST_BYTES", 10_000)
    bomb = gzip.compress(b" " * 20_000)
    with nothing_changes(app):
        big = admin.post("/boundaries", data=b" " * 20_000, content_type="application/json")
        small = admin.post(
            "/boundaries", data=bomb, content_type="application/json", headers={"Content-Encoding": "gzip"}
        )
        assert (big.status_code, small.status_code) == (413, 413)
    with receiving_boundaries.reading():
        assert admin.post("/boundaries", json=sending()).status_code == 503, "one at a time"


@pytest.mark.only_on("sqlite")
def test_rows_that_cannot_be_are_refused_like_the_file(app, admin):
    row = {"level": "commune", "code": STRANGER, "name": "Xã Mới", "parent_level": "district", "parent_code": "096"}
    for wrong in ({"level": "huyện"}, {"parent_code": "77777"}, {"valid_from": "mai"}, {"name": "X·m Míi"}):
        units = [row | {"valid_from": today().isoformat(), "valid_to": None} | wrong]
        with nothing_changes(app):
            reply = admin.post("/boundaries", json=sending(units=units))
            assert (reply.status_code, reply.json["code"]) == (422, "unusable_file"), reply.json


# In force.


def test_it_is_put_in_force_by_who_has_seen_its_effect_and_taken_back_the_same_day(
    app, admin, draft, lead, kinds, in_app
):
    new = [*neighbours(A, B.difference(C)), feature(C, STRANGER, "Xã Hoàn Toàn Mới")]
    made, at = draft(new), {"lat": 22.21, "lon": 102.69}
    before = lead(**at)
    with nothing_changes(app):
        unseen = step(admin, made, "activate", "0" * 64)
        assert (unseen.status_code, unseen.json["code"]) == (409, "effect_changed")
        assert (unseen.json["digest"], unseen.json["effect"]) == (made["digest"], made["effect"])
        assert step(admin, made, "deactivate", "0" * 64).json["code"] == "edition_not_active"
    activated = step(admin, made, "activate", made["digest"])
    assert (activated.status_code, activated.json["status"], activated.json["polygons"]) == (200, "active", 3)
    assert activated.json["effect"]["counts"] == made["effect"]["counts"]
    assert lead(**at) == ("Xã Hoàn Toàn Mới", NAME)
    with nothing_changes(app):
        again = step(admin, made, "activate", made["digest"])
        assert (again.status_code, again.json["code"]) == (409, "edition_active")
    taken_back = step(admin, made, "deactivate")
    assert (taken_back.status_code, taken_back.json["status"]) == (200, "deactivated")
    assert lead(**at) == before
    assert admin.get("/units", query_string={"q": "hoan toan moi"}).json["items"] == [], "it has never begun"
    assert step(admin, made, "activate").status_code == 200
    assert lead(**at) == ("Xã Hoàn Toàn Mới", NAME)
    assert admin.get("/units", query_string={"q": "hoan toan moi"}).json["items"]
    assert kinds() == ["edition.drafted", "edition.activated", "edition.deactivated", "edition.activated"]


@pytest.mark.only_on("sqlite")
def test_what_begins_tomorrow_is_put_in_force_today_and_can_be_taken_back_before(admin, draft, lead):
    tomorrow, at = (today() + timedelta(days=1)).isoformat(), {"lat": 22.21, "lon": 102.69}
    made = draft([*neighbours(A, B.difference(C)), feature(C, STRANGER, "Xã Ngày Mai")], valid_from=tomorrow)
    before = lead(**at)
    assert step(admin, made, "activate").json["status"] == "active"
    assert (lead(**at), lead(at=tomorrow, **at)) == (before, ("Xã Ngày Mai", NAME))
    assert step(admin, made, "deactivate").json["status"] == "deactivated"
    assert lead(at=tomorrow, **at) == before


def test_of_two_who_activate_at_once_one_does(world, draft, kinds):
    made = draft()
    both = [world.person("admin", "test") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda who: step(who, made, "activate", made["digest"]), both))
    assert sorted(r.status_code for r in replies) == [200, 409]
    assert kinds().count("edition.activated") == 1


@pytest.mark.only_on("sqlite")
def test_after_the_day_it_cannot_be_taken_back(app, admin, draft, world):
    made = draft()
    step(admin, made, "activate")
    with time_machine.travel(now() + timedelta(days=1)):
        later = world.person("admin", "test")
        shown = later.get(f"/boundaries/{made['id']}").json
        assert (shown["status"], shown["effect"], shown["digest"]) == ("active", None, None)
        reply = step(later, made, "deactivate", "0" * 64)
        assert (reply.status_code, reply.json["code"]) == (409, "too_late")


@pytest.mark.only_on("sqlite")
def test_the_terminal_shows_the_effect_lists_editions_and_takes_one_back(app, tmp_path, lead):
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(collection(neighbours())), "utf-8")
    command = ("boundaries", "import", path, "--edition", NAME, "--valid-from", today().isoformat())
    with nothing_changes(app):
        assert "Đơn vị có việc phải chuyển" in succeeds(app, *command)
    succeeds(app, *command, "--commit")
    assert f"{NAME}: Có hiệu lực, từ {today().isoformat()}" in succeeds(app, "boundaries", "list")
    with nothing_changes(app):
        assert "--commit" in succeeds(app, "boundaries", "deactivate", NAME)
    assert lead()[1] == NAME
    assert "Đã hủy kích hoạt" in succeeds(app, "boundaries", "deactivate", NAME, "--commit")
    assert lead()[1].startswith("Sơ đồ 2025")
    assert "không có hiệu lực" in refusal(app, "boundaries", "deactivate", NAME)
    assert "Không có bộ ranh giới" in refusal(app, "boundaries", "deactivate", "Bộ lạ")


def test_what_nobody_put_into_english_is_answered_as_it_is():
    assert in_english("Tệp lạ.") == "The file cannot be used: Tệp lạ."
