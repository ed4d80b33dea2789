"""The log: heads of the chains, seals, triggers that refuse changes, and the outbox of jobs."""

import hashlib
import hmac
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# PostgreSQL: one function refuses, one stamps the transaction's id; texts may only be erased, heads only grow.
POSTGRESQL = (
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME; END $$""",
    """CREATE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        NEW.xid := pg_current_xact_id()::text::bigint
            + COALESCE((SELECT value FROM feed_offsets WHERE name = 'events'), 0);
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER stamp BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION stamp_event()",
    *(
        f"CREATE TRIGGER no_change BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table, what in (
            ("events", "UPDATE OR DELETE"),
            ("seals", "UPDATE OR DELETE"),
            ("event_texts", "DELETE"),
            ("event_heads", "DELETE"),
        )
    ),
    *(
        f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()"
        for table in ("events", "seals", "event_texts", "event_heads")
    ),
    """CREATE TRIGGER only_erased BEFORE UPDATE ON event_texts FOR EACH ROW
    WHEN (NEW.value IS NOT NULL OR NEW.salt IS NOT NULL OR (NEW.id, NEW.event_number, NEW.name)
        IS DISTINCT FROM (OLD.id, OLD.event_number, OLD.name)) EXECUTE FUNCTION refuse_change()""",
    """CREATE TRIGGER only_grows BEFORE UPDATE ON event_heads FOR EACH ROW
    WHEN (NEW.count <= OLD.count) EXECUTE FUNCTION refuse_change()""",
)
SQLITE = (
    *(
        f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'append-only: {table}'); END"
        for table, what in (
            ("events", "UPDATE"),
            ("events", "DELETE"),
            ("seals", "UPDATE"),
            ("seals", "DELETE"),
            ("event_texts", "DELETE"),
            ("event_heads", "DELETE"),
        )
    ),
    """CREATE TRIGGER event_texts_only_erased BEFORE UPDATE ON event_texts
    WHEN NEW.value IS NOT NULL OR NEW.salt IS NOT NULL OR NEW.id <> OLD.id OR NEW.event_number <> OLD.event_number
        OR NEW.name <> OLD.name
    BEGIN SELECT RAISE(ABORT, 'append-only: event_texts'); END""",
    """CREATE TRIGGER event_heads_only_grow BEFORE UPDATE ON event_heads WHEN NEW.count <= OLD.count
    BEGIN SELECT RAISE(ABORT, 'append-only: event_heads'); END""",
)


def number() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def make_heads() -> None:
    """A head for each chain that exists already; its HMAC as models/events.py makes it."""
    bind = op.get_bind()
    events = sa.table(
        "events",
        sa.column("subject_kind"),
        sa.column("subject_id", sa.Uuid()),
        sa.column("position"),
        sa.column("hash"),
    )
    heads = sa.table("event_heads", *(sa.column(n) for n in ("subject_kind", "count", "hash", "mac")))
    heads.append_column(sa.column("subject_id", sa.Uuid()))
    chains = sa.select(events.c.subject_kind, events.c.subject_id, sa.func.max(events.c.position).label("position"))
    last = chains.group_by(events.c.subject_kind, events.c.subject_id).subquery()
    same = sa.and_(*(events.c[n] == last.c[n] for n in ("subject_kind", "subject_id", "position")))
    rows = []
    for row in bind.execute(sa.select(events).join(last, same)).all():
        key = bind.get_execution_options()["audit_key"]
        text = f"{row.subject_kind}:{row.subject_id}:{row.position}:{row.hash}"
        mac = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        known = {"subject_kind": row.subject_kind, "subject_id": row.subject_id}
        rows.append(known | {"count": row.position, "hash": row.hash, "mac": mac})
    if rows:
        bind.execute(heads.insert(), rows)


def ask_for_previews() -> None:
    """Photos that wait for their previews: a job for each, as if they had just come."""
    bind = op.get_bind()
    photos = sa.table("photos", sa.column("id", sa.Uuid()), sa.column("state"), sa.column("preview"))
    jobs = sa.table(
        "jobs",
        sa.column("id", sa.Uuid()),
        sa.column("facts", sa.JSON()),
        *(sa.column(n, sa.DateTime()) for n in ("due_at", "created_at")),
        *(sa.column(n) for n in ("kind", "key", "attempts")),
    )
    moment = datetime.now(UTC).replace(tzinfo=None)
    waiting = sa.select(photos.c.id).where(photos.c.state == "stored", photos.c.preview == "pending")
    common = {"kind": "preview", "facts": {}, "attempts": 0, "due_at": moment, "created_at": moment}
    if rows := [common | {"id": uuid.uuid4(), "key": str(id)} for (id,) in bind.execute(waiting)]:
        bind.execute(jobs.insert(), rows)


def upgrade() -> None:
    op.create_table(
        "event_heads",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", name=op.f("pk_event_heads")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed_offsets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", number(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_offsets")),
    )
    op.create_table(
        "jobs",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "facts",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("every_s", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.DateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_jobs_kind_key")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_due_at", ["due_at"], unique=False)

    op.create_table(
        "seals",
        sa.Column("number", number(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("upto_xid", number(), nullable=False),
        sa.Column("upto_number", number(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seals")),
        sa.UniqueConstraint("hash", name=op.f("uq_seals_hash")),
    )
    op.add_column("events", sa.Column("xid", number(), server_default="0", nullable=False))
    op.create_index("ix_events_xid_number", "events", ["xid", "number"])
    make_heads()
    ask_for_previews()
    if op.get_bind().dialect.name == "postgresql":
        for statement in POSTGRESQL:
            op.execute(statement)
    else:
        # A narrow table that is its own key: one tree less to write for each viewer of each report.
        with op.batch_alter_table(
            "incident_viewers", recreate="always", table_kwargs={"sqlite_with_rowid": False}
        ) as batch_op:
            batch_op.alter_column("received_at", existing_type=sa.DateTime(), nullable=False)
        for statement in SQLITE:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, triggers in (
            ("events", ("stamp", "no_change", "no_truncate")),
            ("event_texts", ("no_change", "no_truncate", "only_erased")),
        ):
            for trigger in triggers:
                op.execute(f"DROP TRIGGER {trigger} ON {table}")
    else:
        for trigger in ("events_no_update", "events_no_delete", "event_texts_no_delete", "event_texts_only_erased"):
            op.execute(f"DROP TRIGGER {trigger}")
        with op.batch_alter_table("incident_viewers", recreate="always") as batch_op:
            batch_op.alter_column("received_at", existing_type=sa.DateTime(), nullable=False)
    op.drop_index("ix_events_xid_number", "events")
    with op.batch_alter_table("events") as batch_op:
        batch_op.drop_column("xid")
    for table in ("seals", "jobs", "feed_offsets", "event_heads"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
        op.execute("DROP FUNCTION stamp_event()")
