"""The rows of a PostgreSQL database as text (COPY), out of one snapshot and into one transaction.

Needs no program beside the driver, and no version of it. The tables themselves come from the migrations.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import Connection

from models.base import db
from services.archives import Archive, ArchiveWriter
from services.bad_file import BadFile

FOLDER = "database"
BLOCK = 256 << 10
# Whatever a role or a server is set to: the same value is written the same way everywhere.
PLAIN_TEXT = "SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 3"

COLUMNS = """SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(:name)) AND attnum > 0
             AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"""
SEQUENCES = """SELECT relname FROM pg_class c WHERE relkind = 'S' AND relnamespace = current_schema::regnamespace
               AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') ORDER BY relname"""
TRIGGERS = """SELECT relname, tgname, tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
              WHERE NOT tgisinternal AND tgenabled <> 'D' AND relnamespace = current_schema::regnamespace
              ORDER BY relname, tgname"""
ENABLED = {"O": "ENABLE TRIGGER", "A": "ENABLE ALWAYS TRIGGER", "R": "ENABLE REPLICA TRIGGER"}


def _cursor(connection: Connection) -> Any:
    driver: Any = connection.connection.driver_connection
    return driver.cursor()


def _run(connection: Connection, words: str, *names: str) -> None:
    _cursor(connection).execute(sql.SQL(words).format(*map(sql.Identifier, names)))


def in_order(connection: Connection) -> list[str]:
    """Our tables that are there, each after those it refers to."""
    there = set(sa.inspect(connection).get_table_names())
    return [table.name for table in db.metadata.sorted_tables if table.name in there]


def copy_out(connection: Connection, archive: ArchiveWriter, say: Callable[[str], None]) -> dict[str, Any]:
    """All rows into the archive; what the manifest needs to put them back."""
    _cursor(connection).execute(PLAIN_TEXT)
    columns = {}
    for table in in_order(connection):
        columns[table] = list(connection.scalars(sa.text(COLUMNS), {"name": table}))
        say(f"Bảng {table} …")
        with archive.member(f"{FOLDER}/{table}.copy") as write, _cursor(connection) as cursor:
            block = bytearray()
            with cursor.copy(_copying(table, columns[table], "TO STDOUT")) as rows:
                for row in rows:
                    block += row
                    if len(block) >= BLOCK:
                        write(bytes(block))
                        block.clear()
            write(bytes(block))
    # Numbers are given out outside of snapshots: read after the rows, they are beyond all of them.
    sequences = {}
    for name in connection.scalars(sa.text(SEQUENCES)).all():
        quoted = connection.dialect.identifier_preparer.quote(name)
        sequences[name] = list(connection.execute(sa.text(f"SELECT last_value, is_called FROM {quoted}")).one())
    return {"columns": columns, "sequences": sequences}


def _copying(table: str, columns: list[str], direction: str) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) " + direction).format(sql.Identifier(table), names)


def copy_in(connection: Connection, archive: Archive, say: Callable[[str], None]) -> None:
    """All rows into the tables of the same revision, untouched by triggers; foreign keys are checked."""
    columns, there = archive.manifest["columns"], in_order(connection)
    if unknown := set(columns) - set(there):
        raise BadFile(f"Bản sao lưu có bảng lạ: {', '.join(sorted(unknown))}.")
    triggers = connection.execute(sa.text(TRIGGERS)).all()
    for table, trigger, _ in triggers:
        _run(connection, "ALTER TABLE {} DISABLE TRIGGER {}", table, trigger)
    _cursor(connection).execute(PLAIN_TEXT)
    _run(connection, "TRUNCATE " + ", ".join(["{}"] * len(there)), *there)  # migrations may have written rows
    for table in there:
        if table in columns:
            say(f"Bảng {table} …")
            with _cursor(connection).copy(_copying(table, columns[table], "FROM STDIN")) as rows:
                for chunk in archive.read(f"{FOLDER}/{table}.copy"):
                    rows.write(chunk)
    for name, (last, called) in archive.manifest["sequences"].items():
        connection.execute(
            sa.text("SELECT setval(quote_ident(:name)::regclass, :last, :called)"),
            {"name": name, "last": last, "called": called},
        )
    for table, trigger, enabled in triggers:
        _run(connection, "ALTER TABLE {} " + ENABLED[enabled] + " {}", table, trigger)


RELATIONS = """SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname
               FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'S') AND NOT relispartition
               AND relnamespace = current_schema::regnamespace
               AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('e', 'a', 'i')
                               AND classid = 'pg_class'::regclass)"""
FUNCTIONS = """SELECT 'ROUTINE', p.oid::regprocedure::text FROM pg_proc p
               WHERE pronamespace = current_schema::regnamespace
               AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')"""


def move_aside(connection: Connection, schema: str) -> None:
    """Everything of ours in this schema into another one, as it is."""
    relations = connection.execute(sa.text(RELATIONS)).all()
    functions = connection.execute(sa.text(FUNCTIONS)).all()
    _run(connection, "CREATE SCHEMA {}", schema)
    for kind, name in relations:
        _run(connection, f"ALTER {kind} {{}} SET SCHEMA {{}}", name, schema)
    for kind, signature in functions:
        _run(connection, f"ALTER {kind} {signature} SET SCHEMA {{}}", schema)


def drop_aside(connection: Connection, schema: str) -> None:
    _run(connection, "DROP SCHEMA {} CASCADE", schema)
