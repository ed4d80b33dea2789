"""A backup is the same whether photos lie in a folder or in a bucket, and goes back into either."""

import errno

import pytest

from models import db
from services import restore as restoring
from services.archives import Archive
from services.storage import FolderStore
from services.stored_files import name_of
from tests.buckets import FolderPlace, Line, S3Place
from tests.people import new_report
from tests.pictures import jpeg
from tests.test_backup import an_empty_database, refused
from tests.test_cli import contents, run, succeeds
from tests.world import app_on

RANGER = "ranger.muong-toong"


@pytest.fixture
def file(app, as_, place, tmp_path, monkeypatch):
    """Of two photos, in a store of either kind."""
    monkeypatch.setenv("GIAP_RANH_HOME", str(tmp_path))
    incident = as_(RANGER).post("/incidents", json=new_report()).json
    for colour in ((1, 2, 3), (200, 100, 0)):
        assert as_(RANGER).post(f"/incidents/{incident['id']}/photos", data=jpeg(colour)).json["state"] == "stored"
    succeeds(app, "backup", tmp_path / "x.zip")
    return tmp_path / "x.zip"


@pytest.fixture
def there(request, world, place, tmp_path, monkeypatch):
    """(app, place): an empty database with an empty store of the other kind."""
    folder = tmp_path / "ở nơi khác"
    folder.mkdir()
    with an_empty_database(world, folder) as url:
        app = app_on(url, folder)
        if isinstance(place.store, FolderStore):
            server = request.getfixturevalue("s3_server")
            for name, value in server.environment().items():
                monkeypatch.setenv(name, value)
            place = S3Place(folder / "kho", server)
        else:
            place = FolderPlace(folder / "kho")
        app.extensions["photo_store"] = place.store
        yield app, place
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def originals(place):
    return {name for name in place.names() if name.startswith("originals/")}


def test_what_is_restored_is_what_was_backed_up(app, file, place, there):
    other, elsewhere = there
    assert "2 ảnh" in succeeds(other, "restore", file)
    assert originals(elsewhere) == originals(place) and len(originals(place)) == 2
    for name in originals(place):
        assert elsewhere.read("originals", name[-64:]) == place.read("originals", name[-64:])
    assert "Mọi ảnh gốc đều còn nguyên." in succeeds(other, "photos", "check")
    assert not [name for name in elsewhere.names() if "restor" in name]


def test_a_restore_that_fails_leaves_nothing_in_the_store(app, file, place, there, monkeypatch):
    other, elsewhere = there
    really = restoring._place_photos

    def fails(*arguments):
        really(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(restoring, "_place_photos", fails)
    assert refused(other, "restore", file) == "Ổ đĩa đã đầy; không có gì thay đổi."
    assert elsewhere.names() <= {"in-use.lock"}


def test_what_is_replaced_stands_aside(app, as_, file, place):
    before = originals(place)
    late = as_(RANGER).post("/incidents", json=new_report()).json
    photo = as_(RANGER).post(f"/incidents/{late['id']}/photos", data=jpeg((9, 9, 9))).json
    strange = name_of("originals", photo["sha256"])
    succeeds(app, "restore", file, "--replace", input="THAY THE\n")
    assert originals(place) == before
    assert [name for name in place.names() if name.startswith("before-restore-") and name.endswith(strange)]
    assert len(contents(app)["incidents"]) == 1


def test_originals_lost_or_damaged_are_named(app, file, place):
    gone, spoilt = sorted(name[-64:] for name in originals(place))
    place.lose("originals", gone)
    place.damage("originals", spoilt, b"khac")
    result = run(app, "backup", file, "--replace")
    assert result.exit_code == 3 and gone in result.stderr and spoilt in result.stderr
    assert Archive(file).read(f"damaged/{spoilt}")


def test_nothing_is_restored_while_the_bucket_is_away(app, file, place, world, s3_server, tmp_path, monkeypatch):
    line = Line(s3_server.port)
    for name, value in s3_server.environment(line.url).items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "không tới được"
    folder.mkdir()
    with an_empty_database(world, folder) as url:
        other, elsewhere = app_on(url, folder), S3Place(folder / "kho", s3_server)
        other.extensions["photo_store"] = elsewhere.store
        line.refuse()
        assert "Chưa dùng được kho ảnh S3" in refused(other, "restore", file)
        assert elsewhere.in_bucket() == set() and not contents_of(other)
        with other.app_context():
            db.session.remove()
            db.engine.dispose()


def contents_of(app):
    with app.app_context(), db.engine.connect() as connection:
        return db.inspect(connection).get_table_names()
