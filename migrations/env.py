"""Runs the migrations on the app's database: all or nothing, and harmless to run again."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, text

from models.base import UtcDateTime

db = current_app.extensions["migrate"].db


def render_item(kind: str, thing: Any, _context: Any) -> Any:
    """A migration must still run when the models have moved on: our own types are written as what they store."""
    return "sa.DateTime()" if kind == "type" and isinstance(thing, UtcDateTime) else False


def engine_of_owner() -> Engine:
    """The app's own, or one of the role that owns the tables, so that the app's role cannot drop a trigger."""
    url = current_app.config["MIGRATION_DATABASE_URI"]
    return create_engine(url, execution_options=db.engine.get_execution_options()) if url else db.engine


def grant(connection: Connection, role: str) -> None:
    """What the app's role may do: read and write rows, but never touch what was written to the log."""
    name = connection.dialect.identifier_preparer.quote(role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"REVOKE UPDATE, DELETE ON events, seals FROM {name}",
        f"REVOKE DELETE ON event_texts, event_heads FROM {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name}",
    ):
        connection.execute(text(statement))


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
        if current_app.config["MIGRATION_DATABASE_URI"] and context.get_context().get_current_revision():
            grant(connection, str(db.engine.url.username))


def run() -> None:
    engine = engine_of_owner()
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
