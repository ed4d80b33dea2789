"""Parts of uploads on disk: durable before they count, dropped when they do not, collected when nobody goes on."""

import errno
import os
import time
from pathlib import Path

import pytest

from api import delivery
from models import db
from models.uploads import forget_uploads
from services import storage, worker
from services.orphans import collect_orphans
from services.storage import FolderStore
from tests import test_photo_files
from tests.people import new_report
from tests.test_photo_files import FullDisk, raises
from tests.test_uploads import PHOTO, RANGER, SHA256, Uploading, states

steps = test_photo_files.steps


@pytest.fixture
def store(app, tmp_path, monkeypatch):
    made = FolderStore(tmp_path / "kho")
    monkeypatch.setitem(app.extensions, "photo_store", made)
    return made


@pytest.fixture
def sending(as_, a_felling, store):
    return Uploading(as_(RANGER), a_felling["id"]).create()


def partial(store, sending):
    return store.root / "partial" / sending.path.rpartition("/")[2]


def test_a_part_is_synced_before_its_offset_is_committed(store, sending, steps):
    steps.clear()
    assert sending.patch(0, PHOTO[:500]).status_code == 204
    file = partial(store, sending).relative_to(store.root).as_posix()
    assert steps == [("fsync", "partial"), ("fsync", "."), ("fsync", file), ("commit",)]
    steps.clear()
    assert sending.patch(500, PHOTO[500:]).status_code == 204
    assert [step[0] for step in steps] == ["fsync", "fsync", *["fsync"] * 2, "rename", "fsync", "commit"]
    assert steps[0] == ("fsync", file)


@pytest.mark.parametrize("at", ["sync", "commit", "put", "attach"])
def test_what_was_not_committed_does_not_count_and_is_overwritten(as_, a_felling, store, sending, monkeypatch, at):
    """As after a kill: between writing, sync, commit, the naming of the original and its row."""

    def stops(*_, **__):
        raise RuntimeError("mất điện")

    sending.patch(0, PHOTO[:500])
    with monkeypatch.context() as patch:
        if at == "sync":
            patch.setattr(os, "fsync", stops)
        elif at == "put":
            patch.setattr(FolderStore, "put", stops)
        elif at == "attach":
            patch.setattr("models.photos.Photo.store", stops)
        else:
            patch.setattr(delivery, "one_turn", stops)
        end = len(PHOTO) if at in ("put", "attach") else 900
        assert sending.patch(500, b"\0" * 100 + PHOTO[600:end]).status_code in (500, 422)
        if at in ("put", "attach"):
            sending.patch(sending.offset, PHOTO[sending.offset :])
    offset = sending.offset
    assert offset in (0, 500)
    assert sending.patch(offset, PHOTO[offset : offset + 1]).status_code == 204
    assert partial(store, sending).stat().st_size == offset + 1
    assert sending.patch(offset + 1, PHOTO[offset + 1 :]).status_code == 204
    assert store.path("originals", SHA256).read_bytes() == PHOTO
    assert states(as_(RANGER), a_felling) == ["stored"]


def test_when_the_disk_lost_what_was_there_it_begins_again(store, sending):
    sending.patch(0, PHOTO[:900])
    partial(store, sending).write_bytes(PHOTO[:300])
    assert sending.offset == 0
    sending.patch(0, PHOTO[:900])
    partial(store, sending).unlink()
    reply = sending.patch(900, PHOTO[900:])
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (409, "0")
    assert sending.patch(0, PHOTO).status_code == 204


def test_a_full_disk_says_so_and_the_offset_stays_right(as_, store, sending, monkeypatch):
    sending.patch(0, PHOTO[:500])
    real = open
    with monkeypatch.context() as patch:
        patch.setattr(
            "services.uploads.open",
            lambda path, mode, **_: FullDisk(path, mode) if "+" in mode else real(path, mode),
            raising=False,
        )
        reply = sending.patch(500, PHOTO[500:])
        assert (reply.status_code, reply.json["code"]) == (507, "disk_full") and reply.headers["Retry-After"]
        assert sending.offset == int(reply.headers["Upload-Offset"]) == 500 + FullDisk.room
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", raises(errno.ENOSPC))
        assert sending.patch(sending.offset, PHOTO[sending.offset :][:100]).status_code == 507
    with monkeypatch.context() as patch:
        patch.setattr(storage, "open", raises(errno.ENOSPC), raising=False)
        assert sending.patch(sending.offset, PHOTO[sending.offset :]).status_code == 507
    assert as_(RANGER).post("/incidents", json=new_report()).status_code == 201
    assert sending.offset == 500 + FullDisk.room
    assert sending.patch(sending.offset, PHOTO[sending.offset :]).status_code == 204
    assert store.path("originals", SHA256).read_bytes() == PHOTO


def test_long_parts_are_committed_on_the_way(store, sending, monkeypatch, steps):
    monkeypatch.setattr(delivery, "COMMIT_BYTES", 1)
    monkeypatch.setattr("api.arriving.CHUNK", 4096)
    steps.clear()
    assert sending.patch(0, PHOTO[:20_000]).status_code == 204
    assert sum(step == ("commit",) for step in steps) == 5


def aged(path: Path, days):
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_parts_of_living_uploads_are_never_collected_and_those_of_dead_ones_are(app, in_app, store, sending):
    sending.patch(0, PHOTO[:500])
    living = partial(store, sending)
    dead = [living.with_name("0199f0a1-0000-7000-8000-0000000000aa" + end) for end in ("", ".turn")]
    for path in dead:
        path.write_bytes(b"x")
    for path in living.parent.iterdir():
        aged(path, 20)
    foreign = living.with_name("của ai")
    foreign.write_bytes(b"x")
    aged(foreign, 20)
    assert in_app(lambda: collect_orphans(store)).leftovers == 2
    assert set(living.parent.iterdir()) == {living, living.with_name(living.name + ".turn"), foreign}
    assert sending.offset == 500


def test_a_photo_that_waits_for_its_report_is_not_collected(as_, in_app, store):
    report = new_report()
    Uploading(as_(RANGER), report["id"]).send()
    aged(store.path("originals", SHA256), 20)
    assert in_app(lambda: collect_orphans(store)).originals == 0
    as_(RANGER).post("/incidents", json=report | {"photos": [{"sha256": SHA256}]})
    assert states(as_(RANGER), report) == ["stored"]


def test_a_restored_database_knows_no_upload_that_was_under_way(app, as_, in_app, store):
    ranger = as_(RANGER)
    report = ranger.post("/incidents", json=new_report(photos=[{"sha256": SHA256}])).json
    half, done = (
        Uploading(ranger, report["id"]).create(first=PHOTO[:9]),
        Uploading(ranger, report["id"], PHOTO + b"2").send(),
    )
    assert states(ranger, report) == ["partial", "stored"]

    def restore():
        forget_uploads(db.session.connection())
        db.session.commit()

    in_app(restore)
    assert half.head().status_code == 404 and done.offset == len(done.content)
    assert states(ranger, report) == ["missing", "stored"]
    while worker.run_once(app):
        pass
