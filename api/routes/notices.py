"""/notices: what you and your unit were told; it works without any push service."""

from api.blueprint import Blueprint
from api.schemas.common import cursor_text
from api.schemas.notices import NoticePage, NoticeSearch, NoticeView
from api.security import current_user, signed_in
from api.transaction import writes
from models.notices import ack, page

notices = Blueprint("notices", url_prefix="/api/v1/notices", description="What you and your unit were told")


@notices.get("")
@signed_in
@notices.arguments(NoticeSearch, location="query")
@notices.response(200, NoticePage)
def list_notices(search):  # type: ignore[no-untyped-def]
    """What you were told, and the units you answer for, newest first."""
    items, following = page(current_user, search["limit"], search["cursor"], search["unread"], search["unit"])
    return {"items": items, "next": cursor_text(following)}


@notices.post("/<uuid:id>/ack")
@signed_in
@notices.response(200, NoticeView)
@writes
def take_note(id):  # type: ignore[no-untyped-def]
    """Take note of it. The first of a unit's officers who does stands on the notice; again changes nothing."""
    return ack(id, current_user)
