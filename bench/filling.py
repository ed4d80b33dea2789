"""Many incidents quickly: copies of those the service made itself, spread evenly over five years.

A copy takes over every row that hangs on its model, so who leads, who sees it and where it counts stay
consistent; it gets ids and a number of its own, and all its times move by the same span. Its events keep the
hashes of the model's: a database filled like this is for measuring only.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

YEARS = 5
CHUNK = 1_000
FIRST_NUMBER = 500_000  # beyond whatever the counters reach meanwhile
OWNED = (
    "assignments",
    "incident_viewers",
    "photos",
    "co_reporters",
    "incident_restricted",
    "damage_parts",
)  # by incident_id

OF_SUBJECT = ("events", "event_heads")  # by subject_id; the hashes of copies are those of the model

Row = dict[str, Any]
Rows = dict[str, list[Row]]


def held() -> dict[str, int]:
    """Rows of each table that grows with incidents."""
    from api import create_app
    from models import db

    with create_app().app_context():
        tables = db.metadata.tables
        return {
            name: db.session.scalar(db.select(db.func.count()).select_from(tables[name])) or 0
            for name in ("incidents", *OWNED, *OF_SUBJECT)
        }


def fill(size: int) -> float:
    """Add copies until the database holds that many incidents; seconds it took. In a process of its own."""
    from api import create_app
    from api.transaction import committing
    from models import db
    from services.notices import pass_over

    begun = time.perf_counter()
    with create_app().app_context():
        models = _models(db)
        known = db.session.scalar(db.select(db.func.count()).select_from(db.metadata.tables["incidents"])) or 0
        db.session.rollback()
        moments = list(_moments(size - known))
        for start in range(0, len(moments), CHUNK):
            rows: Rows = {}
            for offset, moment in enumerate(moments[start : start + CHUNK]):
                nth = known + start + offset
                _copy(db, models[nth * 7919 % len(models)], moment, nth, rows)
            with committing():
                for name in ("incidents", *OWNED, *OF_SUBJECT):
                    if name in rows:
                        db.session.connection().execute(db.metadata.tables[name].insert(), rows[name])
                pass_over()
    return time.perf_counter() - begun


def _models(db: Any) -> list[Rows]:
    """Each incident that the service made, with all rows that hang on it."""
    tables = db.metadata.tables
    incidents = tables["incidents"]
    rows = db.session.execute(db.select(incidents).where(incidents.c.duplicate_of.is_(None)).order_by(incidents.c.id))
    models = {row["id"]: {"incidents": [dict(row)]} for row in rows.mappings() if _counter(row) < FIRST_NUMBER}
    for name in OWNED:
        for row in db.session.execute(db.select(tables[name])).mappings():
            if row["incident_id"] in models:
                models[row["incident_id"]].setdefault(name, []).append(dict(row))
    for name in OF_SUBJECT:
        table = tables[name]
        for row in db.session.execute(db.select(table).where(table.c.subject_kind == "incident")).mappings():
            if row["subject_id"] in models:
                models[row["subject_id"]].setdefault(name, []).append(dict(row))
    return list(models.values())


def _counter(incident: Any) -> int:
    return int(incident["number"].rpartition("-")[2])


def _moments(count: int) -> Iterator[datetime]:
    """Evenly over the years until now, the oldest first, as rows come in real life."""
    from models.base import now

    span = timedelta(days=365.25 * YEARS)
    start = now() - span
    return (start + span * ((n + 0.5) / count) for n in range(count))


def _copy(db: Any, model: Rows, moment: datetime, nth: int, into: Rows) -> None:
    from models.base import new_id

    tables = db.metadata.tables
    original = model["incidents"][0]
    later = moment - original["received_at"]
    id = new_id()
    for name, rows in model.items():
        for row in rows:
            copy = {k: v + later if isinstance(v, datetime) else v for k, v in row.items()}
            for column in ("incident_id", "subject_id"):
                if column in copy:
                    copy[column] = id
            if name == "incidents":
                series = original["number"].split("-")[0]
                copy |= {"id": id, "number": f"{series}-{moment.year}-{FIRST_NUMBER + nth}"}
            elif "id" in tables[name].c:
                copy["id"] = new_id()
            if name == "photos":
                copy["preview"] = "ready"  # of the model's file; the worker must not make one for each copy
            if name == "events":
                del copy["number"]  # the database counts them
            into.setdefault(name, []).append(copy)
