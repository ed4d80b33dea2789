"""tus 1.0.0 as its clients speak it: begin, go on, ask, give up; and what becomes of the photo."""

import base64
import hashlib
import io
import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import uuid4

import pytest
import time_machine

from models import Upload, db, uploads
from services import worker
from services.orphans import collect_orphans
from services.storage import FolderStore
from tests.people import BASE, new_report
from tests.pictures import jpeg

RANGER = "ranger.muong-toong"
TUS = {"Tus-Resumable": "1.0.0"}
PART = {"Content-Type": "application/offset+octet-stream"}
PHOTO = jpeg(size=(64, 48)) + random.Random(4).randbytes(20_000)
SHA256 = hashlib.sha256(PHOTO).hexdigest()


def coded(**facts):
    return ",".join(f"{name} {base64.b64encode(str(fact).encode()).decode()}" for name, fact in facts.items())


class Uploading:
    """What one person does with one file."""

    def __init__(self, person, incident, content=PHOTO, **metadata):
        self.person, self.content = person, content
        said = {"incident": incident, "sha256": hashlib.sha256(content).hexdigest(), "filename": "ảnh.jpg"} | metadata
        self.metadata = coded(**{name: fact for name, fact in said.items() if fact is not None})
        self.reply, self.path = None, ""

    def ask(self, method, path, headers=None, **more):
        return self.person._open(method, path, headers=TUS | (headers or {}), **more)

    def create(self, first=None, length=None, **headers):
        headers |= {"Upload-Length": str(length or len(self.content)), "Upload-Metadata": self.metadata}
        more = {} if first is None else {"data": first}
        self.reply = self.ask("POST", "/uploads", headers | ({} if first is None else PART), **more)
        self.path = self.reply.headers.get("Location", "").removeprefix(BASE)
        return self

    def patch(self, offset, part, **headers):
        return self.ask("PATCH", self.path, PART | {"Upload-Offset": str(offset)} | headers, data=part)

    def head(self):
        return self.ask("HEAD", self.path)

    @property
    def offset(self):
        return int(self.head().headers["Upload-Offset"])

    def send(self):
        assert self.create().reply.status_code == 201, self.reply.json
        reply = self.patch(0, self.content)
        assert reply.status_code == 204, reply.json
        return self


@pytest.fixture
def store(app, tmp_path, monkeypatch):
    made = FolderStore(tmp_path / "kho")
    monkeypatch.setitem(app.extensions, "photo_store", made)
    return made


def states(person, incident):
    return [photo["state"] for photo in person.read(incident)["photos"]]


# The protocol


def test_what_the_server_offers_is_told_to_anybody(app):
    for path in ("/uploads", f"/uploads/{uuid4()}"):
        headers = app.test_client().options(BASE + path).headers
        assert (headers["Tus-Resumable"], headers["Tus-Version"], headers["Tus-Max-Size"]) == (
            "1.0.0",
            "1.0.0",
            "15728640",
        )
        extensions = {"creation", "creation-with-upload", "checksum", "expiration", "termination"}
        assert set(headers["Tus-Extension"].split(",")) == extensions
        assert {"sha1", "sha256"} <= set(headers["Tus-Checksum-Algorithm"].split(","))


def test_a_photo_in_three_parts_becomes_a_photo_of_its_incident(app, as_, store):
    ranger = as_(RANGER)
    incident = ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256, "size": len(PHOTO)}])).json
    sending = Uploading(ranger, incident["id"]).create()
    assert sending.reply.status_code == 201 and sending.reply.headers["Location"].startswith(f"{BASE}/uploads/")
    assert states(ranger, incident) == ["missing"]
    for at, to, state in ((0, 7_000, "partial"), (7_000, 7_001, "partial"), (7_001, len(PHOTO), "stored")):
        reply = sending.patch(at, PHOTO[at:to])
        assert (reply.status_code, reply.headers["Upload-Offset"], reply.data) == (204, str(to), b"")
        asked = sending.head()
        assert (asked.status_code, asked.headers["Cache-Control"]) == (200, "no-store")
        assert asked.headers["Upload-Offset"] == str(to)
        assert asked.headers["Upload-Length"] == str(len(PHOTO))
        assert asked.headers["Upload-Metadata"] == sending.metadata
        assert states(ranger, incident) == [state]
    [photo] = ranger.read(incident)["photos"]
    assert (photo["size"], photo["content_type"]) == (len(PHOTO), "image/jpeg")
    assert store.path("originals", SHA256).read_bytes() == PHOTO
    assert not list((store.root / "partial").iterdir())
    while worker.run_once(app):
        pass
    assert ranger.get(f"/photos/{photo['id']}/thumb").status_code == 200


def test_a_photo_may_come_with_the_request_that_begins_it(as_, a_felling, store):
    sending = Uploading(as_(RANGER), a_felling["id"], captured_at="2026-11-22T07:00:00+07:00").create(first=PHOTO)
    assert (sending.reply.status_code, sending.reply.headers["Upload-Offset"]) == (201, str(len(PHOTO)))
    [photo] = as_(RANGER).read(a_felling)["photos"]
    assert (photo["state"], photo["captured_at"]) == ("stored", "2026-11-22T00:00:00Z")
    part = Uploading(as_(RANGER), a_felling["id"], PHOTO + b"2").create(first=PHOTO)
    assert (part.reply.headers["Upload-Offset"], part.offset) == (str(len(PHOTO)), len(PHOTO))


def test_what_is_not_tus_is_refused_in_its_words(as_, a_felling, store):
    ranger, sending = as_(RANGER), Uploading(as_(RANGER), a_felling["id"])
    sending.create(first=PHOTO[:100])
    for version in ({}, {"Tus-Resumable": "0.2.2"}):
        for method, path in (
            ("POST", "/uploads"),
            ("HEAD", sending.path),
            ("PATCH", sending.path),
            ("DELETE", sending.path),
        ):
            reply = ranger._open(method, path, headers=version)
            assert (reply.status_code, reply.headers["Tus-Version"]) == (412, "1.0.0"), method
    wrong = sending.patch(50, PHOTO[50:])
    assert (wrong.status_code, wrong.json["code"], wrong.headers["Upload-Offset"]) == (409, "wrong_offset", "100")
    assert sending.patch(100, PHOTO[100:], **{"Content-Type": "image/jpeg"}).status_code == 415
    assert sending.patch(100, PHOTO[100:], **{"Content-Encoding": "gzip"}).status_code == 415
    assert sending.patch(100, PHOTO[100:] + b"x").status_code == 413
    assert sending.patch("x", PHOTO[100:]).status_code == 422
    assert sending.offset == 100
    assert sending.create(length=(15 << 20) + 1).reply.status_code == 413
    for length in ("0", "-1", "nhiều"):
        assert sending.create(length=length).reply.status_code == 422
    for metadata in (
        "",
        "incident",
        "incident ***",
        coded(sha256=SHA256),
        coded(incident="x"),
        coded(incident=uuid4(), sha256="ab"),
    ):
        sending.metadata = metadata
        assert sending.create().reply.status_code == 422, metadata


def test_a_part_that_does_not_give_its_checksum_is_not_kept(as_, a_felling, store):
    sending = Uploading(as_(RANGER), a_felling["id"]).create()

    def patch(at, part, name, of):
        digest = base64.b64encode(hashlib.new(name, of).digest()).decode()
        return sending.patch(at, part, **{"Upload-Checksum": f"{name} {digest}"})

    at = 0
    for name in ("sha1", "sha256", "sha512", "md5"):
        reply = patch(at, PHOTO[at : at + 500], name, b"other")
        assert (reply.status_code, reply.json["code"], reply.headers["Upload-Offset"]) == (
            460,
            "checksum_mismatch",
            str(at),
        )
        assert patch(at, PHOTO[at : at + 500], name, PHOTO[at : at + 500]).status_code == 204
        at += 500
    assert sending.patch(at, b"x", **{"Upload-Checksum": "crc32 AAAA"}).status_code == 422
    assert patch(at, PHOTO[at:], "sha1", b"other").status_code == 460
    assert patch(at, PHOTO[at:], "sha1", PHOTO[at:]).status_code == 204
    assert store.path("originals", SHA256).read_bytes() == PHOTO


def test_an_upload_that_is_given_up_is_gone(as_, store):
    ranger = as_(RANGER)
    incident = ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256}])).json
    sending = Uploading(ranger, incident["id"]).create(first=PHOTO[:500])
    assert states(ranger, incident) == ["partial"]
    assert sending.ask("DELETE", sending.path).status_code == 204
    assert states(ranger, incident) == ["missing"]
    assert [
        sending.ask(m, sending.path, PART | {"Upload-Offset": "500"}).status_code for m in ("HEAD", "PATCH", "DELETE")
    ] == [404] * 3
    assert not list((store.root / "partial").iterdir())
    done = Uploading(ranger, incident["id"]).send()
    assert done.ask("DELETE", done.path).status_code == 204
    assert states(ranger, incident) == ["stored"] and store.path("originals", SHA256).exists()


def test_an_upload_is_its_owners_alone_and_a_revoked_device_is_out(as_, a_felling, store):
    sending = Uploading(as_(RANGER), a_felling["id"]).create(first=PHOTO[:500])
    for who in ("officer.muong-toong", "ranger.ta-tong", "admin"):
        other = as_(who)
        for method in ("HEAD", "PATCH", "DELETE"):
            headers = TUS | PART | {"Upload-Offset": "500"}
            known, unknown = (
                other._open(method, path, headers=headers) for path in (sending.path, f"/uploads/{uuid4()}")
            )
            assert (known.status_code, known.data) == (404, unknown.data)
    other_phone = Uploading(as_(RANGER, "máy thứ hai"), a_felling["id"])
    other_phone.path = sending.path
    assert other_phone.offset == 500  # the same person goes on with another phone
    device = next(d for d in as_(RANGER).get("/me/devices").json["items"] if d["client_id"] == "máy thứ hai")
    assert as_(RANGER).delete(f"/me/devices/{device['id']}").status_code == 204
    assert other_phone.patch(500, PHOTO[500:]).status_code == 401
    assert [other_phone.ask(method, sending.path).status_code for method in ("HEAD", "DELETE")] == [401] * 2
    assert other_phone.create().reply.status_code == 401
    assert sending.offset == 500


class Meanwhile(io.BytesIO):
    """A body during which something else happens."""

    def __init__(self, content, happens):
        super().__init__(content)
        self.happens = happens

    def read(self, *size):
        happens, self.happens = self.happens, lambda: None
        happens()
        return super().read(*size)


def test_a_device_that_is_revoked_while_it_sends_brings_nothing_more(as_, a_felling, store):
    lost, mine = as_(RANGER, "máy bị mất"), as_(RANGER)
    sending = Uploading(lost, a_felling["id"]).create(first=PHOTO[:500])

    def revoke():
        device = next(d for d in mine.get("/me/devices").json["items"] if d["client_id"] == "máy bị mất")
        assert mine.delete(f"/me/devices/{device['id']}").status_code == 204

    headers = PART | {"Upload-Offset": "500", "Content-Length": str(len(PHOTO) - 500)}
    reply = sending.ask("PATCH", sending.path, headers, input_stream=Meanwhile(PHOTO[500:], revoke))
    assert reply.status_code == 401
    sending.person = mine
    assert sending.offset == 500


# Verified


def test_what_does_not_give_its_hash_begins_again_at_zero_at_the_same_address(as_, store):
    ranger = as_(RANGER)
    incident = ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256}])).json
    sending = Uploading(ranger, incident["id"]).create()
    reply = sending.patch(0, PHOTO[:-1] + b"!")
    assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (422, "hash_mismatch", True)
    assert (reply.headers["Upload-Offset"], sending.offset) == ("0", 0)
    assert states(ranger, incident) == ["missing"] and not list(store.root.glob("originals/*/*"))
    assert sending.patch(0, PHOTO).status_code == 204
    assert states(ranger, incident) == ["stored"]


def test_without_a_hash_of_its_own_it_must_be_what_the_report_announces(as_, store):
    ranger = as_(RANGER)
    incident = ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256, "size": len(PHOTO)}])).json
    sending = Uploading(ranger, incident["id"], sha256=None).create()
    assert sending.patch(0, PHOTO[:-1] + b"!").json["code"] == "hash_mismatch"
    assert sending.offset == 0
    assert sending.patch(0, PHOTO).status_code == 204
    assert states(ranger, incident) == ["stored"]
    Uploading(ranger, incident["id"], PHOTO + b"2", sha256=None).send()  # another one, which nobody announced
    assert states(ranger, incident) == ["stored", "stored"]


def test_what_is_no_photo_is_refused_with_its_first_bytes(as_, a_felling, store):
    sending = Uploading(as_(RANGER), a_felling["id"], b"%PDF-1.7" + bytes(9_000)).create()
    reply = sending.patch(0, sending.content[:200])
    assert (reply.status_code, reply.json["code"]) == (415, "unsupported_media_type")
    assert sending.head().status_code == 404
    short = Uploading(as_(RANGER), a_felling["id"], b"%PDF")
    assert short.create(first=b"%PDF").reply.status_code == 415
    assert not list((store.root / "partial").iterdir())


# Before its report


@pytest.mark.parametrize("door", ["live", "sync"])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "not announced"])
def test_a_photo_that_comes_before_its_report_waits_and_joins_it(app, as_, store, door, announced):
    ranger, report = as_(RANGER), new_report()
    if announced:
        report["photos"] = [{"sha256": SHA256, "size": len(PHOTO)}]
    sending = Uploading(ranger, report["id"]).send()
    half = Uploading(ranger, report["id"], PHOTO + b"2").create(first=PHOTO)
    if door == "live":
        assert ranger.post("/incidents", json=report).status_code == 201
    else:
        operation = {"id": str(uuid4()), "kind": "incident.create", "body": report}
        reply = ranger.post("/sync", json={"device_time": datetime.now(UTC).isoformat(), "operations": [operation]})
        assert reply.json["results"][0]["result"] == "created"
    if not announced:
        assert states(ranger, report) == []
        while worker.run_once(app):
            pass
        with app.app_context():
            worker.Job.ask("attach", "now")
            db.session.commit()
        while worker.run_once(app):
            pass
    assert states(ranger, report) == ["stored"]
    assert sending.offset == len(PHOTO)
    assert half.patch(len(PHOTO), b"2").status_code == 204
    assert states(ranger, report) == ["stored", "stored"]
    kinds = [event["kind"] for event in ranger.get(f"/incidents/{report['id']}/timeline").json["items"]]
    assert sorted(kinds) == ["incident.photo", "incident.photo", "incident.report"]


def test_a_stranger_learns_nothing_and_changes_nothing(app, as_, in_app, store):
    """The answers for an incident that is there and one that is not are the same to the byte."""
    ranger, stranger = as_(RANGER), as_("ranger.sa-pa")
    incident = ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256, "size": len(PHOTO)}])).json
    said = []
    for id in (incident["id"], str(uuid4())):
        sending, answers = Uploading(stranger, id).create(first=PHOTO[:9]), []
        answers += [sending.reply, sending.head(), sending.patch(9, PHOTO[9:]), sending.head()]
        told = [(a.status_code, a.data, {k: v for k, v in a.headers if k not in HIDES}) for a in answers]
        said.append(str(told).replace(id, "…").replace(sending.path, "…").replace(sending.metadata, "…"))
    assert said[0] == said[1]
    before = ranger.get(f"/incidents/{incident['id']}")
    run_attach(app)
    after = ranger.get(f"/incidents/{incident['id']}")
    assert (states(ranger, incident), before.data) == (["missing"], after.data)
    # The same bytes from who may send them are taken whole again: that they lie here already is nobody's to know.
    mine = Uploading(ranger, incident["id"]).create()
    assert mine.offset == 0
    assert mine.patch(0, PHOTO).status_code == 204
    assert len(list(store.root.glob("originals/*/*"))) == 1


HIDES = ("X-Request-Id", "Upload-Expires")


def run_attach(app):
    with app.app_context():
        worker.Job.ask("attach", "now")
        db.session.commit()
    while worker.run_once(app):
        pass


def test_the_same_photo_in_two_reports_lies_on_disk_once(as_, store):
    ranger = as_(RANGER)
    cases = [ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256}])).json for _ in range(2)]
    for case in cases:
        Uploading(ranger, case["id"]).send()
    assert [states(ranger, case) for case in cases] == [["stored"], ["stored"]]
    assert len(list(store.root.glob("originals/*/*"))) == 1


# Given up, and bounds


def test_after_thirty_days_without_a_byte_it_is_over(app, as_, in_app, store):
    report = new_report(photos=[{"sha256": SHA256}])
    begun = datetime.now(UTC)
    ranger = as_(RANGER)
    ranger.post("/incidents", json=report)
    sending, waiting = (
        Uploading(ranger, report["id"]).create(first=PHOTO[:500]),
        Uploading(ranger, uuid4(), PHOTO + b"w").send(),
    )
    expires = parsedate_to_datetime(sending.head().headers["Upload-Expires"])
    assert timedelta(days=29, hours=23) < expires - begun < timedelta(days=30, hours=1)
    with time_machine.travel(begun + timedelta(days=29), tick=True):
        in_app(lambda: collect_orphans(store))
        ranger = as_(RANGER, "sau một tháng")
        later = Uploading(ranger, report["id"])
        later.path = sending.path
        assert later.offset == 500 and store.path("originals", hashlib.sha256(waiting.content).hexdigest()).exists()
    with time_machine.travel(begun + timedelta(days=31), tick=True):
        later.person = ranger = as_(RANGER, "sau nữa")
        assert later.head().status_code == 404
        expire(app)
        assert states(ranger, report) == ["missing"]
        assert in_app(lambda: db.session.scalars(db.select(Upload.id)).all()) == []
        in_app(lambda: collect_orphans(store))
        assert not [p for p in store.root.rglob("*") if p.is_file()]


def expire(app):
    with app.app_context():
        worker.Job.ask("collect", "now")
        db.session.commit()
    while worker.run_once(app):
        pass


def test_nobody_fills_the_disk_with_what_they_never_finish(as_, a_felling, store, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_OPEN", 2)
    first, _second = (Uploading(as_(RANGER), a_felling["id"]).create(first=PHOTO[:9]) for _ in range(2))
    refused = Uploading(as_(RANGER), a_felling["id"]).create().reply
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_uploads") and refused.headers["Retry-After"]
    assert first.patch(9, PHOTO[9:]).status_code == 204
    assert Uploading(as_(RANGER), a_felling["id"]).create().reply.status_code == 201
    monkeypatch.setattr(uploads, "MOST_OPEN", 99)
    monkeypatch.setattr(uploads, "MOST_BYTES", 2 * len(PHOTO) + 5)
    assert Uploading(as_(RANGER), a_felling["id"]).create(length=6).reply.status_code == 429
    assert Uploading(as_(RANGER), a_felling["id"]).create(length=5).reply.status_code == 201
    assert Uploading(as_("ranger.ta-tong"), a_felling["id"]).create().reply.status_code == 201


def test_an_incident_that_one_sees_and_may_not_add_to_is_refused_at_once(as_, a_felling):
    as_("officer.ta-tong").answer(a_felling, "decline", reason="other", text="Không thuộc phạm vi.")
    assert Uploading(as_("officer.ta-tong"), a_felling["id"]).create().reply.status_code == 403
    assert Uploading(as_("admin"), a_felling["id"]).create().reply.status_code == 403
