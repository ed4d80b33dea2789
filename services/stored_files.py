"""How the files of a photo store are named, and what lies in its folders since when."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

ORIGINALS = "originals"
SUFFIX = {ORIGINALS: "", "thumb": ".jpg", "view": ".jpg"}  # of each kind; what is no original can be made again

_NAMES = {kind: re.compile(rf"([0-9a-f]{{64}}){re.escape(suffix)}") for kind, suffix in SUFFIX.items()}


@dataclass(frozen=True)
class Lying:
    """A file of the store: the SHA-256 of the original, and its own size in bytes."""

    sha256: str
    size: int


def name_of(kind: str, sha256: str) -> str:
    """Where it lies below a folder or in a bucket; the same in both."""
    return f"{kind}/{sha256[:2]}/{sha256}{SUFFIX[kind]}"


def hash_of(kind: str, name: str) -> str | None:
    found = _NAMES[kind].fullmatch(name)
    return found[1] if found else None


def is_whole(file: BinaryIO, sha256: str) -> bool:
    """Whether these are still the bytes that it is named after."""
    return hashlib.file_digest(cast(Any, file), "sha256").hexdigest() == sha256


def folders(above: Path) -> list[Path]:
    """Never through a symbolic link: it may lead out of the store."""
    if above.is_symlink() or not above.is_dir():
        return []
    with os.scandir(above) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def files(folder: Path, before: float) -> list[tuple[str, int]]:
    """Name and size of each that nobody wrote to since then."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                facts = entry.stat(follow_symlinks=False)
                if facts.st_mtime < before:
                    found.append((entry.name, facts.st_size))
    return sorted(found)
