"""A whole and consistent copy of the SQLite database, while the server goes on writing."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import OperationalError

from models.base import db
from models.database import write_transaction
from models.errors import Busy
from services.bad_file import BadFile

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60  # a backup may wait longer than a phone


def copy_sqlite(target: Path, say: Callable[[str], None]) -> float:
    """Copy the app's database; for how many milliseconds nobody could write meanwhile."""
    source = db.engine.url.database
    assert source is not None
    if db.session.execute(db.text("PRAGMA journal_mode")).scalar() == "wal":
        db.session.rollback()
        copy_behind_the_log(source, target)
        held_ms = 0.0
    else:
        db.session.rollback()
        held_ms = copy_between_writers(source, target, say)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, no log beside it
        if (found := copy.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise BadFile(f"Cơ sở dữ liệu bị hỏng, không sao lưu được: {found}")
    return held_ms


def copy_behind_the_log(source: str, target: Path) -> None:
    """With a write-ahead log a reader stops no writer: one step, one moment."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def copy_between_writers(source: str, target: Path, say: Callable[[str], None]) -> float:
    with page_copier(source, target) as copier:
        _expect(copier, "ready")

        def finish() -> float:
            begun = time.monotonic()
            assert copier.stdin is not None
            copier.stdin.write(b"go\n")
            copier.stdin.flush()
            _expect(copier, "done")
            return (time.monotonic() - begun) * 1000

        held_ms = while_nobody_writes(finish, say)
        if copier.wait() != 0:
            _expect(copier, "")
    return held_ms


@contextmanager
def page_copier(source: str, target: Path) -> Iterator[subprocess.Popen[bytes]]:
    # In a session of its own: Ctrl-C is for us, and we end it then.
    copier = subprocess.Popen(
        [sys.executable, "-m", "services.page_copy", source, str(target)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield copier
    finally:
        copier.kill()
        copier.communicate()


def _expect(copier: subprocess.Popen[bytes], word: str) -> None:
    """Wait for the copier's word; its trouble with the disk is ours."""
    assert copier.stdout is not None
    said = copier.stdout.readline().decode().strip()
    if said.startswith("errno "):
        number = int(said.removeprefix("errno "))
        raise OSError(number, "page_copy")
    if said != word or not word:
        raise BadFile("Việc sao chép cơ sở dữ liệu bị dừng giữa chừng.")


def while_nobody_writes(do: Callable[[], float], say: Callable[[str], None]) -> float:
    """Do it in our turn to write, under the lock of the file, which also keeps out writers that know of no turns."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with write_transaction():
                db.session.connection()
                return do()
        except (Busy, OperationalError) as error:
            if isinstance(error, OperationalError) and "locked" not in str(error):
                raise
            if time.monotonic() > until:
                raise BadFile(f"Cơ sở dữ liệu bận suốt {PATIENCE_S:.0f} giây; chưa có bản sao lưu nào.") from None
            say("Cơ sở dữ liệu đang bận, đang chờ đến lượt …")
