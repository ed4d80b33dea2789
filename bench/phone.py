"""A reference phone: `python -m bench.phone --home DIR --server URL login|report|note|photo|answer|sync|list`.

It records without signal, keeps what it recorded through any kill, sends it over any line, and lets go of a copy only when
the server says `stored`. Nothing but the standard library, and nothing of the server's code: docs/phone.md, in Python.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.phone_content import new_id
from bench.phone_store import NotYours, Store
from bench.phone_sync import Outcome, Sync
from bench.phone_wire import PATIENCE_S, Later, Line, NoAnswer, Session, SignInNeeded, Trouble

KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"RIFF", "image/webp"), (b"OggS", "audio/ogg"),
         (b"\x1aE\xdf\xa3", "audio/webm"))  # fmt: skip
BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"3gp4": "audio/3gpp",
    b"3gp5": "audio/3gpp",
}


def now() -> datetime:
    return datetime.now(UTC).astimezone()


class Phone:
    """Recording needs no signal and returns when it is on disk; `sync` is the only thing that speaks to anybody."""

    def __init__(
        self,
        home: Path,
        server: str,
        clock: Callable[[], datetime] = now,
        patience_s: float = PATIENCE_S,
        store: Store | None = None,
    ):
        self.store = store or Store(home)
        self.clock = clock
        if not self.store.fact("device"):
            self.store.keep(device=new_id())
        self.line = Line(server, patience_s)
        self.session = Session(self.store, self.line)
        self.syncing = Sync(self.store, self.session, clock)

    def close(self) -> None:
        self.line.connection.close()
        self.store.close()

    def login(self, username: str, password: str) -> dict[str, Any]:
        return self.session.login(username, password, "Điện thoại mẫu", "python")

    # Without signal

    def report(
        self, type: str, location: dict[str, Any], photos: Sequence[Path] = (), id: str | None = None, **facts: Any
    ) -> str:
        """The id, which stays its id for ever. Frozen as it is now: what comes later is a note, a photo, a correction."""
        id, declared = id or new_id(), [self.declaration(path) for path in photos]
        body = {"id": id, "type": type, "found_at": self.clock().isoformat(), "location": location} | facts
        if declared:
            body["photos"] = declared
        self.record("incident.create", None, body, id, declared)
        return id

    def note(self, incident: str, text: str, **facts: Any) -> str:
        return self.record("incident.note", incident, {"id": new_id(), "text": text} | facts)

    def photo(self, incident: str, path: Path) -> str:
        """Its SHA-256. For a voice note, too; the report may be of any day, and may not have arrived itself."""
        declared = self.declaration(path)
        self.record("incident.photos", incident, {"photos": [declared]}, incident, [declared])
        return declared["sha256"]

    def act(self, incident: str, action: str, version: int | None = None, **said: Any) -> str:
        return self.record("incident.action", incident, {"action": action} | said, version=version)

    def answer(self, incident: str, text: str) -> str:
        return self.act(incident, "answer", answer=text)

    def record(
        self, kind: str, subject: str | None, body: Any, owner: str = "", photos: Any = (), version: int | None = None
    ) -> str:
        operation = {"id": new_id(), "kind": kind, "device_time": self.clock().isoformat(), "body": body}
        operation |= {"subject": subject} if subject else {}
        operation |= {"version": version} if version is not None else {}
        self.store.record([operation], [photo | {"incident": owner} for photo in photos])
        return operation["id"]

    def declaration(self, path: Path) -> dict[str, Any]:
        """A photo as it is announced; from here on its bytes lie on the phone's own disk."""
        sha256, size = self.store.copy_in(path)
        with open(path, "rb") as file:
            kind = kind_of(file.read(16))
        return {"sha256": sha256, "size": size, "content_type": kind, "captured_at": self.clock().isoformat()}

    # With signal

    def sync(self, tries: int = 1, **more: Any) -> Outcome:
        with self.store.alone():
            return self.syncing.until_done(tries, **more)


def kind_of(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "audio/mp4")
    return next((kind for begin, kind in KINDS if head.startswith(begin)), "application/octet-stream")


# The command line


def main(arguments: Sequence[str] | None = None) -> int:
    asked = read_arguments(arguments)
    phone = Phone(asked.home, asked.server)
    try:
        return COMMANDS[asked.command](phone, asked)
    except SignInNeeded as trouble:
        print(f"Cần đăng nhập: {trouble}. Những gì đã ghi vẫn còn trên máy.", file=sys.stderr)
    except (Trouble, NotYours) as trouble:
        print(f"Chưa được: {trouble}", file=sys.stderr)
    except OSError as error:
        print(f"Không đọc được: {error}", file=sys.stderr)
    finally:
        phone.close()
    return 1


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.phone", description="Điện thoại mẫu của Giáp Ranh.")
    parser.add_argument("--home", type=Path, required=True, help="thư mục làm bộ nhớ của điện thoại")
    parser.add_argument("--server", default="http://127.0.0.1:8000", help="địa chỉ máy chủ")
    commands = parser.add_subparsers(dest="command", required=True, metavar="LỆNH")
    one = commands.add_parser("login", help="đăng nhập; mật khẩu hỏi ở bàn phím, hoặc đọc từ đầu vào")
    one.add_argument("username")
    one = commands.add_parser("report", help="ghi một báo cáo, không cần sóng")
    one.add_argument("--type", default="illegal_logging")
    one.add_argument("--lat", type=float, required=True)
    one.add_argument("--lon", type=float, required=True)
    one.add_argument("--accuracy", type=float, default=20.0, help="mét")
    one.add_argument("--photo", type=Path, action="append", default=[], help="ảnh hoặc ghi âm; lặp lại được")
    one.add_argument("text", nargs="?", default="", help="mô tả")
    one = commands.add_parser("note", help="ghi chú thêm cho một vụ")
    one.add_argument("incident")
    one.add_argument("text")
    one = commands.add_parser("photo", help="thêm ảnh hoặc ghi âm cho một vụ, kể cả vụ chưa gửi")
    one.add_argument("incident")
    one.add_argument("file", type=Path)
    one = commands.add_parser("answer", help="trả lời câu hỏi của cán bộ")
    one.add_argument("incident")
    one.add_argument("text")
    one = commands.add_parser("sync", help="gửi và nhận khi có sóng")
    one.add_argument("--tries", type=int, default=1, help="số lần thử khi sóng yếu")
    commands.add_parser("list", help="những gì máy đang giữ")
    return parser.parse_args(arguments)


def login(phone: Phone, asked: argparse.Namespace) -> int:
    password = getpass.getpass("Mật khẩu: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    user = phone.login(asked.username, password)
    print(f"Đã đăng nhập: {user['name']} ({user['role']})")
    return 0


def report(phone: Phone, asked: argparse.Namespace) -> int:
    location = {"lat": asked.lat, "lon": asked.lon, "accuracy_m": asked.accuracy, "source": "manual"}
    facts = {"description": asked.text} if asked.text else {}
    print(f"Đã ghi trên máy: {phone.report(asked.type, location, asked.photo, **facts)}")
    return 0


def note(phone: Phone, asked: argparse.Namespace) -> int:
    phone.note(asked.incident, asked.text)
    print("Đã ghi chú trên máy.")
    return 0


def photo(phone: Phone, asked: argparse.Namespace) -> int:
    print(f"Đã giữ trên máy: {phone.photo(asked.incident, asked.file)}")
    return 0


def answer(phone: Phone, asked: argparse.Namespace) -> int:
    phone.answer(asked.incident, asked.text)
    print("Đã ghi câu trả lời trên máy.")
    return 0


def sync(phone: Phone, asked: argparse.Namespace) -> int:
    outcome = phone.sync(asked.tries, tell=say)
    if isinstance(outcome.trouble, SignInNeeded):
        raise outcome.trouble
    return 1 if outcome.trouble else 0


def say(outcome: Outcome) -> None:
    print(f"Máy chủ đã nhận {outcome.acknowledged} mục, {outcome.photos} ảnh; {outcome.changes} thay đổi về máy.")
    if isinstance(outcome.trouble, NoAnswer | Later):
        print(f"Chưa xong ({outcome.trouble}); mọi thứ còn nguyên trên máy.", file=sys.stderr)


def show(phone: Phone, _asked: argparse.Namespace) -> int:
    database = phone.store.database
    for row in database.execute("SELECT incident, operation, problem FROM queue ORDER BY place"):
        problem = json.loads(row["problem"])["detail"] if row["problem"] else "chờ gửi"
        print(f"{row['incident']}  {json.loads(row['operation'])['kind']:<18} {problem}")
    for row in database.execute("SELECT * FROM photos WHERE state != 'stored'"):
        print(f"{row['incident']}  ảnh {row['sha256'][:12]} {row['size']:>9} byte, {SAID[row['state']]}")
    for row in database.execute("SELECT incident FROM incidents"):
        one = json.loads(row["incident"])
        photos = ", ".join(f"{p['sha256'][:12]} {p['state']}" for p in one["photos"])
        print(f"{one['id']}  {one['number']}  {one['status']:<12} {one['type']} {photos}".rstrip())
    return 0


SAID = {"waiting": "chờ gửi", "sent": "đã gửi, chờ máy chủ xác nhận", "refused": "máy chủ không nhận"}
COMMANDS = {
    "login": login,
    "report": report,
    "note": note,
    "photo": photo,
    "answer": answer,
    "sync": sync,
    "list": show,
}


if __name__ == "__main__":
    sys.exit(main())
