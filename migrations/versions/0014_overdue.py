"""When the worker looks whether something of a case is overdue; indexes for supports and urgent notices that are late."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

HAS_TO_CONCLUDE = sa.text("state = 'accepted' AND due_at IS NOT NULL")
UNACKED = sa.text("urgent AND acked_at IS NULL")
WATCHED = sa.text("look_at IS NOT NULL")
# The first clock of each case that is not closed; at worst too early, then nothing is found.
FIRST_OF_ITS_ROWS = """
    SELECT min(due_at) FROM assignments
    WHERE assignments.incident_id = incidents.id AND state IN ('offered', 'accepted', 'expired')
"""


def upgrade() -> None:
    op.add_column("incidents", sa.Column("look_at", sa.DateTime(), nullable=True))
    op.execute("UPDATE incidents SET look_at = deadline_at WHERE deadline_at IS NOT NULL")
    op.execute(
        f"UPDATE incidents SET look_at = ({FIRST_OF_ITS_ROWS})"
        f" WHERE deadline_at IS NOT NULL AND ({FIRST_OF_ITS_ROWS}) < deadline_at"
    )
    op.create_index("ix_incidents_look_at", "incidents", ["look_at"], postgresql_where=WATCHED, sqlite_where=WATCHED)
    op.create_index(
        "ix_assignments_accepted_due_at",
        "assignments",
        ["due_at", "incident_id"],
        postgresql_where=HAS_TO_CONCLUDE,
        sqlite_where=HAS_TO_CONCLUDE,
    )
    op.create_index("ix_notices_unacked", "notices", ["at"], postgresql_where=UNACKED, sqlite_where=UNACKED)


def downgrade() -> None:
    op.drop_index("ix_notices_unacked", table_name="notices")
    op.drop_index("ix_assignments_accepted_due_at", table_name="assignments")
    op.drop_index("ix_incidents_look_at", table_name="incidents")
    op.drop_column("incidents", "look_at")
