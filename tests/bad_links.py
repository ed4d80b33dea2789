"""A link that is cut again and again: a small proxy that counts what it carried. Whoever uses it says how it cuts."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

PIECE = 4096


def reset(link: socket.socket) -> None:
    """Close it as a network does that throws away what was under way."""
    with suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


class CuttingProxy(threading.Thread):
    """Each connection carries so many bytes of a body to the server; then it is cut on both sides."""

    def __init__(self, port: int, cut_after: int, hard: bool = False):
        super().__init__(daemon=True)
        self.server_port, self.cut_after, self.hard = port, cut_after, hard
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.body_bytes = 0  # handed to the server's system, heads of requests left out
        self.cuts = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        self.listener.close()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.server_port))
        threading.Thread(target=self.carry_back, args=(server, client), daemon=True).start()
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (came := client.recv(PIECE)):
                    return server.close()
                head += came
            head, _, body = head.partition(b"\r\n\r\n")
            server.sendall(head + b"\r\n\r\n")
            left = self.cut_after
            while True:
                server.sendall(body[:left])
                self.body_bytes += len(body[:left])
                left -= len(body[:left])
                if not left:
                    break
                if not (body := client.recv(PIECE)):
                    return server.close()
            self.cuts += 1
        if self.hard:
            reset(server)
        else:
            server.close()
        reset(client)

    def carry_back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while came := server.recv(PIECE):
                client.sendall(came)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
