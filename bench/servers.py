"""The service, started as users start it (`flask serve`), on a home and a database of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.clients import HOST

ROOT = Path(__file__).parent.parent
STARTS_WITHIN_S = 120
STOPS_WITHIN_S = 20
PREVIEWS_WITHIN_S = 60


class Server:
    """Start and stop it as often as wanted: its data stays in its folder."""

    def __init__(self, folder: Path, database_url: str):
        self.folder = folder
        self.port = free_port()
        self.environment = {
            "GIAP_RANH_HOME": str(folder / "home"),
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "HOST": HOST,
            "DEMO": "1",
            "RATE_LIMIT": "0",
            "PHOTO_STORE": "",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Seconds until /healthz answers."""
        with open(self.folder / "server.log", "ab") as log:
            begun = time.perf_counter()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flask", "serve"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a group of its own: Ctrl-C reaches it only through stop()
            )
        while time.perf_counter() - begun < STARTS_WITHIN_S:
            if self._healthy():
                return time.perf_counter() - begun
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log[-2000:]}")

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End it and whatever it started, and nothing else."""
        process, self._process = self._process, None
        if process is None:
            return
        for how, patience_s in ((signal.SIGTERM, STOPS_WITHIN_S), (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, how)
                process.wait(patience_s)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.poll()

    def wait_for_previews(self) -> None:
        """The demo's photos get their previews after the start; they must not slow what is measured."""
        until = time.perf_counter() + PREVIEWS_WITHIN_S
        while self.count("view") < self.count("originals") and time.perf_counter() < until:
            time.sleep(0.2)
        time.sleep(0.3)

    def count(self, kind: str) -> int:
        """How many photos, or previews of them, lie in the store."""
        return sum(1 for _ in (self.folder / "home" / "uploads" / kind).glob("*/*[!p]"))

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")

    @property
    def _workers(self) -> list[int]:
        """The process ids of the workers: the children of what was started."""
        assert self._process is not None
        master = self._process.pid
        return [int(id) for id in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def memory_mib(self) -> dict[str, float]:
        """Resident now and at most, of the worker that holds most, and of the process that watches them."""
        assert self._process is not None
        workers, master = [_memory(id) for id in self._workers], _memory(self._process.pid)
        return {
            "worker": round(max(w["VmRSS"] for w in workers), 1),
            "worker_peak": round(max(w["VmHWM"] for w in workers), 1),
            "master": round(master["VmRSS"], 1),
        }

    def cpu_s(self) -> float:
        """Processor seconds the workers have used so far, their children (which make previews) not counted."""
        return sum(_cpu_s(id) for id in self._workers)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """One request outside the measurements; the status and the body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> dict[str, float]:
    """MiB of a process by the kernel's names."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: int(rest.split()[0]) / 1024 for name, _, rest in (s.partition(":") for s in lines) if " kB" in rest}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
