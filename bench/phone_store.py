"""What a phone keeps on its own disk: its queue, its photos, receipts, and what the server said. Whole after any kill."""

import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.phone_content import content_sha256, new_id

TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS queue (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, incident TEXT NOT NULL,
    operation TEXT NOT NULL, problem TEXT);
CREATE TABLE IF NOT EXISTS receipts (
    operation TEXT PRIMARY KEY, incident TEXT NOT NULL, number TEXT, content_sha256 TEXT, receipt TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS photos (
    incident TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, content_type TEXT NOT NULL,
    captured_at TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', upload TEXT, problem TEXT,
    PRIMARY KEY (incident, sha256));
CREATE TABLE IF NOT EXISTS incidents (id TEXT PRIMARY KEY, incident TEXT NOT NULL);
"""


class NotYours(Exception):
    """What one person recorded is not sent under the name of another."""


# Of a photo: its bytes are to be sent; all were sent, the server has not yet said `stored`; it has: the copy here may
# go; it said that it will never take it: the copy stays for its owner to decide.
WAITING, SENT, STORED, REFUSED = "waiting", "sent", "stored", "refused"
CHUNK = 1 << 20
FORGOTTEN_S = 3600  # after which a file that belongs to nothing recorded is what a kill left


class Store:
    """A folder. What is recorded is on the disk when the call returns; whatever is half done is as if never begun."""

    def __init__(self, home: Path, synchronous: str = "EXTRA"):
        self.home, self.photos = Path(home), Path(home) / "photos"
        self.photos.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(self.home / "phone.sqlite", isolation_level=None, timeout=30)
        self.database.row_factory = sqlite3.Row
        self.database.execute(f"PRAGMA synchronous = {synchronous}")
        self.database.executescript(TABLES)

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Everything inside, or nothing."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield self.database
            self.commit()
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise

    def commit(self) -> None:
        self.database.execute("COMMIT")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process syncs at a time; others go on recording. Let go of by the kernel when the process is killed."""
        with open(self.home / "sync.lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # Facts: device, tokens, cursor, the latest seal.

    def fact(self, name: str) -> Any:
        row = self.database.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return json.loads(row[0]) if row else None

    def keep(self, **facts: Any) -> None:
        with self.writing():
            self._keep(facts)

    def _keep(self, facts: dict[str, Any]) -> None:
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        self.database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def change_hands(self) -> None:
        """To another person: nothing of the one before may be left to send, and nothing they were shown stays."""
        with self.writing() as database:
            query = "SELECT (SELECT count(*) FROM queue) + (SELECT count(*) FROM photos WHERE state != 'stored')"
            if database.execute(query).fetchone()[0]:
                raise NotYours("máy còn giữ việc chưa gửi của người khác; người đó cần đăng nhập và gửi trước")
            database.execute("DELETE FROM incidents")
            database.execute("DELETE FROM facts WHERE name != 'device'")

    # Recording

    def record(self, operations: Iterable[dict[str, Any]], photos: Iterable[dict[str, Any]] = ()) -> None:
        """Operations behind the queue, and the photos that belong to them: all of it or nothing."""
        photos = list(photos)
        with self.writing() as database:
            for photo in photos:
                os.stat(self.file(photo["sha256"]))  # not dropped a moment ago, as a copy that is stored already
            for one in operations:
                incident = one.get("subject") or one["body"]["id"]
                row = (one["id"], incident, json.dumps(one, ensure_ascii=False))
                database.execute("INSERT INTO queue (id, incident, operation) VALUES (?, ?, ?)", row)
            columns = ("incident", "sha256", "size", "content_type", "captured_at")
            rows = [[photo[name] for name in columns] for photo in photos]
            database.executemany(f"INSERT OR IGNORE INTO photos ({', '.join(columns)}) VALUES (?, ?, ?, ?, ?)", rows)

    def copy_in(self, source: Path) -> tuple[str, int]:
        """The bytes of a photo, here under their SHA-256 before anything names them; the hash and the size."""
        draft, made = self.photos / f"{new_id()}.part", hashlib.sha256()
        with open(source, "rb") as taken, open(draft, "xb") as kept:
            while chunk := taken.read(CHUNK):
                made.update(chunk)
                kept.write(chunk)
            kept.flush()
            os.fsync(kept.fileno())
        os.replace(draft, self.file(made.hexdigest()))
        folder = os.open(self.photos, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return made.hexdigest(), self.file(made.hexdigest()).stat().st_size

    def file(self, sha256: str) -> Path:
        return self.photos / sha256

    # The queue

    def waiting(self, after: int, most: int) -> list[tuple[int, dict[str, Any]]]:
        """The next operations that were not refused for good: their places and what is sent."""
        query = "SELECT place, operation FROM queue WHERE place > ? AND problem IS NULL ORDER BY place LIMIT ?"
        return [(row["place"], json.loads(row["operation"])) for row in self.database.execute(query, [after, most])]

    def settle(self, sent: list[dict[str, Any]], answer: dict[str, Any]) -> int:
        """What a batch came to. Only here anything leaves the queue, and its receipt stands in the same commit."""
        done = 0
        with self.writing() as database:
            for operation, result in zip(sent, answer["results"], strict=True):
                incident = operation.get("subject") or operation["body"]["id"]
                if result["receipt"]:
                    content = content_sha256(operation["body"]) if operation["kind"] == "incident.create" else None
                    row = (operation["id"], incident, result["number"], content, result["receipt"])
                    database.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?)", row)
                    database.execute("DELETE FROM queue WHERE id = ?", [operation["id"]])
                    done += 1
                elif result["problem"] and not result["problem"].get("retryable"):
                    self._refused(operation["id"], result["problem"])
                self._photos_are(incident, result["photos"] or ())
            self._keep({"seal": answer["seal"]})
        self.drop_copies()
        return done

    def refused(self, operation: str, problem: dict[str, Any]) -> None:
        with self.writing():
            self._refused(operation, problem)

    def _refused(self, operation: str, problem: dict[str, Any]) -> None:
        """It is not sent again, and kept for the person to read."""
        said = json.dumps(problem, ensure_ascii=False)
        self.database.execute("UPDATE queue SET problem = ? WHERE id = ?", [said, operation])

    # What the server has

    def take(self, page: dict[str, Any]) -> None:
        """A page of changes and the cursor behind it, in one commit. The queue is never touched by it."""
        with self.writing() as database:
            if page["reset"]:
                database.execute("DELETE FROM incidents")
            for item in page["items"]:
                if item["kind"] == "gone":
                    database.execute("DELETE FROM incidents WHERE id = ?", [item["id"]])
                elif item["kind"] == "incident":
                    one = item["incident"]
                    row = (one["id"], json.dumps(one, ensure_ascii=False))
                    database.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?)", row)
                    self._photos_are(one["id"], one["photos"])
            self._keep({"cursor": page["cursor"], "seal": page["seal"]})
        self.drop_copies()

    def _photos_are(self, incident: str, photos: Iterable[dict[str, Any]]) -> None:
        """`stored` is the only word on which a copy may go; one that was sent and is not there is asked about anew."""
        for photo in photos:
            if photo["state"] == "stored":
                change = "SET state = 'stored', upload = NULL WHERE state IN ('waiting', 'sent')"
            else:
                change = "SET state = 'waiting' WHERE state = 'sent'"
            where = f"UPDATE photos {change} AND incident = ? AND sha256 = ?"
            self.database.execute(where, [incident, photo["sha256"]])

    def photos_in(self, state: str) -> list[sqlite3.Row]:
        """Smallest first: two minutes of signal bring as many as they can."""
        query = "SELECT * FROM photos WHERE state = ? ORDER BY size, incident, sha256"
        return self.database.execute(query, [state]).fetchall()

    def photo_is(self, photo: sqlite3.Row, **changes: Any) -> None:
        with self.writing() as database:
            changed = ", ".join(f"{name} = ?" for name in changes)
            where = "WHERE incident = ? AND sha256 = ? AND state != 'stored'"
            database.execute(f"UPDATE photos SET {changed} {where}", [*changes.values(), *photo[:2]])

    def drop_copies(self) -> None:
        """Bytes that every incident they belong to has stored; and what a kill left that nothing names."""
        if not (files := list(self.photos.iterdir())):
            return
        with self.writing() as database:
            query = "SELECT sha256, max(state != 'stored') AS needed FROM photos GROUP BY sha256"
            needed = {row["sha256"]: row["needed"] for row in database.execute(query)}
            for file in files:
                # A young one that nothing names is perhaps being recorded this moment.
                if not needed[file.name] if file.name in needed else is_old(file):
                    file.unlink(missing_ok=True)


def is_old(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime > FORGOTTEN_S
    except FileNotFoundError:
        return False
