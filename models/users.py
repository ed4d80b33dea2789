"""People who sign in, the roles they hold, and the units they answer for."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Record, db
from models.organisations import RANGER_STATION, Organisation
from models.reference import reference, unit_of
from models.units import KnownUnit, fold


class Role(StrEnum):
    RANGER = "ranger"
    OFFICER = "officer"
    LEADER = "leader"
    ADMIN = "admin"


def username_of(text: str) -> str:
    """A user name as it is stored, however it was typed."""
    return unicodedata.normalize("NFC", text.strip().casefold())


class User(Record):
    """Serves in one unit or one organisation."""

    kind = "user"  # as the subject of events

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("(unit_id IS NULL) <> (organisation_id IS NULL)", "one_home"),)

    username: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[Role]
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("units.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    password_hash: Mapped[str]  # empty: signs in with an enrolment code only
    disabled_at: Mapped[datetime | None]
    search: Mapped[str] = mapped_column(server_default=db.text("''"))  # folded: user name and name
    content_sha256: Mapped[str | None]  # of the request that created it

    organisation: Mapped[Organisation | None] = relationship()

    @property
    def person(self) -> "Person":
        db.session.flush()  # what was just changed counts
        return person(self.id)

    @classmethod
    def named(cls, username: str) -> "User | None":
        return db.session.scalar(db.select(cls).where(cls.username == username_of(username)))

    @property
    def unit(self) -> KnownUnit | None:
        return unit_of(self.unit_id) if self.unit_id else None


@event.listens_for(User, "before_insert")
@event.listens_for(User, "before_update")
def note_names(_mapper: Any, _connection: Any, user: User) -> None:
    user.search = fold(f"{user.username} {user.name}")


@dataclass(frozen=True)
class Person:
    """A user as remembered with the reference data: looked up once, until any user or unit changes.

    Their scope is what they answer for, predecessors included.
    """

    id: UUID
    username: str
    name: str
    role: Role
    unit_id: UUID | None
    organisation_id: UUID | None
    organisation_kind: str | None
    disabled_at: datetime | None

    @property
    def unit(self) -> KnownUnit | None:
        return unit_of(self.unit_id) if self.unit_id else None

    @property
    def decides(self) -> bool:
        """Officers and leaders see and steer cases of their scope; rangers only what they reported."""
        return self.role in (Role.OFFICER, Role.LEADER)

    @cached_property
    def scope(self) -> frozenset[UUID]:
        """The roots of the subtrees this person answers for."""
        known = reference()
        units = [self.unit_id] if self.unit_id else known.coverages.get(self.organisation_id, [])  # type: ignore[arg-type]
        return frozenset().union(*(known.scopes.get(id, frozenset()) for id in units))

    def answers_for(self, unit: KnownUnit | None) -> bool:
        return unit is not None and not self.scope.isdisjoint(unit.lineage_ids)

    def acts_for(self, unit: KnownUnit | None) -> bool:
        """Of organisations, only a ranger station's people may do what the unit's own may; the others read."""
        if self.organisation_kind not in (None, RANGER_STATION):
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


def people(ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Those people, asked of the database only the first time."""
    known: dict[UUID, Person] = reference().more.setdefault("people", {})
    wanted = set(ids)
    # Asked one by one: another thread may be adding somebody.
    if missing := [id for id in wanted if id not in known]:
        users = User.__table__.c
        columns = [users[name] for name in Person.__dataclass_fields__ if name != "organisation_kind"]
        rows = db.session.connection().execute(
            db.select(*columns, Organisation.kind.label("organisation_kind"))
            .select_from(User.__table__.outerjoin(Organisation.__table__))
            .where(users.id.in_(missing))
        )
        known |= {row.id: Person(**row._mapping) for row in rows}
    return {id: known[id] for id in wanted if id in known}


def person(id: UUID) -> Person:
    return people((id,))[id]
