"""Joint handling: hand-overs, superiors that were asked, arbiters and chairs of agreements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNITS = {
    "assignments": ("from_unit_id", "asked_unit_id"),
    "agreements": ("arbiter_unit_id",),
}


def json() -> sa.types.TypeEngine:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    return sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql")


def upgrade() -> None:
    for table, columns in UNITS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.add_column(sa.Column(column, sa.Uuid(), nullable=True))
                batch_op.create_foreign_key(op.f(f"fk_{table}_{column}_units"), "units", [column], ["id"])
    op.add_column("assignments", sa.Column("documents", json(), nullable=True))
    op.add_column("assignments", sa.Column("exhibits", json(), nullable=True))
    op.add_column("assignments", sa.Column("content_sha256", sa.Text(), nullable=True))
    offered = sa.text("state = 'offered'")
    op.create_index(
        "ix_assignments_offered_due_at", "assignments", ["due_at"], postgresql_where=offered, sqlite_where=offered
    )
    op.add_column("agreements", sa.Column("chairs", json(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("agreements", "chairs")
    op.drop_index("ix_assignments_offered_due_at", "assignments")
    for column in ("content_sha256", "exhibits", "documents"):
        op.drop_column("assignments", column)
    for table, columns in UNITS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_constraint(op.f(f"fk_{table}_{column}_units"), type_="foreignkey")
                batch_op.drop_column(column)
