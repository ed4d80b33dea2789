"""One sync of a phone: words first, then what changed, then photos from the smallest; every step may be the last."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bench.phone_content import new_id
from bench.phone_store import SENT, WAITING, Store
from bench.phone_uploads import Uploads
from bench.phone_wire import Later, NoAnswer, Refused, Session, Trouble

MOST_OPERATIONS = 200
MOST_CHANGES = 50
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0


@dataclass
class Outcome:
    """What one sync came to. `trouble`: what ended it before its end; None when it came to its end."""

    acknowledged: int = 0
    changes: int = 0
    photos: int = 0
    trouble: Trouble | None = None

    @property
    def moved(self) -> bool:
        return bool(self.acknowledged or self.changes or self.photos)


class Sync:
    def __init__(self, store: Store, session: Session, clock: Callable[[], datetime]):
        self.store, self.session, self.clock = store, session, clock
        self.uploads = Uploads(store, session)
        # On a line that cuts again and again only small things get through: halved after each cut, doubled after each success.
        self.operations, self.changes = MOST_OPERATIONS, MOST_CHANGES

    def once(self) -> Outcome:
        """Everything there is to do, until it is done or the line breaks."""
        outcome = Outcome()
        try:
            self.send_queue(outcome)
            self.fetch(outcome)
            self.send_photos(outcome)
            self.ask_for_photos()
        except Trouble as trouble:
            outcome.trouble = trouble
        return outcome

    def until_done(
        self, tries: int, sleep: Callable[[float], None] = time.sleep, tell: Callable[[Outcome], None] = lambda _: None
    ) -> Outcome:
        """Again after trouble: after 2, 4, 8 … seconds, at most five minutes, and never sooner than the server asked."""
        pause_s = FIRST_PAUSE_S
        while True:
            outcome = self.once()
            tell(outcome)
            tries -= 1
            if not isinstance(outcome.trouble, NoAnswer | Later) or tries <= 0:
                return outcome
            pause_s = FIRST_PAUSE_S if outcome.moved else min(2 * pause_s, LONGEST_PAUSE_S)
            asked_s = outcome.trouble.after_s if isinstance(outcome.trouble, Later) else 0.0
            sleep(max(asked_s, pause_s * random.uniform(0.5, 1)))  # no two phones of a valley at the same moment

    # Out

    def send_queue(self, outcome: Outcome) -> None:
        """Along the queue; again from its beginning as long as that helps what waited for something behind it."""
        while self.along_the_queue(outcome):
            pass

    def along_the_queue(self, outcome: Outcome) -> int:
        done = place = left = 0
        while items := self.store.waiting(place, self.operations):
            if (settled := self.send([operation for _, operation in items])) is None:
                continue  # refused as a whole: the same ones again, one by one
            done, left, place = done + settled, left + len(items) - settled, items[-1][0]
            outcome.acknowledged += settled
        return done and left

    def send(self, operations: list[dict[str, Any]]) -> int | None:
        """How many were acknowledged; None when the batch as such was refused, and smaller ones may not be."""
        batch = {"device_time": self.clock().isoformat(), "operations": operations}
        try:
            answer = self.session.ask(lambda who: self.session.post("/api/v1/sync", batch, who)).check().json
        except NoAnswer:
            self.operations = max(1, len(operations) // 2)
            raise
        except Refused as refusal:
            if refusal.status not in (413, 422):
                raise
            if len(operations) > 1:
                self.operations = 1  # one by one, so that one cannot block the others
                return None
            self.store.refused(operations[0]["id"], refusal.problem)
            return 0
        self.operations = min(MOST_OPERATIONS, 2 * self.operations)
        return self.store.settle(operations, answer)

    # In

    def fetch(self, outcome: Outcome) -> None:
        more = True
        while more:
            page = self.page(self.store.fact("cursor"))
            self.store.take(page)
            outcome.changes += len(page["items"])
            more = page["more"]

    def page(self, cursor: str | None) -> dict[str, Any]:
        path = f"/api/v1/sync?limit={self.changes}" + (f"&since={quote(cursor)}" if cursor else "")
        try:
            page = self.session.ask(lambda who: self.session.line.ask("GET", path, headers=who)).check().json
        except NoAnswer:
            self.changes = max(1, self.changes // 2)
            raise
        self.changes = min(MOST_CHANGES, 2 * self.changes)
        return page

    # Photos

    def send_photos(self, outcome: Outcome) -> None:
        """One that the server cannot take now does not hold up the next; a broken line ends it."""
        later: Trouble | None = None
        for photo in self.store.photos_in(WAITING):
            try:
                self.uploads.send(photo)
                outcome.photos += 1
            except (Later, Refused) as trouble:
                later = trouble if later is None or isinstance(trouble, Later) else later
        if later:
            with suppress(Refused):
                self.ask_for_photos()
            raise later

    def ask_for_photos(self) -> None:
        """Declare again those whose last byte was sent: the answer says what is stored, and only then copies go."""
        declared: dict[str, list[dict[str, Any]]] = {}
        for photo in self.store.photos_in(SENT):
            facts = {name: photo[name] for name in ("sha256", "size", "content_type", "captured_at")}
            declared.setdefault(photo["incident"], []).append(facts)
        operations = [
            {"id": new_id(), "kind": "incident.photos", "subject": incident, "body": {"photos": photos}}
            for incident, photos in declared.items()
        ]
        while operations:
            count = self.operations
            self.send(operations[:count])
            operations = operations[count:]
