"""Where letters arrive in the tests: a mailbox and a web server on this machine, as patient or as rude as wanted."""

import email
import email.policy
import socketserver
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from models import db
from models.database import write_transaction
from models.deliveries import LANES
from models.jobs import Job
from services import worker
from services.deliveries import HANDLERS


def deliver(app):
    """All that is due by now is sent, or tried."""
    while worker.run_once(app, None, list, HANDLERS, 1):
        pass


def deliver_as_if_due(app):
    """The same, for what would be tried again only later."""
    from models.base import now
    from models.deliveries import Delivery
    from models.subscriptions import Subscription

    with app.app_context(), write_transaction():
        db.session.execute(db.update(Delivery).where(Delivery.state == "waiting").values(due_at=now()))
        db.session.execute(db.update(Subscription).values(retry_at=None))
        db.session.execute(db.update(Job).where(Job.kind.in_(LANES)).values(due_at=now()))
        db.session.commit()
    worker.run_once(app, None, list, HANDLERS, 1)


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server; `refuses` is what it answers to a receiver it does not like."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        self.messages, self.refuses = [], None
        super().__init__(("127.0.0.1", 0), Post)

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def last(self):
        return self.messages[-1].get_content()


class Post(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 hộp thư thử".encode("ascii", "replace").decode())
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self.say("354 go on")
                data = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.messages.append(email.message_from_bytes(data, policy=email.policy.default))
            if word == "RCPT" and self.server.refuses:
                self.say(self.server.refuses)
                continue
            self.say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                return

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")


class Hook(ThreadingHTTPServer):
    """A web server that keeps what it was sent: (path, headers, body)."""

    daemon_threads = True

    def __init__(self):
        self.got, self.status, self.headers, self.waits_s, self.trickles = [], 200, {}, 0.0, False
        self.answers = threading.Event()
        self.answers.set()
        self.body = b""  # empty: more is announced than anybody wants to read
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/tin?don-vi=muong-toong"

    def bodies(self):
        return [body for _, _, body in self.got]


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        server.got.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        server.answers.wait(8)
        time.sleep(server.waits_s)
        if server.trickles:
            try:
                for _ in range(600):
                    self.wfile.write(b"H")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                return
        self.send_response(server.status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(server.body) or 1_000_000_000))
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, *_):
        pass
