"""Who was told: the worker walks the log, and what it wrote is read back as {receiver: what it says}."""

from typing import Any
from uuid import UUID

from models import Notice, Unit, User, db
from models.base import now
from models.database import write_transaction
from models.jobs import Job
from services import worker
from services.notices import EVERY_S, KIND
from tests.phones import settle


def tell(app: Any) -> None:
    """All that has happened is told."""
    settle(app)
    ask(app, KIND, EVERY_S)
    while worker.run_once(app):
        pass


def ask(app: Any, kind: str, every_s: int = 60) -> None:
    """One kind of what recurs is due now, and no other."""
    with app.app_context(), write_transaction():
        Job.ask(kind, kind, every_s=every_s)
        db.session.execute(db.update(Job).where(Job.kind == kind).values(due_at=now()))
        db.session.commit()


class Told:
    """`told()` is what was told since it was last asked, by the name of the unit or person."""

    def __init__(self, app: Any):
        self.app = app
        self.known: set[UUID] = set()

    def skip(self) -> None:
        """Nobody asks who was told until now."""
        self._fresh(None)

    def __call__(self, of: dict[str, Any] | None = None) -> dict[str, str]:
        """`of`: of this case alone."""
        fresh = self._fresh(of)
        assert len(dict(fresh)) == len(fresh), "somebody was told twice"
        return dict(fresh)

    def all_of(self, of: dict[str, Any], kind: str) -> list[str]:
        """Who was told one thing of a case, ever, in the order in which it happened."""
        tell(self.app)
        with self.app.app_context():
            told = db.select(Notice.receiver_id).where(Notice.incident_id == UUID(of["id"]), Notice.kind == kind)
            found = [self._name(id) for id in db.session.scalars(told.order_by(Notice.event_number))]
            db.session.remove()
        return found

    def _fresh(self, of: dict[str, Any] | None) -> list[tuple[str, str]]:
        tell(self.app)
        with self.app.app_context():
            fresh = [n for n in db.session.scalars(db.select(Notice)) if n.id not in self.known]
            fresh = [n for n in fresh if of is None or str(n.incident_id) == of["id"]]
            self.known |= {n.id for n in fresh}
            found = [(self._name(n.receiver_id), n.kind) for n in fresh]
            db.session.remove()
        return found

    def _name(self, id: UUID) -> str:
        unit = db.session.get(Unit, id)
        return unit.name if unit else db.session.get_one(User, id).username
