"""Photos between the wire, the store and the child process that makes previews."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from models.base import db
from models.errors import NotAPicture
from models.incidents import Incident
from models.photos import Photo
from services.storage import FolderStore, sync_folder

LARGEST_BYTES = 15 << 20
# A child over its CPU limit is killed by the kernel; one that only waits, because reports come first, is let be.
PATIENCE_S = 300
ROOT = Path(__file__).parent.parent

_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def kind_of(head: bytes) -> str:
    """The media type by the first bytes; declared names and types are ignored. Raises NotAPicture."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        return "image/heic"
    raise NotAPicture()


def make_previews(store: FolderStore, photo: Photo) -> tuple[bool, dict[str, Any] | None]:
    """Thumb and view of a stored photo; whether they could be made, and the EXIF claims.

    Raises TimeoutExpired when the child got no time: nothing is said of the picture then, and it is tried again.
    """
    original = store.path("originals", photo.sha256)
    targets = [store.path(kind, photo.sha256) for kind in ("thumb", "view")]
    drafts = [t.with_suffix(f".{os.getpid()}.tmp") for t in targets]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "services.preview", str(original), *map(str, drafts)]
    try:
        # In a session of its own: Ctrl-C is meant for the worker, and would say that the picture is unreadable.
        child = subprocess.run(
            command, capture_output=True, timeout=PATIENCE_S, cwd=ROOT, check=True, start_new_session=True
        )
        exif = json.loads(child.stdout)
        for draft, target in zip(drafts, targets, strict=True):
            with open(draft, "rb") as written:
                os.fsync(written.fileno())
            os.replace(draft, target)
            sync_folder(target.parent)
        return True, exif
    except (subprocess.CalledProcessError, ValueError, OSError):
        return False, None
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)


def preview(app: Any, key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    """The job of one photo: its previews, made by a child outside any transaction, then noted."""
    photo = db.session.get(Photo, UUID(key))
    db.session.expunge_all()
    db.session.rollback()
    if photo is None:
        return lambda: None
    ready, exif = make_previews(app.extensions["photo_store"], photo)

    def write() -> None:
        # The incident first, as everybody locks it: its revision grows.
        if db.session.get(Incident, photo.incident_id, with_for_update=True):
            db.session.get_one(Photo, photo.id).preview_made(ready, exif)

    return write
