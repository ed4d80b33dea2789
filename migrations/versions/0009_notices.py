"""Notices: what each unit and person was told, who sees it, who took note. What happened before is told to nobody."""

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WAITING = sa.text("acked_at IS NULL")


def upgrade() -> None:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql"), nullable=False),
        sa.Column("acked_at", sa.DateTime(), nullable=True),
        sa.Column("acked_by_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["event_number"], ["events.number"], name=op.f("fk_notices_event_number_events")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_notices_incident_id_incidents")),
        sa.ForeignKeyConstraint(["acked_by_id"], ["users.id"], name=op.f("fk_notices_acked_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("event_number", "receiver_id", name=op.f("uq_notices_event_number_receiver_id")),
    )
    op.create_index("ix_notices_receiver_id_at", "notices", ["receiver_id", "at", "id"])
    op.create_index(
        "ix_notices_waiting",
        "notices",
        ["receiver_id", "at", "id"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    op.create_table(
        "notice_viewers",
        sa.Column("viewer_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("acked_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name=op.f("fk_notice_viewers_notice_id_notices")),
        sa.PrimaryKeyConstraint("viewer_id", "at", "notice_id", name=op.f("pk_notice_viewers")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_notice_viewers_waiting",
        "notice_viewers",
        ["viewer_id", "at", "notice_id"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    op.create_table(
        "notice_acks",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name=op.f("fk_notice_acks_notice_id_notices")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notice_acks_user_id_users")),
        sa.PrimaryKeyConstraint("notice_id", "user_id", name=op.f("pk_notice_acks")),
        sqlite_with_rowid=False,
    )
    begin_behind_what_happened()


def begin_behind_what_happened() -> None:
    """The log is told from here on: nobody wants to be told of last year."""
    newest = sa.text("SELECT xid, number FROM events ORDER BY xid DESC, number DESC LIMIT 1")
    row = op.get_bind().execute(newest).first()
    if row is None:
        return
    jobs = sa.table(
        "jobs",
        sa.column("id", sa.Uuid()),
        sa.column("created_at", sa.DateTime()),
        sa.column("kind", sa.Text()),
        sa.column("key", sa.Text()),
        sa.column("facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
        sa.column("due_at", sa.DateTime()),
        sa.column("every_s", sa.Integer()),
        sa.column("attempts", sa.Integer()),
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    job = {"kind": "tell", "key": "tell", "facts": {"place": [row.xid, row.number]}, "every_s": 600, "attempts": 0}
    op.execute(jobs.insert().values(id=uuid4(), created_at=now, due_at=now, **job))


def downgrade() -> None:
    op.execute("DELETE FROM jobs WHERE kind = 'tell'")
    for table in ("notice_acks", "notice_viewers", "notices"):
        op.drop_table(table)
