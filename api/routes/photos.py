"""/photos, /incidents/{id}/photos: take a photo in, hand previews and originals out."""

import logging
import os
from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO, cast

from flask import Response, current_app, redirect, request, send_file

from api.blueprint import Blueprint
from api.incoming import BROKEN_OFF, IncomingRequest, one_upload
from api.schemas.photos import PhotoFacts, PhotoHeaders, PhotoView
from api.security import current_user, signed_in
from api.transaction import writes
from models import Incident, Photo, db
from models.errors import CutShort, HashMismatch, Incomplete, NotFound, PreviewPending, PreviewUnavailable
from models.joint_verifications import is_scan
from models.photos import PENDING, STORED, UNAVAILABLE
from services import worker
from services.photos import LARGEST_BYTES, check_original, kind_of
from services.storage import Incoming, Store, StoreAway
from services.voices import file_name

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
            check_original(incoming.path, content_type, incoming.size)
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
TYPES = (
    *("image/jpeg", "image/png", "image/webp", "image/heic"),
    *("audio/mp4", "audio/ogg", "audio/webm", "audio/3gpp"),
)
FORM = {"type": "object", "required": ["file"], "properties": {"file": BINARY}}
RAW = {kind: {"schema": BINARY} for kind in TYPES}


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
    photo, new = Photo.store(incident, current_user, incoming.sha256, incoming.size, content_type, incoming.stored)
    worker.wake()
    return photo, 201 if new else 200


@photos.get("/photos/<uuid:id>")
@signed_in
@photos.response(200, PhotoFacts)
def read_photo(id):  # type: ignore[no-untyped-def]
    """Facts of a photo, and what its file claims."""
    return Photo.find(id, current_user)


def sent(file: BinaryIO, **how: Any) -> Response:
    response = send_file(file, conditional=False, **how)
    response.content_length = size = os.fstat(file.fileno()).st_size
    return response.make_conditional(request, accept_ranges=True, complete_length=size)


def is_there(store: Store, kind: str, sha256: str) -> bool:
    try:
        return store.exists(kind, sha256)
    except StoreAway:
        return False


def preview_of(photo: Photo, kind: str) -> Any:
    state, sha256, is_stored = photo.preview, photo.sha256, photo.state == STORED
    if is_scan(photo):
        state = UNAVAILABLE
    store = current_app.extensions["photo_store"]
    db.session.rollback()
    if state == UNAVAILABLE:
        raise PreviewUnavailable()
    # The thumb is there before the view is. Of bytes that nobody sent here, nothing is shown: a hash proves nothing.
    if state == PENDING and not (kind == "thumb" and is_stored and is_there(store, kind, sha256)):
        raise PreviewPending()
    # A page's policy lets it speak to us alone. Others fetch it where it lies, by an address that soon expires.
    if request.method == "GET" and "Sec-Fetch-Mode" not in request.headers and (link := store.link(kind, sha256)):
        return redirect(link)
    try:
        file = store.open(kind, sha256)
    except FileNotFoundError:
        raise PreviewUnavailable() from None
    return sent(file, mimetype="image/jpeg", etag=sha256, max_age=0)


JPEG = {"content_type": "image/jpeg", "schema": BINARY}
ELSEWHERE = {"description": "It lies in a bucket: fetch it there, without a token, within five minutes"}


@photos.get("/photos/<uuid:id>/thumb")
@signed_in
@photos.response(200, **JPEG)
@photos.alt_response(302, **ELSEWHERE)
def read_thumb(id):  # type: ignore[no-untyped-def]
    """256 pixels, without metadata."""
    return preview_of(Photo.find(id, current_user), "thumb")


@photos.get("/photos/<uuid:id>/view")
@signed_in
@photos.response(200, **JPEG)
@photos.alt_response(302, **ELSEWHERE)
def read_view(id):  # type: ignore[no-untyped-def]
    """1600 pixels, without metadata."""
    return preview_of(Photo.find(id, current_user), "view")


def opens_original(view: Callable[..., Any]) -> Callable[..., Any]:
    """Its bytes at hand before the transaction begins: a bucket far away must not hold the database."""

    @wraps(view)
    def wrapper(id: Any) -> Any:
        photo = Photo.find(id, current_user)
        photo.check_may_read_original(current_user)
        sha256 = photo.sha256
        db.session.rollback()
        try:
            file = current_app.extensions["photo_store"].open("originals", sha256)
        except FileNotFoundError:
            log.error("original of photo %s is gone", id)
            raise NotFound() from None
        try:
            return view(id, file)
        except BaseException:
            file.close()
            raise

    return wrapper


@photos.get("/photos/<uuid:id>/original")
@signed_in
@opens_original
@photos.response(200, content_type="application/octet-stream", schema=BINARY)
@writes
def read_original(id, file):  # type: ignore[no-untyped-def]
    """The bytes as the phone captured them; for officers and leaders of accepted units, and recorded."""
    photo = Photo.find(id, current_user)
    photo.read_original(current_user)
    name = file_name(photo.sha256, photo.content_type or "")
    # Handed out as bytes, never as something a browser would open; without an ETag, so that nobody keeps a copy.
    return sent(file, mimetype="application/octet-stream", as_attachment=True, download_name=name, etag=False)
