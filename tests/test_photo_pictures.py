"""Whatever a picture is, the report is taken and the server lives on; previews show the picture and nothing else."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from services import photos as photo_service
from services import preview, worker
from tests.odd_pictures import GREEN, NO_PICTURES, RED, odd_pictures, plain, saved
from tests.people import new_report
from tests.pictures import job_failed_and_is_due_again, jpeg, place_tags

pytestmark = pytest.mark.only_on("sqlite")

RANGER, OFFICER = "ranger.muong-toong", "officer.muong-toong"
SERVICES = Path(preview.__file__).parent


@pytest.fixture
def path(a_felling):
    return f"/incidents/{a_felling['id']}/photos"


def sent(as_, path, content):
    reply = as_(RANGER).post(path, data=content, content_type="image/jpeg")
    assert reply.status_code == 201, reply.json
    return reply.json


def finish(app):
    while worker.run_once(app):
        pass


def shown(as_, photo, kind="view"):
    """The preview as a picture, and its bytes."""
    reply = as_(RANGER).get(f"/photos/{photo['id']}/{kind}")
    assert reply.status_code == 200, reply.json
    return Image.open(io.BytesIO(reply.data)).convert("RGB"), reply.data


def segments(content):
    """The markers of a JPEG before its pixels."""
    found, at = [], 2
    while content[at + 1] != 0xDA:
        found.append(content[at + 1])
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return found


def is_near(colour, wanted, by=12):
    return all(abs(a - b) <= by for a, b in zip(colour, wanted))


def test_no_picture_breaks_the_server_or_refuses_the_report_and_each_ends_in_one_of_two_ways(app, as_, path):
    pictures = odd_pictures()
    photos = {name: sent(as_, path, content) for name, (content, _) in pictures.items()}
    finish(app)
    facts = {name: as_(RANGER).get(f"/photos/{photo['id']}").json for name, photo in photos.items()}
    assert {n: f["preview"] for n, f in facts.items()} == {n: wanted for n, (_, wanted) in pictures.items()}
    as_(OFFICER).act({"id": path.split("/")[2]}, "receive")
    for name, (content, wanted) in pictures.items():
        address = f"/photos/{photos[name]['id']}"
        assert as_(OFFICER).get(f"{address}/original").data == content, name
        replies = [as_(RANGER).get(f"{address}/{kind}") for kind in ("thumb", "view")]
        assert {r.status_code for r in replies} == {200 if wanted == "ready" else 404}, name
        if wanted == "ready":
            assert len(replies[0].data) <= 30_000, name
            sizes = [max(Image.open(io.BytesIO(r.data)).size) for r in replies]
            assert sizes[0] <= 256 and sizes[1] <= 1600, name
            assert {m for r in replies for m in segments(r.data) if 0xE0 < m <= 0xEF or m == 0xFE} == set(), name
        else:
            assert {r.json["code"] for r in replies} == {"preview_unavailable"}, name
    assert as_(RANGER).post("/incidents", json=new_report()).status_code == 201
    # What could be read of the EXIF is kept, even of a picture that is cut short; what is no claim is not.
    assert facts["cut short in the middle"]["exif"] == {"make": "Máy thử"}
    nonsense = facts["EXIF of nonsense"]["exif"]
    assert nonsense["make"].startswith("Made by xxx") and len(nonsense["make"]) <= 200
    assert nonsense.keys() == {"make", "model"}


def test_previews_show_what_the_picture_shows(app, as_, path):
    wanted = {
        "of a phone with several pictures in one": GREEN,
        "moving PNG": GREEN,
        "moving WebP": GREEN,
        "grey": (90, 90, 90),
        "black and white": (255, 255, 255),
        "palette with a transparent colour": GREEN,
        "see-through WebP": (255, 255, 255),
    }
    photos = {name: sent(as_, path, odd_pictures()[name][0]) for name in wanted}
    swapped, grey = (sent(as_, path, odd_pictures()[n][0]) for n in ("colours by a profile", "grey of 16 bit"))
    finish(app)
    found = {name: shown(as_, photo)[0].getpixel((4, 4)) for name, photo in photos.items()}
    assert not {name: c for name, c in found.items() if not is_near(c, wanted[name])}
    right = shown(as_, photos["palette with a transparent colour"])[0].getpixel((60, 4))
    assert is_near(right, (255, 255, 255)), "what shows through is white, not the colour beneath"
    red, green, _ = shown(as_, swapped)[0].getpixel((4, 4))
    assert green > 2 * red, "the colours are those the profile means"
    picture = shown(as_, grey)[0]
    assert is_near(picture.getpixel((32, 4)), (128, 128, 128))


# How a camera held otherwise stores the upright scene.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def test_every_orientation_is_turned_upright(app, as_, path):
    scene = plain((320, 160), (250, 250, 250))
    scene.paste(RED, (0, 0, 160, 80))
    scene.paste(GREEN, (160, 80, 320, 160))
    photos = {}
    for orientation, turn in STORED.items():
        tags = Image.Exif()
        tags[0x0112] = orientation
        stored = scene.transpose(turn) if turn is not None else scene
        photos[orientation] = sent(as_, path, saved(stored, "JPEG", exif=tags, quality=95))
    finish(app)
    for orientation, photo in photos.items():
        for kind in ("thumb", "view"):
            picture = shown(as_, photo, kind)[0]
            width, height = picture.size
            corners = [picture.getpixel((x, y)) for y in (8, height - 8) for x in (8, width - 8)]
            wanted = [RED, (250, 250, 250), (250, 250, 250), GREEN]
            assert width == 2 * height and all(map(is_near, corners, wanted)), (orientation, kind, corners)


def test_a_large_jpeg_is_decoded_at_half_size():
    with Image.open(io.BytesIO(saved(plain((4000, 3000)), "JPEG"))) as picture:
        assert preview.shrunk(picture, None).size == (1600, 1200)
        assert picture.decoderconfig[0] == 2


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SECRETS = ("Sùng A Kín", "4471-SERIAL", "gần nhà người báo tin")


@pytest.mark.parametrize("profile", [b"", SRGB], ids=["plain", "profile"])
def test_previews_carry_no_metadata_at_all(app, as_, path, profile):
    tags = Image.Exif()
    for tag, value in ((0x010E, SECRETS[2]), (0x013B, SECRETS[0]), (0x8298, SECRETS[0])):
        tags[tag] = value.encode()
    tags[0x8769] = {0x9286: b"UNICODE\0" + SECRETS[2].encode("utf-16-be"), 0xA431: SECRETS[1]}
    tags[0x8825] = place_tags(22.2425, 102.6)
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRETS[0]}</x:xmpmeta>".encode()
    content = saved(
        plain((900, 700)), "JPEG", exif=tags, xmp=xmp, comment=SECRETS[1].encode(), icc_profile=profile, dpi=(301, 299)
    )
    content += "<script>/* Sùng A Kín */</script>".encode()
    photo = sent(as_, path, content)
    finish(app)
    for kind in ("thumb", "view"):
        picture, data = shown(as_, photo, kind)
        assert not [word for word in SECRETS if word.encode() in data or word.encode("utf-16-be") in data]
        assert b"<script" not in data and b"Exif" not in data and b"adobe" not in data
        assert set(segments(data)) <= {0xE0, 0xDB, 0xC0, 0xC4}
        assert not picture.getexif() and {"icc_profile", "comment", "xmp"}.isdisjoint(picture.info)
    assert not [w for w in SECRETS if w in as_(OFFICER).get(f"/photos/{photo['id']}").text]


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_refused_whatever_it_says_it_is(app, as_, path, name):
    form = {"file": (io.BytesIO(NO_PICTURES[name]), "anh.jpg", "image/jpeg")}
    for reply in (as_(RANGER).post(path, data=form), as_(RANGER).post(path, data=NO_PICTURES[name])):
        assert (reply.status_code, reply.json["code"]) == (415, "unsupported_media_type")
    assert not list(app.extensions["photo_store"].incoming.iterdir())


# The child


def in_child(program):
    """Run a few lines where pictures are opened, shut in; (exit code, what it printed)."""
    lines = f"import sys; sys.path.insert(0, {str(SERVICES)!r}); import preview; {program}"
    run = subprocess.run([sys.executable, "-I", "-c", lines], capture_output=True, text=True, check=False, timeout=60)
    return run.returncode, run.stdout.strip()


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "open('/dev/null', 'w')",
        "import socket; socket.socket()",
        "import os; os.pipe()",
        "bytearray(2 << 30)",
        "for _ in range(3): draft.write(bytes(2 << 20))",
    ],
)
def test_the_child_can_open_nothing_call_nobody_and_grow_no_further(tmp_path, attempt):
    lines = f"""
draft = open({str(tmp_path / "draft")!r}, 'wb', 0)
preview.shut_in()
try:
    {attempt}
except (OSError, MemoryError) as error:
    print(type(error).__name__)
"""
    code, said = in_child(f"exec({lines!r})")
    assert code == 0 and said in ("OSError", "MemoryError")


def test_the_child_is_ended_by_the_kernel_when_its_time_is_over_and_leaves_no_core():
    seconds = preview.LIMITS[resource.RLIMIT_CPU]
    assert seconds[0] == 10 and preview.LIMITS[resource.RLIMIT_AS][0] == 1 << 30
    assert preview.LIMITS[resource.RLIMIT_CORE] == preview.LIMITS[resource.RLIMIT_NPROC] == (0, 0)
    lines = "preview.LIMITS[preview.resource.RLIMIT_CPU] = (1, 2)\npreview.shut_in()\nwhile True: pass"
    assert in_child(f"exec({lines!r})")[0] == -signal.SIGXCPU


def test_the_child_knows_nothing_of_our_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://ai:mat-khau@may/csdl")
    spy = tmp_path / "spy.py"
    spy.write_text("import os, json\nprint('opened')\nprint(json.dumps({'software': str(sorted(os.environ))}))")
    monkeypatch.setattr(photo_service, "PREVIEW", spy)
    _, said = photo_service.run_child()
    assert "PATH" in said["software"] and "DATABASE_URL" not in said["software"] and "HOME" not in said["software"]


def child_that(monkeypatch, tmp_path, *lines):
    program = tmp_path / "child.py"
    program.write_text("\n".join(["import json, os, sys, time", *lines]))
    monkeypatch.setattr(photo_service, "PREVIEW", program)


def test_the_child_stands_back_before_it_loads_anything_and_shares_the_session_of_the_server(monkeypatch, tmp_path):
    loading = Path(preview.__file__).read_text().partition("from PIL")[0]
    says = "print('opened'); print(json.dumps({'make': str(os.sched_getscheduler(0)), 'model': str(os.getsid(0))}))"
    child_that(monkeypatch, tmp_path, loading, says)
    _, said = photo_service.run_child()
    assert said == {"make": str(os.SCHED_IDLE), "model": str(os.getsid(0))}


def test_a_child_taken_over_by_a_picture_can_say_little_and_only_clean_things(app, as_, path, monkeypatch, tmp_path):
    wicked = {
        "make": "Sùng\x00 A\ud800 Ki\u0301n\u202e" + "x" * 9000,
        "model": {"a": 1},
        "lat": float("nan"),
        "lon": 1e400,
        "people": ["Sùng A Kín"],
        "taken_at": "\x00",
    }
    said = f"print('opened'); print({json.dumps(wicked)!r}); sys.exit(3)"
    child_that(monkeypatch, tmp_path, said)
    photo = sent(as_, path, jpeg())
    finish(app)
    facts = as_(RANGER).get(f"/photos/{photo['id']}").json
    assert facts["preview"] == "unavailable"
    assert facts["exif"].keys() == {"make"}
    assert facts["exif"]["make"].startswith("Sùng A Kínxxx") and len(facts["exif"]["make"]) <= 200


@pytest.mark.parametrize(
    "flood", ["'x' * (50 << 20)", "'[' * 15_000", "'{\"make\": ' * 1000", "'[[1]'", "'[1]'", "'{}' * 9000"]
)
def test_a_child_that_says_too_much_or_nonsense_is_not_listened_to(monkeypatch, tmp_path, flood):
    child_that(monkeypatch, tmp_path, "print('opened')", f"print({flood})")
    made, exif = photo_service.run_child()
    assert exif == {} and isinstance(made, bool)


@pytest.mark.parametrize(
    "fault", ["sys.exit(1)", "os.kill(os.getpid(), 15)", "print('opened'); sys.exit(4)", "import khong_co"]
)
def test_a_fault_of_the_machine_is_not_blamed_on_the_picture(app, as_, path, monkeypatch, tmp_path, fault):
    photo = sent(as_, path, jpeg())
    with monkeypatch.context() as broken:
        child_that(broken, tmp_path, fault)
        worker.run_once(app)
    assert job_failed_and_is_due_again(app)  # whichever it is, the worker must hear of it
    assert as_(RANGER).get(f"/photos/{photo['id']}/view").json["code"] == "preview_pending"
    finish(app)
    assert as_(RANGER).get(f"/photos/{photo['id']}/thumb").status_code == 200


def test_a_child_that_takes_too_long_is_killed_with_its_group(monkeypatch, tmp_path):
    child_that(monkeypatch, tmp_path, "if not os.fork(): os.execv('/bin/sleep', ['sleep', '61.7'])", "time.sleep(60)")
    monkeypatch.setattr(photo_service, "PATIENCE_S", 1.0)
    with pytest.raises(subprocess.TimeoutExpired):
        photo_service.run_child()
    commands = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    assert not [c for c in commands if b"61.7" in c]
