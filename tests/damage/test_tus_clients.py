"""The public clients of tus, just as they are published, over a link that is cut every 64 KiB."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from tusclient.client import TusClient

from tests.bad_links import CuttingProxy
from tests.damage.test_uploads import Sender, photo_of

SIZE = 2_000_000
CUT_AFTER = 64 << 10
INSTALL = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--fetch-retries=0", "tus-js-client@4")
INSTALLED_WITHIN_S = 60

TUS_JS = """
const fs = require("fs"), tus = require("tus-js-client");
const [file, endpoint, token, incident, sha256] = process.argv.slice(2);
new tus.Upload(fs.readFileSync(file), {
  endpoint,
  retryDelays: Array(50).fill(50),
  metadata: { incident, sha256, filename: "ảnh.jpg", filetype: "image/jpeg" },
  headers: { Authorization: `Bearer ${token}` },
  onError: (error) => { console.error(String(error)); process.exit(1); },
  onSuccess: () => console.log("đã gửi xong"),
}).start();
"""


@pytest.fixture
def sender(place):
    return Sender(place, photo_of(SIZE))


def check(sender, proxy):
    assert sender.state() == "stored"
    stored = sender.place.photos / "originals" / sender.sha256[:2] / sender.sha256
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == sender.sha256
    assert proxy.cuts >= SIZE // CUT_AFTER - 1
    again = proxy.body_bytes - SIZE
    print(f"{proxy.cuts} cuts, {again} bytes sent again")
    # A client asks for the offset while what it sent is still on its way: that may come twice.
    assert again <= 0.02 * SIZE + CUT_AFTER, again


@pytest.mark.only_on("postgresql")
def test_tuspy_uploads_is_cut_and_resumes(sender, tmp_path):
    file = tmp_path / "anh.jpg"
    file.write_bytes(sender.photo)
    with CuttingProxy(sender.place.port, CUT_AFTER) as proxy:
        client = TusClient(
            f"http://127.0.0.1:{proxy.port}/api/v1/uploads", {"Authorization": f"Bearer {sender.phone.token}"}
        )
        metadata = {"incident": sender.incident, "sha256": sender.sha256, "filename": "ảnh.jpg"}
        client.uploader(str(file), metadata=metadata, retries=100, retry_delay=0.05).upload()
    check(sender, proxy)


@pytest.mark.only_on("sqlite")
def test_tuspy_sends_in_chunks_with_checksums_and_goes_on_from_a_known_address(sender, tmp_path):
    file = tmp_path / "anh.jpg"
    file.write_bytes(sender.photo)
    headers = {"Authorization": f"Bearer {sender.phone.token}"}
    client = TusClient("", headers)
    url = f"http://127.0.0.1:{sender.place.port}{sender.path}"
    first = client.uploader(str(file), url=url, chunk_size=300_000, upload_checksum=True)
    first.upload_chunk()
    second = client.uploader(str(file), url=url, chunk_size=300_000, upload_checksum=True)
    assert second.offset == 300_000
    second.upload()
    assert sender.state() == "stored"


@pytest.fixture(scope="session")
def tus_js(tmp_path_factory):
    """The folder of tus-js-client, fetched from its registry: so only where there is node, npm and a way there."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("tus-js-client needs node and npm, which are not here")
    folder = tmp_path_factory.mktemp("tus-js")
    try:
        subprocess.run(INSTALL, cwd=folder, check=True, capture_output=True, timeout=INSTALLED_WITHIN_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"tus-js-client could not be fetched: {type(error).__name__}")
    return folder


@pytest.mark.only_on("sqlite")
def test_tus_js_client_uploads_is_cut_and_resumes(sender, tus_js):
    Path(tus_js / "send.js").write_text(TUS_JS)
    file = tus_js / "anh.jpg"
    file.write_bytes(sender.photo)
    with CuttingProxy(sender.place.port, CUT_AFTER) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}/api/v1/uploads"
        command = ["node", "send.js", str(file), endpoint, sender.phone.token, sender.incident, sender.sha256]
        said = subprocess.run(command, check=False, cwd=tus_js, capture_output=True, text=True, timeout=120)
    assert (said.returncode, said.stdout.strip()) == (0, "đã gửi xong"), said.stderr
    check(sender, proxy)
