"""The database: migrations that equal the models, durable SQLite, one writer at a time, and no for an answer in time."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy.exc import IntegrityError

from models import Assignment, Contact, Unit, User, database, db
from models.base import new_id
from models.database import wal_is_safe, write_transaction
from models.numbers import Counter
from tests.people import new_report
from tests.test_cli import contents, succeeds
from tests.world import app_on


@pytest.fixture
def empty(world, tmp_path):
    """An app on a database of the same kind that holds nothing, not even tables."""
    if not hasattr(world, "server"):
        yield app_on(f"sqlite:///{tmp_path}/trống.sqlite", tmp_path)
        return
    name = f"empty_{time.time_ns()}"
    world.command("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
    url = sa.make_url(world.server).set(drivername="postgresql+psycopg", database=name)
    app = app_on(url.render_as_string(hide_password=False), tmp_path)
    yield app
    with app.app_context():
        db.engine.dispose()
    world.command("DROP DATABASE {} WITH (FORCE)", name)


def differences():
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata)


def tables():
    return set(sa.inspect(db.engine).get_table_names())


def test_the_migrations_make_exactly_the_tables_of_the_models(app, in_app):
    assert in_app(differences) == []


def test_the_conditions_that_alembic_does_not_compare_are_there(app, in_app):
    def conditions():
        found = sa.inspect(db.engine)
        indexes = {i["name"]: i for i in found.get_indexes("assignments")}
        where = f"{db.engine.dialect.name}_where"
        partial = {n: str(i["dialect_options"][where]) for n, i in indexes.items() if where in i["dialect_options"]}
        checks = {c["name"] for t in tables() for c in found.get_check_constraints(t)}
        return partial, checks, {name for name in partial if indexes[name]["unique"]}

    partial, checks, unique = in_app(conditions)
    assert unique == {"uq_assignments_one_lead", "uq_assignments_one_open_per_unit"}
    assert set(partial) == unique | {
        "ix_assignments_offered_due_at",
        "ix_assignments_accepted_due_at",
        "ix_assignments_lead_declined",
    }
    one_lead = partial["uq_assignments_one_lead"]
    assert all(word in one_lead for word in ("lead", "offered", "accepted", "concluded"))
    assert "hand_over" in partial["uq_assignments_one_open_per_unit"]
    assert {"ck_contacts_one_owner", "ck_users_one_home", "ck_agreement_parties_one_party"} <= checks


def copy_row(role, state):
    """A second row like the one offered at the border, in another state."""
    row = db.session.execute(db.select(Assignment.__table__).filter_by(role=role, state="offered")).one()
    db.session.execute(db.insert(Assignment.__table__).values(row._asdict() | {"id": new_id(), "state": state}))


@pytest.mark.parametrize("role, state", [("lead", "offered"), ("lead", "concluded"), ("support", "accepted")])
def test_the_database_refuses_a_second_lead_and_a_second_open_row_of_a_unit(in_app, a_felling, role, state):
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        in_app(lambda: copy_row(role, state))


@pytest.mark.parametrize("role, state", [("lead", "declined"), ("lead", "handed_over"), ("support", "concluded")])
def test_the_database_keeps_rows_that_ended_as_history(in_app, a_felling, role, state):
    in_app(lambda: copy_row(role, state))


def test_the_database_refuses_a_contact_and_a_user_without_a_home(in_app):
    def homeless(record):
        db.session.add(record)
        db.session.flush()

    nobody = {"username": "không.nhà", "name": "Không Nhà", "role": "ranger", "password_hash": "x"}
    for record in (Contact(name="Trực", phone="0215", role="fire_duty"), User(**nobody)):
        with pytest.raises(IntegrityError, match=r"(?i)check.*ck_"):
            in_app(lambda record=record: homeless(record))


def test_upgrading_again_is_harmless(app):
    before = contents(app)
    succeeds(app, "db", "upgrade")
    assert contents(app) == before


def test_an_empty_database_goes_up_down_and_up_again(empty):
    with empty.app_context():
        for _ in range(2):
            upgrade()
            upgrade()
            assert differences() == []
            downgrade(revision="base")
            assert tables() == {"alembic_version"}


@pytest.mark.only_on("sqlite")
def test_foreign_keys_are_on_again_after_a_migration(app, in_app):
    in_app(upgrade)
    assert in_app(lambda: db.session.execute(db.text("PRAGMA foreign_keys")).scalar()) == 1


@pytest.mark.parametrize(
    "version, safe",
    [
        *[((3, 7, 0), False), ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 44, 7), True)],
        *[((3, 45, 0), False), ((3, 49, 9), False), ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 0), False)],
        *[((3, 51, 2), False), ((3, 51, 3), True), ((3, 52, 0), True), ((4, 0, 0), True)],
    ],
)
def test_the_write_ahead_log_is_used_only_where_it_is_sound(version, safe):
    assert wal_is_safe(version) is safe


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("safe, journal, synchronous", [(True, "wal", 2), (False, "persist", 3)])
def test_every_connection_to_sqlite_is_durable_and_strict(app, in_app, monkeypatch, safe, journal, synchronous):
    monkeypatch.setattr(database, "wal_is_safe", lambda: safe)
    strict = {"foreign_keys": 1, "recursive_triggers": 1, "busy_timeout": 5000}
    wanted = {"journal_mode": journal, "synchronous": synchronous} | strict

    def pragmas():
        db.engine.dispose()
        connections = [db.engine.connect() for _ in range(3)]
        found = [{p: c.exec_driver_sql(f"PRAGMA {p}").scalar() for p in wanted} for c in connections]
        for connection in connections:
            connection.close()
        return found

    assert in_app(pragmas) == [wanted] * 3


def names_of(code):
    return set(db.session.scalars(db.select(Unit.name).where(Unit.code == code)))


def test_a_savepoint_rolled_back_leaves_the_rest_to_be_committed(in_app):
    def outer():
        with write_transaction():
            Unit.add("village", "thử", "Bản Nậm Kè 1")
            db.session.flush()
            inner = db.session.begin_nested()
            Unit.add("village", "thử", "Bản Nậm Kè 2", valid_from=None)
            db.session.flush()
            inner.rollback()
            with db.session.begin_nested():
                Unit.add("village", "thử", "Bản Nậm Kè 3")
            with pytest.raises(IntegrityError), db.session.begin_nested():
                db.session.add(Contact(name="Trực", phone="0215", role="fire_duty"))
            db.session.commit()

    in_app(outer)
    assert in_app(lambda: names_of("thử")) == {"Bản Nậm Kè 1", "Bản Nậm Kè 3"}


def test_what_was_not_committed_inside_is_gone_savepoints_included(in_app):
    def forgetful():
        with write_transaction(), db.session.begin_nested():
            Unit.add("village", "thử", "Bản Nậm Kè 1")

    in_app(forgetful)
    assert in_app(lambda: names_of("thử")) == set()


def increment(app, times):
    for _ in range(times):
        with app.app_context(), write_transaction():
            counter = db.session.scalar(db.select(Counter).filter_by(name="thử").with_for_update())
            counter.value += 1
            db.session.commit()


# Without the queue of this process, as between two processes, the database alone keeps the writers apart.
@pytest.mark.parametrize("queue, threads, times", [(True, 8, 50), (False, 4, 10)])
def test_writers_at_once_lose_nothing(app, in_app, monkeypatch, queue, threads, times):
    def begin():
        db.session.add(Counter(name="thử", value=0))
        db.session.commit()

    in_app(begin)
    if not queue:
        monkeypatch.setattr(database, "_turn", lambda _path: threading.Semaphore(threads))
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(increment, app, times) for _ in range(threads)]:
            done.result()
    assert in_app(lambda: db.session.get(Counter, "thử").value) == threads * times


@contextmanager
def a_writer_that_holds_on(app, world):
    """Somebody else's transaction: on SQLite the whole file, on PostgreSQL the table of incidents."""
    if hasattr(world, "file"):
        other = sqlite3.connect(world.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        with app.app_context(), db.engine.connect() as other:
            other.execute(db.text("LOCK TABLE incidents IN EXCLUSIVE MODE"))
            yield


@contextmanager
def less_patience(app, monkeypatch):
    """Two tenths of a second in place of five, so that the test need not wait."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    with app.app_context():
        db.engine.dispose()
        engine = db.engine

    def hurry(connection, *_):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        connection.commit()

    if engine.dialect.name == "postgresql":
        sa.event.listen(engine, "connect", hurry)
    yield
    if engine.dialect.name == "postgresql":
        sa.event.remove(engine, "connect", hurry)


def test_a_writer_that_waits_too_long_is_told_to_come_again(app, as_, world, monkeypatch):
    ranger, report = as_("ranger.muong-toong"), new_report()
    assert ranger.get("/me").status_code == 200
    with less_patience(app, monkeypatch):
        with a_writer_that_holds_on(app, world):
            started = time.monotonic()
            reply = ranger.post("/incidents", json=report)
            assert time.monotonic() - started < 5
            assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (503, "busy", True)
            assert int(reply.headers["Retry-After"]) > 0
            assert ranger.get("/incidents").status_code == 200  # reading goes on
        assert ranger.post("/incidents", json=report).status_code == 201


@pytest.mark.only_on("sqlite")
def test_a_writer_whose_turn_does_not_come_is_told_to_come_again(as_, world, monkeypatch):
    ranger = as_("ranger.muong-toong")
    assert ranger.get("/me").status_code == 200
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    turn = database._turn(str(world.file))
    assert turn.acquire(timeout=1)
    try:
        reply = ranger.post("/incidents", json=new_report())
    finally:
        turn.release()
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
    assert ranger.post("/incidents", json=new_report()).status_code == 201


def test_the_first_reading_of_a_session_does_not_wait_for_a_writer(app, as_, world, monkeypatch):
    ranger = as_("ranger.muong-toong")
    with less_patience(app, monkeypatch), a_writer_that_holds_on(app, world):
        assert ranger.get("/me").status_code == 200
