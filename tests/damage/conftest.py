"""Places to do damage in, and the mark by which all of this can be left out."""

import os
from pathlib import Path

import pytest

from tests.damage.places import Place

HERE = Path(__file__).parent
KILLS = int(os.environ.get("KILLS") or 300)
SOAK = KILLS > 300
COUNTED = ("tests.damage.test_kills", "tests.damage.test_bad_link")  # their rounds follow KILLS
TIMES = int(os.environ.get("TIMES") or 3)  # what is not counted in kills is done so often in a soak


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if SOAK and metafunc.module.__name__ not in COUNTED:
        metafunc.fixturenames.append("time")
        metafunc.parametrize("time", range(TIMES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.damage)


@pytest.fixture
def new_place(world, tmp_path):
    """`new_place()`: a home on this database, not yet started; all are torn down at the end."""
    made = []

    def make(**given):
        made.append(Place(world, given.pop("home", None) or tmp_path / f"home{len(made)}", **given))
        return made[-1]

    yield make
    for place in made:
        place.leave()


@pytest.fixture(scope="session")
def place(world, tmp_path_factory):
    """A home on this database, with the server running, for all tests that leave it whole."""
    made = Place(world, tmp_path_factory.mktemp("shared") / "home").start()
    yield made
    made.leave()


@pytest.fixture
def seed():
    """From SEED, else new each time; every failure shows it."""
    return int(os.environ.get("SEED") or int.from_bytes(os.urandom(3), "big"))
