"""What a phone sends and keeps: operations for /sync, and a copy of the server's changes."""

import time
from typing import Any
from uuid import uuid4

from models import Change, Event, db, feed
from tests.people import new_report


def operation(kind: str, body: Any, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "kind": kind, "body": body} | more


def create(**changes: Any) -> dict[str, Any]:
    return operation("incident.create", new_report(**changes))


def act(incident: Any, action: str, version: Any = None, **said: Any) -> dict[str, Any]:
    more = {} if version is None else {"version": version}
    return operation("incident.action", {"action": action} | said, subject=incident["id"], **more)


def note(incident: Any, text: str, **body: Any) -> dict[str, Any]:
    return operation("incident.note", {"id": str(uuid4()), "text": text} | body, subject=incident["id"])


def photos(incident: Any, *hashes: str) -> dict[str, Any]:
    return operation("incident.photos", {"photos": [{"sha256": h} for h in hashes]}, subject=incident["id"])


def send(person: Any, *operations: Any, **batch: Any) -> list[dict[str, Any]]:
    reply = person.post("/sync", json={"operations": list(operations)} | batch)
    assert reply.status_code == 200, reply.json
    return reply.json["results"]


def words(results: list[dict[str, Any]]) -> list[str]:
    return [result["result"] for result in results]


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result["problem"] and result["problem"]["code"] for result in results]


def settle(app: Any) -> None:
    """Wait until all that was committed is settled: transactions of other databases of a server hold it up, too."""
    until = time.monotonic() + 10
    with app.app_context():
        while any(
            db.session.scalar(db.select(log.number).where(~feed.settled(log)).limit(1)) for log in (Event, Change)
        ):
            assert time.monotonic() < until
            db.session.rollback()
            time.sleep(0.01)
        db.session.remove()


class Copy:
    """What a phone holds of the server: brought up to date page by page."""

    def __init__(self, person: Any, limit: int = 50):
        self.person, self.limit = person, limit
        self.cursor: str | None = None
        self.incidents: dict[str, dict[str, Any]] = {}
        self.resets = 0

    def page(self, wait: bool = True) -> dict[str, Any]:
        if wait:
            settle(self.person.client.application)
        query = {"limit": self.limit} | ({"since": self.cursor} if self.cursor else {})
        reply = self.person.get("/sync", query_string=query)
        assert reply.status_code == 200, reply.json
        page = reply.json
        if page["reset"]:
            self.incidents.clear()
            self.resets += 1
        for item in page["items"]:
            if item["kind"] == "gone":
                self.incidents.pop(item["id"], None)
            else:
                self.incidents[item["incident"]["id"]] = item["incident"]
        self.cursor = page["cursor"]
        return page

    def update(self, wait: bool = True) -> list[str]:
        """Until nothing is left; the ids sent, in their order. Without `wait`, what is not settled is left out."""
        sent = []
        while True:
            page = self.page(wait)
            sent += [item.get("id") or item["incident"]["id"] for item in page["items"]]
            if not page["more"]:
                return sent
