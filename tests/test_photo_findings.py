"""What is found about a photo: its claims against the report, and the same picture in another case."""

import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from PIL import ImageEnhance

from models import Job, db
from models.base import now
from models.photo_findings import claimed_time, judged
from services import photos as photo_service
from services import worker
from tests.people import BORDER, INSIDE
from tests.phones import create
from tests.pictures import jpeg, jpeg_of, scene
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

VIETNAM = timezone(timedelta(hours=7))
# Another commune, whose people see nothing of a case inside Mường Toong, and the other way round.
ELSEWHERE, THEIR_PLACE = "officer.sa-pa", {"lat": 22.3364, "lon": 103.8438, "accuracy_m": 20.0}


def finish(app):
    while worker.run_once(app):
        pass


def sent(as_, incident, content, who=REPORTER):
    reply = as_(who).post(f"/incidents/{incident['id']}/photos", data=content, content_type="image/jpeg")
    assert reply.status_code in (200, 201), reply.json
    return reply.json


def findings(as_, photo, who=REPORTER):
    return as_(who).get(f"/photos/{photo['id']}").json["findings"]


def found(as_, photo, check, who=REPORTER):
    return [f["value"] for f in findings(as_, photo, who) if f["check"] == check]


def at(moment, zone=VIETNAM):
    return moment.astimezone(zone).strftime("%Y:%m:%d %H:%M:%S")


def judged_photo(app, as_, incident=None, **claims):
    photo = sent(as_, incident or report(as_), jpeg(**claims))
    finish(app)
    return photo


# Claims


def checks(claims, found_at=None, captured_at=None, type="illegal_logging", accuracy_m=20.0):
    """What is found about a file that came just now, of a report at the border; {check: value}."""
    photo = SimpleNamespace(exif=claims, captured_at=captured_at, stored_at=now())
    place = BORDER | {"accuracy_m": accuracy_m}
    found_at = found_at or now() - timedelta(hours=1)
    incident = SimpleNamespace(found_at=found_at, received_at=now(), location=place, type=type, **position(place))
    return {finding["check"]: finding["value"] for finding in judged(photo, incident)}


def position(place):
    return {"lat": place["lat"], "lon": place["lon"]}


@pytest.mark.parametrize("taken, off", [(-30 * 24, -29 * 86_400), (-98, -2 * 3600), (-96.5, None), (-48, None), (0.5, None), (48, 48 * 3600)])  # fmt: skip
def test_the_time_of_the_file_lies_between_the_finding_and_its_arrival(taken, off):
    found_at = now() - timedelta(days=4 if taken > -100 else 1)
    found = checks({"taken_at": at(now() + timedelta(hours=taken))}, found_at)
    assert found == ({} if off is None else {"exif_time": pytest.approx(off, abs=5)})


def test_the_time_the_phone_gave_the_photo_counts_before_that_of_the_finding():
    said = {"captured_at": now() - timedelta(hours=3), "found_at": now() - timedelta(days=4)}
    assert checks({"taken_at": at(now() - timedelta(hours=48))}, **said) == {
        "exif_time": pytest.approx(-45 * 3600, abs=5)
    }
    assert checks({"taken_at": at(now() - timedelta(hours=3.5))}, **said) == {}


@pytest.mark.parametrize(
    "offset, hours", [("+07:00", 0), ("+00:00", 7), ("Z", 7), ("", 0), ("khong", 0), ("+99:00", 0)]
)
def test_a_time_with_an_offset_is_taken_by_it_and_one_without_is_local(offset, hours):
    moment = claimed_time({"taken_at": "2026:11:20 08:00:00", "offset": offset})
    assert moment == datetime(2026, 11, 20, 1, tzinfo=UTC) + timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    ["0000:00:00 00:00:00", "2026-11-20", "", "    :  :     :  :  ", "9999:99:99 99:99:99", "0001:01:01 00:00:00"],
)
def test_a_time_that_is_none_says_nothing(text):
    assert claimed_time({"taken_at": text}) is None and checks({"taken_at": text}) == {}


@pytest.mark.parametrize(
    "type, north, accuracy_m, off",
    [
        ("illegal_logging", 0.003, 20.0, False),
        ("illegal_logging", 0.02, 20.0, True),
        ("illegal_logging", 0.02, None, True),
        ("illegal_logging", 0.02, 2500.0, False),  # nobody knows better
        ("forest_fire", 0.02, 20.0, False),  # a fire is seen from afar
        ("forest_fire", 0.2, 20.0, True),
    ],
)
def test_the_place_of_the_file_is_held_against_the_report(type, north, accuracy_m, off):
    found = checks({"lat": BORDER["lat"] + north, "lon": BORDER["lon"]}, type=type, accuracy_m=accuracy_m)
    assert found == ({"exif_place": pytest.approx(north * 111_200, rel=0.01)} if off else {})


EDITED = ("Adobe Photoshop 25.0 (Windows)", "Snapseed 2.21", "GIMP 2.10.36", "made with (picsart)")
NOT_EDITED = ("HDR+ 1.0.540104767zd", "S911BXXU3CWGI", "17.5.1", "vsgimplus", "")


def test_editing_software_is_named():
    assert [checks({"software": name}) for name in EDITED] == [{"editing_software": name} for name in EDITED]
    assert [checks({"software": name}) for name in NOT_EDITED] == [{}] * len(NOT_EDITED)


def test_a_photo_of_any_claims_is_taken_and_named(app, as_):
    """Through the door: three claims, three findings."""
    incident = report(as_)
    long_ago = at(now() - timedelta(days=30))
    photo = judged_photo(app, as_, incident, Software="Snapseed 2.21", place=(20.0, 105.0), DateTimeOriginal=long_ago)
    found = {f["check"]: f["value"] for f in as_(REPORTER).read(incident)["photos"][0]["findings"]}
    assert found.keys() == {"exif_time", "exif_place", "editing_software"} and photo["state"] == "stored"
    assert found["exif_time"] == pytest.approx(-30 * 86_400 + 3600, abs=300)


def test_what_follows_from_claims_is_for_those_who_may_read_the_claims(app, as_):
    incident = report(as_)
    photo = judged_photo(app, as_, incident, Software="Snapseed 2.21", place=(20.0, 105.0))
    for who, shown in ((REPORTER, True), (OFFICER, True), ("leader.dien-bien", True), (PARTNER, False)):
        for item in (as_(who).get(f"/photos/{photo['id']}").json, as_(who).read(incident)["photos"][0]):
            assert {f["check"] for f in item["findings"]} == ({"editing_software", "exif_place"} if shown else set()), (
                who
            )


def test_a_correction_judges_the_photos_again_and_nothing_is_said_twice(app, as_):
    incident = report(as_)
    photo = judged_photo(app, as_, incident, place=(BORDER["lat"] + 0.02, BORDER["lon"]), Software="GIMP 2.10")
    assert len(findings(as_, photo)) == 2
    step(as_, incident, "receive")
    step(as_, incident, "correct", changes={"location": BORDER | {"lat": BORDER["lat"] + 0.02}}, reason="Đo lại.")
    assert findings(as_, photo) == [{"check": "editing_software", "value": "GIMP 2.10"}]
    step(as_, incident, "correct", changes={"location": dict(BORDER)}, reason="Chỗ đầu đúng.")
    assert sorted(f["check"] for f in findings(as_, photo)) == ["editing_software", "exif_place"]


# The same picture elsewhere


def a_case(as_, who, **changes):
    return as_(who).post("/incidents", json=create(**changes)["body"]).json


def test_the_same_photo_in_another_case_is_named_to_who_handles_the_later_one(app, as_):
    first, second = report(as_), report(as_)
    content = jpeg_of(scene(1))
    before, after = sent(as_, first, content), sent(as_, second, content)
    finish(app)
    assert findings(as_, before, OFFICER) == []
    assert findings(as_, after, OFFICER) == [{"check": "reused_photo", "value": 1, "incidents": [first["id"]]}]
    assert as_(OFFICER).read(second)["photos"][0]["findings"] == findings(as_, after, OFFICER)


def test_a_copy_that_was_saved_anew_is_named_with_how_far_it_is_off(app, as_):
    first, second, third = report(as_), report(as_), report(as_)
    before = sent(as_, first, jpeg_of(scene(2)))
    finish(app)
    copy = sent(as_, second, jpeg_of(ImageEnhance.Brightness(scene(2, (400, 300))).enhance(0.9), 40))
    other = sent(as_, third, jpeg_of(scene(3)))
    finish(app)
    (finding,) = findings(as_, copy, OFFICER)
    assert (finding["check"], finding["incidents"]) == ("similar_photo", [first["id"]]) and 0 <= finding["value"] <= 7
    assert findings(as_, before, OFFICER) == [] == findings(as_, other, OFFICER)


def test_a_picture_that_is_flat_is_found_by_its_bytes_alone(app, as_):
    first, second, third = report(as_), report(as_), report(as_)
    for incident, content in ((first, jpeg()), (second, jpeg()), (third, jpeg(Make="khác"))):
        sent(as_, incident, content)
    finish(app)
    checks = [[f["check"] for f in as_(OFFICER).read(i)["photos"][0]["findings"]] for i in (first, second, third)]
    assert checks == [[], ["reused_photo"], []]


@pytest.mark.parametrize("copy", [False, True])
def test_nobody_learns_of_a_case_they_cannot_see(app, as_, copy):
    """A ranger and their officer try a picture; what lies in Sa Pa is none of their business."""
    theirs = a_case(as_, ELSEWHERE, location=THEIR_PLACE)
    assert "sa-pa" not in theirs and as_(REPORTER).get(f"/incidents/{theirs['id']}").status_code == 404
    sent(as_, theirs, jpeg_of(scene(4)), ELSEWHERE)
    finish(app)
    mine = report(as_, location=INSIDE)
    photo = sent(as_, mine, jpeg_of(scene(4), 60 if copy else 85))
    tag = as_(REPORTER).get(f"/incidents/{mine['id']}").headers["ETag"]
    finish(app)
    check = "similar_photo" if copy else "reused_photo"
    # Who sent it learns nothing, not even by a version that grew once more than for any other photo.
    assert findings(as_, photo) == [] and as_(REPORTER).read(mine)["photos"][0]["findings"] == []
    unknown = report(as_, location=INSIDE)
    sent(as_, unknown, jpeg_of(scene(5)))
    before = as_(REPORTER).get(f"/incidents/{unknown['id']}").headers["ETag"]
    finish(app)
    grown = [as_(REPORTER).get(f"/incidents/{i['id']}").headers["ETag"] for i in (mine, unknown)]
    assert before == tag and grown[0] == grown[1]
    assert [f["check"] for f in findings(as_, sent(as_, mine, jpeg_of(scene(4), 60 if copy else 85)))] == []  # again
    # Who handles it learns that there is one, and not which.
    (finding,) = findings(as_, photo, OFFICER)
    assert finding == {"check": check, "value": finding["value"], "incidents": []}
    everything = [as_(OFFICER).get(path).text for path in ("/sync", "/incidents", f"/incidents/{mine['id']}")]
    assert not [text for text in everything if theirs["id"] in text]
    # Who may see both is told which: nobody here but a leader above both; the officer of the other learns nothing.
    assert as_(ELSEWHERE).get(f"/photos/{photo['id']}").status_code == 404


def test_an_officer_who_tries_a_picture_learns_as_little(app, as_):
    theirs = a_case(as_, ELSEWHERE, location=THEIR_PLACE)
    sent(as_, theirs, jpeg_of(scene(6)), ELSEWHERE)
    mine = report(as_, location=INSIDE)
    photo = sent(as_, mine, jpeg_of(scene(6)), OFFICER)
    finish(app)
    assert findings(as_, photo, OFFICER) == [] == as_(OFFICER).read(mine)["photos"][0]["findings"]
    (finding,) = findings(as_, photo, "leader.dien-bien")  # who handles it and did not send it
    assert finding == {"check": "reused_photo", "value": 1, "incidents": []}


def test_who_sent_the_same_photo_twice_may_know_it(app, as_):
    first, second = report(as_, location=INSIDE), report(as_, location=INSIDE)
    sent(as_, first, jpeg_of(scene(7)))
    photo = sent(as_, second, jpeg_of(scene(7)))
    finish(app)
    assert findings(as_, photo) == [{"check": "reused_photo", "value": 1, "incidents": [first["id"]]}]


def test_a_unit_that_was_only_asked_learns_of_no_other_case(app, as_):
    first, second = report(as_, location=INSIDE), report(as_)
    sent(as_, first, jpeg_of(scene(8)))
    photo = sent(as_, second, jpeg_of(scene(8)))
    finish(app)
    assert findings(as_, photo, PARTNER) == []
    accepts(as_, second)
    assert findings(as_, photo, PARTNER) == [{"check": "reused_photo", "value": 1, "incidents": []}]


def test_a_declared_hash_shows_no_thumb_and_no_finding(app, as_):
    theirs = a_case(as_, ELSEWHERE, location=THEIR_PLACE)
    content = jpeg_of(scene(9))
    sent(as_, theirs, content, ELSEWHERE)
    finish(app)
    mine = report(as_, location=INSIDE, photos=[{"sha256": hashlib.sha256(content).hexdigest()}])
    finish(app)
    (photo,) = as_(REPORTER).read(mine)["photos"]
    assert (photo["state"], photo["preview"], photo["findings"]) == ("missing", "pending", [])
    for part in ("thumb", "view"):
        assert as_(REPORTER).get(f"/photos/{photo['id']}/{part}").json["code"] == "preview_pending"


def test_of_two_that_come_at_once_one_is_marked_and_the_job_may_run_again(app, as_, in_app):
    first, second = report(as_), report(as_)
    photos = [sent(as_, first, jpeg_of(scene(10))), sent(as_, second, jpeg_of(scene(10), 60))]
    finish(app)
    once = [findings(as_, photo, OFFICER) for photo in photos]
    assert [len(f) for f in once] == [0, 1]

    def again():
        for photo in photos:
            Job.ask("preview", photo["id"])
        db.session.commit()

    for _ in range(2):
        in_app(again)
        finish(app)
        assert [findings(as_, photo, OFFICER) for photo in photos] == once


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("quality", [85, 60])
def test_of_two_that_are_looked_at_side_by_side_exactly_one_is_marked(app, as_, first, quality):
    """Both searches begin before either photo is written down; whichever is written down last knows of the other."""
    photos = [sent(as_, report(as_), jpeg_of(scene(11), q)) for q in (85, quality)]
    with app.app_context():
        writes = [photo_service.preview(app, photo["id"], {}) for photo in photos]
        for write in (writes[first], writes[1 - first]):
            write()
            db.session.commit()
        db.session.execute(db.delete(Job))
        db.session.commit()
    wanted = [0, 1] if first == 0 or quality == 85 else [1, 0]
    assert [len(findings(as_, photo, OFFICER)) for photo in photos] == wanted


def test_a_case_and_its_duplicate_are_one(app, as_, in_app):
    original, duplicate = report(as_), report(as_)
    sent(as_, original, jpeg_of(scene(12)))
    far = (BORDER["lat"] + 0.02, BORDER["lon"])
    sent(as_, duplicate, jpeg_of(scene(12), 60))
    sent(as_, duplicate, jpeg(place=far))
    finish(app)
    step(as_, duplicate, "receive")
    step(as_, duplicate, "mark_duplicate", duplicate_of=original["id"])
    photos = as_(OFFICER).read(original)["photos"]
    assert len(photos) == 3
    assert [[f["check"] for f in p["findings"]] for p in photos] == [[], [], ["exif_place"]]
    third = report(as_)
    photo = sent(as_, third, jpeg_of(scene(12), 70))
    finish(app)
    (finding,) = findings(as_, photo, OFFICER)
    assert set(finding["incidents"]) == {original["id"], duplicate["id"]}


def test_a_preview_leaves_the_version_alone_that_decisions_are_made_on(app, as_):
    first, second = report(as_), report(as_)
    sent(as_, first, jpeg_of(scene(13)))
    sent(as_, second, jpeg_of(scene(13)))
    before = as_(OFFICER).read(second)
    finish(app)
    after = as_(OFFICER).read(second)
    assert after["version"] == before["version"] and after["revision"] == before["revision"] + 1
    assert after["photos"][0]["findings"]


# The thumb comes first


def test_the_thumb_can_be_seen_while_the_view_is_being_made(app, as_, monkeypatch, tmp_path):
    photo = sent(as_, report(as_), jpeg_of(scene(14)))
    go_on = tmp_path / "go-on"
    slow = photo_service.PREVIEW.read_text().replace(
        "    view.write(encoded(large, *VIEW))",
        "    import time\n    while not GONE(): time.sleep(0.02)\n    view.write(encoded(large, *VIEW))",
    )
    slow = slow.replace("OPENED, THUMB", f"GONE = lambda: os.path.exists({str(go_on)!r})\nOPENED, THUMB", 1)
    child = tmp_path / "child.py"
    child.write_text(slow)
    monkeypatch.setattr(photo_service, "PREVIEW", child)
    busy = threading.Thread(target=worker.run_once, args=(app,))
    busy.start()
    try:
        until = time.monotonic() + 20
        while (thumb := as_(REPORTER).get(f"/photos/{photo['id']}/thumb")).status_code != 200:
            assert (thumb.json["code"], time.monotonic() < until) == ("preview_pending", True)
            time.sleep(0.02)
        assert len(thumb.data) <= 30_000
        facts = as_(REPORTER).get(f"/photos/{photo['id']}").json
        assert facts["preview"] == "pending"
        assert as_(REPORTER).get(f"/photos/{photo['id']}/view").json["code"] == "preview_pending"
        assert as_(ELSEWHERE).get(f"/photos/{photo['id']}/thumb").status_code == 404
    finally:
        go_on.touch()
        busy.join()
    finish(app)
    assert as_(REPORTER).get(f"/photos/{photo['id']}").json["preview"] == "ready"
    assert as_(REPORTER).get(f"/photos/{photo['id']}/view").status_code == 200
