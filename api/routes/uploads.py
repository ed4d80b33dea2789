"""/uploads: photos and voice notes in pieces, by tus 1.0.0 (https://tus.io/protocols/resumable-upload)."""

from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from typing import Any

from flask import Response, current_app, g, request
from werkzeug.http import http_date

from api.blueprint import Blueprint
from api.delivery import Delivery
from api.schemas.uploads import ALGORITHMS, CreationHeaders, Expected, PatchHeaders, TusHeaders
from api.security import current_user, signed_in
from api.transaction import one_turn, stop_reading, writes_in_turns
from models import Upload
from models.errors import TooLarge
from models.uploads import UnknownProtocol, WrongContent, WrongOffset
from services.photos import LARGEST_BYTES
from services.uploads import taken_over

uploads = Blueprint("uploads", url_prefix="/api/v1/uploads", description="Photos and voice notes in pieces (tus 1.0.0)")

VERSION = "1.0.0"
OFFERED = {
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,creation-with-upload,checksum,expiration,termination",
    "Tus-Max-Size": str(LARGEST_BYTES),
    "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
}
PART = "application/offset+octet-stream"
PART_BODY = {"content": {PART: {"schema": {"type": "string", "format": "binary"}}}}


@uploads.after_request
def speak_tus(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if request.method == "OPTIONS":
        response.headers.update(OFFERED)
    if response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
    response.headers.update(g.get("tus", {}))
    return response


def tell(offset: int, expires_at: Any = None) -> None:
    """What the answer says of the upload, also when it is a refusal."""
    g.tus = {"Upload-Offset": str(offset)}
    if expires_at:
        g.tus["Upload-Expires"] = http_date(expires_at)


def in_tus(view: Callable[..., Any]) -> Callable[..., Any]:
    """Only in the version of the protocol that we speak; what comes in parts, plain."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if request.headers.get("Tus-Resumable") != VERSION:
            raise UnknownProtocol()
        packed = request.headers.get("Content-Encoding", "identity").strip().lower() != "identity"
        if packed or (request.method == "PATCH" and request.mimetype != PART):
            raise WrongContent()
        return view(*args, **kwargs)

    return wrapper


@uploads.post("")
@uploads.doc(requestBody=PART_BODY)
@signed_in
@in_tus
@uploads.arguments(CreationHeaders, location="headers")
@uploads.response(201)
@writes_in_turns
def create_upload(headers):  # type: ignore[no-untyped-def]
    """Begin an upload; a body is its first part. The incident may be reported later."""
    if headers["length"] > LARGEST_BYTES:
        raise TooLarge(limit=f"{LARGEST_BYTES >> 20} MiB")
    check_body(headers["length"])

    def begin() -> Any:
        return Upload.start(current_user, g.session.device_id, headers["length"], **headers["metadata"]).id

    id = one_turn(begin)
    if request.mimetype == PART:
        receive(id, 0, headers["checksum"])
    else:
        tell(0, Upload.find(id, current_user).expires_at)
    return Response(status=201, headers={"Location": f"/api/v1/uploads/{id}"})


@uploads.route("/<uuid:id>", methods=["HEAD"])
@signed_in
@in_tus
@uploads.arguments(TusHeaders, location="headers")
@uploads.response(200)
def read_offset(_headers, id):  # type: ignore[no-untyped-def]
    """How much of it is here for good. Whatever connection still brings more of it is ended."""
    upload = Upload.find(id, current_user)
    if not upload.finished_at:
        with ours(id, insist=True) as partial:
            upload = Upload.find(id, current_user)
            stop_reading()
            if not upload.finished_at and not partial.holds(upload.offset):
                one_turn(lambda: Upload.of(id, current_user).advance(0, current_user))
                upload = Upload.find(id, current_user)
    tell(upload.offset, upload.expires_at)
    g.tus |= {"Upload-Length": str(upload.length), "Upload-Metadata": upload.said}
    return Response()


@uploads.patch("/<uuid:id>")
@uploads.doc(requestBody={"required": True} | PART_BODY)
@signed_in
@in_tus
@uploads.arguments(PatchHeaders, location="headers")
@uploads.response(204)
@writes_in_turns
def continue_upload(headers, id):  # type: ignore[no-untyped-def]
    """Go on where the server is. Cut off, it keeps what came."""
    Upload.find(id, current_user)
    receive(id, headers["offset"], headers["checksum"])


@uploads.delete("/<uuid:id>")
@signed_in
@in_tus
@uploads.arguments(TusHeaders, location="headers")
@uploads.response(204)
@writes_in_turns
def end_upload(_headers, id):  # type: ignore[no-untyped-def]
    """Give it up. A photo that has reached its incident stays there."""
    Upload.find(id, current_user)
    with ours(id, insist=True) as partial:
        one_turn(lambda: Upload.end(id, current_user))
        partial.remove()


def receive(id: Any, offset: int, checksum: Expected | None) -> None:
    """The part in the body of this request. Nothing is read from the network inside a transaction."""
    with ours(id) as partial:
        upload = Upload.find(id, current_user)
        stop_reading()
        if upload.finished_at or offset != upload.offset:
            tell(upload.offset, upload.expires_at)
            raise WrongOffset(offset=upload.offset)
        check_body(upload.length - offset)
        delivery = Delivery(partial, upload, current_user, checksum)
        try:
            delivery.open()
            delivery.receive(request)
        finally:
            tell(delivery.offset, delivery.expires_at)


def check_body(room: int) -> None:
    if (request.content_length or 0) > room:
        raise TooLarge(limit=f"{room} B")


@contextmanager
def ours(id: Any, insist: bool = False) -> Any:
    stop_reading()
    with taken_over(current_app.extensions["photo_store"], id, insist) as partial:
        yield partial
