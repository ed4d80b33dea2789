"""/photos, /incidents/{id}/photos: take a photo in, hand previews and originals out."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Response, current_app, request, send_file

from api.blueprint import Blueprint
from api.incoming import BROKEN_OFF, IncomingRequest, one_upload
from api.schemas.photos import PhotoFacts, PhotoHeaders, PhotoView
from api.security import current_user, signed_in
from api.transaction import writes
from models import Incident, Photo, db
from models.errors import CutShort, HashMismatch, Incomplete, NotFound, PreviewPending, PreviewUnavailable
from models.photos import PENDING, STORED, UNAVAILABLE
from services import worker
from services.photos import LARGEST_BYTES, kind_of
from services.storage import Incoming

photos = Blueprint("photos", url_prefix="/api/v1", description="Photos")

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 64 << 10  # what multipart adds around the file
CHUNK = 64 << 10


def receives_photo(view: Callable[..., Any]) -> Callable[..., Any]:
    """The body on disk under its hash before the transaction begins: a slow phone must not hold the database."""

    @wraps(view)
    def wrapper(headers: dict[str, Any], id: Any) -> Any:
        Incident.check_may_add_photo(id, current_user)
        db.session.rollback()
        taking = cast(IncomingRequest, request)
        try:
            incoming = read_body(taking)
            content_type = kind_of(incoming.head)
            if headers["sha256"] not in (None, incoming.sha256):
                raise HashMismatch()
            incoming.keep()
        finally:
            taking.drop_incoming()
        return view(id, incoming, content_type)

    return wrapper


def read_body(taking: IncomingRequest) -> Incoming:
    """The part named `file` of a form, or else the raw body, hashed on its way to disk."""
    with one_upload():
        return stream_body(taking)


def stream_body(taking: IncomingRequest) -> Incoming:
    taking.max_content_length = LARGEST_BYTES + ENVELOPE_BYTES
    taking.photo_store = current_app.extensions["photo_store"]
    try:
        if taking.mimetype == "multipart/form-data":
            file = taking.files.get("file")
            if file is None:
                raise Incomplete("file")
            return cast(Incoming, file.stream)
        incoming = taking.take_in()
        while chunk := taking.stream.read(CHUNK):
            incoming.write(chunk)
    except BROKEN_OFF as error:
        raise CutShort() from error
    if not taking.is_packed and taking.content_length is not None and incoming.size < taking.content_length:
        raise CutShort()
    return incoming


BINARY = {"type": "string", "format": "binary"}
FORM = {"type": "object", "required": ["file"], "properties": {"file": BINARY}}
RAW = {kind: {"schema": BINARY} for kind in ("image/jpeg", "image/png", "image/webp", "image/heic")}


@photos.post("/incidents/<uuid:id>/photos")
@photos.doc(requestBody={"required": True, "content": {"multipart/form-data": {"schema": FORM}} | RAW})
@signed_in
@photos.arguments(PhotoHeaders, location="headers")
@receives_photo
@photos.response(201, PhotoView)
@photos.alt_response(200, schema=PhotoView, description="The same photo again")
@writes
def add_photo(id, incoming, content_type):  # type: ignore[no-untyped-def]
    """Add a photo: multipart field `file`, or the raw body."""
    incident = Incident.find(id, current_user, lock=True)
    photo, new = Photo.store(incident, current_user, incoming.sha256, incoming.size, content_type)
    worker.wake()
    return photo, 201 if new else 200


@photos.get("/photos/<uuid:id>")
@signed_in
@photos.response(200, PhotoFacts)
def read_photo(id):  # type: ignore[no-untyped-def]
    """Facts of a photo, and what its file claims."""
    return Photo.find(id, current_user)


def preview(id: Any, kind: str) -> Response:
    photo = Photo.find(id, current_user)
    path = current_app.extensions["photo_store"].path(kind, photo.sha256)
    # The thumb is there before the view is. Of bytes that nobody sent here, nothing is shown: a hash proves nothing.
    early = kind == "thumb" and photo.state == STORED and path.exists()
    if photo.preview == PENDING and not early:
        raise PreviewPending()
    if photo.preview == UNAVAILABLE or not path.exists():
        raise PreviewUnavailable()
    return send_file(path, mimetype="image/jpeg", etag=photo.sha256, max_age=0)


JPEG = {"content_type": "image/jpeg", "schema": BINARY}


@photos.get("/photos/<uuid:id>/thumb")
@signed_in
@photos.response(200, **JPEG)
def read_thumb(id):  # type: ignore[no-untyped-def]
    """256 pixels, without metadata."""
    return preview(id, "thumb")


@photos.get("/photos/<uuid:id>/view")
@signed_in
@photos.response(200, **JPEG)
def read_view(id):  # type: ignore[no-untyped-def]
    """1600 pixels, without metadata."""
    return preview(id, "view")


@photos.get("/photos/<uuid:id>/original")
@signed_in
@photos.response(200, content_type="application/octet-stream", schema=BINARY)
@writes
def read_original(id):  # type: ignore[no-untyped-def]
    """The bytes as the phone captured them; for officers and leaders of accepted units, and recorded."""
    photo = Photo.find(id, current_user)
    photo.read_original(current_user)
    path = current_app.extensions["photo_store"].path("originals", photo.sha256)
    if not path.exists():
        log.error("original of photo %s is gone", photo.id)
        raise NotFound()
    name = f"{photo.sha256}.{(photo.content_type or '').rpartition('/')[2]}"
    # Handed out as bytes, never as something a browser would open; without an ETag, so that nobody keeps a copy.
    return send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=name, etag=False)
