"""The reference phone over the worst line there is: nothing lost, nothing doubled, and the order of arrival is nothing."""

import time
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.chaos import UP, Fault
from tests.damage.conftest import KILLS, SOAK
from tests.damage.storm import kill_a_worker, kill_everything
from tests.damage.walks import LONG_S, TRIES, Sender, a_plan, came_to, must_come_to, picture

SCHEDULES = KILLS // 2 if SOAK else 100  # of faults, on each database
AT_ONCE = 50  # walks whose ends are looked at together
EXAMPLES = KILLS // 40 if SOAK else 4  # of the state machine
CUT_BYTES = 64 << 10
LARGE_BYTES = (5 if SOAK else 1) << 20
A_MOMENT_S = 0.1  # for the server to take in what was in flight; phones wait for seconds
HEADERS_BYTES, IN_FLIGHT_BYTES = 1500, 8 << 10  # of a HEAD and a PATCH; what a cut may take along


@pytest.fixture
def sender(place, tmp_path):
    made = Sender(place, tmp_path)
    yield made
    made.close()


def walked(sender, plan, dice, asked, shuffled):
    """A plan recorded, bit by bit sent over a bad line, and the rest over a good one."""
    walk = sender.walk(dice)
    walk.names["asked"] = asked
    order = dice.sample(plan, len(plan)) if shuffled else plan
    for thing in order:
        walk.record(*thing)
        if dice.random() < 0.4:
            walk.sync()
    walk.sync()
    walk.arrive()
    return walk


def test_two_walks_of_one_plan_come_to_the_same_over_whatever_lines(sender, seed):
    place = sender.place
    done, kills, begun, numbers = 0, 0, time.monotonic(), count(1)
    while done < SCHEDULES:
        plans, walks = [], []
        while len(plans) < AT_ONCE and done < SCHEDULES:
            number = next(numbers)
            plan = a_plan(Random(f"{seed} {number}"))
            if number % 3 == 0:
                plan += [("answer", "asked", "Bảy gốc."), ("note", "asked", "Thêm hai gốc nhỏ.")]
            for turn in (0, 1):
                dice = Random(f"{seed} {number} {turn}")
                asked = sender.one_asked() if number % 3 == 0 else ""
                if dice.random() < 0.05:
                    (kill_everything if SOAK and dice.random() < 0.02 else kill_a_worker)(place, dice)
                    kills += 1
                walks.append(walked(sender, plan, dice, asked, shuffled=bool(turn)))
                plans.append(plan)
            done += sum(walk.schedules for walk in walks[-2:])
        for walk in walks:
            walk.names = {name: id for name, id in walk.names.items() if id}
        for plan, found in zip(plans, came_to(place, walks), strict=True):
            assert found == must_come_to(plan), f"seed {seed}"
    print(
        f"seed {seed}: {done} schedules of faults in {next(numbers) - 1} pairs of walks, {kills} kills of the server,"
        f" {time.monotonic() - begun:.0f} s"
    )


class Days(RuleBasedStateMachine):
    """A ranger's days: whatever is recorded, sent, killed and cut in whatever order, all of it is there at the end."""

    sender = None  # set by the test, on a copy of this class

    def __init__(self):
        super().__init__()
        self.dice = Random(self.sender.made)
        self.walk, self.plan = self.sender.walk(self.dice), []

    def record(self, kind, report, what):
        self.plan.append((kind, report, what))
        self.walk.record(kind, report, what)

    @rule(words=some.text(some.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20))
    def finds_something(self, words):
        self.record("report", str(len(self.walk.names)), f"Vụ {len(self.plan)} {words}")

    @precondition(lambda self: self.walk.names)
    @rule(choice=some.integers(0, 9))
    def adds_a_note(self, choice):
        self.record("note", str(choice % len(self.walk.names)), f"Ghi chú {len(self.plan)}")

    @precondition(lambda self: self.walk.names)
    @rule(choice=some.integers(0, 9))
    def takes_a_photo(self, choice):
        self.record("photo", str(choice % len(self.walk.names)), f"{len(self.plan)}")

    @rule(dice=some.randoms(use_true_random=False))
    def finds_a_bad_line(self, dice):
        self.walk.dice = dice
        self.walk.sync()

    @rule()
    def drops_the_phone(self):
        self.walk.phone.close()
        self.walk.phone = self.walk.switched_on()

    @rule(choice=some.integers(0, 9))
    def the_server_is_killed(self, choice):
        if choice == 0:
            kill_a_worker(self.sender.place, self.dice)

    def teardown(self):
        self.walk.arrive()
        [found] = came_to(self.sender.place, [self.walk])
        assert found == must_come_to(self.plan)


def test_whatever_a_ranger_does_in_whatever_order_is_there_in_the_end_once(sender):
    machine = type("DaysHere", (Days,), {"sender": sender})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            derandomize=not SOAK,
            database=None,
            phases=[
                Phase.generate
            ],  # each example takes its time on a real server: the first that fails is shown as it is
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("how", [{}, {"strands": True}], ids=["cut", "stranded"])
def test_a_large_photo_over_a_line_cut_every_64_kb_is_not_sent_again(sender, how):
    """What the server had in hand when the line was cut is on its disk; stranded, it is not even told of the cut."""
    size = LARGE_BYTES
    walk = sender.walk(Random(size))
    walk.record("report", "0", "Ảnh lớn.")
    walk.phone.sync(TRIES)
    file = walk.home / "large.jpg"
    file.write_bytes(picture("0", "lớn") + Random(1).randbytes(size))
    walk.phone.photo(walk.names["0"], file)
    walk.recorded["photo"] += 1
    size = file.stat().st_size
    walk.phone.line.connection.close()
    walk.phone.line.connection.timeout = LONG_S
    link = sender.link
    link.suffer([], always=Fault(UP, CUT_BYTES, **how))
    before, connections = link.bytes[UP], link.connections
    outcome = walk.phone.sync(tries=2 * size // CUT_BYTES, sleep=lambda _: time.sleep(A_MOMENT_S))
    sent, connections = link.bytes[UP] - before, link.connections - connections
    assert outcome.trouble is None
    assert connections > size / CUT_BYTES
    assert sent <= 1.02 * size + connections * (HEADERS_BYTES + IN_FLIGHT_BYTES), (sent, size, connections)
    walk.arrive()
    print(f"{size} bytes in {connections} connections: {sent} sent, headers and all")
