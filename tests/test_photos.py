"""Photos: taken in untouched, shown without metadata, originals only for those who may."""

import hashlib
import io
import os

import pytest
from PIL import Image

from models import Event, db
from services import photos as photo_service
from services import worker
from tests.people import new_report
from tests.pictures import as_format, job_failed_and_is_due_again, jpeg

SECRET = "ViVu-X7 serial 4471"
PHOTO = jpeg(Make=SECRET, DateTimeOriginal="2026:11:20 09:30:00", place=(22.2425, 102.6))


@pytest.fixture(autouse=True)
def in_both_stores(place, monkeypatch):
    """A folder and a bucket; what links to a bucket do is told in test_storage.py."""
    monkeypatch.setattr(place.store, "link", lambda *_: None)


@pytest.fixture
def path(a_felling):
    return f"/incidents/{a_felling['id']}/photos"


def previews(app):
    while worker.run_once(app):
        pass


def test_the_original_is_kept_to_the_byte(app, as_, a_felling, path):
    reply = as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg")
    assert reply.status_code == 201
    assert reply.json["sha256"] == hashlib.sha256(PHOTO).hexdigest()
    assert (reply.json["state"], reply.json["size"], reply.json["content_type"]) == ("stored", len(PHOTO), "image/jpeg")
    as_("officer.muong-toong").act(a_felling, "receive")
    original = as_("officer.muong-toong").get(f"/photos/{reply.json['id']}/original")
    assert original.data == PHOTO
    assert original.headers["Content-Disposition"].startswith("attachment")
    assert original.headers["Cache-Control"] == "no-store" and original.headers["X-Content-Type-Options"] == "nosniff"


def test_a_form_and_a_raw_body_are_the_same_photo(as_, path):
    ranger = as_("ranger.muong-toong")
    form = ranger.post(path, data={"file": (io.BytesIO(PHOTO), "../../etc/passwd.exe", "text/html")})
    raw = ranger.post(path, data=PHOTO, content_type="application/octet-stream")
    assert (form.status_code, raw.status_code) == (201, 200)
    assert form.json["id"] == raw.json["id"]


def test_a_declared_photo_is_missing_until_it_comes(as_):
    ranger = as_("ranger.muong-toong")
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    incident = ranger.post("/incidents", json=new_report(photos=[{"sha256": sha256, "size": len(PHOTO)}])).json
    assert incident["photos"][0]["state"] == "missing"
    reply = ranger.post(f"/incidents/{incident['id']}/photos", data=PHOTO, content_type="image/jpeg")
    assert reply.json["id"] == incident["photos"][0]["id"]
    assert [p["state"] for p in ranger.read(incident)["photos"]] == ["stored"]


def test_a_photo_changes_the_revision_but_not_the_version(as_, a_felling, path):
    as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg")
    now = as_("ranger.muong-toong").read(a_felling)
    assert now["version"] == a_felling["version"]
    assert now["revision"] > a_felling["revision"]


def test_previews_are_small_upright_and_without_metadata(app, as_, path):
    turned = jpeg(size=(800, 400), Orientation=6, Make=SECRET, place=(22.2425, 102.6))
    photo = as_("ranger.muong-toong").post(path, data=turned, content_type="image/jpeg").json
    pending = as_("ranger.muong-toong").get(f"/photos/{photo['id']}/thumb")
    assert (pending.status_code, pending.json["code"], pending.json["retryable"]) == (404, "preview_pending", True)
    previews(app)
    for kind, longest in (("thumb", 256), ("view", 800)):
        reply = as_("ranger.muong-toong").get(f"/photos/{photo['id']}/{kind}")
        assert reply.status_code == 200
        picture = Image.open(io.BytesIO(reply.data))
        assert picture.size == (longest // 2, longest)  # upright: taller than wide
        assert not picture.getexif()
        assert SECRET.encode() not in reply.data
        red, green, _ = picture.convert("RGB").getpixel((longest // 4, 4))
        assert red > 2 * green  # the stripe of the left side is on top now


def test_what_the_file_claims_stands_beside_it(app, as_, path):
    photo = as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg").json
    previews(app)
    claims = as_("officer.muong-toong").get(f"/photos/{photo['id']}").json["exif"]
    assert claims["make"] == SECRET
    assert claims["taken_at"] == "2026:11:20 09:30:00"
    assert (claims["lat"], claims["lon"]) == (pytest.approx(22.2425, abs=1e-5), pytest.approx(102.6, abs=1e-5))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_pictures_are_taken_by_their_first_bytes(app, as_, path, kind):
    reply = as_("ranger.muong-toong").post(path, data=as_format(kind), content_type="image/jpeg")
    assert (reply.status_code, reply.json["content_type"]) == (201, f"image/{kind.lower()}")
    previews(app)
    assert as_("ranger.muong-toong").get(f"/photos/{reply.json['id']}/thumb").status_code == 200


@pytest.mark.parametrize("content", [PHOTO[:900], b"\xff\xd8\xff" + os.urandom(500), b"\0\0\0\x18ftypheic" + bytes(64)])
def test_a_picture_that_cannot_be_opened_is_kept_as_evidence(app, as_, path, content):
    reply = as_("ranger.muong-toong").post(path, data=content, content_type="image/jpeg")
    assert reply.status_code == 201
    previews(app)
    thumb = as_("ranger.muong-toong").get(f"/photos/{reply.json['id']}/thumb")
    assert (thumb.status_code, thumb.json["code"]) == (404, "preview_unavailable")


def test_a_preview_that_got_no_time_is_tried_again(app, as_, path, monkeypatch):
    photo = as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg").json

    with monkeypatch.context() as busy:
        busy.setattr(photo_service, "PATIENCE_S", 0.01)
        assert worker.run_once(app) and not worker.run_once(app)  # not at once
    assert as_("ranger.muong-toong").get(f"/photos/{photo['id']}/view").json["code"] == "preview_pending"
    assert job_failed_and_is_due_again(app) == "TimeoutExpired"
    previews(app)
    assert as_("ranger.muong-toong").get(f"/photos/{photo['id']}/thumb").status_code == 200


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"<svg/>", b"GIF89a" + bytes(100)])
def test_what_is_no_picture_is_refused_and_leaves_nothing(app, as_, path, content):
    reply = as_("ranger.muong-toong").post(path, data=content, content_type="image/jpeg")
    assert (reply.status_code, reply.json["code"]) == (415, "unsupported_media_type")
    assert not list(app.extensions["photo_store"].incoming.iterdir())


def test_a_photo_that_does_not_match_its_hash_is_refused(app, as_, path):
    headers = {"X-Content-SHA256": "00" * 32}
    reply = as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg", headers=headers)
    assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (422, "hash_mismatch", True)
    assert not list(app.extensions["photo_store"].incoming.iterdir())


def test_a_photo_over_the_limit_is_refused_and_leaves_nothing(app, as_, path):
    reply = as_("ranger.muong-toong").post(path, data=PHOTO + bytes(15 << 20), content_type="image/jpeg")
    assert reply.status_code == 413
    assert not list(app.extensions["photo_store"].incoming.iterdir())


def test_a_form_without_the_file_says_so(as_, path):
    reply = as_("ranger.muong-toong").post(path, data={"photo": (io.BytesIO(PHOTO), "a.jpg")})
    assert (reply.status_code, list(reply.json["errors"])) == (422, ["file"])


def test_photos_are_taken_on_a_closed_case(as_, a_felling, path):
    as_("ranger.muong-toong").act(a_felling, "retract", reason="Nhầm chỗ.")
    as_("officer.muong-toong").act(a_felling, "close")
    assert as_("ranger.muong-toong").read(a_felling)["status"] == "closed"
    assert as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg").status_code == 201
    other = jpeg((1, 2, 3))
    assert as_("officer.muong-toong").post(path, data=other, content_type="image/jpeg").status_code == 201


def test_an_original_is_for_accepted_units_and_each_reading_is_recorded(as_, a_felling, path, in_app):
    photo = as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg").json
    original = f"/photos/{photo['id']}/original"
    assert as_("ranger.muong-toong").get(original).status_code == 403
    assert as_("officer.ta-tong").get(original).status_code == 403  # offered, not accepted
    as_("officer.ta-tong").answer(a_felling, "accept")
    assert as_("officer.ta-tong").get(original).status_code == 200
    readings = in_app(lambda: db.session.scalars(db.select(Event.kind).where(Event.subject_kind == "access")).all())
    assert readings == ["photo.read_original"]


def test_nobody_sees_the_photo_of_an_incident_that_is_not_theirs(app, as_, path):
    photo = as_("ranger.muong-toong").post(path, data=PHOTO, content_type="image/jpeg").json
    previews(app)
    for who in ("officer.sa-pa", "admin", "ranger.ta-tong"):
        for part in ("", "/thumb", "/view", "/original"):
            assert as_(who).get(f"/photos/{photo['id']}{part}").status_code == 404
        assert as_(who).post(path, data=PHOTO, content_type="image/jpeg").status_code == 404


def test_memory_does_not_grow_with_the_photo(app):
    """The store is handed pieces and keeps none of them."""
    store = app.extensions["photo_store"]
    incoming = store.receive(photo_service.LARGEST_BYTES)
    for _ in range(200):
        incoming.write(bytes(64 << 10))
    held = sum(len(v) for v in vars(incoming).values() if isinstance(v, bytes | bytearray))
    incoming.close()
    assert held < 1000
