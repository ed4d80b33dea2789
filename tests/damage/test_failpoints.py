"""Killed at the first point between file, commit and answer, at the second, … until it comes through untouched."""

from itertools import count
from random import Random

import pytest

from tests.damage.conftest import SOAK
from tests.damage.failing import ENDLESS, Failpoints
from tests.damage.places import Place
from tests.damage.walks import RANGER, SPOT, TRIES, Sender, came_to, must_come_to, picture, picture_hash
from tests.people import new_report
from tests.server import Server

MOST_POINTS = 200


class FailingServer(Server):
    """As `flask serve` starts it, with one process, so that whatever runs is what dies; nothing works in the background."""

    command = (
        *("-m", "gunicorn", "tests.damage.failing:app", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread"),
        *("--workers", "1", "--threads", "8", "--preload", "--keep-alive", "30", "--no-control-socket"),
        *("--log-level", "warning", "--config", "python:api.server"),
    )


class FailingPlace(Place):
    kind = FailingServer


class Trials:
    """An operation again and again, each time on new things, the server dying one point later."""

    def __init__(self, place, points, folder, seed):
        self.place, self.points, self.dice = place, points, Random(seed)
        self.sender, self.ranger = Sender(place, folder), place.phone(RANGER)

    def spared(self, what):
        """Beside the operation: no point counts meanwhile."""
        left = self.points.left
        self.points.arm(0)
        found = what()
        self.points.arm(left)
        return found

    def all_of(self, operation, stride=1):
        """How many points it has. `operation()` comes back once it was acknowledged, or fails."""
        for point in count(self.dice.randint(1, stride), stride):
            assert point < MOST_POINTS
            self.points.arm(point)
            operation()
            left = self.points.left
            self.points.arm(0)
            if left:
                return point - left


@pytest.fixture(scope="module")
def failing(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("failing")
    settings = {"FAILPOINTS": str(folder / "points"), "WORKER": "0", "HOST": "127.0.0.1"}
    place = FailingPlace(world, folder / "home", **settings)
    place.start()
    yield place, Failpoints(folder / "points")
    place.leave()


@pytest.fixture
def trials(failing, tmp_path, seed):
    made = Trials(*failing, tmp_path, seed)
    yield made
    made.sender.close()


def walks_of(trials, plan, before=()):
    """Each trial is a walk of one plan; what is in `before` has arrived when the server begins to die."""
    walks = []

    def begun():
        walk = trials.sender.walk(trials.dice)
        for thing in before:
            walk.record(*thing)
        assert walk.phone.sync(TRIES, sleep=lambda _: None).trouble is None
        return walk

    def one():
        walk = trials.spared(begun)
        for thing in plan:
            walk.record(*thing)
        walk.arrive()
        walks.append(walk)

    return one, walks


def seen(trials, operation):
    """The points of one operation that comes through, in their order."""
    trials.points.arm(ENDLESS)
    operation()
    found = trials.points.trace
    trials.points.arm(0)
    return found


def test_a_report_outlives_every_point(trials):
    told = []

    def one():
        answer, _ = trials.ranger.insist("POST", "/incidents", new_report(location=SPOT))
        told.append(answer.json)

    assert trials.all_of(one) >= 5
    shown = [trials.ranger.ask("GET", f"/incidents/{report['id']}").json for report in told]
    assert [report["number"] for report in shown] == [report["number"] for report in told]
    assert len({report["number"] for report in told}) == len(told)
    for report in told:
        events = trials.ranger.ask("GET", f"/incidents/{report['id']}/timeline").json["items"]
        assert [event["kind"] for event in events] == ["incident.report"]
    points = seen(trials, one)
    assert points.index("after commit") < points.index("before head of the answer")


def test_a_photo_in_one_piece_outlives_every_point(trials):
    told = []

    def one():
        incident = trials.spared(lambda: trials.ranger.insist("POST", "/incidents", new_report(location=SPOT)))[0].json
        name = str(len(told))
        answer, _ = trials.ranger.insist("POST", f"/incidents/{incident['id']}/photos", picture("một lần", name))
        assert answer.json["sha256"] == picture_hash("một lần", name)
        told.append((incident["id"], answer.json["sha256"]))

    assert trials.all_of(one, stride=1 if SOAK else 6) >= 10
    for id, sha256 in told:
        photos = trials.ranger.ask("GET", f"/incidents/{id}").json["photos"]
        assert [(photo["sha256"], photo["state"]) for photo in photos] == [(sha256, "stored")]
    points = seen(trials, one)
    assert points.index("after fsync of a file") < points.index("before replace") < points.index("before commit")
    named = points.index("after replace")
    assert points.index("after fsync of a folder", named) < points.index("before commit", named)


BATCH = [("report", "0", "Gốc nghiến."), ("note", "0", "Còn dấu xe."), ("report", "1", "Gốc lim.")]
REPORT, PHOTO = ("report", "0", "Gốc nghiến."), ("photo", "0", "1")


@pytest.mark.parametrize(
    ("plan", "before", "least"),
    [(BATCH, (), 8), ([PHOTO], [REPORT], 20), ([PHOTO, REPORT], (), 20)],
    ids=["batch", "photo", "photo-first"],
)
def test_what_a_phone_sends_outlives_every_point(trials, plan, before, least):
    one, walks = walks_of(trials, plan, before)
    found = trials.all_of(one, stride=1 if SOAK else 20 if PHOTO in plan else 4)
    assert found >= least
    print(f"{found} points")
    for found in came_to(trials.place, walks):
        assert found == must_come_to([*before, *plan])


def test_what_is_said_to_be_here_was_synced_before(trials):
    """A piece of an upload: file, then row, then answer; the offset is never ahead of the disk."""
    one, _ = walks_of(trials, [PHOTO], [REPORT])
    points = seen(trials, one)
    came = points.index("after fsync of a file")
    assert came < points.index("before commit", came) < points.index("before head of the answer", came)
    named = points.index("after replace")
    assert "after fsync of a file" in points[came + 1 : named]  # the original, beside the file it came in as
    assert points.index("after fsync of a folder", named) < points.index("before commit", named)
