"""Places to do damage in, and the mark by which all of this can be left out."""

import os
from pathlib import Path

import pytest

from tests.damage.places import Place

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in list(items):
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.damage)
            only = item.get_closest_marker("only_on")
            if only and item.callspec.params["world"] not in only.args:
                items.remove(item)


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


@pytest.fixture
def place(new_place):
    """A home on this database, with the server running."""
    return new_place().start()


@pytest.fixture
def seed():
    """From SEED, else new each time; every failure shows it."""
    return int(os.environ.get("SEED") or int.from_bytes(os.urandom(3), "big"))
