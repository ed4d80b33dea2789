"""Who was told: the worker walks the log, and what it wrote is read back as {receiver: what it says}."""

from typing import Any
from uuid import UUID

from models import Notice, Unit, User, db
from models.database import write_transaction
from models.jobs import Job
from services import worker
from services.notices import EVERY_S, KIND
from tests.phones import settle


def tell(app: Any) -> None:
    """All that has happened is told."""
    settle(app)
    with app.app_context(), write_transaction():
        Job.ask(KIND, KIND, every_s=EVERY_S)
        db.session.commit()
    while worker.run_once(app):
        pass


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
