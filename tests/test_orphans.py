"""What lies in the photo store and belongs to nothing is collected; what belongs to a case never is."""

import hashlib
import os
from datetime import timedelta

import pytest

from models import db
from models.photos import Photo
from services import orphans as orphan_service
from services import worker
from services.orphans import Collected, collect_orphans
from services.storage import FolderStore
from services.stored_files import name_of
from tests.buckets import aged
from tests.pictures import jpeg
from tests.test_cli import run, succeeds
from tests.test_workflows import report

RANGER = "ranger.muong-toong"
PHOTO = jpeg()


@pytest.fixture
def store(place):
    """Of both kinds, one after the other."""
    return place.store


@pytest.fixture
def folder(app, tmp_path, monkeypatch):
    """What only a folder does."""
    made = FolderStore(tmp_path / "thư mục")
    monkeypatch.setitem(app.extensions, "photo_store", made)
    return made


def everything(place):
    """But for what a bucket keeps aside for a day."""
    return {name for name in place.names() if not name.startswith("aside/")}


def files_in(store):
    return {p.relative_to(store.root).as_posix() for p in store.root.rglob("*") if p.is_file() or p.is_symlink()}


def collect(in_app, store, **said):
    return in_app(lambda: collect_orphans(store, **said))


def a_photo(app, as_, place):
    """A photo of a case with its previews, all of them a year old."""
    photo = as_(RANGER).post(f"/incidents/{report(as_)['id']}/photos", data=PHOTO).json
    worker.run_once(app)
    for kind in ("originals", "thumb", "view"):
        place.age(kind, photo["sha256"], 365)
    return photo


def test_old_files_without_a_row_are_collected_and_all_others_stay(app, as_, in_app, place, store):
    a_photo(app, as_, place)
    kept = everything(place)
    old = [f"{kind} {n}".encode() for kind in ("originals", "thumb", "view") for n in range(3)]
    for content in old:
        place.lay(content.decode().split()[0], content, 8)
    young = {place.lay(kind, b"young", 6) for kind in ("originals", "thumb")}
    assert collect(in_app, store) == Collected(originals=3, thumb=3, view=3, bytes=sum(map(len, old)))
    assert everything(place) == kept | young
    assert collect(in_app, store) == Collected()


def test_a_photo_whose_transaction_failed_is_collected_after_a_week(app, as_, in_app, place, store, monkeypatch):
    incident = report(as_)

    def fails(*_, **__):
        raise RuntimeError("mất điện")

    with monkeypatch.context() as patch:
        patch.setattr(Photo, "store", fails)
        assert as_(RANGER).post(f"/incidents/{incident['id']}/photos", data=PHOTO).status_code == 500
    assert everything(place) == {name_of("originals", hashlib.sha256(PHOTO).hexdigest())}
    assert collect(in_app, store) == Collected()
    place.age("originals", hashlib.sha256(PHOTO).hexdigest(), 8)
    assert collect(in_app, store) == Collected(originals=1, bytes=len(PHOTO))


def test_a_declared_photo_that_stands_without_its_arrival_is_kept_for_it(app, as_, in_app, place, store):
    report(as_, photos=[{"sha256": hashlib.sha256(PHOTO).hexdigest()}])
    place.lay("originals", PHOTO, 30)
    assert collect(in_app, store) == Collected()


def test_what_an_upload_left_is_collected_after_a_day_and_nothing_else_of_that_folder(app, in_app, place, store):
    young = store.draft()
    for path, days in (
        (store.draft(), 1.1),
        (store.incoming / ("b" * 32), 1.1),
        (young, 0.9),
        (store.incoming / "ghi-chu.txt", 300),
    ):
        path.write_bytes(b"do dang")
        aged(path, days)
    assert collect(in_app, store) == Collected(leftovers=2, bytes=14)
    assert everything(place) == {f"drafts/{young.name}", "incoming/ghi-chu.txt"}


def test_nothing_younger_than_a_day_is_collected_whatever_is_asked(app, in_app, place, store):
    place.lay("originals", b"just renamed", 0.9)
    assert collect(in_app, store, older_than=timedelta(0)) == Collected()
    place.lay("originals", b"just renamed", 1.1)
    assert collect(in_app, store, older_than=timedelta(0)).originals == 1


def test_links_are_never_followed(in_app, folder, tmp_path):
    outside = tmp_path / "ngoài"
    name = hashlib.sha256(b"x").hexdigest()
    for place in (outside / name[:2], outside / "incoming"):
        place.mkdir(parents=True)
        aged_file = place / name
        aged_file.write_bytes(b"x")
        aged(aged_file, 30)
    (folder.root / "originals").mkdir()
    (folder.root / "originals" / "zz").symlink_to(outside / name[:2])
    (folder.root / "thumb").symlink_to(outside)
    (folder.root / "originals" / "aa").mkdir()
    aged(folder.root / "originals" / "aa", 30)
    link = folder.root / "originals" / "aa" / name
    link.symlink_to(outside / name[:2] / name)
    aged(link, 30)
    (folder.incoming / ("a" * 32)).symlink_to(outside / name[:2] / name)
    aged(folder.incoming / ("a" * 32), 30)
    assert collect(in_app, folder) == Collected()
    assert (outside / name[:2] / name).read_bytes() == b"x" and link.is_symlink()


def test_other_peoples_files_are_left_alone(in_app, folder):
    for place in ("originals/ab/README", "originals/ghi-chu.txt", "thumb/ab/a.jpg", "đó đây/x"):
        path = folder.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        aged(path, 300)
    before = files_in(folder)
    assert collect(in_app, folder) == Collected()
    assert files_in(folder) == before


def test_a_photo_that_comes_again_while_it_is_being_collected_stays(app, as_, in_app, place, store, monkeypatch):
    """It is looked up, and before it is deleted somebody sends the same photo."""
    incident = report(as_)
    name = place.lay("originals", PHOTO, 30)
    person = as_(RANGER)
    known = Photo.known_hashes

    def and_then_it_comes(hashes):
        found = known(hashes)
        db.session.rollback()
        assert person.post(f"/incidents/{incident['id']}/photos", data=PHOTO).status_code == 201
        return found

    monkeypatch.setattr(Photo, "known_hashes", and_then_it_comes)
    assert collect(in_app, store) == Collected()
    assert place.read("originals", hashlib.sha256(PHOTO).hexdigest()) == PHOTO and everything(place) == {name}


def test_a_collection_that_was_killed_puts_back_what_it_had_moved_aside(app, as_, in_app, folder, monkeypatch):
    photo = as_(RANGER).post(f"/incidents/{report(as_)['id']}/photos", data=PHOTO).json
    original = folder.path("originals", photo["sha256"])
    aside = folder.drafts / f"originals-{photo['sha256']}"
    os.rename(original, aside)
    assert collect(in_app, folder) == Collected()
    assert original.read_bytes() == PHOTO and not aside.exists()


def test_many_files_are_looked_up_page_by_page_with_nothing_open_in_between(app, in_app, folder, monkeypatch):
    monkeypatch.setattr(orphan_service, "PAGE", 7)
    content = [b"%d" % n for n in range(200)]
    for one in content:
        path = folder.root / "originals" / "00" / hashlib.sha256(one).hexdigest()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one)
        aged(path, 8)
    still_reading = in_app(lambda: [db.session().in_transaction() for _ in orphan_service.orphans(folder)])
    assert still_reading == [False] * 200


# flask photos check


def test_the_check_lists_lost_and_changed_originals_and_fails(app, as_, in_app, place):
    photo = a_photo(app, as_, place)
    incident = report(as_)
    as_(RANGER).post(f"/incidents/{incident['id']}/photos", data=PHOTO)
    other = as_(RANGER).post(f"/incidents/{incident['id']}/photos", data=jpeg((1, 2, 3))).json
    assert "Mọi ảnh gốc đều còn nguyên." in succeeds(app, "photos", "check")
    place.lose("originals", photo["sha256"])
    place.damage("originals", other["sha256"], b"khac")
    result = run(app, "photos", "check")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len([line for line in lines if line.startswith("MẤT: ") and photo["sha256"] in line]) == 2
    [changed] = [line for line in lines if line.startswith("BỊ SỬA: ")]
    assert other["id"] in changed and incident["number"] in changed
    assert result.stderr == "Error: 2 ảnh gốc bị mất, 1 ảnh gốc bị sửa.\n"
    assert as_(RANGER).get(f"/photos/{other['id']}").status_code == 200


def test_the_check_lists_orphans_and_deletes_them_only_when_told(app, as_, in_app, place, store):
    orphan, leftover = place.lay("originals", b"khong cua ai", 8), aged_draft(store)
    before = everything(place)
    said = succeeds(app, "photos", "check")
    assert f"{orphan} (12 byte)" in said and leftover.name in said
    assert "Thêm --delete" in said and everything(place) == before
    assert "Đã xóa: 1 ảnh gốc, 0 ảnh xem trước, 1 tệp dở dang" in succeeds(app, "photos", "check", "--delete")
    assert everything(place) == set()
    assert "Thêm --delete" not in succeeds(app, "photos", "check")


def aged_draft(store):
    path = store.draft()
    path.write_bytes(b"x")
    return aged(path, 2)


def test_all_stored_photos_are_looked_at_page_by_page(app, as_, place, monkeypatch):
    monkeypatch.setattr(orphan_service, "PAGE", 2)
    path = f"/incidents/{report(as_)['id']}/photos"
    sent = [as_(RANGER).post(path, data=jpeg((n, 0, 0), size=(8, 8))).json["sha256"] for n in range(0, 250, 50)]
    for sha256 in sent:
        place.lose("originals", sha256)
    result = run(app, "photos", "check")
    assert sorted(line.split()[3] for line in result.stdout.splitlines() if line.startswith("MẤT")) == sorted(sent)
