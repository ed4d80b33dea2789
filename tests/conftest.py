"""Every test that asks for `app` runs on SQLite and on PostgreSQL, from a fresh copy of the same small world.

No app context stays open: a request inside one would share its session, and a missing commit would go unseen.
"""

import gc
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Before anything reads a setting: nothing of this machine's instance may leak into the tests.
os.environ["GIAP_RANH_HOME"] = tempfile.mkdtemp(prefix="giap-ranh-test-")
for name in (
    "DATABASE_URL",
    "PHOTO_STORE",
    "TZ_LOCAL",
    "REPORTING_YEAR_STARTS",
    "CORS_ORIGINS",
    "TRUSTED_PROXIES",
    "METRICS_TOKEN",
):
    os.environ.pop(name, None)
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from models import db
from services import passwords
from tests.buckets import FolderPlace, S3Place, S3Server
from tests.databases import find_postgresql, version_of
from tests.people import Person, new_report
from tests.world import DEVICE, PostgresqlWorld, SqliteWorld, World

settings.register_profile(
    "giap-ranh",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("giap-ranh")

# Thousands of sign-ins: slow hashes are the matter of test_passwords.py and of the servers that are started whole.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
passwords._NOBODY = passwords._hasher.hash("không ai cả")

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
NO_PARAMETERS = SimpleNamespace(params={})
_controller: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    # Once, before the workers start: they find the server in the environment.
    address, reason = find_postgresql()
    if address:
        os.environ["TEST_DATABASE_URL"] = address
    _controller["tested"] = f"SQLite {sqlite3.sqlite_version}" + (
        f", PostgreSQL {version_of(address)}" if address else f" — PostgreSQL NOT TESTED ({reason})"
    )


def pytest_collection_finish() -> None:
    """What was loaded stays: no search for garbage need look at it thousands of times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(f"databases tested: {_controller.get('tested')}")


def engines() -> list[str]:
    return ["sqlite", "postgresql"] if os.environ.get("TEST_DATABASE_URL") else ["sqlite"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames:
        metafunc.parametrize("world", engines(), indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is tried on both kinds of store, and has to do with the database, meets the bucket on SQLite; the other
    pair is met in test_storage.py, where the bucket is the matter. What says so runs on one database alone."""
    both = {"world": "postgresql", "place": "s3"}

    def wanted(item: pytest.Item) -> bool:
        given, only = getattr(item, "callspec", NO_PARAMETERS).params, item.get_closest_marker("only_on")
        return not both.items() <= given.items() and (only is None or given.get("world", only.args[0]) in only.args)

    items[:] = [item for item in items if wanted(item)]


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        made: World = SqliteWorld(folder)
    else:
        made = PostgresqlWorld(folder, os.environ["TEST_DATABASE_URL"], os.environ.get("PYTEST_XDIST_WORKER", "main"))
    yield made
    made.close()


@pytest.fixture
def app(world: Any) -> Any:
    """The app on a fresh copy of the world."""
    world.reset()
    return world.app


@pytest.fixture
def times(world: Any) -> Callable[[int], int]:
    """How often a property is tried: the rules are the same on both, and what the database adds shows soon."""
    return lambda number: number if isinstance(world, SqliteWorld) else -(-number // 3)


@pytest.fixture
def as_(app: Any, world: World) -> Callable[[str], Person]:
    """`as_("ranger.muong-toong").post("/incidents", …)`: a client signed in as a member of the cast."""
    known: dict[str, Person] = {}

    def sign_in(username: str, device: str = DEVICE) -> Person:
        key = f"{username} {device}"
        if key not in known:
            known[key] = world.person(username, device)
        return known[key]

    return sign_in


@pytest.fixture
def a_felling(as_: Any) -> dict[str, Any]:
    """Reported by Mường Toong's ranger on its side, 391 m from the border with Tà Tổng."""
    return as_("ranger.muong-toong").post("/incidents", json=new_report()).json


@pytest.fixture
def in_app(app: Any) -> Callable[[Callable[[], Any]], Any]:
    """Run something inside the app and let go of the session again."""

    def run(what: Callable[[], Any]) -> Any:
        with app.app_context():
            try:
                return what()
            finally:
                db.session.remove()

    return run


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderPlace:
    """A photo store of this test alone, of both kinds one after the other; that of the app, if the test has one."""
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        made: FolderPlace = S3Place(tmp_path / "kho", server)
    else:
        made = FolderPlace(tmp_path / "kho")
    if "app" in request.fixturenames:
        monkeypatch.setitem(request.getfixturevalue("app").extensions, "photo_store", made.store)
    return made


@pytest.fixture
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the folder of real boundaries (../shared/data) is not here")
    return SHARED
