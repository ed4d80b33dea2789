"""A bad line: a TCP proxy that does to each connection what its schedule says, and counts what passed."""

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
CHUNK = 16 << 10
RESET = struct.pack("ii", 1, 0)  # linger for no time: RST instead of FIN
SERVER_WITHIN_S = 10
UP, DOWN = "up", "down"  # from the phone to the server, and back


@dataclass(frozen=True)
class Fault:
    """What one connection suffers. With all its defaults it suffers nothing.

    way "up" or "down", after: cut once so many bytes went that way; `reset`: by RST; `strands`: the server hears nothing
    of it, as behind a carrier's box that forgot the connection.
    swallow: "all" is a black hole, that accepts and never answers; "answers" lets requests through and drops what comes
    back, then cuts once the server has answered.
    """

    way: str = ""
    after: int = 0
    reset: bool = False
    strands: bool = False
    swallow: str = ""
    delay_s: float = 0.0  # of every piece, both ways
    bytes_per_s: int = 0  # 0: as fast as it goes


WHOLE = Fault()
BLACK_HOLE = Fault(swallow="all")
LOST_ANSWER = Fault(swallow="answers")


class Chaos:
    """The proxy, in threads. `schedule` is used up connection by connection; all later ones are whole.

    `always` is what each connection suffers beyond the schedule's end.
    """

    def __init__(self, port: int, schedule: Iterable[Fault] = (), always: Fault = WHOLE):
        self.server, self.schedule, self.always = port, deque(schedule), always
        self.bytes = {UP: 0, DOWN: 0}  # let through
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server((HOST, 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def suffer(self, schedule: Iterable[Fault], always: Fault = WHOLE) -> None:
        """From the next connection on."""
        self.schedule, self.always = deque(schedule), always

    def close(self) -> None:
        for one in [self._listening, *self._open]:
            hang_up(one)

    def _accept(self) -> None:
        while True:
            try:
                phone, _ = self._listening.accept()
            except OSError:
                return
            fault = self.schedule.popleft() if self.schedule else self.always
            self.connections += 1
            self._open.add(phone)
            threading.Thread(target=self._serve, args=(phone, fault), daemon=True).start()

    def _serve(self, phone: socket.socket, fault: Fault) -> None:
        try:
            self._suffer(phone, fault)
        finally:
            self._open.discard(phone)
            hang_up(phone)

    def _suffer(self, phone: socket.socket, fault: Fault) -> None:
        if fault.swallow == "all":
            with suppress(OSError):
                while phone.recv(CHUNK):
                    pass
            return
        try:
            server = socket.create_connection((HOST, self.server), timeout=SERVER_WITHIN_S)
        except OSError:
            return
        server.settimeout(None)
        self._open.add(server)
        for end in (phone, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ways = ((UP, phone, server), (DOWN, server, phone))
        pumps = [threading.Thread(target=self._pump, args=(*way, fault), daemon=True) for way in ways]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        self._open.discard(server)
        hang_up(server)

    def _pump(self, way: str, source: socket.socket, sink: socket.socket, fault: Fault) -> None:
        """Until one side hangs up or the fault strikes; then both are hung up, each as the fault says."""
        left = fault.after if fault.way == way else None
        with suppress(OSError):
            while left is None or left > 0:
                if not (piece := source.recv(self._most(left, fault))):
                    break
                if way == DOWN and fault.swallow == "answers":
                    break
                time.sleep(fault.delay_s)
                sink.sendall(piece)
                self.bytes[way] += len(piece)
                left = None if left is None else left - len(piece)
                if fault.bytes_per_s:
                    time.sleep(len(piece) / fault.bytes_per_s)
        phone, server = (source, sink) if way == UP else (sink, source)
        hang_up(phone, fault.reset and left == 0)
        if fault.strands and left == 0:
            self._strand(server)
        elif not (fault.strands and way == DOWN):
            hang_up(server, fault.reset and left == 0)

    @staticmethod
    def _most(left: int | None, fault: Fault) -> int:
        most = CHUNK if left is None else min(CHUNK, left)
        return min(most, max(1, fault.bytes_per_s // 20)) if fault.bytes_per_s else most

    def _strand(self, server: socket.socket) -> None:
        """Nobody is there any more, and the server is not told; what it still says goes nowhere."""
        with suppress(OSError):
            while server.recv(CHUNK):
                pass


def hang_up(end: socket.socket, reset: bool = False) -> None:
    """At once: whoever waits on it in another thread wakes up, which is also what lets the kernel tell the other end."""
    with suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
