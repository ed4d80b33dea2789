"""Clocks of agreements: the strictest of those over the border holds, and the decision says whose it was, for ever."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import now
from models.deadlines import add_working_time, after, due, due_for
from tests.people import BORDER, INSIDE
from tests.squares import (
    BETWEEN_DISTRICTS,
    MUONG_NHE,
    MUONG_TE,
    SA_PA,
    accord,
    decide,
    place,
    square,
    two_communes,
    world,
)
from tests.test_agreements import LEADER, minutes
from tests.test_assignments_of_leads import declines
from tests.test_hand_over import offer, pending
from tests.test_workflows import OFFICER, PARTNER, report, step

RULES = st.one_of(
    st.builds(lambda n: {"minutes": n}, st.integers(1, 6000)),
    st.builds(lambda n: {"working_hours": n}, st.integers(1, 40)),
    st.builds(lambda n: {"working_days": n}, st.integers(1, 5)),
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda m: m.replace(tzinfo=UTC))


def near_the_border(*clocks, fire=False, more=()):
    """Decided 400 m from the border between two districts that have an agreement for each of these clocks."""
    accords = [accord(*BETWEEN_DISTRICTS, number=n, clocks=c) for n, c in enumerate(clocks, 1)]
    return decide(place(-400, 0, fire=fire), two_communes(), [*accords, *more]).facts


def case(routing, urgent=False):
    return SimpleNamespace(routing=routing, urgent=urgent)


def of(decision, step, name="clocks"):
    return decision[name][step]["agreement_id"][-4:]


def test_the_strictest_of_several_agreements_holds_and_is_named():
    decision = near_the_border(
        {"receive": {"other": {"minutes": 90}}, "verify": {"other": {"working_days": 2}}},
        {"receive": {"other": {"minutes": 20}}, "verify": {"other": {"working_hours": 17}}},
    )
    assert decision["clocks"]["receive"]["rule"] == {"minutes": 20}
    assert (of(decision, "receive"), of(decision, "verify")) == ("a002", "a001")
    assert decision["clocks"].keys() == {"receive", "verify"}, "only what they say"


def test_between_equals_the_newest_signed_is_named():
    same = {"receive": {"other": {"working_days": 1}}}
    assert of(near_the_border(same, {"receive": {"other": {"working_hours": 8}}}), "receive") == "a001"


def test_an_agreement_may_also_give_more_time_than_the_rules():
    decision, since = near_the_border({"verify": {"other": {"working_days": 9}}}), datetime(2026, 11, 18, 2, tzinfo=UTC)
    assert due_for(case(decision), "verify", since) == add_working_time(since, 72) > due("verify", False, since)
    assert due_for(case(decision), "receive", since) == due("receive", False, since), "of which it says nothing"


@settings(max_examples=150)
@given(st.lists(RULES, min_size=1, max_size=4), MOMENTS)
def test_whatever_agreements_say_the_earliest_end_holds_at_every_hour(rules, since):
    decision = near_the_border(*({"confirm": {"other": rule}} for rule in rules))
    assert due_for(case(decision), "confirm", since) == min(after(rule, since) for rule in rules)


def test_only_agreements_over_a_border_of_the_candidates_count():
    tight = {"receive": {"other": {"minutes": 5}}}
    away = accord([MUONG_NHE], [SA_PA], number=9, clocks=tight)
    assert "clocks" not in near_the_border({}, more=[away])
    far_inside = decide(place(-4000, 0), two_communes(), [accord(*BETWEEN_DISTRICTS, clocks=tight)])
    assert "clocks" not in far_inside.facts
    # The lead is no party, but two of its neighbours are: whoever of them leads next has agreed.
    lead, two = square(3, -300, -300, 300, 300, district=SA_PA), accord([MUONG_NHE], [MUONG_TE], clocks=tight)
    west, east = (
        square(1, -5000, -5000, -300, 5000, district=MUONG_NHE),
        square(2, 300, -5000, 5000, 5000, district=MUONG_TE),
    )
    assert of(decide(place(0, 0), world(lead, west, east), [two]).facts, "receive") == "a001"


def test_fires_have_their_own_and_one_found_long_before_counts_as_other():
    clocks = {"receive": {"fire": {"minutes": 10}, "other": {"minutes": 200}}}
    decision, since = near_the_border(clocks, fire=True), datetime(2026, 11, 18, 2, tzinfo=UTC)
    waits = [due_for(case(decision, urgent), "receive", since) - since for urgent in (True, False)]
    assert waits == [timedelta(minutes=10), timedelta(minutes=200)]
    assert "late_clocks" not in near_the_border(clocks)


def test_the_decision_says_whose_buffer_made_a_unit_near():
    wide = decide(place(-3000, 0), two_communes(), [accord(*BETWEEN_DISTRICTS, buffer_m=6000)]).facts
    lead, other = wide["candidates"]
    assert (other["agreement_id"], other["buffer_m"]) == (wide["agreement_id"], 6000)
    assert (lead["agreement_id"], lead["buffer_m"]) == (None, None)
    assert "vùng đệm 6,0 km theo biên bản hợp tác ký ngày 14/04/2023" in wide["explanation"]["vi"]
    assert "6.0 km buffer of the agreement signed on 2023-04-14" in wide["explanation"]["en"]
    near = near_the_border({})
    assert near["candidates"][1]["buffer_m"] == 1000 and "vùng đệm" not in near["explanation"]["vi"]
    listed = decide(place(-400, 0), two_communes()).facts["candidates"][1]
    assert (listed["agreement_id"], listed["buffer_m"]) == (None, 1000)


# Through the door


def sign(as_, **said):
    body = minutes(as_, **said)
    reply = as_(LEADER).post("/agreements", json=body)
    assert reply.status_code == 201, reply.json
    return body["id"]


def moment(text):
    return datetime.fromisoformat(text)


def about(text, expected):
    return abs(moment(text) - expected) < timedelta(minutes=1)


def test_a_case_at_the_border_is_due_by_its_agreement_and_one_inside_by_the_rules(as_):
    clocks = {
        "receive": {"other": {"minutes": 45}},
        "verify": {"other": {"working_days": 9}},
        "partner_answer": {"other": {"working_hours": 2}},
        "hand_over": {"other": {"minutes": 600}},
        "arbitrate": {"other": {"minutes": 60}},
    }
    id = sign(as_, clocks=clocks)
    border, inside = report(as_), report(as_, location=dict(INSIDE))
    assert border["routing"]["clocks"] == {
        s: {"agreement_id": id, "rule": c["other"]} for s, c in sorted(clocks.items())
    }
    received = moment(border["received_at"])
    assert moment(border["next_deadline"]["at"]) == received + timedelta(minutes=45)
    assert moment(border["assignments"][1]["due_at"]) == add_working_time(received, 2)
    assert "clocks" not in inside["routing"]
    assert moment(inside["next_deadline"]["at"]) == due("receive", False, moment(inside["received_at"]))
    taken = step(as_, border, "receive")
    assert about(taken["next_deadline"]["at"], add_working_time(now(), 72))
    handed = pending(offer(as_, OFFICER, border, PARTNER, hand_over=True).json)
    assert about(handed["due_at"], now() + timedelta(minutes=600))
    disputed = report(as_)
    declines(as_, OFFICER, disputed)
    held = declines(as_, PARTNER, disputed)
    assert held["next_deadline"]["step"] == "arbitrate"
    assert about(held["next_deadline"]["at"], now() + timedelta(minutes=60))
    located = as_(OFFICER).get("/units/locate", query_string=BORDER).json
    assert located["clocks"] == border["routing"]["clocks"]


def test_what_a_case_was_promised_stays_when_the_next_version_says_otherwise(as_):
    first = sign(as_, clocks={"verify": {"other": {"minutes": 500}}}, signed_on="2026-01-15")
    case = report(as_)
    second = sign(as_, clocks={"verify": {"other": {"minutes": 100}}}, signed_on="2026-01-16", replaces=first)
    taken = step(as_, case, "receive")
    assert about(taken["next_deadline"]["at"], now() + timedelta(minutes=500))
    assert taken["routing"]["clocks"]["verify"]["agreement_id"] == first
    assert report(as_)["routing"]["clocks"]["verify"]["agreement_id"] == second


def test_a_fire_is_due_by_the_clock_of_fires_unless_it_is_long_out(as_):
    sign(as_, clocks={"receive": {"fire": {"minutes": 10}, "other": {"minutes": 200}}})
    long_ago = (now() - timedelta(hours=30)).isoformat()
    for facts, wait in (({}, 10), ({"found_at": long_ago}, 200), ({"found_at": long_ago, "burning": True}, 10)):
        fire = report(as_, type="forest_fire", **facts)
        assert moment(fire["next_deadline"]["at"]) - moment(fire["received_at"]) == timedelta(minutes=wait), facts


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("wait", [{}, {"minutes": 5, "working_days": 1}, {"minutes": 0}, {"hours": 3}])
def test_a_clock_is_one_length_of_time(as_, wait):
    reply = as_(LEADER).post("/agreements", json=minutes(as_, clocks={"receive": {"fire": wait}}))
    assert reply.status_code == 422 and "clocks.receive" in str(reply.json["errors"])
