"""Border hotspots and disputed grounds; contacts as they were entered; refusals of leads found without looking at all."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LEAD_DECLINED = "role = 'lead' AND state = 'declined'"


def json() -> sa.types.TypeEngine:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    return sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql")


def upgrade() -> None:
    op.create_table(
        "disputed_grounds",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wkb", sa.LargeBinary(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("basis", json(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("settlement", json(), nullable=True),
        sa.Column("dialogues", json(), nullable=False),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "(status = 'open') = (ended_on IS NULL)", name=op.f("ck_disputed_grounds_open_until_it_ends")
        ),
        sa.CheckConstraint("status IN ('open', 'settled', 'replaced')", name=op.f("ck_disputed_grounds_known_status")),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["disputed_grounds.id"], name=op.f("fk_disputed_grounds_replaces_id_disputed_grounds")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputed_grounds")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_disputed_grounds_replaces_id")),
    )
    op.create_table(
        "disputed_ground_claimants",
        sa.Column("ground_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ground_id"],
            ["disputed_grounds.id"],
            name=op.f("fk_disputed_ground_claimants_ground_id_disputed_grounds"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_disputed_ground_claimants_unit_id_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputed_ground_claimants")),
        sa.UniqueConstraint("ground_id", "unit_id", name=op.f("uq_disputed_ground_claimants_ground_id_unit_id")),
    )
    op.create_table(
        "hotspots",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("side_a_id", sa.Uuid(), nullable=False),
        sa.Column("side_b_id", sa.Uuid(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("radius_m", sa.Double(), nullable=True),
        sa.Column("stretch", json(), nullable=True),
        sa.Column("corridor_m", sa.Double(), nullable=True),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "(lat IS NULL) = (lon IS NULL) AND (lat IS NULL) = (radius_m IS NULL)"
            " AND (lat IS NULL) <> (stretch IS NULL) AND (stretch IS NULL) = (corridor_m IS NULL)",
            name=op.f("ck_hotspots_point_or_stretch"),
        ),
        sa.CheckConstraint("side_a_id <> side_b_id", name=op.f("ck_hotspots_two_sides")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_hotspots_agreement_id_agreements")),
        sa.ForeignKeyConstraint(["side_a_id"], ["units.id"], name=op.f("fk_hotspots_side_a_id_units")),
        sa.ForeignKeyConstraint(["side_b_id"], ["units.id"], name=op.f("fk_hotspots_side_b_id_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hotspots")),
    )
    op.create_index(
        "ix_assignments_lead_declined",
        "assignments",
        ["incident_id"],
        postgresql_where=sa.text(LEAD_DECLINED),
        sqlite_where=sa.text(LEAD_DECLINED),
    )
    op.add_column("contacts", sa.Column("content_sha256", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("contacts", "content_sha256")
    op.drop_index("ix_assignments_lead_declined", "assignments")
    op.drop_table("hotspots")
    op.drop_table("disputed_ground_claimants")
    op.drop_table("disputed_grounds")
