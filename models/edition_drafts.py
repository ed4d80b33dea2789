"""Sets of boundaries that were sent to be tried: kept apart, as they came, until an administrator puts them in force."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Json, Record, db
from models.boundaries import Edition
from models.errors import Conflict, IdConflict, NotAllowed, NotFound
from models.events import Event
from models.users import Person, Role

DRAFT, ACTIVE, DEACTIVATED = STATUSES = ("draft", "active", "deactivated")


class NameTaken(Conflict):
    code = "edition_name_taken"
    vi = "Đã có bộ ranh giới tên “{name}”; bộ cũ không bị sửa, hãy đặt tên khác."
    en = "There is a set of boundaries named “{name}” already; old ones are never changed: choose another name."


class WasActive(Conflict):
    code = "edition_was_active"
    vi = "Bộ ranh giới này đã từng có hiệu lực nên không xóa được; có quyết định phân công dựa trên nó."
    en = "These boundaries were in force once, so they cannot be deleted: decisions were made on them."


class EditionDraft(Record):
    """What was sent beside the polygons. Its id is that of the edition; it stays when its polygons became boundaries."""

    __tablename__ = "edition_drafts"

    id: Mapped[UUID] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    content_sha256: Mapped[str]
    units: Mapped[list[Any]] = mapped_column(Json)  # rows with the columns of `flask units import`
    successions: Mapped[list[Any]] = mapped_column(Json)
    report: Mapped[dict[str, Any]] = mapped_column(Json)  # what changes on the map
    entered: Mapped[bool] = mapped_column(default=False)  # once in force: its polygons are boundaries now

    edition: Mapped[Edition] = relationship()
    polygons: Mapped[list["DraftPolygon"]] = relationship(
        cascade="all, delete-orphan", order_by="DraftPolygon.position"
    )


class DraftPolygon(db.Model):  # type: ignore[name-defined]
    """One unit of a draft. Units that do not exist yet are not made before the draft is put in force."""

    __tablename__ = "draft_polygons"

    draft_id: Mapped[UUID] = mapped_column(ForeignKey("edition_drafts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    properties: Mapped[dict[str, Any]] = mapped_column(Json)
    wkb: Mapped[bytes] = mapped_column(LargeBinary)  # WGS 84, longitude before latitude
    area_m2: Mapped[float]


def require_admin(actor: Person) -> None:
    if actor.role is not Role.ADMIN:
        raise NotAllowed(action="manage_boundaries")


def status_of(edition: Edition) -> str:
    if edition.activated_at:
        return ACTIVE
    draft = db.session.get(EditionDraft, edition.id)
    return DRAFT if draft and not draft.entered else DEACTIVATED


def find(id: UUID, actor: Person, lock: bool = False) -> Edition:
    """Raises NotAllowed, NotFound."""
    require_admin(actor)
    edition = db.session.get(Edition, id, with_for_update=lock or None, populate_existing=lock)
    if edition is None:
        raise NotFound()
    return edition


def sent_before(id: UUID | None, content_sha256: str) -> Edition | None:
    """The edition that was made of the same content under this id. Raises IdConflict for any other."""
    known = db.session.get(Edition, id) if id else None
    if known is None:
        return None
    draft = db.session.get(EditionDraft, known.id)
    if draft is None or draft.content_sha256 != content_sha256:
        raise IdConflict(content_sha256=draft and draft.content_sha256)
    return known


def keep(
    actor: Person,
    id: UUID,
    name: str,
    valid_from: date,
    valid_to: date | None,
    content_sha256: str,
    units: list[Any],
    successions: list[Any],
    report: dict[str, Any],
    polygons: Iterable[DraftPolygon],
    **described: Any,
) -> tuple[Edition, bool]:
    """A draft, and whether it is new: the same id and content again is the same. Nothing of it is in force."""
    if known := sent_before(id, content_sha256):
        return known, False
    if db.session.scalar(db.select(Edition.id).where(Edition.name == name)):
        raise NameTaken(name=name)
    edition = Edition(id=id, name=name, valid_from=valid_from, valid_to=valid_to, **described)
    db.session.add(edition)
    db.session.flush()
    draft = EditionDraft(id=id, author_id=actor.id, content_sha256=content_sha256, report=report)
    draft.units, draft.successions, draft.polygons = units, successions, list(polygons)
    db.session.add(draft)
    db.session.flush()
    Event.record(edition, "drafted", actor, content_sha256=content_sha256, polygons=len(draft.polygons))
    return edition, True


def discard(edition: Edition, actor: Person) -> None:
    """Only what never was in force: decisions name their edition, and are made again from it."""
    if status_of(edition) != DRAFT:
        raise WasActive()
    Event.record(edition, "discarded", actor)
    db.session.delete(db.session.get(EditionDraft, edition.id))
    db.session.flush()
    db.session.delete(edition)
    db.session.flush()
