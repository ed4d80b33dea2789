"""On PostgreSQL the server can run as a role that cannot change the log, nor the triggers that guard it."""

import time

import psycopg
import pytest
from flask_migrate import upgrade
from psycopg import sql
from sqlalchemy.engine import make_url

from models import db
from models.base import now
from services.demo import load_world
from tests.people import Person, new_report
from tests.phones import create, photos, send, words
from tests.world import app_on


@pytest.fixture
def served(world, tmp_path):
    """An app whose role owns nothing; the tables belong to the role of the migrations."""
    name = f"roles_{time.time_ns()}"
    world.command("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
    world.command("CREATE ROLE {} LOGIN PASSWORD 'chỉ-để-thử'", name)
    owner = make_url(world.server).set(drivername="postgresql+psycopg", database=name)
    role = owner.set(username=name, password="chỉ-để-thử")
    app = app_on(
        role.render_as_string(hide_password=False),
        tmp_path,
        MIGRATION_DATABASE_URI=owner.render_as_string(hide_password=False),
    )
    with app.app_context():
        upgrade()
        load_world()
        db.session.commit()
    yield app, role
    with app.app_context():
        db.engine.dispose()
    world.command("DROP DATABASE {} WITH (FORCE)", name)
    world.command("DROP ROLE {}", name)


CHANGES = (
    "UPDATE events SET kind = 'incident.dismiss'",
    "DELETE FROM events",
    "TRUNCATE events CASCADE",
    "ALTER TABLE events DISABLE TRIGGER no_change",
    "DROP TRIGGER no_change ON events",
    "DELETE FROM seals",
    "DELETE FROM event_heads",
    "UPDATE alembic_version SET version_num = '0000'",
)


@pytest.mark.only_on("postgresql")
def test_the_servers_role_works_but_cannot_touch_the_log_or_its_guards(served):
    app, role = served
    ranger = Person.sign_in(app.test_client(), "ranger.muong-toong", "rung-xanh-giap-ranh", "điện-thoại")
    assert ranger.post("/incidents", json=new_report()).status_code == 201
    made = create()
    queue = [made, photos(made["body"], "ab" * 32)]
    assert words(send(ranger, *queue, device_time=now().isoformat())) == ["created", "applied"]
    assert len(ranger.get("/sync").json["items"]) == 2
    with psycopg.connect(role.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        for table in ("events", "feed_changes", "sync_clocks"):
            assert connection.execute(sql.SQL(f"SELECT count(*) FROM {table}")).fetchone()[0] > 0
        connection.commit()
        for change in CHANGES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL(change))
            connection.rollback()
