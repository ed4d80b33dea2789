"""The server itself, dying at the n-th point between file, commit and answer; the service knows nothing of it.

`gunicorn tests.damage.failing:app` is `wsgi:app` with the calls that make things durable wrapped from outside. A file
(FAILPOINTS) says how many points are still passed before the process kills itself; 0: none counts. Beside it, the
points that were reached are written down.
"""

import fcntl
import os
import signal
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

LEFT = struct.Struct("q")
ENDLESS = 1 << 40  # points to be passed: never dies, but writes down


class Failpoints:
    """The file, from either side."""

    def __init__(self, path: Path):
        self.path, self.trace_path = path, path.with_suffix(".trace")
        if not path.exists():
            path.write_bytes(LEFT.pack(0))

    @contextmanager
    def _held(self) -> Iterator[BinaryIO]:
        with open(self.path, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def arm(self, count: int) -> None:
        with self._held() as file:
            self.trace_path.write_text("")
            file.write(LEFT.pack(count))

    @property
    def left(self) -> int:
        with self._held() as file:
            return LEFT.unpack(file.read(LEFT.size))[0]

    @property
    def trace(self) -> list[str]:
        return self.trace_path.read_text().split("\n")[:-1]

    def reached(self, point: str) -> None:
        with self._held() as file:
            if not (left := LEFT.unpack(file.read(LEFT.size))[0]):
                return
            with open(self.trace_path, "a") as trace:
                trace.write(point + "\n")
            file.seek(0)
            file.write(LEFT.pack(left - 1))
            if left == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.reached(f"before {name}")
            result = function(*args, **kwargs)
            self.reached(f"after {name}")
            return result

        return wrapped


def rigged(app: Any, points: Failpoints) -> Any:
    """The app with a point before and after each call that makes something last, and around each answer."""
    from models import db

    for name in ("replace", "rename", "unlink"):
        setattr(os, name, points.around(name, getattr(os, name)))
    file, folder = (points.around(f"fsync of a {kind}", os.fsync) for kind in ("file", "folder"))
    os.fsync = lambda fd: (folder if stat.S_ISDIR(os.fstat(fd).st_mode) else file)(fd)
    with app.app_context():
        dialect = db.engine.dialect
        dialect.do_commit = points.around("commit", dialect.do_commit)
    served = app.wsgi_app

    def answered(environ: Any, start_response: Any) -> Iterator[bytes]:
        points.reached("request")
        body = served(environ, points.around("head of the answer", start_response))
        try:
            yield from body
        finally:
            if hasattr(body, "close"):
                body.close()
        points.reached("end of the answer")

    app.wsgi_app = answered
    return app


if os.environ.get("FAILPOINTS"):
    import wsgi

    app = rigged(wsgi.app, Failpoints(Path(os.environ["FAILPOINTS"])))
