"""people: failed sign-ins, enrolment codes, search by name, who was created by which request"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_failures",
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("minute", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("counter", "minute", name=op.f("pk_sign_in_failures")),
    )
    op.create_index(op.f("ix_sign_in_failures_minute"), "sign_in_failures", ["minute"])
    op.create_table(
        "enrolments",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer_id", sa.Uuid(), nullable=True),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["issuer_id"], ["users.id"], name=op.f("fk_enrolments_issuer_id_users")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrolments_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_enrolments_code_sha256")),
    )
    op.create_index(op.f("ix_enrolments_user_id"), "enrolments", ["user_id"])
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
    # Columns are added, never by rebuilding the table: that would lose its conditions.
    op.add_column("users", sa.Column("search", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("users", sa.Column("content_sha256", sa.Text(), nullable=True))
    note_names()


def note_names() -> None:
    """What the models write from now on, for the people who are there already."""
    users = sa.table("users", sa.column("id", sa.Uuid()), *map(sa.column, ("username", "name", "search")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(users)).all():
        change = sa.update(users).where(users.c.id == row.id).values(search=fold(f"{row.username} {row.name}"))
        connection.execute(change)


def fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def downgrade() -> None:
    op.drop_column("users", "content_sha256")
    op.drop_column("users", "search")
    op.drop_index(op.f("ix_sessions_user_id"), "sessions")
    op.drop_table("enrolments")
    op.drop_table("sign_in_failures")
