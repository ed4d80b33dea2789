"""A full disk: 507 for what must be written, reading goes on, and with room again it heals by itself."""

import random
import resource
from pathlib import Path

import pytest

from tests.damage.places import fill, small_volume
from tests.damage.storm import a_photo
from tests.people import new_report

MOST_REPORTS = 400  # free pages of the database take some reports even on a full disk
HEALED_WITHIN = 20  # tries


@pytest.fixture
def volume(tmp_path):
    with small_volume(tmp_path / "volume", 24) as refused:
        if refused:
            pytest.skip(f"no small file system can be mounted here: {refused}")
        yield tmp_path / "volume"


def report_until_full(phone):
    """The reports that were taken, and the one that was refused as there was no room."""
    taken = []
    for _ in range(MOST_REPORTS):
        report = new_report()
        answer = phone.ask("POST", "/incidents", report)
        if answer.status == 507:
            check_refusal(answer)
            return taken, report
        assert answer.status == 201, answer.body
        taken.append(answer.json)
    raise AssertionError(f"{MOST_REPORTS} reports on a full disk, and none was refused")


def check_refusal(answer):
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (507, "disk_full", True), answer.body
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"


def check_readable(phone, taken):
    for incident in taken[-3:]:
        assert phone.ask("GET", f"/incidents/{incident['id']}").status == 200
    assert phone.ask("GET", "/incidents?mine=true").status == 200


def check_healed(place, phone, taken, refused):
    answer, _ = phone.insist("POST", "/incidents", refused)
    assert answer.status == 201, answer.body
    shown, cursor = {}, ""
    while cursor is not None:
        page = phone.ask("GET", f"/incidents?mine=true&limit=100{cursor and '&cursor=' + cursor}").json
        shown |= {item["id"]: item["number"] for item in page["items"]}
        cursor = page["next"]
    assert shown == {i["id"]: i["number"] for i in [*taken, answer.json]}
    assert place.server.process.poll() is None


@pytest.mark.only_on("sqlite")
def test_a_full_database_says_507_goes_on_reading_and_heals(new_place, volume):
    place = new_place(home=volume / "home", photos=volume.parent / "photos").start()
    phone = place.phone()
    first = phone.ask("POST", "/incidents", new_report()).json
    filler = fill(volume)
    taken, refused = report_until_full(phone)
    for _ in range(5):  # again and again, and from both processes
        phone.line.connection.close()
        check_refusal(phone.ask("POST", "/incidents", refused))
    check_readable(phone, [first, *taken])
    filler.unlink()
    check_healed(place, phone, [first, *taken], refused)


@pytest.mark.only_on("sqlite")
def test_a_database_that_may_not_grow_says_507_goes_on_reading_and_heals(new_place):
    """The same without a small file system: a limit on the size of files, which every user can set."""
    place = new_place().start()
    phone = place.phone()
    first = phone.ask("POST", "/incidents", new_report()).json
    limit_files(place, place.file.stat().st_size)
    taken, refused = report_until_full(phone)
    check_readable(phone, [first, *taken])
    limit_files(place, resource.RLIM_INFINITY)
    check_healed(place, phone, [first, *taken], refused)


def limit_files(place, size):
    for pid in place.server.workers():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_photo_store_still_takes_reports_and_takes_photos_again_when_there_is_room(new_place, volume):
    place = new_place(photos=volume / "uploads").start()
    phone, dice = place.phone(), random.Random(1)
    incident = phone.ask("POST", "/incidents", new_report()).json
    path = f"/incidents/{incident['id']}/photos"
    before, during = a_photo(dice), a_photo(dice)
    assert phone.ask("POST", path, before).status == 201
    filler = fill(volume)
    for _ in range(3):
        phone.line.connection.close()
        check_refusal(phone.ask("POST", path, during))
        assert phone.ask("POST", "/incidents", new_report()).status == 201
    stored = [p["state"] for p in phone.ask("GET", f"/incidents/{incident['id']}").json["photos"]]
    assert stored == ["stored"]
    assert not any(Path(place.photos / "incoming").iterdir())  # what was cut off takes no room
    filler.unlink()
    assert phone.ask("POST", path, during).status == 201
    assert phone.ask("POST", path, before).status == 200


def test_a_photo_that_meets_a_full_disk_is_refused_with_507(as_, a_felling, monkeypatch):
    """The same without a small file system: the write itself fails."""
    import errno

    from services.storage import Incoming

    class Full:
        def __init__(self, file):
            self.file = file

        def write(self, chunk):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            self.file.close()

    made = Incoming.__init__

    def full(self, *given):
        made(self, *given)
        self._file = Full(self._file)

    monkeypatch.setattr(Incoming, "__init__", full)
    ranger = as_("ranger.muong-toong")
    photo = {"data": a_photo(random.Random(1)), "content_type": "image/jpeg"}
    reply = ranger.post(f"/incidents/{a_felling['id']}/photos", **photo)
    assert (reply.status_code, reply.json["code"], "Retry-After" in reply.headers) == (507, "disk_full", True)
    assert ranger.post("/incidents", json=new_report()).status_code == 201
    monkeypatch.undo()
    assert ranger.post(f"/incidents/{a_felling['id']}/photos", **photo).status_code == 201
