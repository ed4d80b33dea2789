"""The course of a fire: its table written down a second time, and one end whatever order its updates arrive in."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fire_picture import is_newest, status_of, with_update
from models.fire_workflow import FIRE_WORKFLOW, FireStatus, WrongFireStatus, follow
from models.incident_types import codes

# domain.md: reported → dispatched → fighting → contained → extinguished → watching; `reignited` from the last three back
# to fighting; `false_alarm` from the first three. Besides: over steps, the same again, and out of a false alarm.
# fmt: off
EXPECTED = {
    "reported":     "reported dispatched fighting contained extinguished watching false_alarm",
    "dispatched":   "dispatched fighting contained extinguished watching false_alarm",
    "fighting":     "fighting contained extinguished watching false_alarm",
    "contained":    "contained extinguished watching reignited",
    "extinguished": "extinguished watching reignited",
    "watching":     "watching reignited",
    "false_alarm":  "false_alarm fighting",
}
# fmt: on
BEGIN = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
UNITS = [UUID(int=n) for n in (1, 2, 3)]


@pytest.mark.parametrize("fire", EXPECTED)
def test_a_fire_moves_as_the_table_says_and_not_otherwise(fire):
    for said in FireStatus:
        if said in EXPECTED[fire].split():
            assert follow(fire, said) == ("fighting" if said == "reignited" else said)
        else:
            with pytest.raises(WrongFireStatus):
                follow(fire, said)


def test_every_status_is_in_the_catalogue_and_in_the_table():
    assert {*FireStatus} == codes("fire_status") == {*FIRE_WORKFLOW}
    assert {move.target for move in FIRE_WORKFLOW.values()} == EXPECTED.keys(), "no fire is ever `reignited`"


def update(number, **said):
    nothing = dict.fromkeys(("heading", "needs", "commander", "point", "perimeter", "area_m2", "forces"))
    seen = {"id": UUID(int=number), "unit_id": UNITS[0], "created_at": BEGIN, "counted_at": BEGIN}
    return SimpleNamespace(**nothing | seen | said)


def test_of_two_at_the_same_moment_the_greater_id_is_the_newer():
    contained, watching = update(1, status="contained"), update(2, status="watching", needs="Nước uống")
    for one, other in ((contained, watching), (watching, contained)):
        picture = with_update(with_update(None, one), other)
        assert status_of(picture) == "watching" and is_newest(picture, watching) and picture["updates"] == 2


@st.composite
def histories(draw):
    """What several units said of a fire, each of them after the one before: some at the same minute."""
    fire, said, minute = "reported", [], 0
    for number in range(1, draw(st.integers(2, 9))):
        status = draw(st.sampled_from(EXPECTED[fire].split()))
        fire, minute = follow(fire, status), minute + draw(st.integers(0, 2))
        counted = st.tuples(st.sampled_from(["rangers", "pump"]), st.integers(0, 9), st.sampled_from([None, *UNITS]))
        forces = draw(st.none() | st.lists(counted, max_size=2))
        items = forces and [{"kind": k, "count": n} | ({"unit_id": str(unit)} if unit else {}) for k, n, unit in forces]
        said.append(
            update(
                number,
                status=str(status),
                unit_id=draw(st.sampled_from(UNITS)),
                counted_at=BEGIN + timedelta(minutes=minute),
                created_at=BEGIN + timedelta(hours=draw(st.integers(1, 50))),
                needs=draw(st.none() | st.sampled_from(["Nước", "Người", ""])),
                forces=items,
            )
        )
    return said


def deliver(updates):
    """As phones do: what does not follow yet is kept, and sent again once something else got through."""
    picture, waiting, got_through = None, list(updates), True
    while waiting and got_through:
        got_through, refused = False, []
        for one in waiting:
            try:
                picture, got_through = with_update(picture, one), True
            except WrongFireStatus:
                refused.append(one)
        waiting = refused
    assert not waiting
    return picture


@settings(max_examples=80)
@given(st.data())
def test_whatever_the_order_of_arrival_the_fire_ends_the_same(data):
    history = data.draw(histories())
    in_order = None
    for one in history:
        in_order = with_update(in_order, one)
    assert deliver(data.draw(st.permutations(history))) == in_order
    assert in_order["updates"] == len(history)


def test_a_late_update_is_never_refused_whatever_it_says():
    later = with_update(None, update(9, status="watching", counted_at=BEGIN + timedelta(hours=1)))
    for number, said in enumerate(FireStatus, 1):
        assert status_of(with_update(later, update(number, status=str(said)))) == "watching"
