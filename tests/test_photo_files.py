"""What was acknowledged is on disk, under its name, in folders that last; what was not leaves nothing behind."""

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest
from sqlalchemy import event

from models import Event, Photo, db
from services import photos as photo_service
from services import storage, worker
from services.storage import FolderStore
from services.stored_files import name_of
from tests.odd_pictures import plain, saved
from tests.people import BASE, new_report
from tests.pictures import job_failed_and_is_due_again, jpeg
from tests.test_workflow_versions import at_once

RANGER = "ranger.muong-toong"
PHOTO = jpeg(size=(1200, 900))
SHA256 = hashlib.sha256(PHOTO).hexdigest()


@pytest.fixture
def path(a_felling):
    return f"/incidents/{a_felling['id']}/photos"


@pytest.fixture
def store(app, tmp_path, monkeypatch):
    """A store of this test alone, in folders that do not exist yet."""
    made = FolderStore(tmp_path / "mới" / "kho")
    monkeypatch.setitem(app.extensions, "photo_store", made)
    return made


def nothing_is_left(store):
    return not [path for path in store.root.rglob("*") if path.is_file()]


@pytest.fixture
def steps(app, store, monkeypatch):
    """What happens to the disk and the database, in order, paths as they stand below the store."""
    happened = []

    def short(path):
        path = Path(path)
        return path.relative_to(store.root).as_posix() if path.is_relative_to(store.root) else path.name

    def fsync(handle, real=os.fsync):
        happened.append(("fsync", short(os.readlink(f"/proc/self/fd/{handle}"))))
        return real(handle)

    def replace(source, target, real=os.replace):
        happened.append(("rename", short(source), short(target)))
        return real(source, target)

    def commit(connection):
        happened.append(("commit",))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", commit)
    yield happened
    event.remove(engine, "commit", commit)


def test_the_file_and_every_new_folder_is_synced_before_the_row_is_committed(as_, path, store, steps):
    as_(RANGER)
    steps.clear()
    assert as_(RANGER).post(path, data=PHOTO).status_code == 201
    temporary = next(step[1] for step in steps if step[0] == "fsync")
    folder = f"originals/{SHA256[:2]}"
    assert temporary.startswith("incoming/")
    assert steps == [
        ("fsync", temporary),
        ("fsync", "."),  # holds the new name "originals"
        ("fsync", "originals"),  # holds the new name of two letters
        ("rename", temporary, f"{folder}/{SHA256}"),
        ("fsync", folder),
        ("commit",),
    ]


def test_the_same_photo_again_is_synced_again_before_it_is_acknowledged(as_, path, store, steps):
    """Whoever brought it first may have been killed between the rename and the sync of the folder."""
    as_(RANGER).post(path, data=PHOTO)
    steps.clear()
    assert as_(RANGER).post(path, data=PHOTO).status_code == 200
    assert [step[0] for step in steps] == ["fsync", "rename", "fsync", "commit"]


def test_a_new_process_does_not_trust_that_a_folder_it_finds_was_synced(store, tmp_path, monkeypatch):
    folder = store.root / "originals" / "ab"
    folder.mkdir(parents=True)
    synced = []
    monkeypatch.setattr(storage, "sync_folder", synced.append)
    draft = store.draft()
    draft.write_bytes(b"x")
    store.put(draft, "originals", "abc")
    assert synced == [store.root, folder.parent, folder]


def test_the_store_itself_is_synced_into_the_folders_that_were_made_for_it(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(storage, "sync_folder", synced.append)
    FolderStore(tmp_path / "a" / "b")
    store = tmp_path / "a" / "b"
    assert synced == [tmp_path, tmp_path / "a", store, store]  # the last two for its own first folders


def test_previews_are_synced_and_named_before_they_are_said_to_be_ready(app, as_, path, store, steps):
    as_(RANGER).post(path, data=PHOTO)
    steps.clear()
    worker.run_once(app)
    kinds = [step[0] if step[0] != "rename" else step[2].partition("/")[0] for step in steps]
    ready = len(kinds) - 1 - kinds[::-1].index("commit")
    assert {"thumb", "view"} <= set(kinds[:ready])
    for kind in ("thumb", "view"):
        at = kinds.index(kind)
        assert steps[at + 1] == ("fsync", f"{kind}/{SHA256[:2]}") and at + 1 < ready
        assert ("fsync", steps[at][1]) in steps[:at]
    assert not list(store.drafts.iterdir())


# A full disk


class FullDisk(io.FileIO):
    """A file on a disk with room for a little more: first less is written than was asked, then nothing."""

    room = 5_000

    def write(self, data):
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = bytes(data)[: self.room]
        self.room -= len(part)
        return super().write(part)


def raises(code):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    return fail


def full(monkeypatch, where):
    if where == "writing":
        monkeypatch.setattr(storage, "open", lambda path, *_, **__: FullDisk(path, "xb"), raising=False)
    elif where == "opening":
        monkeypatch.setattr(storage, "open", raises(errno.EDQUOT), raising=False)
    elif where == "syncing":
        monkeypatch.setattr(os, "fsync", raises(errno.ENOSPC))
    elif where == "naming":
        monkeypatch.setattr(os, "replace", raises(errno.ENOSPC))
    else:
        monkeypatch.setattr(Path, "mkdir", raises(errno.ENOSPC))


@pytest.mark.parametrize("where", ["writing", "opening", "syncing", "naming", "making a folder"])
@pytest.mark.parametrize("form", [False, True], ids=["raw", "form"])
def test_a_full_disk_says_so_leaves_nothing_takes_reports_and_heals(as_, path, store, monkeypatch, where, form):
    def body():
        return {"file": (io.BytesIO(PHOTO), "a.jpg")} if form else PHOTO

    ranger = as_(RANGER)
    with monkeypatch.context() as patch:
        full(patch, where)
        reply = ranger.post(path, data=body())
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (507, "disk_full", True)
        assert reply.headers["Retry-After"]
        report = new_report(photos=[{"sha256": SHA256, "size": len(PHOTO)}])
        assert ranger.post("/incidents", json=report).status_code == 201
    assert nothing_is_left(store)
    assert ranger.post(path, data=body()).status_code == 201
    assert store.path("originals", SHA256).read_bytes() == PHOTO


def test_what_is_written_in_small_parts_is_written_whole(as_, path, store, monkeypatch):
    class Slow(io.FileIO):
        def write(self, data):
            return super().write(bytes(data)[:1000])

    monkeypatch.setattr(storage, "open", lambda path, *_, **__: Slow(path, "xb"), raising=False)
    assert as_(RANGER).post(path, data=PHOTO).status_code == 201
    assert store.path("originals", SHA256).read_bytes() == PHOTO


def test_a_preview_for_which_there_is_no_room_is_made_later(app, as_, path, store, monkeypatch):
    photo = as_(RANGER).post(path, data=PHOTO).json
    with monkeypatch.context() as patch:
        full(patch, "naming")
        worker.run_once(app)
    assert job_failed_and_is_due_again(app) == "OSError"
    assert not list(store.drafts.iterdir())
    assert as_(RANGER).get(f"/photos/{photo['id']}/thumb").json["code"] == "preview_pending"
    while worker.run_once(app):
        pass
    assert as_(RANGER).get(f"/photos/{photo['id']}/thumb").status_code == 200


# Cut off, lied to, doubled


def open_raw(person, path, content, length, **headers):
    """A request whose Content-Length is not what comes."""
    return person.client.open(
        BASE + path,
        method="POST",
        input_stream=io.BytesIO(content),
        environ_overrides={"CONTENT_LENGTH": str(length)},
        headers={"Authorization": f"Bearer {person.tokens['access_token']}"} | headers,
    )


def as_form(content):
    border = "ranh-gioi"
    head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'.encode()
    return head + content + f"\r\n--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"


@pytest.fixture
def both(place):
    """A folder and a bucket, one after the other."""
    return place


@pytest.mark.parametrize("form", [False, True], ids=["raw", "form"])
def test_a_phone_that_is_gone_in_the_middle_leaves_nothing_and_sends_again(as_, path, both, form):
    content, kind = as_form(PHOTO) if form else (PHOTO, "image/jpeg")
    ranger = as_(RANGER)
    reply = open_raw(ranger, path, content[: len(content) // 2], len(content), **{"Content-Type": kind})
    assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (400, "cut_short", True)
    assert not both.names()
    assert ranger.get(path.removesuffix("/photos")).json["photos"] == []
    assert open_raw(ranger, path, content, len(content), **{"Content-Type": kind}).status_code == 201
    assert both.read("originals", SHA256) == PHOTO


def test_a_length_that_says_too_little_is_noticed_by_the_hash(as_, path, both):
    headers = {"Content-Type": "image/jpeg", "X-Content-SHA256": SHA256}
    reply = open_raw(as_(RANGER), path, PHOTO, len(PHOTO) - 100, **headers)
    assert (reply.status_code, reply.json["code"]) == (422, "hash_mismatch")
    assert not both.names()


@pytest.mark.parametrize("said", ["999999999999", "-5", "năm", "1e3"])
def test_a_length_that_is_none_is_refused(as_, path, both, said):
    reply = open_raw(as_(RANGER), path, PHOTO, said, **{"Content-Type": "image/jpeg"})
    assert reply.status_code in (400, 413, 415)
    assert not both.names()


def test_many_files_in_one_form_are_all_gone_but_the_one_that_was_asked_for(as_, path, both):
    others = {f"file{n}": (io.BytesIO(jpeg((n, 1, 1))), "b.jpg") for n in range(9)}
    assert as_(RANGER).post(path, data=others | {"file": (io.BytesIO(PHOTO), "a.jpg")}).status_code == 201
    assert both.names() == {name_of("originals", SHA256)}


def test_the_same_photo_sent_by_several_at_once_is_one_file_one_row_and_one_event(
    app, as_, a_felling, path, both, in_app
):
    people = [as_(RANGER), as_(RANGER, "máy thứ hai"), as_("officer.muong-toong"), as_("officer.ta-tong")]
    calls = [lambda person=person: person.post(path, data=PHOTO) for person in people]
    replies = at_once(app, a_felling, *calls)
    assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 201]
    assert len({reply.json["id"] for reply in replies}) == 1
    assert both.names() == {name_of("originals", SHA256)}
    rows = in_app(lambda: db.session.scalars(db.select(Photo.sha256)).all())
    arrivals = in_app(lambda: db.session.scalars(db.select(Event.kind).where(Event.kind == "incident.photo")).all())
    assert (rows, len(arrivals)) == ([SHA256], 1)


def test_a_damaged_original_is_made_good_by_sending_it_again(as_, path, both):
    as_(RANGER).post(path, data=PHOTO)
    both.damage("originals", SHA256, b"")
    assert as_(RANGER).post(path, data=PHOTO).status_code == 200
    assert both.read("originals", SHA256) == PHOTO


def test_a_photo_of_the_largest_size_is_taken_and_one_byte_more_is_not(as_, path, both):
    largest = saved(plain(), "JPEG").ljust(photo_service.LARGEST_BYTES, b"\0")
    for content, status in ((largest, 201), (largest + b"\0", 413)):
        for body in (content, {"file": (io.BytesIO(content), "a.jpg")}):
            assert as_(RANGER).post(path, data=body).status_code == (
                200 if status == 201 and isinstance(body, dict) else status
            )
    assert len(both.names()) == 1
