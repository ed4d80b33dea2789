"""The load generator: one thread and one kept connection per client, raw sockets, bytes made beforehand."""

import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

HOST = "127.0.0.1"  # the only machine ever spoken to
ANSWER_WITHIN_S = 30
NO_ANSWER = 0

Request = tuple[bytes, ...]  # head and body, in as many parts as is cheapest
Task = tuple[Request, ...]  # sent one after the other by one client, such as a report and then its photo


@dataclass
class Run:
    """What came of some tasks: times in ms, each of a whole task and each of its last request."""

    seconds: float = 0.0
    done: int = 0
    tasks_ms: list[float] = field(default_factory=list)
    last_ms: list[float] = field(default_factory=list)
    bytes_in: int = 0
    unexpected: Counter[int] = field(default_factory=Counter)  # by status; 0: no answer at all


class Connection:
    """A kept HTTP/1.1 connection that understands just what the service answers."""

    def __init__(self, port: int):
        self.port = port
        self.socket: socket.socket | None = None

    def send(self, request: Request) -> tuple[int, int]:
        """The status and how many bytes came; (0, 0) when there was no answer."""
        try:
            if self.socket is None:
                self.socket = socket.create_connection((HOST, self.port), timeout=ANSWER_WITHIN_S)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in request:
                self.socket.sendall(part)
            return self._receive(self.socket)
        except (OSError, ValueError):
            self.close()
            return NO_ANSWER, 0

    def _receive(self, connection: socket.socket) -> tuple[int, int]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._some(connection)
        head = received[:end].lower()
        status = int(head[9:12])
        size = len(received)
        wanted = end + 4 + int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        while size < wanted:
            size += len(self._some(connection))
        if b"\r\nconnection: close" in head:
            self.close()
        return status, size

    @staticmethod
    def _some(connection: socket.socket) -> bytes:
        if not (chunk := connection.recv(1 << 16)):
            raise ConnectionResetError
        return chunk

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def run(port: int, clients: int, tasks: Iterable[Task], expected: int, within_s: float) -> Run:
    """Let that many clients work the tasks off as fast as they are answered; none begins after `within_s`."""
    waiting = deque(tasks)
    runs = [Run() for _ in range(clients)]
    start = threading.Barrier(clients + 1)
    threads = [
        threading.Thread(target=_client, args=(port, waiting, expected, within_s, start, mine), daemon=True)
        for mine in runs
    ]
    for thread in threads:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    whole = Run(seconds=time.perf_counter() - begun)
    for mine in runs:
        whole.done += mine.done
        whole.tasks_ms += mine.tasks_ms
        whole.last_ms += mine.last_ms
        whole.bytes_in += mine.bytes_in
        whole.unexpected += mine.unexpected
    if waiting:
        whole.unexpected[NO_ANSWER] += len(waiting)  # time was up before they were sent
    return whole


def _client(
    port: int, waiting: deque[Task], expected: int, within_s: float, start: threading.Barrier, mine: Run
) -> None:
    connection = Connection(port)
    start.wait()
    until = time.perf_counter() + within_s
    while time.perf_counter() < until:
        try:
            task = waiting.popleft()
        except IndexError:
            break
        _send(connection, task, expected, mine)
    connection.close()


def _send(connection: Connection, task: Task, expected: int, mine: Run) -> None:
    begun = sent = time.perf_counter()
    for request in task:
        sent = time.perf_counter()
        status, size = connection.send(request)
        mine.bytes_in += size
        if status != expected:
            mine.unexpected[status] += 1
            return
    ended = time.perf_counter()
    mine.done += 1
    mine.tasks_ms.append((ended - begun) * 1000)
    mine.last_ms.append((ended - sent) * 1000)
