"""Answers already given, so that a request sent twice acts once."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Json, Record, db
from models.errors import KeyConflict


class Reply(Record):
    __tablename__ = "replies"
    __table_args__ = (UniqueConstraint("user_id", "route", "key"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    route: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(Json)
    body: Mapped[dict[str, Any]] = mapped_column(Json)

    @classmethod
    def given(cls, user_id: UUID, route: str, key: str, request_hash: str) -> "Reply | None":
        """The answer given to this very request. Raises KeyConflict when the key came with another body."""
        reply = db.session.scalar(db.select(cls).where(cls.user_id == user_id, cls.route == route, cls.key == key))
        if reply and reply.request_hash != request_hash:
            raise KeyConflict()
        return reply
