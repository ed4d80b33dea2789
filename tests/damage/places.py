"""Where damage is done: a home, a database with the small world in it, and the server that runs there."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from api import create_app
from tests.damage.wire import Phone
from tests.server import Server, free_port
from tests.world import World


class Place:
    """A server that can be killed and started again on the same home, the same database and the same port."""

    kind = Server

    def __init__(self, world: World, home: Path, photos: Path | None = None, **settings: str):
        self.home, self.port = home, free_port()
        home.mkdir(exist_ok=True)
        self.photos = photos or home / "uploads"
        self.world, self.file, self.database = world, home / "giap-ranh.sqlite", ""
        self.url = self._settle()
        self.settings = {"DATABASE_URL": self.url, "PHOTO_STORE": str(self.photos), "DEMO": "0"} | settings
        self.server: Any = None

    @property
    def is_sqlite(self) -> bool:
        return not self.database

    def _settle(self) -> str:
        """The address of a fresh copy of the world, for this place alone."""
        world: Any = self.world
        if not hasattr(world, "command"):
            shutil.copy(world.template, self.file)
            return f"sqlite:///{self.file}"
        self.database = f"damage_{os.getpid()}_{time.time_ns()}"
        world.copy(world.template, self.database)
        url = make_url(world.server).set(drivername="postgresql", database=self.database)
        return url.render_as_string(hide_password=False)

    def start(self) -> "Place":
        self.server = self.kind(self.home, self.port, **self.settings).wait()
        return self

    def kill(self) -> None:
        """SIGKILL for everything: the master, the workers, the child processes that make previews."""
        if self.server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.server.process.pid, signal.SIGKILL)
            self.server.process.wait(30)
            self.server = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def leave(self) -> None:
        self.kill()
        if self.database:
            self.world.command("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database)  # type: ignore[attr-defined]

    def phone(self, username: str = "ranger.muong-toong", patience_s: float = 30) -> Phone:
        return Phone(self.port, username, patience_s).sign_in()

    def app(self) -> Any:
        """The app on this database, to look into the tables beside the server."""
        url = self.url.replace("postgresql:", "postgresql+psycopg:")
        return create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=url, PHOTO_STORE=self.photos)

    def postgresql(self) -> Any:
        """A connection of one's own; each statement by itself."""
        return psycopg.connect(self.url, autocommit=True)


@contextmanager
def small_volume(folder: Path, size_mib: int) -> Iterator[str]:
    """A file system of that size in the folder; what is given is empty, or says why there is none."""
    folder.mkdir(exist_ok=True)
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        refused = made.stderr.strip() if made.returncode else ""
    except OSError as error:
        refused = str(error)
    try:
        yield refused
    finally:
        if not refused:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up the volume to the last byte; the file to delete when there shall be room again."""
    filler = folder / "filler"
    size = 1 << 20
    with open(filler, "ab", buffering=0) as file:
        while size:
            try:
                if file.write(b"\0" * size) < size:
                    size //= 2
            except OSError:
                size //= 2
    return filler
