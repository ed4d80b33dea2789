"""The real server as users start it, on a free port of this machine, with an instance folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    command = ("-m", "flask", "serve")

    def __init__(self, home: Path, port: int | None = None, **settings: str):
        self.port = port or free_port()
        self.api = f"http://127.0.0.1:{self.port}/api/v1"
        self.log = home / "server.log"
        clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PHOTO_STORE", "FLASK_APP")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(part.format(port=self.port) for part in self.command)],
                cwd=ROOT,
                env=clean | {"GIAP_RANH_HOME": str(home), "PORT": str(self.port)} | settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> "Server":
        for _ in range(PATIENCE_S * 10):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                    return self
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.1)
        raise TimeoutError(self.log.read_text())

    def workers(self) -> list[int]:
        """The process ids of those that answer requests: the children of what was started."""
        master = self.process.pid
        return [int(id) for id in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it: to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
