"""Voice notes by what their containers say; no sound is ever decoded here."""

import mmap
import re
from pathlib import Path

LARGEST_VOICE_BYTES = 5 << 20

# iOS writes m4a under a brand of its own; Android under those of any MPEG-4, a film's too, and 3gp under 3gp4, 3gp6 ….
# What kind of track is in it stands further down, with most phones at the very end.
_M4A_BRANDS = {b"M4A ", b"M4B "}
_MPEG4_BRANDS = {b"mp41", b"mp42", b"isom", b"iso2", b"iso4", b"iso5", b"iso6"}
_3GP_BRANDS = (b"3gp", b"3gr", b"3gs", b"3ge", b"3gg", b"3g2")
_SOUND, _PICTURE = re.compile(rb"hdlr.{8}soun", re.DOTALL), re.compile(rb"hdlr.{8}vide", re.DOTALL)
_OGG_CODECS = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")  # what the first packet of a sound begins with
_WEBM = b"\x42\x82\x84webm"  # the document type in the head of an EBML file
_WEBM_PICTURE = re.compile(rb"\x86.V_(VP|AV|MPEG|THEORA)", re.DOTALL)

EXTENSIONS = {"audio/mp4": "m4a", "audio/3gpp": "3gp"}


def kind_of_voice(head: bytes) -> str | None:
    """The media type by the first bytes, as it were a voice note."""
    if head[4:8] == b"ftyp" and head[8:12] in _M4A_BRANDS | _MPEG4_BRANDS:
        return "audio/mp4"
    if head[4:8] == b"ftyp" and head[8:11] in _3GP_BRANDS:
        return "audio/3gpp"
    if head[:4] == b"OggS" and head[28:].startswith(_OGG_CODECS):
        return "audio/ogg"
    if head[:4] == b"\x1a\x45\xdf\xa3" and _WEBM in head:
        return "audio/webm"
    return None


def is_voice_alone(path: Path, content_type: str) -> bool:
    """Whether nothing but sound is in the file: a film is no voice note."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content_type == "audio/webm":
            return not _WEBM_PICTURE.search(content)
        if content_type == "audio/ogg":
            return True
        said_by_brand = content[8:12] not in _MPEG4_BRANDS
        return not _PICTURE.search(content) and (said_by_brand or bool(_SOUND.search(content)))


def file_name(sha256: str, content_type: str) -> str:
    """What an original is called when it is handed out."""
    return f"{sha256}.{EXTENSIONS.get(content_type) or content_type.rpartition('/')[2]}"
