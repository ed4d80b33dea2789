"""Words planted wherever something restricted can stand, who may read them on which route, and how they are found."""

import html
import io
import json
import re
import zipfile
import zlib
from contextlib import suppress
from urllib.parse import quote

from PIL import Image
from PIL.ExifTags import IFD, Base
from pypdf import PdfReader
from pypdf.errors import PdfReadError

from models import db
from models.events import EventText
from tests.pictures import place_tags
from tests.tellings import tell
from tests.test_permissions import Scene
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts

LEAD = {"officers", "leaders"}
ACCEPTED = LEAD | {"partners"}
READ = "incidents.read_restricted_facts"
PRINTED = {"documents.print_as_pdf": ACCEPTED, "documents.print_as_html": ACCEPTED}

PEOPLE = {
    "people": [{"name": "Sùng A Kín", "id_number": "040099001122", "unit": "Bản Nậm Ngà"}],
    "vehicles": [{"plate": "27-B1 234.56", "kind": "Xe máy Win đỏ"}],
}
INFORMANT = {"name": "Mùa Thị Giấu", "phone": "0987 654 321"}
# What phones may send that nobody understands: misspelt, misplaced, or with a name for a key.
NOT_UNDERSTOOD = {
    "peoples": [{"name": "Thào Seo Lạc"}],
    "informants": {"name": "Ly Thị Nhầm"},
    "Cháng A Khóa": "đã bỏ chạy",
    "burning": "Vừ Thị Sai",
}
MISPLACED = {"nhà Hạng A Giữa": 4}

# group: (words, {route: by which parts of the cast}); what no route lists, nobody reads anywhere.
PLANTED = {
    "people": (("Sùng A Kín", "040099001122", "27-B1 234.56", "Win đỏ"), {READ: ACCEPTED} | PRINTED),
    "who verified together": (
        ("Hờ A Thầm", "Đồn Biên phòng Leng Su Sìn"),
        {"joint_verifications.list_joint_verifications": ACCEPTED} | PRINTED,
    ),
    "informant": (("Mùa Thị Giấu", "0987 654 321"), {READ: LEAD}),
    "private note of the lead": (("Giàng Thị Riêng",), {"incidents.read_private_notes": LEAD}),
    "private note of a support": (("Phàn Tà Mật",), {"incidents.read_private_notes": {"partners"}}),
    "original": (("Hoàng Chụp Ảnh", "gần nhà Tráng A Báo"), {"photos.read_original": ACCEPTED}),
    "claims of the file": (
        ("Máy của Lò Văn Gốc",),
        {"photos.read_original": ACCEPTED, "photos.read_photo": ACCEPTED | {"reporter"}},
    ),
    "place the file claims": (("22.7654",), {"photos.read_photo": ACCEPTED | {"reporter"}}),
    "what stood before a correction": (("Lầu Bí Cũ", "31-Z9 999.99"), {}),
    "erased": (("Chẻo Văn Xóa",), {}),
    "not understood": (("Thào Seo Lạc", "Ly Thị Nhầm", "Cháng A Khóa", "Vừ Thị Sai", "Hạng A Giữa"), {}),
}
ALL_WORDS = tuple(word for words, _ in PLANTED.values() for word in words)


def photo_with_secrets():
    tags = Image.Exif()
    tags[Base.Artist] = "Hoàng Chụp Ảnh".encode()
    tags[Base.Make] = "Máy của Lò Văn Gốc".encode()
    tags[IFD.GPSInfo] = place_tags(22.7654, 102.6)
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (70, 110, 60)).save(out, "JPEG", exif=tags, comment="gần nhà Tráng A Báo".encode())
    return out.getvalue()


class SecretScene(Scene):
    """The case of the cast, with secrets wherever they can stand; Tà Tổng has accepted its support."""

    def __init__(self, app, as_, in_app):
        super().__init__(
            app,
            as_,
            in_app,
            people=[{"name": "Lầu Bí Cũ"}],
            vehicles=[{"plate": "31-Z9 999.99"}],
            informant=INFORMANT,
            location={"lat": 22.2425, "lon": 102.6, "accuracy_m": 20.0} | MISPLACED,
            **NOT_UNDERSTOOD,
        )
        path = f"/incidents/{self.incident['id']}/notes"
        accepts(as_, self.incident)
        replies = [
            as_(OFFICER).post(path, json={"text": "Đã hỏi Giàng Thị Riêng.", "private": True}),
            as_(PARTNER).post(path, json={"text": "Phàn Tà Mật có mặt.", "private": True}),
            as_(REPORTER).post(path, json={"text": "Gặp Chẻo Văn Xóa trên đường."}),
            as_(OFFICER).act(self.incident, "receive"),
            as_(OFFICER).act(self.incident, "correct", changes=PEOPLE, reason="Đã rõ danh tính."),
        ]
        assert [reply.status_code for reply in replies] == [201, 201, 201, 200, 200]
        came = [{"name": "Hờ A Thầm", "unit_name": "Đồn Biên phòng Leng Su Sìn", "title": "Đội trưởng"}]
        path = f"/incidents/{self.incident['id']}/joint-verifications"
        minutes = as_(OFFICER).post(path, json={"held_on": "2025-11-20", "people": came})
        assert minutes.status_code == 201
        self.said = [minutes.json, self.incident, self.photo, *(reply.json for reply in replies[3:])]
        in_app(erase)
        tell(app)

    def add_photo(self):
        path = f"/incidents/{self.incident['id']}/photos"
        return self.as_(REPORTER).post(path, data=photo_with_secrets()).json


def erase():
    """As an erasure leaves it: value and salt are gone, the event stands."""
    db.session.execute(
        db.update(EventText).where(EventText.value.contains("Chẻo Văn Xóa")).values(value=None, salt=None)
    )
    db.session.commit()


def texts_in(reply):
    """Everything an answer says: headers, body, members of an archive or spreadsheet, streams of a PDF."""
    yield str(reply.headers)
    yield from (reply.data.decode(code, "replace") for code in ("utf-8", "utf-16"))
    if reply.data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(reply.data)) as archive:
            for name in archive.namelist():
                yield name
                yield archive.read(name).decode("utf-8", "replace")
    if reply.data.startswith(b"%PDF"):
        with suppress(PdfReadError):  # a made-up one
            yield from (page.extract_text() for page in PdfReader(io.BytesIO(reply.data)).pages)
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", reply.data, re.DOTALL):
            with suppress(zlib.error):
                data = zlib.decompressobj().decompress(stream)
                yield from (data.decode(code, "replace") for code in ("utf-8", "utf-16-be", "latin-1"))


def leaks(text, words):
    """Which words a text gives away, as they are written or as JSON, HTML or a link may write them."""
    return [word for word in words if any(form in text for form in forms(word))]


def forms(word):
    return {word, json.dumps(word)[1:-1], html.escape(word), quote(word), word.casefold()}


def found_in(reply):
    """The groups of which an answer gives a word away."""
    said = list(texts_in(reply))
    return {group for group, (words, _) in PLANTED.items() if any(leaks(text, words) for text in said)}


def allowed(endpoint, part):
    return {group for group, (_, routes) in PLANTED.items() if part in routes.get(endpoint, ())}
