"""When a step is due: fires on the clock; all else in office hours, without lunch, week-ends and holidays."""

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.clock import local, local_zone
from models.deadlines import HOURS_A_DAY, add_working_time, due, due_for, is_working
from models.limits import deadline_rule
from tests.people import INSIDE, new_report

OFFICE = ((time(8), time(12)), (time(13), time(17)))
# Half-hours are fine enough to hit every edge of the office day, and let the oracle count exactly.
MOMENTS = st.integers(0, 3 * 366 * 48).map(lambda n: at("2025-01-01 00:00") + timedelta(minutes=30 * n))
HALF_HOURS = st.integers(1, 160).map(lambda n: n / 2)


def at(text):
    """ "2026-04-29 16:00" on the clock of the forest."""
    return datetime.fromisoformat(text).replace(tzinfo=local_zone()).astimezone(UTC)


def shown(moment):
    return local(moment).strftime("%Y-%m-%d %H:%M")


def office_hours_between(start, end):
    """Counted minute by half-hour, in another way than the rule does it."""
    found, moment = 0.0, start
    while moment < end:
        here = local(moment)
        if is_working(here.date()) and any(opens <= here.time() < closes for opens, closes in OFFICE):
            found += 0.5
        moment += timedelta(minutes=30)
    return found


@pytest.mark.parametrize(
    "start, hours, expected",
    [
        ("2026-11-18 08:00", 4, "2026-11-18 12:00"),  # a Wednesday
        ("2026-11-18 09:00", 4, "2026-11-18 14:00"),  # over lunch
        ("2026-11-18 12:20", 1, "2026-11-18 14:00"),  # reported at lunch
        ("2026-11-18 16:30", 1, "2026-11-19 08:30"),  # over night
        ("2026-11-18 03:00", 4, "2026-11-18 12:00"),  # before the office opens
        ("2026-11-18 22:00", 0.5, "2026-11-19 08:30"),  # after it closed
        ("2026-11-20 16:00", 2, "2026-11-23 09:00"),  # over the week-end
        ("2026-11-21 10:00", 4, "2026-11-23 12:00"),  # on a Saturday
        ("2026-11-18 10:30", 8, "2026-11-19 10:30"),  # a working day
    ],
)
def test_only_office_hours_count(start, hours, expected):
    assert shown(add_working_time(at(start), hours)) == expected


@pytest.mark.parametrize(
    "start, expected, holiday",
    [
        ("2026-02-13 16:00", "2026-02-23 11:00", "Tết Bính Ngọ"),
        ("2025-01-24 16:00", "2025-02-03 11:00", "Tết Ất Tỵ"),
        ("2026-04-29 16:00", "2026-05-04 11:00", "30/4 và 1/5"),
        ("2027-09-01 16:00", "2027-09-06 11:00", "Quốc khánh 2/9"),
        ("2026-12-31 16:00", "2027-01-04 11:00", "Tết dương lịch"),
        ("2026-04-24 16:00", "2026-04-28 11:00", "Giỗ Tổ, nghỉ bù thứ Hai"),
    ],
)
def test_vietnamese_holidays_do_not_count(start, expected, holiday):
    assert shown(add_working_time(at(start), 4)) == expected, holiday


@given(MOMENTS, HALF_HOURS)
@example(at("2026-02-13 17:00"), 0.5)
def test_what_is_due_is_due_in_office_hours_and_later_than_it_began(start, hours):
    end = add_working_time(start, hours)
    here = local(end)
    assert end > start
    assert is_working(here.date())
    # A step may be due at the very minute at which the office closes.
    assert any(opens <= here.time() <= closes for opens, closes in OFFICE)


@given(MOMENTS, HALF_HOURS)
def test_exactly_the_hours_promised_lie_between(start, hours):
    assert office_hours_between(start, add_working_time(start, hours)) == hours


@given(MOMENTS, st.integers(0, 14 * 24 * 60), HALF_HOURS)
def test_what_began_later_is_never_due_earlier(start, minutes, hours):
    assert add_working_time(start, hours) <= add_working_time(start + timedelta(minutes=minutes), hours)


@given(MOMENTS, HALF_HOURS, HALF_HOURS)
def test_more_hours_are_never_due_earlier(start, hours, more):
    assert add_working_time(start, hours) < add_working_time(start, hours + more)


@given(MOMENTS, HALF_HOURS, HALF_HOURS)
def test_to_wait_and_then_wait_again_is_to_wait_for_both(start, hours, more):
    assert add_working_time(add_working_time(start, hours), more) == add_working_time(start, hours + more)


# domain.md, "Clocks", written down a second time: step, for a fire, for all else.
CLOCKS = {
    "receive": ({"minutes": 30}, {"working_hours": 4}),
    "partner_answer": ({"minutes": 30}, {"working_days": 1}),
    "verify": ({"minutes": 120}, {"working_days": 3}),
    "confirm": ({"minutes": 720}, {"working_days": 10}),
    "hand_over": ({"working_days": 3}, {"working_days": 3}),
    "conclude": ({"working_days": 10}, {"working_days": 10}),
    "arbitrate": ({"minutes": 30}, {"minutes": 24 * 60}),
}


@pytest.mark.parametrize("step, fire, other", [(step, *rules) for step, rules in CLOCKS.items()])
def test_each_clock_of_the_domain_has_its_row_and_an_agreement_may_say_another(step, fire, other):
    day, since = at("2026-11-18 09:00").date(), at("2026-11-18 09:00")
    assert (deadline_rule(step, True, day), deadline_rule(step, False, day)) == (fire, other)
    agreed = {"inputs": {"fire": True}, "clocks": {step: {"agreement_id": "…", "rule": {"minutes": 7}}}}
    assert due_for(SimpleNamespace(routing=agreed, urgent=True), step, since) == since + timedelta(minutes=7)
    late = SimpleNamespace(routing=agreed, urgent=False)
    assert due_for(late, step, since) == due(step, False, since), (
        "found long before: what was agreed for fires is not for it"
    )


@given(MOMENTS, st.sampled_from(["receive", "partner_answer", "verify", "answer", "confirm"]))
def test_a_fire_does_not_wait_for_the_office(start, step):
    minutes = {"receive": 30, "partner_answer": 30, "verify": 120, "answer": 120, "confirm": 720}[step]
    assert due(step, True, start) == start + timedelta(minutes=minutes)


@given(MOMENTS)
def test_all_else_is_due_in_working_time(start):
    hours = {"receive": 4, "partner_answer": 8, "verify": 24, "confirm": 80}
    assert {s: due(s, False, start) for s in hours} == {s: add_working_time(start, h) for s, h in hours.items()}


@pytest.mark.parametrize("step", ["process", "resolve", "take_back", "close"])
def test_the_paper_work_of_a_fire_keeps_office_hours(step):
    night = at("2026-11-18 23:00")
    assert due(step, True, night) == due(step, False, night) > night + timedelta(days=6)
    assert sum(closes.hour - opens.hour for opens, closes in OFFICE) == HOURS_A_DAY


def test_days_are_those_of_the_forest_not_of_london(monkeypatch):
    friday_evening = at("2026-11-20 23:30")  # still Friday afternoon in UTC
    assert shown(add_working_time(friday_evening, 1)) == "2026-11-23 09:00"
    monkeypatch.setenv("TZ_LOCAL", "Etc/UTC")
    assert add_working_time(friday_evening, 0.25) == datetime(2026, 11, 20, 16, 45, tzinfo=UTC)


@pytest.mark.parametrize("type, urgent", [("forest_fire", True), ("illegal_logging", False)])
def test_a_report_says_until_when_somebody_must_receive_it(as_, type, urgent):
    report = as_("ranger.muong-toong").post("/incidents", json=new_report(type=type, location=INSIDE)).json
    received = datetime.fromisoformat(report["received_at"])
    step = report["next_deadline"]
    expected = received + timedelta(minutes=30) if urgent else add_working_time(received, 4)
    assert (step["step"], datetime.fromisoformat(step["at"])) == ("receive", expected)
