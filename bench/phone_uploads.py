"""A phone's photos and voice notes by tus 1.0.0: what the server has on its disk is never sent again."""

import hashlib
import json
import sqlite3
from base64 import b64encode
from typing import Any

from bench.phone_store import REFUSED, SENT, WAITING, Store
from bench.phone_wire import Answer, Later, NoAnswer, Session

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
GONE = (404, 410)
NEVER = (413, 415)  # too large, or none of the kinds that are taken


class Uploads:
    def __init__(self, store: Store, session: Session):
        self.store, self.session = store, session

    def send(self, photo: sqlite3.Row) -> None:
        """From where the server's disk ends to the end of the file. Raises Trouble; the next time goes on from there."""
        upload, offset = photo["upload"], None
        if upload:
            offset = self.offset(upload)
        if offset is None:
            answer = self.session.ask(lambda who: self.create(photo, who))
            if answer.status in NEVER:
                return self.refused(photo, answer)
            location = answer.check().headers.get("Location")
            if not location:
                raise NoAnswer("an upload without an address")
            upload, offset = self.session.line.path_of(location), int(answer.headers.get("Upload-Offset", 0))
            self.store.photo_is(photo, upload=upload)  # on disk before a byte is sent, or a kill would start anew
        if offset < photo["size"]:
            answer = self.append(photo, upload, offset)
            if answer.status != 204:
                return self.not_taken(photo, answer)
            offset = int(answer.headers["Upload-Offset"])
        if offset == photo["size"]:
            self.store.photo_is(photo, state=SENT)

    def offset(self, upload: str) -> int | None:
        """How much lies on the server's disk; None when it knows the upload no longer."""
        line = self.session.line
        answer = self.session.ask(lambda who: line.ask("HEAD", upload, headers=TUS | who))
        return None if answer.status in GONE else int(answer.check().headers["Upload-Offset"])

    def create(self, photo: sqlite3.Row, who: dict[str, str]) -> Answer:
        said = {"incident": photo["incident"], "sha256": photo["sha256"], "captured_at": photo["captured_at"]}
        said |= {"filename": photo["sha256"][:16], "filetype": photo["content_type"]}
        packed = ",".join(f"{name} {b64encode(text.encode()).decode()}" for name, text in said.items())
        given = {"Upload-Length": str(photo["size"]), "Upload-Metadata": packed, "Content-Length": "0"}
        return self.session.line.ask("POST", UPLOADS, b"", TUS | given | who)

    def append(self, photo: sqlite3.Row, upload: str, offset: int) -> Answer:
        """The rest in one request; when it is cut, what came counts. The token was just seen to be good."""
        rest = {"Content-Type": "application/offset+octet-stream", "Content-Length": str(photo["size"] - offset)}
        with open(self.store.file(photo["sha256"]), "rb") as file:
            file.seek(offset)
            given = TUS | rest | {"Upload-Offset": str(offset)} | self.session.authorization()
            return self.session.line.ask("PATCH", upload, file, given)

    def not_taken(self, photo: sqlite3.Row, answer: Answer) -> None:
        if answer.status in NEVER:
            return self.refused(photo, answer)
        if answer.status == 409:  # somebody was further, or a line thought dead went on: asked anew the next time
            raise Later(0, "an offset that is no longer true")
        if answer.status in (*GONE, 422, 460):  # expired, or other bytes than were promised: from zero
            self.store.photo_is(photo, upload=None, state=WAITING)
            if not self.is_whole(photo):
                return self.refused(photo, answer)
            raise Later(0, f"sent again from the beginning: {answer.status}")
        answer.check()
        raise Later(0, f"an answer nobody expected: {answer.status}")

    def refused(self, photo: sqlite3.Row, answer: Answer) -> None:
        """It stays on the phone for its owner to decide."""
        problem: Any = json.dumps(answer.problem, ensure_ascii=False)
        self.store.photo_is(photo, state=REFUSED, problem=problem)

    def is_whole(self, photo: sqlite3.Row) -> bool:
        """Whether the copy here is still what was recorded; a memory card forgets, too."""
        with open(self.store.file(photo["sha256"]), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == photo["sha256"]
