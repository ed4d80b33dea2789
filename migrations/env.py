"""Runs the migrations on the app's database: all or nothing, and harmless to run again."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from models.base import UtcDateTime

db = current_app.extensions["migrate"].db


def render_item(kind: str, thing: Any, _context: Any) -> Any:
    """A migration must still run when the models have moved on: our own types are written as what they store."""
    return "sa.DateTime()" if kind == "type" and isinstance(thing, UtcDateTime) else False


def run_on(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    engine = db.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            # Rebuilding a table with foreign keys on would cascade to its children. Not possible inside BEGIN.
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA foreign_keys = OFF")
        else:
            # Two servers starting at once: the second waits, then finds everything done.
            connection.execute(text("SELECT pg_advisory_lock(7201963)"))
            connection.commit()
        run_on(connection)
        connection.commit()
        if sqlite:
            raw.execute("PRAGMA foreign_keys = ON")
        else:
            connection.execute(text("SELECT pg_advisory_unlock(7201963)"))
            connection.commit()


# A restore migrates inside its own transaction.
if given := context.config.attributes.get("connection"):
    run_on(given)
else:
    run()
