"""The child process that copies an SQLite file while others write it: `python -m services.page_copy SOURCE TARGET`.

It copies everything, then compares and mends the copy; both while writers go on, so the copy is still wrong where
they wrote. It says `ready` and waits for a line: nobody writes now. It compares and mends once more and says `done`.
A comparison takes a tenth of the time of a copy, and only for that time does anybody wait.

A process of its own, because closing a file lets go of every lock that the same process holds on it, SQLite's too.
"""

import os
import sys

CHUNK = 256 << 10
SYNCED_EVERY = 8 << 20  # much unwritten data would make the writers' own syncs wait


def mend(source: int, target: int, sync: bool) -> None:
    """Make the target equal to the source, writing only where they differ."""
    theirs, ours = bytearray(CHUNK), bytearray(CHUNK)
    at = written = 0
    while count := os.preadv(source, [theirs], at):
        here = os.preadv(target, [ours], at)
        if here < count or theirs[:count] != ours[:count]:
            os.pwrite(target, memoryview(theirs)[:count], at)
            written += count
            if sync and written >= SYNCED_EVERY:
                os.fdatasync(target)
                written = 0
        at += count
    if os.fstat(target).st_size != at:
        os.ftruncate(target, at)


def main(source_path: str, target_path: str) -> None:
    source = os.open(source_path, os.O_RDONLY)
    target = os.open(target_path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    for _ in range(2):
        mend(source, target, sync=True)
    print("ready", flush=True)
    if not sys.stdin.readline():
        return  # whoever asked for the copy is gone
    mend(source, target, sync=False)
    print("done", flush=True)
    os.fsync(target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        print(f"errno {error.errno}", flush=True)
        sys.exit(1)
