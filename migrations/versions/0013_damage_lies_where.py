"""Where damage lies, for the figures: a row for each commune; and the units that people on a report belong to."""

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

AT_ONCE = 500
NOT_COUNTED = {"duplicate", "unfounded"}
INDOCHINA = timedelta(hours=7)
MEASURES = {"area_m2": ("area_dm2", 100), "volume_m3": ("volume_l", 1000)}


def json() -> sa.types.TypeEngine:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=Text())
    return sa.JSON(none_as_null=True).with_variant(jsonb, "postgresql")


def big() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("incidents", sa.Column("people_unit_ids", json(), nullable=True))
    parts = op.create_table(
        "damage_parts",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("found_unit_id", sa.Uuid(), nullable=True),
        sa.Column("counted_at", sa.DateTime(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("area_dm2", big(), nullable=False),
        sa.Column("volume_l", big(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_damage_parts_incident_id_incidents")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_damage_parts_unit_id_units")),
        sa.ForeignKeyConstraint(["found_unit_id"], ["units.id"], name=op.f("fk_damage_parts_found_unit_id_units")),
        sa.PrimaryKeyConstraint("incident_id", "unit_id", name=op.f("pk_damage_parts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_damage_parts_counted_at",
        "damage_parts",
        ["counted_at", "unit_id", "found_unit_id", "type", "counts", "area_dm2", "volume_l"],
    )
    fill(op.get_bind(), parts)


def fill(connection: sa.Connection, parts: sa.Table) -> None:
    """Of the cases there are. Parts could not be stored before, so all of it lies at the place."""
    meta = sa.MetaData()
    columns = [sa.Column(name, json()) for name in ("damage", "verified", "routing")]
    ids = [sa.Column(name, sa.Uuid()) for name in ("id", "unit_at_found_id")]
    columns += [sa.Column(name, sa.Text()) for name in ("type", "status", "closed_from")]
    incidents = sa.Table("incidents", meta, *ids, sa.Column("counted_at", sa.DateTime()), *columns)
    units = sa.Table("units", meta, sa.Column("id", sa.Uuid()), sa.Column("valid_from", sa.Date()))
    begun = {row.id: row.valid_from for row in connection.execute(sa.select(units))}
    last = UUID(int=0)
    said = sa.or_(incidents.c.damage.is_not(None), incidents.c.verified.is_not(None))
    while True:
        page = sa.select(incidents).where(said, incidents.c.id > last).order_by(incidents.c.id).limit(AT_ONCE)
        rows = connection.execute(page).all()
        if not rows:
            return
        if made := [part for row in rows if (part := lying(row, begun))]:
            connection.execute(parts.insert(), made)
        last = rows[-1].id


def lying(row: sa.Row, begun: dict) -> dict | None:
    verified, amounts = (row.verified or {}).get("damage") or {}, {}
    for name, (column, smallest) in MEASURES.items():
        stated = verified.get(name)
        amount = (row.damage or {}).get(name) if stated is None else stated
        amounts[column] = round((amount or 0) * smallest)
    if not any(amounts.values()):
        return None
    place = UUID(row.routing["lead"]["id"])
    then, found_on = begun.get(place), (row.counted_at + INDOCHINA).date()
    return {
        "incident_id": row.id,
        "unit_id": place,
        "found_unit_id": (row.unit_at_found_id or place) if then and found_on < then else None,
        "counted_at": row.counted_at,
        "type": row.type,
        "counts": not {row.status, row.closed_from} & NOT_COUNTED,
        **amounts,
    }


def downgrade() -> None:
    op.drop_table("damage_parts")
    op.drop_column("incidents", "people_unit_ids")
