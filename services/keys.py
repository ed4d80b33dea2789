"""The keys that sign tokens: files beside the data, made at the first start; of each kind two are live at once."""

import fcntl
import hashlib
import os
import secrets
from pathlib import Path

from services.storage import sync_folder

ROTATED = ("jwt.key", "refresh.key")
HEX_DIGITS = 64  # 256 bit


def key_id(key: str) -> str:
    """What a token says of the key that signed it."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def former(path: Path) -> Path:
    """Where the key before the current one lies: jwt.previous.key beside jwt.key."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def key_in(folder: Path, name: str) -> str:
    """The key of that name; made when there is none, and then whole or not at all, whoever else starts now."""
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = _write(folder, secrets.token_hex(HEX_DIGITS // 2))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first
        finally:
            fresh.unlink()
        sync_folder(folder)
    return path.read_text().strip()


def rotate(folder: Path) -> None:
    """A new current key of each kind; the former stays live until the next time."""
    with open(folder / "keys.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ROTATED:
            current = key_in(folder, name)
            # First the former, then the current: whoever reads in between finds the current one twice.
            os.replace(_write(folder, current), former(folder / name))
            os.replace(_write(folder, secrets.token_hex(HEX_DIGITS // 2)), folder / name)
            sync_folder(folder)


def _write(folder: Path, key: str) -> Path:
    path = folder / f".{secrets.token_hex(8)}.new"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return path


class LiveKeys:
    """The current key of a name and the one before, read anew when the file has changed: no restart is needed."""

    def __init__(self, folder: Path, name: str):
        self._path = folder / name
        key_in(folder, name)
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The current one first. The same object as long as nothing has changed."""
        found = os.stat(self._path)
        if self._stamp != (stamp := (found.st_mtime_ns, found.st_ino)):
            keys = [self._path.read_text().strip()]
            if (before := former(self._path)).exists():
                keys.append(before.read_text().strip())
            self._keys, self._stamp = tuple(keys), stamp
        return self._keys

    @property
    def current(self) -> str:
        return self.keys[0]

    def named(self, id: str | None) -> str | None:
        """The live key that a token names."""
        return next((key for key in self.keys if key_id(key) == id), None)


def key_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.key"))


def is_open_to_others(path: Path) -> bool:
    """Secrets are read by their owner alone."""
    return bool(path.stat().st_mode & 0o077)


def weak_keys(folder: Path) -> list[str]:
    """One plain sentence for each key file that is short or that others may read."""
    said = []
    for path in key_files(folder):
        key = path.read_text(errors="replace").strip()
        if len(key) != HEX_DIGITS or set(key) - set("0123456789abcdef"):
            said.append(f"Khóa bí mật {path.name} không đủ 256 bit; hãy xóa tệp này để máy chủ tạo khóa mới.")
        if is_open_to_others(path):
            said.append(f"Người dùng khác của máy có thể đọc khóa bí mật {path.name}; hãy chạy: chmod 600 {path}.")
    return said
