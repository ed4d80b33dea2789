"""Joint handling: hand-overs, superiors that were asked; agreements with all that real ones say."""

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
LISTS = {"chairs": "[]", "fields": "[]", "targets": "[]", "clocks": "{}"}
ORGANISATION = "fk_agreement_parties_organisation_id_organisations"


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
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        for column, empty in LISTS.items():
            batch_op.add_column(sa.Column(column, json(), nullable=False, server_default=empty))
        batch_op.add_column(sa.Column("number", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("replaces_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("briefing_every_months", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("content_sha256", sa.Text(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_agreements_replaces_id_agreements"), "agreements", ["replaces_id"], ["id"])
        batch_op.create_unique_constraint(op.f("uq_agreements_replaces_id"), ["replaces_id"])
    op.create_table(
        "calls",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("caller_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_calls_incident_id_incidents")),
        sa.ForeignKeyConstraint(["caller_id"], ["users.id"], name=op.f("fk_calls_caller_id_users")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_calls_unit_id_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_incident_id", "calls", ["incident_id"])
    with op.batch_alter_table("agreement_parties", schema=None) as batch_op:
        batch_op.alter_column("unit_id", existing_type=sa.Uuid(), nullable=True)
        batch_op.add_column(sa.Column("organisation_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(ORGANISATION, "organisations", ["organisation_id"], ["id"])
        batch_op.create_unique_constraint(
            op.f("uq_agreement_parties_agreement_id_organisation_id"), ["agreement_id", "organisation_id"]
        )
        batch_op.create_check_constraint(
            op.f("ck_agreement_parties_one_party"), "(unit_id IS NULL) <> (organisation_id IS NULL)"
        )


def downgrade() -> None:
    op.drop_table("calls")
    with op.batch_alter_table("agreement_parties", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_agreement_parties_one_party"), type_="check")
        batch_op.drop_constraint(op.f("uq_agreement_parties_agreement_id_organisation_id"), type_="unique")
        batch_op.drop_constraint(ORGANISATION, type_="foreignkey")
        batch_op.drop_column("organisation_id")
        batch_op.alter_column("unit_id", existing_type=sa.Uuid(), nullable=False)
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_agreements_replaces_id"), type_="unique")
        batch_op.drop_constraint(op.f("fk_agreements_replaces_id_agreements"), type_="foreignkey")
        for column in ("content_sha256", "briefing_every_months", "replaces_id", "version", "number", *LISTS):
            batch_op.drop_column(column)
    op.drop_index("ix_assignments_offered_due_at", "assignments")
    for column in ("content_sha256", "exhibits", "documents"):
        op.drop_column("assignments", column)
    for table, columns in UNITS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_constraint(op.f(f"fk_{table}_{column}_units"), type_="foreignkey")
                batch_op.drop_column(column)
