"""Somebody with the database in hand, but without the audit key: no trigger and no foreign key holds them."""

import sqlite3
from typing import Any

import psycopg

from models import Event, db
from models.events import chain

LOG = ("events", "event_texts", "event_heads", "seals")


class Insider:
    def __init__(self, app: Any):
        self.app = app
        with app.app_context():
            self.url = db.engine.url
        self.sqlite = self.url.drivername == "sqlite"
        self.connection = self._connect()
        if self.sqlite:
            for (name,) in self("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                self(f"DROP TRIGGER {name}")

    def __call__(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, with ? for values, and commit."""
        done = self.connection.execute(text if self.sqlite else text.replace("?", "%s"), values)
        return done.fetchall() if done.description else []

    def close(self) -> None:
        self.connection.close()

    def _connect(self) -> Any:
        if self.sqlite:
            return sqlite3.connect(self.url.database or "", isolation_level=None)
        address = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(address, autocommit=True)
        connection.execute("SET session_replication_role = replica")
        return connection

    def save(self) -> None:
        """Remember the log as it is now, in the database itself."""
        self._all("DROP TABLE IF EXISTS kept_{0}; CREATE TABLE kept_{0} AS SELECT * FROM {0}")

    def put_back(self) -> None:
        self._all("DELETE FROM {0}; INSERT INTO {0} SELECT * FROM kept_{0}")

    def _all(self, text: str) -> None:
        script = "; ".join(text.format(table) for table in LOG)
        if self.sqlite:
            self.connection.executescript(f"BEGIN; {script}; COMMIT")
        else:
            self.connection.execute(script)

    def id(self, value: Any) -> Any:
        """A UUID as this database keeps it."""
        return value.hex if self.sqlite else value

    def rehash(self, subject_kind: str, subject_id: Any, move_head: bool = False) -> None:
        """Make the hashes of a chain right again, as anybody can, and perhaps let the head point to its end."""
        of_chain = {"subject_kind": subject_kind, "subject_id": subject_id}
        with self.app.app_context():
            events = list(db.session.scalars(db.select(Event).filter_by(**of_chain).order_by(Event.position)))
            db.session.expunge_all()
        previous = ""
        for event in events:
            previous = chain(previous, event.content)
            self("UPDATE events SET hash = ? WHERE number = ?", previous, event.number)
        if move_head and events:
            place = (len(events), previous, subject_kind, self.id(subject_id))
            self("UPDATE event_heads SET count = ?, hash = ? WHERE subject_kind = ? AND subject_id = ?", *place)
