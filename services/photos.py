"""Photos between the wire, the store and the child process that makes previews."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple
from uuid import UUID

from models.base import db
from models.errors import DiskFull, NotAPicture, TooLarge
from models.incidents import Incident
from models.photos import VOICE, Photo
from models.same_photos import elsewhere, search_for
from services.storage import Store
from services.voices import LARGEST_VOICE_BYTES, is_voice_alone, kind_of_voice

LARGEST_BYTES = 15 << 20
# A child over its CPU limit is killed by the kernel; one that only waits, because reports come first, is let be.
PATIENCE_S = 300
HEIC = "image/heic"

PREVIEW = Path(__file__).parent / "preview.py"
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"} | {
    name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ
}
# What the child says and how it ends, as in services/preview.py, which only the child loads.
OPENED, THUMB_MADE = b"opened\n", b"thumb\n"
LIKENESS = re.compile(r"[0-9a-f]{16}")
MADE, CHILD_DISK_FULL = 0, 4
STOPPED = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)  # by somebody, not by the picture
LONGEST_ANSWER = 16 << 10
LONGEST_CLAIM = 200
CLAIMED_TEXTS = ("taken_at", "offset", "make", "model", "software")
CLAIMED_DEGREES = {"lat": 90, "lon": 180}

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY_HEIF = {b"mif1", b"msf1"}  # the next brands say which of them


def kind_of(head: bytes) -> str:
    """The media type by the first bytes; declared names and types are ignored. Raises NotAPicture."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in (8, *range(16, min(int.from_bytes(head[:4], "big"), len(head)), 4))}
        if head[8:12] in _HEIC_BRANDS or (head[8:12] in _ANY_HEIF and brands & _HEIC_BRANDS):
            return HEIC
    if kind := kind_of_voice(head):
        return kind
    raise NotAPicture()


def check_original(path: Path, content_type: str, size: int) -> None:
    """Of a whole file. Raises TooLarge, NotAPicture."""
    check_size(content_type, size)
    if content_type.startswith(VOICE) and not is_voice_alone(path, content_type):
        raise NotAPicture()


def check_size(content_type: str, size: int) -> None:
    """Voice notes have less room than photos. Raises TooLarge."""
    largest = LARGEST_VOICE_BYTES if content_type.startswith(VOICE) else LARGEST_BYTES
    if size > largest:
        raise TooLarge(limit=f"{largest >> 20} MiB")


class Made(NamedTuple):
    """Whether both previews could be made, what the file claims, and what the picture looks like."""

    ready: bool
    exif: dict[str, Any] | None = None
    likeness: str | None = None


def make_previews(store: Store, photo: Photo) -> Made:
    """Thumb and view of a stored photo. The thumb can be had as soon as it is written, before the view is.

    Raises TimeoutExpired, CalledProcessError, DiskFull or OSError when the machine is at fault, such as when the child
    got no time: nothing is said of the picture then, and it is tried again.
    """
    if photo.content_type == HEIC or (photo.content_type or "").startswith(VOICE):
        return Made(False)
    drafts = {kind: store.draft() for kind in ("thumb", "view")}

    def put(kind: str) -> None:
        with open(drafts[kind], "rb") as written:
            os.fsync(written.fileno())
        store.put(drafts[kind], kind, photo.sha256)

    try:
        with store.local("originals", photo.sha256) as original:
            made, told = run_child(original, *drafts.values(), thumb_made=lambda: put("thumb"))
        likeness = told.pop("likeness", None)
        if made:
            put("view")
        return Made(made, told if made else told or None, likeness)
    except FileNotFoundError:
        return Made(False)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def run_child(*paths: Path, thumb_made: Callable[[], None] = lambda: None) -> tuple[bool, dict[str, Any]]:
    """Whether the child could make both previews, and what it told. It has a group of its own, to be killed.

    No session of its own, though: the kernel would share the processor evenly between sessions, and the reports would
    lose half of it to previews that were told to stand back.
    """
    command = [sys.executable, "-I", "-B", str(PREVIEW), *map(str, paths)]
    late = threading.Event()

    def kill() -> None:
        late.set()
        os.killpg(child.pid, signal.SIGKILL)

    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=ENVIRONMENT,
        process_group=0,
    ) as child:
        assert child.stdout is not None
        watch = threading.Timer(PATIENCE_S, kill)
        watch.start()
        try:
            said = listen(child.stdout, thumb_made)
            child.stdout.close()  # whoever says more talks to nobody
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            watch.cancel()
            watch.join()  # the number of the child is not given to another before this
        code = child.wait()
    if late.is_set():
        raise subprocess.TimeoutExpired(command, PATIENCE_S)
    if code == CHILD_DISK_FULL:
        raise DiskFull()
    if code in STOPPED or not said.startswith(OPENED):
        raise subprocess.CalledProcessError(code, command, said)
    return code == MADE, told_in(said.removeprefix(OPENED))


def listen(child: IO[bytes], thumb_made: Callable[[], None]) -> bytes:
    """All that a child says, up to a limit, and once what is to be done when it has made the thumb."""
    said, made = b"", False
    while line := child.readline(LONGEST_ANSWER - len(said)):
        said += line
        if line == THUMB_MADE and not made and said.startswith(OPENED):
            made = True
            thumb_made()
    return said


def told_in(said: bytes) -> dict[str, Any]:
    """What of the child's answer may be believed: known names, short clean texts, places on earth, a likeness."""
    found: dict[str, Any] = {}
    for line in said.splitlines():
        with suppress(ValueError, RecursionError):
            if isinstance(words := json.loads(line), dict):
                found |= words
    texts = {name: clean(found[name]) for name in CLAIMED_TEXTS if isinstance(found.get(name), str)}
    place = {name: found[name] for name, most in CLAIMED_DEGREES.items() if is_within(found.get(name), most)}
    look = {"likeness": found["likeness"]} if LIKENESS.fullmatch(str(found.get("likeness"))) else {}
    return {name: text for name, text in texts.items() if text} | (place if len(place) == 2 else {}) | look


def clean(text: str) -> str:
    """Without NUL, lone surrogates and whatever else cannot be seen; in NFC."""
    shown = "".join(c for c in text[:LONGEST_CLAIM] if c.isprintable())
    return unicodedata.normalize("NFC", shown).strip()


def is_within(value: Any, most: int) -> bool:
    """Also not for NaN, which is never less than anything."""
    return isinstance(value, float | int) and not isinstance(value, bool) and abs(value) <= most


def preview(app: Any, key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    """The job of one photo: its previews, made by a child outside any transaction, then noted with what is found."""
    photo = db.session.get(Photo, UUID(key))
    db.session.expunge_all()
    db.session.rollback()
    if photo is None:
        return lambda: None
    ready, exif, likeness = make_previews(app.extensions["photo_store"], photo)
    search = search_for(likeness)
    db.session.rollback()

    def write() -> None:
        # The incident first, as everybody locks it: its revision grows.
        if db.session.get(Incident, photo.incident_id, with_for_update=True):
            kept = db.session.get_one(Photo, photo.id)
            kept.preview_made(ready, exif, elsewhere(kept, search.finish(kept.sha256)))

    return write
