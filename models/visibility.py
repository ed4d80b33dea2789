"""Who is shown which incident: one narrow row per (viewer, incident), a viewer being a unit or a person.

Kept by the assignments that cause it. It carries the list's sort key, so a page is one index range per viewer
name, however many incidents there are, for a commune, a district and a province alike.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import db
from models.feed import Change


class Viewer(db.Model):  # type: ignore[name-defined]
    __tablename__ = "incident_viewers"
    __table_args__ = (
        Index("ix_incident_viewers_viewer_id_received_at", "viewer_id", "received_at", "incident_id"),
        {"sqlite_with_rowid": False},
    )

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    viewer_id: Mapped[UUID] = mapped_column(primary_key=True)  # of a unit or a user
    received_at: Mapped[datetime]

    @classmethod
    def shows(cls, incident_id: Any, user: Any) -> Any:
        """The condition that this person may see that incident, be it one or a column of them.

        It asks for one key at a time: `IN (all this person may see)` would first collect them all.
        """
        mine = db.and_(cls.incident_id == incident_id, cls.viewer_id.in_(user.viewers))
        return db.exists(db.select(cls.viewer_id).where(mine))

    @classmethod
    def keep(cls, incident: Any, wanted: set[UUID]) -> None:
        """Make the incident's rows these and no others."""
        known = set(db.session.scalars(_of(incident)))
        if gone := known - wanted:
            db.session.execute(
                db.delete(cls).where(cls.incident_id == incident.id, cls.viewer_id.in_(gone)),
                execution_options={"synchronize_session": False},
            )
            Change.note_lost(incident.id, gone)
        cls.show(incident, wanted - known)

    @classmethod
    def show(cls, incident: Any, viewers: Iterable[UUID]) -> None:
        """Add rows for viewers that have none."""
        rows = [
            {"incident_id": incident.id, "viewer_id": v, "received_at": incident.received_at} for v in sorted(viewers)
        ]
        if rows:
            db.session.connection().execute(INSERT, rows)

    @classmethod
    def move(cls, gone: list[dict[str, Any]], come: list[dict[str, Any]]) -> None:
        """Rows of many incidents at once: `gone` by incident and viewer, `come` whole."""
        connection = db.session.connection()
        if gone:
            connection.execute(DELETE, gone)
        if come:
            connection.execute(INSERT, come)


INSERT = Viewer.__table__.insert()
DELETE = Viewer.__table__.delete().where(
    Viewer.__table__.c.incident_id == db.bindparam("incident", type_=db.Uuid()),
    Viewer.__table__.c.viewer_id == db.bindparam("viewer", type_=db.Uuid()),
)


def _of(incident: Any) -> Any:
    return db.select(Viewer.viewer_id).where(Viewer.incident_id == incident.id)
