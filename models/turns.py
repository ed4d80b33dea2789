"""Whose turn it is to write: threads of a process in the order of asking, and processes one after the other.

SQLite alone lets writers poll the file: under load some wait for seconds while others pass by.
"""

import fcntl
import os
import threading
import time
from collections import deque
from typing import BinaryIO

FIRST_PAUSES_S, LATER_PAUSES_S = 0.0004, 0.005  # a report holds its turn for a few milliseconds
SOON_S = 0.1


class Turn:
    """A lock that is given out in the order of asking."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    def acquire(self, timeout: float) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout):
            return True
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it was handed over in the very moment of giving up

    def release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


class FileTurn:
    """One turn for all processes that write one file. Whoever dies gives it back: the locks go with the process.

    Who comes next holds a lock too while it waits, so a process that writes much cannot take turn after turn.
    """

    def __init__(self, path: str):
        self._path = path
        self._threads = Turn()
        self._owner = 0
        self._files: list[BinaryIO] = []

    def acquire(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        if not self._threads.acquire(timeout):
            return False
        following, turn = self._open()
        taken = False
        try:
            if _lock(following, until):
                taken = _lock(turn, until)
                fcntl.flock(following, fcntl.LOCK_UN)
        finally:
            if not taken:
                self._threads.release()
        return taken

    def release(self) -> None:
        fcntl.flock(self._files[1], fcntl.LOCK_UN)
        self._threads.release()

    def _open(self) -> list[BinaryIO]:
        if self._owner != os.getpid():  # an open file is shared over a fork, and its lock with it
            self._files = [open(f"{self._path}-{name}", "ab") for name in ("next", "turn")]  # noqa: SIM115
            self._owner = os.getpid()
        return self._files


def _lock(file: BinaryIO, until: float) -> bool:
    begun = time.monotonic()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            moment = time.monotonic()
            if moment > until:
                return False
            time.sleep(FIRST_PAUSES_S if moment - begun < SOON_S else LATER_PAUSES_S)
