"""A backup as one file: a zip written in one stream, sealed at its end, whose parts can be read alone.

MANIFEST.json stands last and names every member with its size and SHA-256. The zip's comment, the last bytes of
the file, holds the SHA-256 of all bytes before it: a file cut short has none, one changed anywhere another. The seal
finds damage; it is no signature.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

from services.bad_file import BadFile

FORMAT = 1
MANIFEST = "MANIFEST.json"
SEAL = b"giap-ranh-backup sha256:"
UNSEALED = SEAL + b"0" * 64
CHUNK = 1 << 20
SYNCED_EVERY = 16 << 20  # much unwritten data would make the syncs of the server's writers wait
LEVEL = 3

NOT_OURS = "không phải bản sao lưu của Giáp Ranh, hoặc đã bị cắt cụt."
CHANGED = "đã bị hỏng hoặc bị sửa sau khi sao lưu."


class _Sealing:
    """What the zip is written through: it only goes on, so that every byte is hashed on its way."""

    def __init__(self, handle: int):
        self._handle = handle
        self._hash = hashlib.sha256()
        self._unsynced = 0
        self.given_up = False

    def write(self, data: bytes) -> int:
        if self.given_up:
            return len(data)
        if data == UNSEALED:
            data = SEAL + self._hash.hexdigest().encode()
        else:
            self._hash.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self._unsynced += len(data)
        if self._unsynced >= SYNCED_EVERY:
            os.fdatasync(self._handle)
            self._unsynced = 0
        return len(data)

    def flush(self) -> None:
        pass


class ArchiveWriter:
    """Members one after the other, then the manifest; a file that was not finished has no seal."""

    def __init__(self, path: Path):
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._stream = _Sealing(self._handle)
        self._zip = zipfile.ZipFile(cast(Any, self._stream), "w", compresslevel=LEVEL)
        self.members: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            self._stream.given_up = True
            self._zip.close()
            os.close(self._handle)
            self._handle = -1

    @contextmanager
    def member(self, name: str, compressed: bool = True) -> Iterator[Callable[[bytes], None]]:
        """Something to write a member with, of any length."""
        digest, size = hashlib.sha256(), 0
        self._zip.compression = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        with self._zip.open(name, "w", force_zip64=True) as file:

            def write(data: bytes) -> None:
                nonlocal size
                digest.update(data)
                size += len(data)
                file.write(data)

            yield write
        self.members[name] = {"sha256": digest.hexdigest(), "size": size}

    def add(self, name: str, content: bytes, compressed: bool = True) -> None:
        with self.member(name, compressed) as write:
            write(content)

    def finish(self, manifest: dict[str, Any]) -> None:
        """Close it with what it holds, and wait until all of it is on disk."""
        whole = {"format": FORMAT, "application": "giap-ranh"} | manifest | {"members": dict(self.members)}
        self.add(MANIFEST, json.dumps(whole, ensure_ascii=False, indent=1).encode())
        self._zip.comment = UNSEALED
        self._zip.close()
        os.fsync(self._handle)
        os.close(self._handle)
        self._handle = -1


class Archive:
    """A backup, opened: every byte of it is as it was written."""

    def __init__(self, path: Path):
        self.path = path
        try:
            check_seal(path)
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
        except OSError as error:
            raise BadFile(f"Không đọc được {path}: {error.strerror}.") from None
        except (zipfile.BadZipFile, KeyError, ValueError):
            raise BadFile(f"{path} {NOT_OURS}") from None
        if self.manifest["format"] != FORMAT:
            raise BadFile(f"{path} do một phiên bản mới hơn tạo ra; hãy cập nhật trước khi khôi phục.")
        if set(self._zip.namelist()) != {MANIFEST, *self.manifest["members"]}:
            raise BadFile(f"{path} {CHANGED}")

    def names(self, folder: str) -> list[str]:
        return [name for name in self.manifest["members"] if name.startswith(f"{folder}/")]

    def read(self, name: str) -> Iterator[bytes]:
        """A member in pieces; the last comes only if all of them are what the manifest says."""
        expected, digest, size = self.manifest["members"][name], hashlib.sha256(), 0
        with self._zip.open(name) as member:
            while chunk := member.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if size >= expected["size"] and digest.hexdigest() != expected["sha256"]:
                    break
                yield chunk
        if (size, digest.hexdigest()) != (expected["size"], expected["sha256"]):
            raise BadFile(f"{self.path} {CHANGED} ({name})")

    def verify(self) -> None:
        """Every member against the manifest."""
        for name in self.manifest["members"]:
            for _ in self.read(name):
                pass


def check_seal(path: Path) -> None:
    """The hash of the whole file against its last bytes."""
    with open(path, "rb") as file:
        rest = file.seek(0, os.SEEK_END) - len(UNSEALED)
        file.seek(max(0, rest))
        seal = file.read()
        if rest <= 0 or not seal.startswith(SEAL):
            raise BadFile(f"{path} {NOT_OURS}")
        file.seek(0)
        digest = hashlib.sha256()
        while chunk := file.read(min(CHUNK, rest)):
            digest.update(chunk)
            rest -= len(chunk)
    if seal != SEAL + digest.hexdigest().encode():
        raise BadFile(f"{path} {CHANGED}")
