"""Uploads of photos and voice notes in pieces: how far each has come, and the incident it waits for."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, Record, db, insert_new, new_id, now
from models.database import AFTER_RESTORE
from models.errors import Conflict, DomainError, HashMismatch, NotAllowed, NotFound
from models.incidents import Incident
from models.photos import MISSING, PARTIAL, Photo, check_may_add
from models.users import Person, Role, person

KEPT = timedelta(days=30)  # since the last byte came; finished, that long for the report to arrive
# Of one person, attached ones not counted: weeks of patrols, and far less than a disk.
MOST_OPEN = 300
MOST_BYTES = 1 << 30


class WrongOffset(Conflict):
    code = "wrong_offset"
    vi = "Máy chủ đang có {offset} byte; hãy gửi tiếp từ đó."
    en = "The server has {offset} bytes; go on from there."
    retryable = True


class TakenOver(Conflict):
    code = "upload_taken_over"
    vi = "Một kết nối mới hơn đang gửi tiếp tệp này."
    en = "A newer connection goes on with this upload."
    retryable = True


class TooManyUploads(DomainError):
    code = "too_many_uploads"
    vi = "Bạn còn quá nhiều tệp gửi dở; hãy gửi xong hoặc huỷ bớt rồi thử lại."
    en = "You have too many unfinished uploads; finish or cancel some, then try again."
    retryable = True


class ChecksumMismatch(DomainError):
    code = "checksum_mismatch"
    vi = "Phần vừa nhận không khớp mã kiểm tra; máy chủ không giữ phần này, hãy gửi lại."
    en = "This part does not match its checksum and was not kept; send it again."
    retryable = True


class UnknownProtocol(DomainError):
    code = "unsupported_tus_version"
    vi = "Máy chủ chỉ nhận giao thức tus phiên bản 1.0.0 (Tus-Resumable: 1.0.0)."
    en = "This server speaks version 1.0.0 of tus only (Tus-Resumable: 1.0.0)."


class WrongContent(DomainError):
    code = "unsupported_media_type"
    vi = "Các phần của tệp phải gửi với Content-Type: application/offset+octet-stream, không nén."
    en = "Parts of a file come as Content-Type: application/offset+octet-stream, not compressed."


class Upload(Record):
    """One file on its way in. It belongs to who began it; the incident may not be here yet."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index(
            "ix_uploads_waiting",
            "incident_id",
            postgresql_where=db.text("attached_at IS NULL"),
            sqlite_where=db.text("attached_at IS NULL"),
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"))
    incident_id: Mapped[UUID]  # as said, perhaps of a report that comes later
    sha256: Mapped[str | None] = mapped_column(index=True)  # as said; once finished, as found
    length: Mapped[int] = mapped_column(BigNumber)  # bytes
    offset: Mapped[int] = mapped_column(BigNumber, default=0)  # bytes that survive a power cut
    captured_at: Mapped[datetime | None]
    said: Mapped[str]  # whatever else the phone said of the file, as it said it
    content_type: Mapped[str | None]  # as found in the bytes
    stored: Mapped[bool] = mapped_column(default=True)  # False: finished, and waits here for its place in the store
    expires_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    attached_at: Mapped[datetime | None]

    # One upload

    @classmethod
    def start(cls, user: Person, device_id: UUID, length: int, incident: UUID, said: str, **facts: Any) -> "Upload":
        """An incident that is not there and one that is not to be seen are treated alike: the file may come."""
        if user.role is Role.ADMIN:
            raise NotAllowed(action="photo")
        with suppress(NotFound):
            Incident.check_may_add_photo(incident, user)
        mine = [cls.user_id == user.id, cls.attached_at.is_(None), cls.expires_at > now()]
        if begun := cls._begun(mine, incident, length, facts.get("sha256")):
            return begun
        count, size = db.session.execute(db.select(db.func.count(), db.func.sum(cls.length)).where(*mine)).one()
        if count >= MOST_OPEN or (size or 0) + length > MOST_BYTES:
            raise TooManyUploads()
        upload = cls(
            id=new_id(),
            user_id=user.id,
            device_id=device_id,
            incident_id=incident,
            length=length,
            said=said,
            expires_at=now() + KEPT,
            **facts,
        )
        insert_new(upload)
        return upload

    @classmethod
    def _begun(cls, mine: list[Any], incident: UUID, length: int, sha256: str | None) -> "Upload | None":
        """The same file was begun and no byte of it came: a phone that lost the answer fills no places with it."""
        same = [cls.incident_id == incident, cls.length == length, cls.sha256 == sha256, cls.offset == 0]
        query = db.select(cls).where(*mine, *same, cls.finished_at.is_(None))
        return db.session.scalar(query.limit(1)) if sha256 else None

    @classmethod
    def find(cls, id: UUID, user: Person) -> Any:
        """The row as it is now; a plain one, that no rollback empties. Raises NotFound also when it is somebody else's, or has expired."""
        mine = db.select(cls.__table__).where(cls.id == id, cls.user_id == user.id, cls.expires_at > now())
        if (row := db.session.connection().execute(mine).first()) is None:
            raise NotFound()
        return row

    @classmethod
    def of(cls, id: UUID, user: Person) -> "Upload":
        """To be written, unless it is finished or was given up meanwhile."""
        mine = db.select(cls).where(cls.id == id, cls.user_id == user.id, cls.finished_at.is_(None))
        upload = db.session.scalar(mine.with_for_update().execution_options(populate_existing=True))
        if upload is None:
            raise NotFound()
        return upload

    def advance(self, offset: int, user: Person) -> None:
        """So many bytes are on disk for good."""
        self.offset, self.expires_at = offset, now() + KEPT
        if offset:
            self.show_partial(user)
        else:
            self.show_missing()

    def finish(self, sha256: str, content_type: str, stored: bool, user: Person) -> None:
        """All bytes are in the store: to the incident, or to wait for it.

        Raises HashMismatch when the phone did not say the hash and its report announces another one for a file of
        just this size.
        """
        announced = None if self.sha256 else self._incident_of(user)
        if announced and Photo.is_declared_otherwise(announced, sha256, self.length):
            raise HashMismatch()
        self.offset, self.sha256, self.content_type, self.stored = self.length, sha256, content_type, stored
        self.finished_at, self.expires_at = now(), now() + KEPT
        self.attach(user)

    def attach(self, user: Person) -> None:
        """To its incident, if that is there and theirs to add photos to; otherwise it waits."""
        if incident := self._incident_of(user):
            self._attach_to(incident, user)

    def _incident_of(self, user: Person) -> Incident | None:
        try:
            incident = Incident.find(self.incident_id, user, lock=True)
            check_may_add(incident, user)
        except (NotFound, NotAllowed):
            return None
        return incident

    def _attach_to(self, incident: Incident, user: Person) -> None:
        assert self.sha256 is not None and self.content_type is not None
        facts = {"captured_at": self.captured_at} if self.captured_at else {}
        Photo.store(incident, user, self.sha256, self.length, self.content_type, self.stored, **facts)
        self.attached_at = now()

    @classmethod
    def end(cls, id: UUID, user: Person) -> None:
        """Also when it is finished: a photo that has reached its incident stays there."""
        upload = db.session.scalar(db.select(cls).where(cls.id == id, cls.user_id == user.id).with_for_update())
        if upload is None:
            raise NotFound()
        upload.give_up()

    def give_up(self) -> None:
        """The row; its bytes are removed by whoever holds them, or collected."""
        self.show_missing()
        db.session.delete(self)

    # What is seen of it in its incident

    def show_partial(self, user: Person) -> None:
        """Its photo is on its way, if the incident is theirs to add photos to."""
        if db.session.scalar(self._declared(MISSING)) is not None and (incident := self._incident_of(user)):
            self._show(incident, MISSING, PARTIAL)

    def show_missing(self) -> None:
        """It will not come, unless another upload brings it."""
        if self.sha256 is None or db.session.scalar(self._declared(PARTIAL)) is None:
            return
        others = db.select(Upload.id).where(
            Upload.incident_id == self.incident_id,
            Upload.sha256 == self.sha256,
            Upload.attached_at.is_(None),
            Upload.offset > 0,
            Upload.id != self.id,
        )
        if db.session.scalar(others.limit(1)) is None:
            self._show(db.session.get_one(Incident, self.incident_id, with_for_update=True), PARTIAL, MISSING)

    def _declared(self, state: str) -> Any:
        mine = db.select(Photo.id).filter_by(incident_id=self.incident_id, sha256=self.sha256, state=state)
        return mine.where(Photo.uploaded_by.is_(None))  # else its bytes are here, by another way

    def _show(self, incident: Incident, before: str, after: str) -> None:
        photo = db.update(Photo).where(Photo.id == self._declared(before).scalar_subquery())
        db.session.execute(photo.values(state=after))
        incident.touch_untold()

    # Many

    @classmethod
    def meet(cls, incident: Incident, reporter: Person) -> None:
        """A report has arrived: what its reporter sent before it joins it."""
        sent = db.select(cls).where(
            cls.incident_id == incident.id,
            cls.attached_at.is_(None),
            cls.user_id == reporter.id,
            cls.offset > 0,
            cls.expires_at > now(),
        )
        for upload in db.session.scalars(sent.order_by(cls.id).with_for_update()):
            if upload.finished_at is None:
                upload.show_partial(reporter)
            else:
                upload._attach_to(incident, reporter)
            db.session.flush()
            db.session.expire(incident, ["photos"])

    @classmethod
    def met(cls, after: UUID | None, limit: int) -> tuple[list[UUID], UUID | None]:
        """Of a page of the finished uploads whose incident is here: those that may join it, and where the page ends."""
        waiting = db.select(cls.id, cls.user_id, cls.incident_id).join(Incident, Incident.id == cls.incident_id)
        waiting = waiting.where(cls.attached_at.is_(None), cls.finished_at.is_not(None))
        if after:
            waiting = waiting.where(cls.id > after)
        joining, last = [], None
        for last, user_id, incident_id in db.session.execute(waiting.order_by(cls.id).limit(limit)).all():
            try:
                Incident.check_may_add_photo(incident_id, person(user_id))
                joining.append(last)
            except (NotFound, NotAllowed):
                continue
        return joining, last

    @classmethod
    def attach_late(cls, ids: list[UUID]) -> None:
        """Those whose incident came by a report that did not announce them, or became theirs to see."""
        waiting = db.select(cls).where(cls.id.in_(ids), cls.attached_at.is_(None), cls.finished_at.is_not(None))
        for upload in db.session.scalars(waiting.order_by(cls.incident_id, cls.id).with_for_update()):
            upload.attach(person(upload.user_id))

    @classmethod
    def expire(cls, limit: int) -> bool:
        """Give up what nobody went on with; whether there may be more."""
        over = db.select(cls).where(cls.expires_at <= now()).order_by(cls.expires_at).limit(limit)
        uploads = list(db.session.scalars(over.with_for_update(skip_locked=True)))
        for upload in uploads:
            upload.give_up()
        return len(uploads) == limit

    @classmethod
    def living(cls, ids: list[UUID]) -> set[UUID]:
        """Those of the ids whose bytes are still being gathered."""
        return set(db.session.scalars(db.select(cls.id).where(cls.id.in_(ids), cls.finished_at.is_(None))))

    @classmethod
    def waiting_hashes(cls, hashes: list[str]) -> set[str]:
        """Those of the hashes whose original waits for its incident."""
        waiting = [cls.finished_at.is_not(None), cls.attached_at.is_(None)]
        return set(db.session.scalars(db.select(cls.sha256).where(cls.sha256.in_(hashes), *waiting)))


def forget_uploads(connection: Connection) -> None:
    """Backups hold what belongs to incidents only: phones begin the others anew."""
    connection.execute(db.delete(Upload).where(Upload.attached_at.is_(None)))
    on_its_way = db.and_(Photo.state == PARTIAL, Photo.uploaded_by.is_(None))
    connection.execute(db.update(Photo).where(on_its_way).values(state=MISSING))


AFTER_RESTORE.append(forget_uploads)
