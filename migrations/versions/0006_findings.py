"""Findings: what pictures look like, and reports by who made them when, and by place."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BANDS = ("band_0", "band_1", "band_2", "band_3")


def upgrade() -> None:
    op.create_table(
        "likenesses",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        *(sa.Column(band, sa.Integer(), nullable=False) for band in BANDS),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_likenesses")),
        sa.UniqueConstraint("sha256", name=op.f("uq_likenesses_sha256")),
    )
    for band in BANDS:
        op.create_index(f"ix_likenesses_{band}", "likenesses", [band])
    op.create_index("ix_incidents_reporter_id_counted_at", "incidents", ["reporter_id", "counted_at"])
    op.drop_index("ix_incidents_reporter_id", "incidents")
    op.create_index("ix_incidents_lat_lon", "incidents", ["lat", "lon"])


def downgrade() -> None:
    op.drop_index("ix_incidents_lat_lon", "incidents")
    op.create_index("ix_incidents_reporter_id", "incidents", ["reporter_id"])
    op.drop_index("ix_incidents_reporter_id_counted_at", "incidents")
    op.drop_table("likenesses")
