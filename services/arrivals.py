"""Photos that have arrived and wait here for their place in the store: brought there, as often as it takes."""

from collections.abc import Callable
from typing import Any

from models.base import db
from models.incidents import Incident
from models.jobs import Job
from models.photos import Photo
from services.storage import Store


def store(app: Any, key: str, _facts: dict[str, Any]) -> Callable[[], None]:
    """The job of one hash. Raises StoreAway, to be tried again after a wait that doubles."""
    photos: Store = app.extensions["photo_store"]
    db.session.rollback()
    stored = photos.finish(key)

    def write() -> None:
        for incident_id, id in Photo.waiting(key):
            # The incident first, as everybody locks it: its revision grows.
            db.session.get_one(Incident, incident_id, with_for_update=True)
            photo = db.session.get_one(Photo, id)
            if stored:
                photo.found_its_place()
            else:
                photo.lost_on_its_way()
        if stored:
            Job.hurry("store")

    return write
