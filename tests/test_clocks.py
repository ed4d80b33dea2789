"""Clocks of phones: ten years off, 1970, a reboot in mid-patrol: corrected, flagged, never refused."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models import Incident, SyncClock, db
from models.base import now
from models.clocks import PhoneClock
from tests.people import BORDER
from tests.phones import create, send, words
from tests.test_workflows import REPORTER


def found(phone_shows, hours_ago=5):
    return (phone_shows - timedelta(hours=hours_ago)).isoformat()


def check_of(incident):
    return [f["value"] for f in incident["findings"] if f["check"] == "device_clock"]


def counted_at(in_app, id):
    return in_app(lambda: db.session.get(Incident, UUID(id)).counted_at)


@pytest.mark.parametrize("off", [timedelta(hours=3), timedelta(hours=-3), timedelta(days=-3653), timedelta(days=3653)])
def test_a_wrong_clock_is_corrected_by_the_offset_of_the_sync_and_flagged(as_, in_app, off):
    shows = now() + off
    made = create(found_at=found(shows))
    assert words(send(as_(REPORTER), made, device_time=shows.isoformat())) == ["created"]
    incident = as_(REPORTER).read(made["body"])
    assert datetime.fromisoformat(incident["found_at"]) == datetime.fromisoformat(made["body"]["found_at"])
    assert check_of(incident) == [pytest.approx(off.total_seconds(), abs=60)]
    true = now() - timedelta(hours=5)
    assert abs(datetime.fromisoformat(incident["found_at_corrected"]) - true) < timedelta(minutes=1)
    assert abs(counted_at(in_app, incident["id"]) - true) < timedelta(minutes=1)
    kept = in_app(lambda: db.session.scalars(db.select(SyncClock)).one().offset_s)
    assert kept == pytest.approx(off.total_seconds(), abs=60)


def test_a_clock_that_is_right_enough_is_left_alone(as_):
    made = create()
    send(as_(REPORTER), made, device_time=(now() + timedelta(seconds=90)).isoformat())
    incident = as_(REPORTER).read(made["body"])
    assert (check_of(incident), incident["found_at_corrected"]) == ([], None)


def test_a_clock_of_1970_that_the_network_set_right_counts_by_the_satellite_else_by_receipt(as_, in_app):
    gps = now() - timedelta(hours=7)
    with_gps = create(found_at="1970-01-01T00:10:00Z", location=BORDER | {"captured_at": gps.isoformat()})
    without = create(found_at="1970-01-01T00:20:00Z")
    assert words(send(as_(REPORTER), with_gps, without, device_time=now().isoformat())) == ["created"] * 2
    first, second = (as_(REPORTER).read(o["body"]) for o in (with_gps, without))
    assert {f["check"] for f in first["findings"]} == {"clock"} == {f["check"] for f in second["findings"]}
    assert counted_at(in_app, first["id"]) == gps == datetime.fromisoformat(first["found_at_corrected"])
    assert second["found_at_corrected"] is None
    assert counted_at(in_app, second["id"]) == datetime.fromisoformat(second["received_at"])


def test_a_reboot_in_mid_patrol_leaves_what_came_before_uncorrected_and_flagged(as_):
    ahead, behind = now() + timedelta(days=40), now() - timedelta(days=2)
    before = create(found_at=found(behind, 9)) | {"device_time": (ahead - timedelta(hours=5)).isoformat()}
    after = create(found_at=found(behind)) | {"device_time": (behind - timedelta(hours=5)).isoformat()}
    assert words(send(as_(REPORTER), before, after, device_time=behind.isoformat())) == ["created"] * 2
    first, second = (as_(REPORTER).read(o["body"]) for o in (before, after))
    assert (check_of(first), first["found_at_corrected"]) == (["reset"], None)
    assert check_of(second) == [pytest.approx(-2 * 86_400, abs=60)]
    assert abs(datetime.fromisoformat(second["found_at_corrected"]) - (now() - timedelta(hours=5))) < timedelta(
        minutes=1
    )


def test_a_time_later_than_the_clock_shows_was_not_written_by_that_clock(as_):
    shows = now() - timedelta(days=1)
    made = create(found_at=(now() - timedelta(hours=1)).isoformat())
    send(as_(REPORTER), made, device_time=shows.isoformat())
    incident = as_(REPORTER).read(made["body"])
    assert (check_of(incident), incident["found_at_corrected"]) == (["reset"], None)


@pytest.mark.parametrize(
    "shows", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00+07:00", 5, None]
)
@pytest.mark.parametrize("found_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T08:00:00+07:00"])
def test_no_clock_is_a_reason_to_refuse(as_, in_app, shows, found_at):
    assert words(send(as_(REPORTER), create(found_at=found_at), device_time=shows)) == ["created"]
    in_app(lambda: db.session.scalars(db.select(Incident)).one().urgent)


def test_a_fire_found_by_a_phone_of_1970_is_as_urgent_as_any_fire(as_):
    shows = datetime(1970, 1, 1, 6, tzinfo=UTC)
    fire = create(type="forest_fire", found_at="1970-01-01T05:30:00Z")
    send(as_(REPORTER), fire, device_time=shows.isoformat())
    incident = as_(REPORTER).read(fire["body"])
    due = datetime.fromisoformat(incident["next_deadline"]["at"]) - datetime.fromisoformat(incident["received_at"])
    assert due == timedelta(minutes=30)


def test_a_time_that_people_put_right_is_no_longer_corrected(as_):
    shows = now() + timedelta(days=30)
    made = create(found_at=found(shows))
    send(as_(REPORTER), made, device_time=shows.isoformat())
    right = (now() - timedelta(hours=4)).isoformat()
    as_(REPORTER).act(made["body"], "correct", changes={"found_at": right}, reason="Đồng hồ máy sai.")
    incident = as_(REPORTER).read(made["body"])
    assert incident["found_at_corrected"] is None
    assert check_of(incident) == [pytest.approx(30 * 86_400, abs=60)]


def test_a_clock_runs_on_until_it_shows_less_than_before():
    day = datetime(2026, 11, 20, tzinfo=UTC)
    hours = [None if h is None else day + timedelta(hours=h) for h in (1, 2, 90, 91, None, 3, 4)]
    assert PhoneClock(day + timedelta(hours=5), day).ran_on(hours) == [False] * 4 + [True] * 3
    assert PhoneClock(day + timedelta(hours=2), day).ran_on(hours) == [False] * 7
    assert PhoneClock(None, day).ran_on([]) == []
