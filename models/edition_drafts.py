"""Sets of boundaries that were sent to be tried: kept apart, as they came, until an administrator puts them in force.

What an edition made of the tree of units, once in force, is kept with it, so that taking it back takes that back too.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Json, Record, db, insert_new
from models.boundaries import Boundary, Edition
from models.errors import Conflict, IdConflict, NotAllowed, NotFound
from models.events import Event
from models.units import Unit
from models.users import Person, Role

Cursor = tuple[datetime, UUID]
DRAFT, ACTIVE, DEACTIVATED = STATUSES = ("draft", "active", "deactivated")


class NameTaken(Conflict):
    code = "edition_name_taken"
    vi = "Đã có bộ ranh giới tên “{name}”; bộ cũ không bị sửa, hãy đặt tên khác."
    en = "There is a set of boundaries named “{name}” already; old ones are never changed: choose another name."


class AlreadyActive(Conflict):
    code = "edition_active"
    vi = "Bộ ranh giới “{name}” đang có hiệu lực."
    en = "The boundaries “{name}” are in force already."


class NotActive(Conflict):
    code = "edition_not_active"
    vi = "Bộ ranh giới “{name}” không có hiệu lực."
    en = "The boundaries “{name}” are not in force."


class EffectChanged(Conflict):
    code = "effect_changed"
    vi = "Tác động không còn như bạn đã xem; hãy xem lại trước khi quyết định."
    en = "The effect is no longer the one you saw; read it again, then decide."


class WasActive(Conflict):
    code = "edition_was_active"
    vi = "Bộ ranh giới này đã từng có hiệu lực nên không xóa được; có quyết định phân công dựa trên nó."
    en = "These boundaries were in force once, so they cannot be deleted: decisions were made on them."


class EditionDraft(Record):
    """What was sent beside the polygons. Its id is that of the edition; it stays when its polygons became boundaries."""

    __tablename__ = "edition_drafts"

    id: Mapped[UUID] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # null: from the terminal
    content_sha256: Mapped[str]
    units: Mapped[list[Any]] = mapped_column(Json)  # rows with the columns of `flask units import`
    successions: Mapped[list[Any]] = mapped_column(Json)
    report: Mapped[dict[str, Any]] = mapped_column(Json)  # what changes on the map
    entered: Mapped[bool] = mapped_column(default=False)  # once in force: its polygons are boundaries now
    created: Mapped[list[Any]] = mapped_column(Json, default=list)  # [unit id, its last day] of units that it made
    ended: Mapped[list[Any]] = mapped_column(Json, default=list)  # the same of those that had lasted until then

    @property
    def polygons(self) -> list["DraftPolygon"]:
        query = db.select(DraftPolygon).where(DraftPolygon.draft_id == self.id)
        return list(db.session.scalars(query.order_by(DraftPolygon.position)))

    def drop_polygons(self) -> None:
        db.session.execute(db.delete(DraftPolygon).where(DraftPolygon.draft_id == self.id))

    def enter(self, created: list[Unit], ended: list[Unit]) -> None:
        """It is in force: its polygons are boundaries, and these units begin and end with it."""
        self.entered = True
        self.drop_polygons()
        self.created, self.ended = ([[str(u.id), _text(u.valid_to)] for u in units] for units in (created, ended))

    def end(self) -> None:
        """It is taken back: what it ended lasts again, and what it made has not begun."""
        for unit in _units(self.ended):
            unit.valid_to = None
        for unit in _units(self.created):
            if unit.valid_from:
                unit.valid_to = unit.valid_from - timedelta(days=1)

    def days_in_force(self) -> dict[UUID, date | None]:
        """The last days of those units while it is in force."""
        return {UUID(id): date.fromisoformat(last) if last else None for id, last in (*self.ended, *self.created)}


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _units(rows: list[Any]) -> list[Unit]:
    return [db.session.get_one(Unit, UUID(id)) for id, _ in rows]


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


def check_name(name: str) -> None:
    if db.session.scalar(db.select(Edition.id).where(Edition.name == name)):
        raise NameTaken(name=name)


def page(actor: Person, limit: int, after: Cursor | None, status: str | None) -> tuple[list[Edition], Cursor | None]:
    """Of all editions, the newest first."""
    require_admin(actor)
    editions = db.select(Edition).order_by(Edition.created_at.desc(), Edition.id.desc()).limit(limit + 1)
    in_draft = db.exists().where(EditionDraft.id == Edition.id, ~EditionDraft.entered)
    if status:
        active = Edition.activated_at.is_not(None)
        of_status = {DRAFT: db.and_(~active, in_draft), ACTIVE: active, DEACTIVATED: db.and_(~active, ~in_draft)}
        editions = editions.where(of_status[status])
    if after:
        at = db.bindparam(None, after[0], type_=Edition.created_at.type)
        editions = editions.where(db.tuple_(Edition.created_at, Edition.id) < db.tuple_(at, after[1]))
    found = list(db.session.scalars(editions))
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], (last.created_at, last.id) if last else None


def summary(edition: Edition) -> dict[str, Any]:
    """What a list shows of it."""
    kept = DraftPolygon.draft_id if (status := status_of(edition)) == DRAFT else Boundary.edition_id
    polygons = db.session.scalar(db.select(db.func.count()).where(kept == edition.id))
    names = ("id", "name", "valid_from", "valid_to", "activated_at", "source", "licence", "legal_reference", "error_m")
    return {name: getattr(edition, name) for name in names} | {"status": status, "polygons": polygons}


def whole(edition: Edition, effect: dict[str, Any] | None, digest: str | None) -> dict[str, Any]:
    """All there is to know: `effect` is what the next step would do, or the last one did."""
    draft = db.session.get(EditionDraft, edition.id)
    report = draft.report if draft and draft.report else None
    return summary(edition) | {"report": report, "effect": effect, "digest": digest}


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
    polygons: list[dict[str, Any]],
    **described: Any,
) -> tuple[Edition, bool]:
    """A draft, and whether it is new: the same id and content again is the same. Nothing of it is in force."""
    if known := sent_before(id, content_sha256):
        return known, False
    check_name(name)
    edition = Edition(id=id, name=name, valid_from=valid_from, valid_to=valid_to, activated_at=None, **described)
    draft = EditionDraft(id=id, author_id=actor.id, content_sha256=content_sha256, report=report, entered=False)
    draft.units, draft.successions, draft.created, draft.ended = units, successions, [], []
    # Past the unit of work: what is not in force is no part of the reference data, which all would read anew.
    insert_new(edition, draft)
    db.session.connection().execute(DraftPolygon.__table__.insert(), [{"draft_id": id} | p for p in polygons])
    Event.record(edition, "drafted", actor, content_sha256=content_sha256, polygons=len(polygons))
    return edition, True


def discard(edition: Edition, actor: Person) -> None:
    """Only what never was in force: decisions name their edition, and are made again from it."""
    if status_of(edition) != DRAFT:
        raise WasActive()
    Event.record(edition, "discarded", actor)
    db.session.get_one(EditionDraft, edition.id).drop_polygons()
    for table in (EditionDraft, Edition):
        db.session.execute(db.delete(table).where(table.id == edition.id))
