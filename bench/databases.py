"""The databases measured, each with the durability it has in service: nothing acknowledged may be lost."""

import sqlite3
import time
from typing import Any

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Sqlite:
    name = "sqlite"
    version = sqlite3.sqlite_version

    def fresh(self, stage: str) -> str:
        return ""  # the service's own default: a file in its home

    def settings(self, environment: dict[str, str]) -> dict[str, str]:
        """As the service opens it, not as somebody else would."""
        from bench.processes import apart

        return apart(_pragmas, environment=environment, patience_s=60)

    def analyse(self, address: str) -> None:
        """Nothing: the service does not keep statistics on SQLite either."""


class Postgresql:
    """A server of our own, found and started as the tests do, but without their haste."""

    name = "postgresql"

    def __init__(self) -> None:
        self.server = _start()
        found = self._show(*DURABLE, "server_version")
        if lacking := [name for name in DURABLE if found[name] != "on"]:
            raise RuntimeError(f"{', '.join(lacking)} not on: this PostgreSQL would not be measured as it serves")
        self.version = found["server_version"].split()[0]

    def fresh(self, stage: str) -> str:
        """The address of an empty database."""
        import psycopg
        from psycopg import sql
        from sqlalchemy.engine import make_url

        name = f"bench_{stage}_{time.time_ns()}"
        with psycopg.connect(self.server, autocommit=True) as admin:
            query = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
            admin.execute(sql.SQL(query).format(sql.Identifier(name)))
        url = make_url(self.server).set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)

    def settings(self, environment: dict[str, str]) -> dict[str, str]:
        return self._show(*DURABLE, "shared_buffers")

    def analyse(self, address: str) -> None:
        """What autovacuum does within a minute of so many new rows."""
        import psycopg

        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")

    def _show(self, *names: str) -> dict[str, str]:
        import psycopg

        with psycopg.connect(self.server) as server:
            rows = [(name, server.execute(f"SHOW {name}").fetchone()) for name in names]
        return {name: str(row[0]) for name, row in rows if row}


def _start() -> str:
    from tests.databases import from_machine, from_wheel

    reasons = []
    for start in (from_wheel, from_machine):
        try:
            return start()
        except Exception as error:  # noqa: BLE001  whatever keeps a server from starting is said once, below
            reasons.append(f"{start.__name__}: {str(error).partition(chr(10))[0] or type(error).__name__}")
    raise RuntimeError("; ".join(reasons))


def _pragmas() -> dict[str, str]:
    from api import create_app
    from models import db

    levels = {0: "off", 1: "normal", 2: "full", 3: "extra"}
    with create_app().app_context():
        journal = db.session.scalar(db.text("PRAGMA journal_mode"))
        synchronous = db.session.scalar(db.text("PRAGMA synchronous"))
    return {"journal_mode": str(journal), "synchronous": levels[int(synchronous or 0)]}


ALL: dict[str, Any] = {"sqlite": Sqlite, "postgresql": Postgresql}
