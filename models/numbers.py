"""Case numbers that people say aloud: "MN-2026-000123". Gaps are allowed; a number never changes."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, db, upsert
from models.clock import local
from models.units import KnownUnit, abbreviate


class Counter(db.Model):  # type: ignore[name-defined]
    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigNumber)


@cache
def _count_up(_dialect: str) -> Any:
    """Made once for each kind of database: a report waits for it."""
    counters = Counter.__table__
    return (
        upsert(counters)
        .values(name=db.bindparam("series"), value=1)
        .on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value + 1})
        .returning(counters.c.value)
    )


def next_number(unit: KnownUnit, above: list[KnownUnit], received_at: datetime) -> str:
    """The next number of the unit's district (else province) in the local year of receipt."""
    by_level = {u.level: u for u in (unit, *above) if u.id in unit.lineage_ids}
    named = by_level.get("district") or by_level.get("province") or unit
    series = f"{abbreviate(named.name)}-{local(received_at).year}"
    value = db.session.connection().execute(_count_up(db.engine.dialect.name), {"series": series}).scalar()
    return f"{series}-{value:06d}"
