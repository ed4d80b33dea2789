"""Joint verification: what both sides of a border found at the scene."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEYS = {"incident_id": "incidents", "author_id": "users", "unit_id": "units"}


def json() -> sa.types.TypeEngine:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    return sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql")


def upgrade() -> None:
    op.create_table(
        "joint_verifications",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("minutes_number", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("outline", json(), nullable=True),
        sa.Column("damage", json(), nullable=True),
        sa.Column("forest_category", sa.Text(), nullable=True),
        sa.Column("forest_origin", sa.Text(), nullable=True),
        sa.Column("scan_sha256", sa.Text(), nullable=True),
        sa.Column("sides", json(), nullable=False),
        sa.Column("event_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_joint_verifications_{column}_{table}"))
            for column, table in KEYS.items()
        ),
        sa.ForeignKeyConstraint(
            ["event_number"], ["events.number"], name=op.f("fk_joint_verifications_event_number_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_joint_verifications")),
    )
    op.create_index("ix_joint_verifications_incident_id", "joint_verifications", ["incident_id"])


def downgrade() -> None:
    op.drop_table("joint_verifications")
