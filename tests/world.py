"""The world the tests live in: the demo's units, boundaries, agreements and people, without its cases.

It is built once per database and process, as a template; every test starts from a copy of it.
"""

import shutil
import time
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from flask_migrate import upgrade
from psycopg import sql
from sqlalchemy.engine import make_url

from api import create_app
from models import db
from models.base import now
from services.demo import PASSWORD, SIGN_INS, load_world
from tests.people import Person

DEVICE = "test"
FRESH = timedelta(minutes=8)  # about half of the time that an access token has


class World:
    """One app on one database that can be put back to how it began."""

    def __init__(self, app: Any):
        self.app, self.keys = app, app.config["KEY_FOLDER"]

    def build(self) -> None:
        with self.app.app_context():
            upgrade()
            load_world()
            db.session.commit()
        self.signed_in_at = now()
        client = self.app.test_client()
        self.signed_in = {who: Person.sign_in(client, who, PASSWORD, DEVICE).tokens for who in SIGN_INS}
        self.kept_keys = self.found_keys()
        self.close()

    def found_keys(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.keys.glob("*.key")}

    def reset(self) -> None:
        """As it was built: its keys, and in each kind of world its database."""
        self.close()
        if (found := self.found_keys()) != self.kept_keys:
            for path in found:
                path.unlink()
            for path, key in self.kept_keys.items():
                path.write_bytes(key)
                path.chmod(0o600)

    def person(self, username: str, device: str) -> Person:
        """Signed in on the device; the cast has been since the world was built, on theirs, while that is fresh."""
        client = self.app.test_client()
        if device == DEVICE and username in self.signed_in and abs(now() - self.signed_in_at) < FRESH:
            return Person(client, deepcopy(self.signed_in[username]))
        return Person.sign_in(client, username, PASSWORD, device)

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


class SqliteWorld(World):
    def __init__(self, folder: Path):
        self.file, self.template = folder / "work.sqlite", folder / "template.sqlite"
        super().__init__(app_on(f"sqlite:///{self.file}", folder))
        self.build()
        shutil.copy(self.file, self.template)

    def reset(self) -> None:
        super().reset()
        for leftover in self.file.parent.glob("work.sqlite*"):
            leftover.unlink()
        shutil.copy(self.template, self.file)


class PostgresqlWorld(World):
    def __init__(self, folder: Path, server: str, worker: str):
        self.server = server
        stamp = f"{worker}_{time.time_ns()}"
        self.name, self.template = f"work_{stamp}", f"template_{stamp}"
        self.command("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", self.name)
        url = make_url(server).set(drivername="postgresql+psycopg", database=self.name)
        super().__init__(app_on(url.render_as_string(hide_password=False), folder))
        self.build()
        self.copy(self.name, self.template)

    def command(self, text: str, *names: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(sql.SQL(text).format(*map(sql.Identifier, names)))

    def copy(self, known: str, name: str) -> None:
        """File by file: half the work of copying through the log, where files are in memory."""
        self.command("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, known)

    def reset(self) -> None:
        super().reset()
        self.command("DROP DATABASE {} WITH (FORCE)", self.name)
        self.copy(self.template, self.name)


def app_on(url: str, folder: Path, **settings: Any) -> Any:
    return create_app(
        TESTING=True,
        SQLALCHEMY_DATABASE_URI=url,
        PHOTO_STORE=folder / "uploads",
        KEY_FOLDER=folder,
        RATE_LIMIT=0,
        **settings,
    )
