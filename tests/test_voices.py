"""Voice notes: known by their first bytes, kept as they came, never opened."""

import io
import struct

import pytest

from models import Job, db
from services import photos as photo_service
from services import voices, worker
from tests.test_uploads import RANGER, Uploading


def box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def track(handler):
    return box(b"moov", box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12) + b"\0"))))


def mpeg4(brand, *handlers):
    brands = box(b"ftyp", brand + bytes(4) + b"isommp42")
    return brands + box(b"mdat", bytes(range(256)) * 4) + b"".join(track(h) for h in handlers)


def ogg(packet):
    return b"OggS\0\2" + bytes(20) + b"\1" + bytes([len(packet)]) + packet + bytes(200)


def webm(codec, doctype=b"webm"):
    head = (
        b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82"
        + bytes([0x80 | len(doctype)])
        + doctype
    )
    return (
        b"\x1a\x45\xdf\xa3"
        + bytes([0x80 | len(head)])
        + head
        + b"\x86"
        + bytes([0x80 | len(codec)])
        + codec
        + bytes(300)
    )


# fmt: off
VOICES = {
    "m4a of iOS":       (mpeg4(b"M4A ", b"soun"),          "audio/mp4",  "m4a"),
    "m4a of Android":   (mpeg4(b"mp42", b"soun"),          "audio/mp4",  "m4a"),
    "m4a as isom":      (mpeg4(b"isom", b"soun", b"hint"), "audio/mp4",  "m4a"),
    "3gp":              (mpeg4(b"3gp4", b"soun"),          "audio/3gpp", "3gp"),
    "3gp, cut short":   (mpeg4(b"3gp6"),                   "audio/3gpp", "3gp"),
    "Opus":             (ogg(b"OpusHead\1\1" + bytes(9)),  "audio/ogg",  "ogg"),
    "Vorbis":           (ogg(b"\x01vorbis" + bytes(20)),   "audio/ogg",  "ogg"),
    "webm":             (webm(b"A_OPUS"),                  "audio/webm", "webm"),
}
# fmt: on
FILMS = {
    "mp4": mpeg4(b"isom", b"soun", b"vide"),
    "mp4 of Android": mpeg4(b"mp42", b"vide"),
    "m4a that is a film": mpeg4(b"M4A ", b"vide", b"soun"),
    "3gp film": mpeg4(b"3gp4", b"vide", b"soun"),
    "mp4 of nothing": mpeg4(b"isom"),
    "Theora": ogg(b"\x80theora" + bytes(20)),
    "webm film": webm(b"V_VP9"),
    "Matroska": webm(b"A_OPUS", b"matroska"),
    "MP3": b"ID3\4" + bytes(500),
    "WAV": b"RIFF\0\0\0\0WAVEfmt " + bytes(500),
}


def no_job_waits(app):
    with app.app_context():
        return not Job.is_waiting(["preview"]) or db.session.rollback()


def test_a_voice_note_is_kept_by_either_door_and_never_opened(app, as_, a_felling, monkeypatch):
    monkeypatch.setattr(photo_service, "run_child", lambda *_: pytest.fail("opened"))
    path, officer = f"/incidents/{a_felling['id']}/photos", as_("officer.muong-toong")
    officer.act(a_felling, "receive")
    for name, (content, kind, ending) in VOICES.items():
        form = {"file": (io.BytesIO(content), "a.jpg", "image/jpeg")}
        note = as_(RANGER).post(path, data=form).json
        Uploading(as_(RANGER), a_felling["id"], content + b"\0").send()
        other = as_(RANGER).read(a_felling)["photos"][-1]
        for kept in (note, other):
            assert (kept["state"], kept["content_type"], kept["preview"]) == ("stored", kind, "unavailable"), name
        assert as_(RANGER).get(f"/photos/{note['id']}/thumb").json["code"] == "preview_unavailable"
        original = officer.get(f"/photos/{note['id']}/original")
        assert (original.data, original.mimetype) == (content, "application/octet-stream")
        assert original.headers["Content-Disposition"] == f"attachment; filename={note['sha256']}.{ending}"
        assert as_(RANGER).get(f"/photos/{note['id']}/original").status_code == 403
    assert no_job_waits(app)
    worker.run_once(app)


def test_films_and_other_sounds_are_refused_by_either_door(as_, a_felling):
    for name, content in FILMS.items():
        reply = as_(RANGER).post(f"/incidents/{a_felling['id']}/photos", data=content)
        assert (reply.status_code, reply.json["code"]) == (415, "unsupported_media_type"), name
        sending = Uploading(as_(RANGER), a_felling["id"], content).create()
        assert sending.patch(0, content).status_code == 415, name
    assert as_(RANGER).read(a_felling)["photos"] == []


def test_a_voice_note_has_less_room_than_a_photo(as_, a_felling):
    largest = VOICES["Opus"][0].ljust(voices.LARGEST_VOICE_BYTES, b"\0")
    path = f"/incidents/{a_felling['id']}/photos"
    assert as_(RANGER).post(path, data=largest).status_code == 201
    assert as_(RANGER).post(path, data=largest + b"\0").status_code == 413
    sending = Uploading(as_(RANGER), a_felling["id"], largest + b"\0").create()
    assert sending.patch(0, sending.content[:100]).status_code == 413  # with its first bytes, not with its last
    assert sending.head().status_code == 404
