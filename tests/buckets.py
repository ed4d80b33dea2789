"""Both kinds of photo store for the tests: an S3 server in a thread, what lies in a store and how old it is, trouble."""

import hashlib
import os
import secrets
import socket
import threading
import time
import urllib.request
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from models.base import now
from services.storage import FolderStore, Store
from services.stored_files import name_of

DAY = 24 * 3600
ACCOUNT, PARTITION = "123456789012", "aws"  # in which the server in a thread keeps its buckets


class S3Server:
    """Started by the first test that needs it."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def environment(self, url: str | None = None) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "thu-nghiem",
            "AWS_SECRET_ACCESS_KEY": "khoa-bi-mat",
            "AWS_REGION": "ap-southeast-1",
            "AWS_ENDPOINT_URL": url or self.url,
        }

    def address(self) -> str:
        """s3://…, of a new bucket."""
        name = f"kho-{secrets.token_hex(6)}"
        location = b"<CreateBucketConfiguration><LocationConstraint>ap-southeast-1</LocationConstraint>"
        body = location + b"</CreateBucketConfiguration>"
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", data=body, method="PUT")).close()
        return f"s3://{name}/anh/giap-ranh"

    def stop(self) -> None:
        self._server.stop()


class FolderPlace:
    """What a test wants to know of a store, and to do to it behind its back."""

    def __init__(self, root: Path):
        self.store: Any = FolderStore(root)

    def names(self) -> set[str]:
        root = self.store.root
        return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() or p.is_symlink()}

    def age(self, kind: str, sha256: str, days: float) -> None:
        aged(self.store.path(kind, sha256), days)

    def lay(self, kind: str, content: bytes, days: float) -> str:
        """A file of the store that no row knows, so many days old; its name."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.damage(kind, sha256, content)
        self.age(kind, sha256, days)
        return name_of(kind, sha256)

    def read(self, kind: str, sha256: str) -> bytes:
        return self.store.path(kind, sha256).read_bytes()

    def damage(self, kind: str, sha256: str, content: bytes) -> None:
        path = self.store.path(kind, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def lose(self, kind: str, sha256: str) -> None:
        self.store.path(kind, sha256).unlink()


class S3Place(FolderPlace):
    def __init__(self, root: Path, server: S3Server):
        from services.s3_storage import S3Store

        self.server = server
        self.store = S3Store(server.address(), root)

    def _objects(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[ACCOUNT][PARTITION].buckets[self.store.bucket.name].keys

    def _name(self, kind: str, sha256: str) -> str:
        return f"{self.store.bucket.prefix}/{name_of(kind, sha256)}"

    def names(self) -> set[str]:
        """What lies in the bucket, and what is still here."""
        return super().names() | self.in_bucket()

    def in_bucket(self) -> set[str]:
        return {name.removeprefix(f"{self.store.bucket.prefix}/") for name in self._objects()} - {"probe"}

    def age(self, kind: str, sha256: str, days: float) -> None:
        self.age_named(name_of(kind, sha256), days)

    def age_named(self, name: str, days: float) -> None:
        self._objects()[f"{self.store.bucket.prefix}/{name}"].last_modified = (now() - timedelta(days=days)).replace(
            tzinfo=None
        )

    def read(self, kind: str, sha256: str) -> bytes:
        return self._objects()[self._name(kind, sha256)].value

    def damage(self, kind: str, sha256: str, content: bytes) -> None:
        import obstore

        with self.store.bucket.asking() as client:
            obstore.put(client, name_of(kind, sha256), content)

    def lose(self, kind: str, sha256: str) -> None:
        self._objects().pop(self._name(kind, sha256))


def aged(path: Path, days: float) -> Path:
    then = time.time() - days * DAY
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def a_file(store: Store, content: bytes) -> Path:
    """A draft as whoever brings a photo has it: synced."""
    path = store.draft()
    with path.open("xb") as file:
        file.write(content)
        os.fsync(file.fileno())
    return path


class Line:
    """A line to a server that can be cut: `refuse`, `hang`, `mend`, or answer everything with one status."""

    def __init__(self, port: int):
        self.far, self.status, self._open = port, 0, []
        self._listen(0)
        self.url = f"http://127.0.0.1:{self.port}"

    def _listen(self, port: int) -> None:
        self._door = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def _serve(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = door.accept()
                self._open.append(near)
                threading.Thread(target=self._talk, args=(near,), daemon=True).start()

    def _talk(self, near: socket.socket) -> None:
        with suppress(OSError):
            if self.status < 0:  # says nothing
                return
            if self.status:
                self._answer(near)
                return
            far = socket.create_connection(("127.0.0.1", self.far))
            self._open.append(far)
            threading.Thread(target=pump, args=(far, near), daemon=True).start()
            pump(near, far)

    def _answer(self, near: socket.socket) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            said += near.recv(65536)
        head, _, body = said.partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.lower().splitlines()]
        length = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
        while len(body) < length:
            body += near.recv(65536)
        near.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)
        near.close()

    def _cut(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def refuse(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._cut()

    def hang(self) -> None:
        self.status = -1
        self._cut()

    def answer(self, status: int) -> None:
        self.status = status
        self._cut()

    def mend(self) -> None:
        self.status = 0
        self._cut()
        if self._door.fileno() < 0:
            self._listen(self.port)

    def close(self) -> None:
        self.refuse()


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
