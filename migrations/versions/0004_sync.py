"""Offline sync: what changed without an event, the clocks of phones, and corrected times."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def number() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feed_changes",
        sa.Column("number", number(), nullable=False),
        sa.Column("xid", number(), server_default="0", nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("viewer_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_feed_changes")),
    )
    op.create_index("ix_feed_changes_xid_number", "feed_changes", ["xid", "number"])
    op.create_table(
        "sync_clocks",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("device_time", sa.DateTime(), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_sync_clocks_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_clocks")),
    )
    op.create_index("ix_sync_clocks_device_id", "sync_clocks", ["device_id"])
    op.add_column("incidents", sa.Column("found_at_corrected", sa.DateTime(), nullable=True))
    op.add_column("incidents", sa.Column("clock_offset_s", sa.Double(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":  # the function that stamps events, of 0002
        op.execute("CREATE TRIGGER stamp BEFORE INSERT ON feed_changes FOR EACH ROW EXECUTE FUNCTION stamp_event()")


def downgrade() -> None:
    with op.batch_alter_table("incidents") as batch_op:
        batch_op.drop_column("clock_offset_s")
        batch_op.drop_column("found_at_corrected")
    op.drop_table("sync_clocks")
    op.drop_table("feed_changes")
