"""People who sign in, the roles they hold, and the units they answer for."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db, in_force
from models.clock import today
from models.organisations import RANGER_STATION, Coverage, Organisation
from models.units import ScopeUnit, Unit


class Role(StrEnum):
    RANGER = "ranger"
    OFFICER = "officer"
    LEADER = "leader"
    ADMIN = "admin"


class User(Record):
    """Serves in one unit or one organisation. Their scope is what they answer for, predecessors included."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("(unit_id IS NULL) <> (organisation_id IS NULL)", "one_home"),)

    username: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[Role]
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    password_hash: Mapped[str]
    disabled_at: Mapped[datetime | None]

    unit: Mapped[Unit | None] = relationship(lazy="joined")
    organisation: Mapped[Organisation | None] = relationship()

    @property
    def decides(self) -> bool:
        """Officers and leaders see and steer cases of their scope; rangers only what they reported."""
        return self.role in (Role.OFFICER, Role.LEADER)

    @cached_property
    def scope(self) -> frozenset[UUID]:
        """The roots of the subtrees this person answers for."""
        if self.unit_id:
            roots = db.select(ScopeUnit.includes_id).where(ScopeUnit.unit_id == self.unit_id)
        else:
            roots = (
                db.select(ScopeUnit.includes_id)
                .join(Coverage, Coverage.unit_id == ScopeUnit.unit_id)
                .where(Coverage.organisation_id == self.organisation_id, in_force(Coverage, today()))
            )
        return frozenset(db.session.scalars(roots))

    def answers_for(self, unit: Unit | None) -> bool:
        return unit is not None and not self.scope.isdisjoint(unit.lineage_ids)

    def acts_for(self, unit: Unit | None) -> bool:
        """Of organisations, only a ranger station's people may do what the unit's own may; the others read."""
        if self.organisation and self.organisation.kind != RANGER_STATION:
            return False
        return self.answers_for(unit)

    @property
    def viewers(self) -> list[UUID]:
        """The names under which incidents are shown to this person: their own, and the units of their scope.

        An admin runs the system and sees no case at all.
        """
        if self.role is Role.ADMIN:
            return []
        return [self.id, *sorted(self.scope)] if self.decides else [self.id]

    @classmethod
    def named(cls, username: str) -> "User | None":
        return db.session.scalar(db.select(cls).where(cls.username == username.strip().casefold()))


def staffed(units: list[Unit]) -> set[UUID]:
    """Which of these units have an active officer or leader of their own, or of a ranger station covering them.

    The others are `off_system`: routing names them, but somebody above them must lead.
    """
    active = db.and_(User.disabled_at.is_(None), User.role.in_([Role.OFFICER, Role.LEADER]))
    ids = {u.id for u in units}
    above = {id for u in units for id in u.lineage_ids}
    own = db.session.scalars(db.select(User.unit_id).where(active, User.unit_id.in_(ids)).distinct())
    found = {id for id in own if id}
    if found == ids:
        return found
    covered = set(
        db.session.scalars(
            db.select(Coverage.unit_id)
            .join(Organisation)
            .join(User, User.organisation_id == Organisation.id)
            .where(active, Organisation.kind == RANGER_STATION)
            .where(Coverage.unit_id.in_(above), in_force(Coverage, today()), in_force(Organisation, today()))
        )
    )
    return found | {u.id for u in units if not covered.isdisjoint(u.lineage_ids)}
