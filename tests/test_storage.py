"""A folder and a bucket keep the same promises; while the bucket is away, photos wait here and nothing is lost."""

import hashlib
import os
import signal
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from sqlalchemy import event

from models import Event, Job, Photo, db
from models.base import now
from services import buckets, worker
from services.bad_file import BadFile
from services.s3_storage import S3Store
from services.storage import FolderStore, StoreAway, store_at
from services.stored_files import name_of
from tests.buckets import Line, S3Place, a_file
from tests.people import new_report
from tests.phones import Copy
from tests.pictures import jpeg
from tests.server import Server
from tests.test_cli import run, succeeds
from tests.test_workflows import report

RANGER, OFFICER = "ranger.muong-toong", "officer.muong-toong"
PHOTO = jpeg(size=(900, 600))
SHA256 = hashlib.sha256(PHOTO).hexdigest()
ORIGINAL = name_of("originals", SHA256)


def originals(place):
    return {name for name in place.names() if name.startswith("originals/")}


# What both keep


def test_what_is_put_is_there_to_the_byte_and_its_draft_is_gone(place):
    assert place.store.put(a_file(place.store, PHOTO), "originals", SHA256) is True
    assert place.read("originals", SHA256) == PHOTO and place.names() == {ORIGINAL}
    assert place.store.exists("originals", SHA256) and not place.store.exists("originals", "ab" * 32)
    with place.store.open("originals", SHA256) as file:
        assert file.read() == PHOTO
    with place.store.local("originals", SHA256) as path:
        assert path.read_bytes() == PHOTO
    assert place.names() == {ORIGINAL}
    assert place.store.trouble() is None


def test_what_is_not_there_is_a_missing_file_and_deleting_it_is_nothing(place):
    for how in ("open", "local"):
        with pytest.raises(FileNotFoundError), getattr(place.store, how)("thumb", SHA256):
            pass
    place.store.delete("thumb", SHA256)
    place.store.put(a_file(place.store, PHOTO), "thumb", SHA256)
    place.store.delete("thumb", SHA256)
    assert not place.store.exists("thumb", SHA256) and not list(place.store.drafts.iterdir())


def test_the_same_original_again_is_no_trouble_and_a_damaged_one_is_made_good(place):
    for damage in (None, b"", PHOTO[:-1], PHOTO[:-1] + b"x"):
        if damage is not None:
            place.damage("originals", SHA256, damage)
        assert place.store.put(a_file(place.store, PHOTO), "originals", SHA256) is True
        assert place.read("originals", SHA256) == PHOTO


def test_a_preview_made_anew_takes_the_place_of_the_old(place):
    for content in (b"old", b"new"):
        place.store.put(a_file(place.store, content), "view", SHA256)
    assert place.read("view", SHA256) == b"new"


def test_one_original_put_by_many_at_once_is_one_file(place):
    kept, drafts = [], [a_file(place.store, PHOTO) for _ in range(8)]
    threads = [
        threading.Thread(target=lambda draft=draft: kept.append(place.store.put(draft, "originals", SHA256)))
        for draft in drafts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept == [True] * 8 and place.names() == {ORIGINAL} and place.read("originals", SHA256) == PHOTO


def test_what_lies_there_is_listed_page_by_page_with_its_age(place):
    old = {place.lay("originals", b"%d" % n, 3) for n in range(5)}
    place.lay("originals", b"young", 1)
    place.lay("thumb", b"another kind", 3)
    pages = list(place.store.pages("originals", time.time() - 2 * 24 * 3600, 2))
    assert all(1 <= len(page) <= 2 for page in pages if page)
    assert {name_of("originals", lying.sha256) for page in pages for lying in page} == old
    assert {lying.size for page in pages for lying in page} == {1}


def test_an_original_has_no_link_ever(place):
    place.store.put(a_file(place.store, PHOTO), "originals", SHA256)
    if isinstance(place.store, FolderStore):
        assert [place.store.link(kind, SHA256) for kind in ("originals", "thumb", "view")] == [None] * 3
    else:
        with pytest.raises(ValueError, match="original"):
            place.store.link("originals", SHA256)


# A bucket


@pytest.fixture
def line(s3_server, monkeypatch):
    """The way to the bucket, which a test may cut."""
    made = Line(s3_server.port)
    for name, value in s3_server.environment(made.url).items():
        monkeypatch.setenv(name, value)
    for name, seconds in (("CONNECT_S", 0.3), ("HASTE_S", 0.4), ("PATIENCE_S", 5.0), ("AWAY_S", 0.0)):
        monkeypatch.setattr(buckets, name, seconds)
    yield made
    made.close()


@pytest.fixture
def bucket(request, line, s3_server, tmp_path, monkeypatch):
    """A store in a bucket at the end of that line."""
    made = S3Place(tmp_path / "kho", s3_server)
    if "app" in request.fixturenames:
        monkeypatch.setitem(request.getfixturevalue("app").extensions, "photo_store", made.store)
    return made


TROUBLE = {
    "refused": lambda line: line.refuse(),
    "hangs": lambda line: line.hang(),
    "500": lambda line: line.answer(500),
    "503": lambda line: line.answer(503),
    "forbidden": lambda line: line.answer(403),
}
in_trouble = pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)


@in_trouble
def test_an_original_that_the_bucket_does_not_take_is_kept_here_under_its_hash(bucket, line, trouble):
    trouble(line)
    begun = time.monotonic()
    assert bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256) is False
    with pytest.raises(StoreAway):
        bucket.store.put(a_file(bucket.store, b"x"), "thumb", SHA256)
    assert time.monotonic() - begun < 3
    assert bucket.in_bucket() == set() and ORIGINAL in bucket.names()
    assert bucket.store.exists("originals", SHA256)
    with bucket.store.open("originals", SHA256) as file:
        assert file.read() == PHOTO
    with pytest.raises(StoreAway):
        bucket.store.finish(SHA256)
    line.mend()
    assert bucket.store.finish(SHA256) is True
    assert bucket.in_bucket() == {ORIGINAL} and not bucket.store.spool.exists("originals", SHA256)
    assert bucket.store.finish(SHA256) is True  # killed before that was noted


def test_after_a_failure_nobody_waits_again_for_a_while(bucket, line, monkeypatch):
    monkeypatch.setattr(buckets, "AWAY_S", 60.0)
    line.hang()
    bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256)
    begun = time.monotonic()
    for _ in range(20):
        assert bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256) is False
    assert time.monotonic() - begun < 0.3
    line.mend()
    assert bucket.store.trouble() is None  # which asks all the same
    assert bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256) is True


def test_what_was_damaged_while_it_waited_is_not_brought(bucket, line):
    line.refuse()
    bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256)
    bucket.store.spool.path("originals", SHA256).write_bytes(PHOTO[:-1])
    line.mend()
    assert bucket.store.finish(SHA256) is False and bucket.in_bucket() == set()


def test_a_draft_that_is_not_what_its_hash_says_is_taken_by_nobody(bucket):
    with pytest.raises(OSError, match="is not what it was"):
        bucket.store.put(a_file(bucket.store, PHOTO[:-1]), "originals", SHA256)
    assert originals(bucket) == set()


def test_a_bucket_that_gives_back_something_else_has_not_stored_it(bucket, monkeypatch):
    """Its ETag is not the MD5 of what was sent, as with keys of the server's own: all of it is read back."""
    really, told = buckets.obstore.put, []

    def put(*arguments, **how):
        told.append(really(*arguments, **how))
        return told[-1] | {"e_tag": '"khac"'}

    monkeypatch.setattr(buckets.obstore, "put", put)
    assert bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256) is True
    bucket.lose("originals", SHA256)
    monkeypatch.setattr(
        buckets.obstore, "put", lambda client, name, content, **how: put(client, name, content[:-1], **how)
    )
    assert bucket.store.put(a_file(bucket.store, PHOTO), "originals", SHA256) is False
    assert bucket.store.spool.exists("originals", SHA256) and len(told) == 2


def test_an_object_found_by_an_upload_while_it_is_collected_comes_back(bucket):
    """Collected, but somebody found it there and named it in a row: within a day it is put back, later it is gone."""
    for content in (PHOTO, b"khong cua ai"):
        bucket.lay("originals", content, 9)
    other = hashlib.sha256(b"khong cua ai").hexdigest()
    for sha256 in (SHA256, other):
        assert bucket.store.discard("originals", sha256, time.time()) is True
        assert bucket.store.discard("originals", sha256, time.time()) is False
    aside = {f"aside/{name_of('originals', sha256)}" for sha256 in (SHA256, other)}
    assert bucket.in_bucket() == aside
    bucket.store.put_back(lambda hashes: set())
    assert bucket.in_bucket() == aside
    bucket.store.put_back({SHA256}.intersection)
    assert bucket.read("originals", SHA256) == PHOTO
    bucket.age_named(f"aside/{name_of('originals', other)}", 1.1)
    bucket.store.put_back(lambda hashes: set())
    assert bucket.in_bucket() == {ORIGINAL}


def test_an_object_younger_than_a_day_is_never_collected(bucket):
    bucket.lay("originals", PHOTO, 0.9)
    assert bucket.store.discard("originals", SHA256, time.time()) is False
    assert bucket.in_bucket() == {ORIGINAL}


def test_a_child_of_a_process_that_used_the_bucket_is_told_so_and_does_not_hang(bucket):
    assert bucket.store.trouble() is None
    child = os.fork()
    if not child:
        said = bucket.store.bucket._probe()
        os._exit(0 if said == buckets.FORKED else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_address_without_a_bucket_is_refused(tmp_path):
    with pytest.raises(BadFile, match="thiếu tên bucket"):
        store_at("s3:///anh", tmp_path)
    assert isinstance(store_at("s3://kho", tmp_path), S3Store)
    assert isinstance(store_at(tmp_path, tmp_path), FolderStore)


# Reports and photos while the bucket is away


@pytest.fixture
def path(as_):
    return f"/incidents/{report(as_)['id']}/photos"


def jobs(app):
    with app.app_context():
        return {(job.kind, job.attempts) for job in db.session.scalars(db.select(Job))}


def due_at_once(app):
    with app.app_context():
        db.session.execute(db.update(Job).values(due_at=now()))
        db.session.commit()


def state(as_, path):
    return [photo["state"] for photo in as_(RANGER).get(path.removesuffix("/photos")).json["photos"]]


@pytest.mark.parametrize("trouble", [TROUBLE["refused"], TROUBLE["503"]], ids=["refused", "503"])
def test_a_photo_is_taken_waits_with_back_off_and_finds_its_place(app, as_, in_app, path, bucket, line, trouble):
    trouble(line)
    reply = as_(RANGER).post(path, data=PHOTO)
    assert (reply.status_code, reply.json["state"], reply.json["size"]) == (201, "partial", len(PHOTO))
    again = as_(RANGER).post(path, data=PHOTO)
    assert (again.status_code, again.json) == (200, reply.json)
    assert jobs(app) == {("store", 0)}
    assert (
        as_(RANGER).post("/incidents", json=new_report(photos=[{"sha256": SHA256, "size": len(PHOTO)}])).status_code
        == 201
    )
    worker.run_once(app)
    assert jobs(app) == {("store", 1)} and not worker.run_once(app)
    as_(OFFICER).act({"id": path.split("/")[2]}, "receive")
    assert as_(OFFICER).get(f"/photos/{reply.json['id']}/original").status_code == 404
    line.mend()
    due_at_once(app)
    phone = Copy(as_(RANGER))
    phone.update()
    worker.run_once(app)
    assert state(as_, path) == ["stored"] and jobs(app) == {("preview", 0)}
    assert phone.update() == [path.split("/")[2]]
    assert [photo["state"] for photo in phone.incidents[path.split("/")[2]]["photos"]] == ["stored"]
    worker.run_once(app)
    assert jobs(app) == set() and bucket.store.exists("thumb", SHA256)
    assert as_(OFFICER).get(f"/photos/{reply.json['id']}/original").data == PHOTO
    assert as_(RANGER).post(path, data=PHOTO).json["state"] == "stored"
    arrivals = in_app(lambda: db.session.scalars(db.select(Event.kind).where(Event.kind == "incident.photo")).all())
    assert len(arrivals) == 1
    assert originals(bucket) == {ORIGINAL} and not list(bucket.store.drafts.iterdir())


def test_what_waits_is_synced_and_named_before_its_row_is_committed(as_, in_app, path, bucket, line, monkeypatch):
    steps, really, rename = [], os.fsync, os.replace

    def fsync(handle):
        steps.append(("fsync", Path(os.readlink(f"/proc/self/fd/{handle}")).relative_to(bucket.store.root).as_posix()))
        really(handle)

    def replace(source, target):
        steps.append(("rename", Path(target).relative_to(bucket.store.root).as_posix()))
        rename(source, target)

    engine = in_app(lambda: db.engine)
    commit = lambda _: steps.append(("commit",))
    as_(RANGER)
    line.refuse()
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    event.listen(engine, "commit", commit)
    try:
        assert as_(RANGER).post(path, data=PHOTO).json["state"] == "partial"
    finally:
        event.remove(engine, "commit", commit)
    assert steps[0][1].startswith("incoming/")
    assert steps[1:] == [
        ("fsync", "."),
        ("fsync", "originals"),
        ("rename", ORIGINAL),
        ("fsync", f"originals/{SHA256[:2]}"),
        ("commit",),
    ]


def test_a_phone_that_sends_again_once_the_bucket_is_back_has_it_stored_at_once(app, as_, in_app, path, bucket, line):
    line.refuse()
    first = as_(RANGER).post(path, data=PHOTO).json
    line.mend()
    reply = as_(RANGER).post(path, data=PHOTO)
    assert (reply.status_code, reply.json["id"], reply.json["state"]) == (200, first["id"], "stored")
    while worker.run_once(app):
        pass
    assert state(as_, path) == ["stored"] and not bucket.store.spool.exists("originals", SHA256)
    assert jobs(app) == set() and bucket.store.exists("view", SHA256)


def test_one_photo_in_two_reports_waits_once_and_is_stored_in_both(app, as_, path, bucket, line):
    other = f"/incidents/{report(as_)['id']}/photos"
    line.refuse()
    assert [as_(RANGER).post(p, data=PHOTO).json["state"] for p in (path, other)] == ["partial"] * 2
    assert jobs(app) == {("store", 0)}
    line.mend()
    worker.run_once(app)
    assert state(as_, path) == state(as_, other) == ["stored"]


def test_a_photo_lost_while_it_waited_is_missing_again_and_the_phone_still_has_it(app, as_, path, bucket, line):
    line.refuse()
    photo = as_(RANGER).post(path, data=PHOTO).json
    bucket.store.spool.path("originals", SHA256).unlink()
    line.mend()
    worker.run_once(app)
    assert state(as_, path) == ["missing"] and jobs(app) == set()
    reply = as_(RANGER).post(path, data=PHOTO)
    assert (reply.status_code, reply.json["id"], reply.json["state"]) == (201, photo["id"], "stored")


def test_a_worker_killed_between_the_bucket_and_the_commit_does_it_again(app, as_, path, bucket, line, monkeypatch):
    line.refuse()
    as_(RANGER).post(path, data=PHOTO)
    line.mend()

    class Killed(BaseException):
        pass

    def dies(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Photo, "waiting", dies)
        worker.run_once(app)
    assert bucket.in_bucket() == {ORIGINAL} and state(as_, path) == ["partial"]
    with app.app_context():
        db.session.execute(db.update(Job).values(leased_by=None, leased_until=None))
        db.session.commit()
    worker.run_once(app)
    assert state(as_, path) == ["stored"] and bucket.in_bucket() == {ORIGINAL}


def test_once_one_is_through_those_that_waited_longest_do_not_wait_longer(app, as_, path, bucket, line):
    line.refuse()
    for colour in ((1, 1, 1), (2, 2, 2), (3, 3, 3)):
        as_(RANGER).post(path, data=jpeg(colour))
    worker.run_once(app)
    assert jobs(app) == {("store", 1)}
    line.mend()
    with app.app_context():
        first = db.session.scalars(db.select(Job)).first()
        first.due_at = now()
        db.session.commit()
    worker.run_once(app)
    worker.run_once(app)
    assert state(as_, path) == ["stored"] * 3


def test_one_whose_job_was_lost_is_found_by_the_daily_collection(app, as_, path, bucket, line):
    line.refuse()
    as_(RANGER).post(path, data=PHOTO)
    waits = bucket.store.spool.path("originals", SHA256)
    os.utime(waits, (time.time() - 100_000,) * 2)
    with app.app_context():
        db.session.execute(db.delete(Job))
        Job.ask("collect", "collect")
        db.session.commit()
    line.mend()
    while worker.run_once(app):
        pass
    assert state(as_, path) == ["stored"] and bucket.store.exists("thumb", SHA256)


def test_previews_wait_for_the_bucket_too(app, as_, path, bucket, line):
    photo = as_(RANGER).post(path, data=PHOTO).json
    line.refuse()
    worker.run_once(app)
    assert jobs(app) == {("preview", 1)} and not list(bucket.store.drafts.iterdir())
    assert as_(RANGER).get(f"/photos/{photo['id']}/thumb").json["code"] == "preview_pending"
    line.mend()
    due_at_once(app)
    worker.run_once(app)
    assert as_(RANGER).get(f"/photos/{photo['id']}/thumb").status_code == 302


def test_an_original_is_answered_with_a_problem_while_the_bucket_is_away(as_, in_app, path, bucket, line):
    photo = as_(RANGER).post(path, data=PHOTO).json
    as_(OFFICER).act({"id": path.split("/")[2]}, "receive")
    line.answer(503)
    reply = as_(OFFICER).get(f"/photos/{photo['id']}/original")
    assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (503, "store_away", True)
    assert reply.headers["Retry-After"]
    readings = in_app(lambda: db.session.scalars(db.select(Event.kind).where(Event.subject_kind == "access")).all())
    assert readings == []  # nothing was read


# Links


def test_previews_are_fetched_from_the_bucket_by_a_link_that_expires_and_originals_never(app, as_, path, bucket):
    photo = as_(RANGER).post(path, data=PHOTO).json
    worker.run_once(app)
    for kind in ("thumb", "view"):
        reply = as_(RANGER).get(f"/photos/{photo['id']}/{kind}")
        assert (reply.status_code, reply.headers["Cache-Control"]) == (302, "no-store")
        assert "X-Amz-Expires=300&" in reply.location and "khoa-bi-mat" not in reply.location
        with urllib.request.urlopen(reply.location) as there:
            assert (there.headers["Content-Type"], there.read()) == ("image/jpeg", bucket.read(kind, SHA256))
        page = as_(RANGER).get(f"/photos/{photo['id']}/{kind}", headers={"Sec-Fetch-Mode": "cors"})
        assert (page.status_code, page.data, page.mimetype) == (200, bucket.read(kind, SHA256), "image/jpeg")
        assert as_("officer.sa-pa").get(f"/photos/{photo['id']}/{kind}").status_code == 404
    as_(OFFICER).act({"id": path.split("/")[2]}, "receive")
    original = as_(OFFICER).get(f"/photos/{photo['id']}/original")
    assert (original.status_code, original.data) == (200, PHOTO)
    assert original.headers["Content-Length"] == str(len(PHOTO))


# What the terminal and the server say


@pytest.mark.parametrize("trouble", ["forbidden", "refused"])
def test_trouble_is_told_in_one_vietnamese_sentence(app, bucket, line, tmp_path, trouble):
    TROUBLE[trouble](line)
    said = buckets.REFUSED if trouble == "forbidden" else buckets.AWAY
    parts = app.test_client().get("/readyz")
    assert parts.status_code == 200  # reports are taken
    assert parts.json["parts"]["photo_store"] == {"ok": False, "detail": said}
    result = run(app, "doctor")
    assert result.exit_code == 1 and f"✗ Kho ảnh        {said}" in result.output
    for command in (("photos", "check"), ("backup", tmp_path / "x.zip")):
        result = run(app, *command)
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, f"Error: {said}")
    assert not list(tmp_path.glob("*.zip"))


def test_a_bucket_that_is_not_there_is_told(app, as_, path, bucket):
    bucket.store.bucket.name = "khong-co"
    assert app.test_client().get("/readyz").json["parts"]["photo_store"]["detail"] == buckets.NO_BUCKET
    assert as_(RANGER).post(path, data=PHOTO).json["state"] == "partial"


def test_the_doctor_counts_photos_that_wait(app, as_, path, bucket, line):
    line.refuse()
    as_(RANGER).post(path, data=PHOTO)
    line.mend()
    assert "! Ảnh chờ        1 ảnh đã nhận còn chờ vào kho ảnh" in run(app, "doctor").output


def test_what_still_waits_is_in_the_backup(app, as_, path, bucket, line, tmp_path):
    from services.archives import Archive

    line.refuse()
    as_(RANGER).post(path, data=PHOTO)
    line.mend()
    succeeds(app, "backup", tmp_path / "x.zip")
    assert Archive(tmp_path / "x.zip").names("photos") == [f"photos/{SHA256[:2]}/{SHA256}"]


def test_a_server_with_the_wrong_key_starts_says_so_and_takes_reports(tmp_path, line):
    line.answer(403)
    server = Server(tmp_path, DEMO="0", WEB_CONCURRENCY="1", PHOTO_STORE="s3://kho/anh").wait()
    try:
        assert buckets.REFUSED in server.log.read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz") as reply:
            assert buckets.REFUSED in reply.read().decode()
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
