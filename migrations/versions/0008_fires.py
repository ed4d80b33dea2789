"""Fire updates, and what they say together."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def json() -> sa.types.TypeEngine:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    return sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql")


def upgrade() -> None:
    op.create_table(
        "fire_updates",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("counted_at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("heading", json(), nullable=True),
        sa.Column("needs", sa.Text(), nullable=True),
        sa.Column("commander", json(), nullable=True),
        sa.Column("forces", json(), nullable=True),
        sa.Column("point", json(), nullable=True),
        sa.Column("perimeter", json(), nullable=True),
        sa.Column("area_m2", sa.Double(), nullable=True),
        sa.Column("offered", json(), nullable=False),
        sa.Column("told", json(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_fire_updates_incident_id_incidents")),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_fire_updates_author_id_users")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_fire_updates_unit_id_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fire_updates")),
    )
    op.create_index("ix_fire_updates_incident_id_counted_at", "fire_updates", ["incident_id", "counted_at", "id"])
    op.add_column("incidents", sa.Column("fire", json(), nullable=True))


def downgrade() -> None:
    op.drop_column("incidents", "fire")
    op.drop_table("fire_updates")
