"""Drafts of editions: what was sent to be tried, and what an edition in force made of the tree of units."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def json() -> sa.types.TypeEngine:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    return sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql")


def upgrade() -> None:
    op.create_table(
        "edition_drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("units", json(), nullable=False),
        sa.Column("successions", json(), nullable=False),
        sa.Column("report", json(), nullable=False),
        sa.Column("entered", sa.Boolean(), nullable=False),
        sa.Column("created", json(), nullable=False),
        sa.Column("ended", json(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_edition_drafts_author_id_users")),
        sa.ForeignKeyConstraint(["id"], ["editions.id"], name=op.f("fk_edition_drafts_id_editions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_drafts")),
    )
    op.create_table(
        "draft_polygons",
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("properties", json(), nullable=False),
        sa.Column("wkb", sa.LargeBinary(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["edition_drafts.id"], name=op.f("fk_draft_polygons_draft_id_edition_drafts")
        ),
        sa.PrimaryKeyConstraint("draft_id", "position", name=op.f("pk_draft_polygons")),
    )


def downgrade() -> None:
    op.drop_table("draft_polygons")
    op.drop_table("edition_drafts")
