"""Photos of an incident: what was declared, what has arrived, and what could be made of it."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import BigNumber, Json, Record, db, new_id, now, upsert
from models.database import AFTER_RESTORE
from models.errors import NotAllowed, NotFound
from models.events import Event
from models.findings import compared, comparisons_but, shown
from models.jobs import Job
from models.permissions import may_write, reads_restricted
from models.photo_findings import OF_CLAIMS, judged
from models.visibility import Viewer

MISSING, PARTIAL, STORED = "missing", "partial", "stored"
PENDING, READY, UNAVAILABLE = "pending", "ready", "unavailable"
VOICE = "audio/"  # notes that somebody spoke: kept as they came, never opened


class Photo(Record):
    """Identity is (incident, sha256 of the original bytes): the same photo sent twice is one row."""

    __tablename__ = "photos"
    __table_args__ = (UniqueConstraint("incident_id", "sha256"),)

    kind = "photo"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), index=True)
    sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int | None] = mapped_column(BigNumber)  # bytes
    content_type: Mapped[str | None]
    captured_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default=MISSING)
    preview: Mapped[str] = mapped_column(default=PENDING, index=True)
    exif: Mapped[dict[str, Any] | None] = mapped_column(Json)  # claims of the file, not facts
    findings: Mapped[list[Any]] = mapped_column(Json, default=list)
    uploaded_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    stored_at: Mapped[datetime | None]

    incident: Mapped[Any] = relationship("Incident", back_populates="photos")

    @classmethod
    def declare(cls, incident: Any, photos: list[dict[str, Any]]) -> None:
        """Announce photos that will come: united with those known, never removed."""
        for photo in {p["sha256"]: p for p in photos}.values():
            facts = {k: photo.get(k) for k in ("sha256", "size", "content_type", "captured_at")}
            db.session.execute(
                upsert(cls)
                .values(id=new_id(), incident_id=incident.id, findings=[], **facts)
                .on_conflict_do_nothing(index_elements=["incident_id", "sha256"])
            )

    @classmethod
    def unite(cls, incident: Any, photos: list[dict[str, Any]]) -> bool:
        """Announce those not known yet; whether there were any."""
        declared = {p.sha256 for p in incident.photos}
        fresh = [p for p in photos if p["sha256"] not in declared]
        if fresh:
            cls.declare(incident, fresh)
            incident.touch_untold()
            db.session.expire(incident, ["photos"])
        return bool(fresh)

    @classmethod
    def store(
        cls,
        incident: Any,
        user: Any,
        sha256: str,
        size: int,
        content_type: str,
        stored: bool,
        captured_at: datetime | None = None,
    ) -> tuple[Any, bool]:
        """Note that the bytes have arrived and are on disk; the row, and whether this was news.

        Not `stored`: they are safe with us, and wait for their place in the store.
        """
        check_may_add(incident, user)
        is_voice = content_type.startswith(VOICE)
        arrived = {"size": size, "content_type": content_type, "uploaded_by": user.id, "captured_at": captured_at}
        arrived |= {"preview": UNAVAILABLE if is_voice else PENDING}
        arrived |= {"state": STORED, "stored_at": now()} if stored else {"state": PARTIAL, "stored_at": None}
        identity = {"incident_id": incident.id, "sha256": sha256}
        connection = db.session.connection()
        photo = connection.execute(
            _arrival(connection.dialect.name), {"id": new_id(), "findings": []} | identity | arrived
        ).first()
        if not stored:
            Job.ask("store", sha256)
        if photo is None:
            known = db.select(*cls.__table__.c).filter_by(**identity)
            photo = connection.execute(known).one()
            if stored and photo.state == PARTIAL:
                db.session.get_one(cls, photo.id).found_its_place()
                db.session.flush()
                photo = connection.execute(known).one()
            return photo, False
        if stored and not is_voice:
            Job.ask("preview", str(photo.id))
        incident.touch()
        Event.record(incident, "photo", user, photo=str(photo.id), sha256=sha256, size=size, content_type=content_type)
        return photo, True

    @classmethod
    def is_declared_otherwise(cls, incident: Any, sha256: str, size: int) -> bool:
        """Whether the report announces a photo of just this size that has not come, and none with this hash."""
        of_size = db.and_(cls.size == size, db.not_(has_arrived()))
        known = db.select(cls.sha256).where(cls.incident_id == incident.id, db.or_(cls.sha256 == sha256, of_size))
        hashes = set(db.session.scalars(known))
        return bool(hashes) and sha256 not in hashes

    @classmethod
    def waiting(cls, sha256: str) -> list[tuple[UUID, UUID]]:
        """(incident, photo) of all rows whose bytes are with us and wait for their place in the store."""
        rows = db.select(cls.incident_id, cls.id).where(cls.sha256 == sha256, has_arrived(), cls.state == PARTIAL)
        return [(incident_id, id) for incident_id, id in db.session.execute(rows.order_by(cls.incident_id))]

    def found_its_place(self) -> None:
        self.state, self.stored_at = STORED, now()
        self.ask_preview()
        self.incident.touch_untold()

    def ask_preview(self) -> None:
        if self.state == STORED and self.preview == PENDING:
            Job.ask("preview", str(self.id))

    def lost_on_its_way(self) -> None:
        """It waited and is gone. Whoever sent it still has it: nobody was told that it is stored."""
        self.state, self.uploaded_by = MISSING, None
        self.incident.touch_untold()

    @classmethod
    def find(cls, id: UUID, user: Any) -> "Photo":
        photo = db.session.scalar(db.select(cls).where(cls.id == id, Viewer.shows(cls.incident_id, user)))
        if photo is None:
            raise NotFound()
        return photo

    def check_may_read_original(self, user: Any) -> None:
        """Untouched bytes are evidence: officers and leaders of accepted units only."""
        if not reads_restricted(user, self.incident):
            raise NotAllowed(action="original")
        if self.state != STORED:
            raise NotFound()

    def read_original(self, user: Any) -> None:
        """Each reading is noted."""
        self.check_may_read_original(user)
        Event.record(self, "read_original", user, kind="access", incident=str(self.incident_id))

    def claims_for(self, user: Any) -> dict[str, Any] | None:
        """What the file claims, a place among it: for whoever may read the original, and for who sent it."""
        return self.exif if user.id == self.uploaded_by or reads_restricted(user, self.incident) else None

    def judge(self, *same: UUID) -> None:
        """Hold the claims against the report as it is now; `same`: other cases that proved to be this one."""
        self.findings = judged(self, self.incident) + comparisons_but(self.findings, {self.incident.id, *same})

    @classmethod
    def findings_for(cls, photo: Any, user: Any) -> list[Any]:
        """Findings of a photo, or of its row, as a person reads them. Who sent it learns of no case they cannot see:
        it would tell them that a picture of theirs is known."""
        if not photo.findings:
            return []
        whole = db.session.get_one(cls, photo.id)
        handles = reads_restricted(user, whole.incident)
        sent = user.id == whole.uploaded_by
        findings = [f for f in whole.findings if handles or sent or f["check"] not in OF_CLAIMS]
        return shown(findings, user, lambda: handles and not sent)

    @classmethod
    def known_hashes(cls, hashes: list[str]) -> set[str]:
        """Those of the hashes that stand in any row, declared ones included: their photo may still come."""
        return set(db.session.scalars(db.select(cls.sha256).where(cls.sha256.in_(hashes))))

    @classmethod
    def stored_after(cls, last: tuple[str, UUID] | None, limit: int) -> list[tuple[str, UUID, str]]:
        """A page of (hash, id, number of the incident) of the stored photos, by hash."""
        incident = db.metadata.tables["incidents"].c
        page = db.select(cls.sha256, cls.id, incident.number).join(cls.incident).where(cls.state == STORED)
        if last:
            page = page.where(db.tuple_(cls.sha256, cls.id) > db.tuple_(last[0], db.literal(last[1], cls.id.type)))
        return list(db.session.execute(page.order_by(cls.sha256, cls.id).limit(limit)))

    def preview_made(self, ready: bool, exif: dict[str, Any] | None, others: dict[str, dict[UUID, int]]) -> None:
        """Note what became of it and what its file claims; `others`: the cases with the same picture, by check."""
        self.preview = READY if ready else UNAVAILABLE
        self.exif = exif
        alike = [finding for check, found in others.items() for finding in compared(check, found)]
        self.findings = judged(self, self.incident) + alike
        self.incident.touch_untold()


def has_arrived() -> Any:
    """The condition that the bytes came, wherever they lie."""
    return db.or_(Photo.state == STORED, db.and_(Photo.state == PARTIAL, Photo.uploaded_by.is_not(None)))


ARRIVED = ("state", "size", "content_type", "uploaded_by", "stored_at", "preview")


@cache
def _arrival(_dialect: str) -> Any:
    """A photo whose bytes came, unless they had before. Made once for each kind of database."""
    photos = Photo.__table__
    made = upsert(photos)
    return made.on_conflict_do_update(
        index_elements=["incident_id", "sha256"],
        set_={name: made.excluded[name] for name in ARRIVED}
        | {"captured_at": db.func.coalesce(photos.c.captured_at, made.excluded.captured_at)},
        where=db.and_(photos.c.state != STORED, photos.c.uploaded_by.is_(None)),
    ).returning(*photos.c)


def check_may_add(incident: Any, user: Any) -> None:
    if not may_write(user, incident):
        raise NotAllowed(action="photo")


def forget_previews(connection: Connection) -> None:
    """Backups hold originals only; the worker makes the previews again."""
    ready = db.and_(Photo.state == STORED, Photo.preview == READY)
    ids = connection.scalars(db.select(Photo.id).where(ready)).all()
    connection.execute(db.update(Photo).where(ready).values(preview=PENDING))
    for id in ids:
        Job.ask_on(connection, "preview", str(id))


AFTER_RESTORE.append(forget_previews)
