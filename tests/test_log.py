"""The log itself: it refuses changes, forgets what must be forgotten, and is sealed in the order in which it settled."""

import threading
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from models import Event, Incident, Seal, db, feed, seals
from models.database import write_transaction
from tests.insider import Insider
from tests.test_audit import OFFICER, PARTNER, RANGER, SECRET, events_of, history, intact, seal_all  # noqa: F401
from tests.test_cli import contents, refusal, succeeds

LOG = ("events", "event_texts", "event_heads", "seals")
CHANGES = [
    *("UPDATE events SET kind = kind", "UPDATE events SET xid = 5", "DELETE FROM events", "UPDATE seals SET count = 1"),
    *("DELETE FROM seals", "DELETE FROM event_heads", "DELETE FROM event_texts", "UPDATE event_texts SET value = 'x'"),
    *("UPDATE event_texts SET value = NULL", "UPDATE event_texts SET salt = NULL", "UPDATE event_texts SET name = 'x'"),
    *("UPDATE event_texts SET value = NULL, salt = NULL, name = 'x'", "UPDATE event_heads SET hash = 'x'"),
    *("UPDATE event_heads SET count = count - 1", "UPDATE event_heads SET count = 0"),
]


def test_the_database_refuses_to_change_replace_or_truncate_the_log(app, history, in_app):  # noqa: F811
    seal_all(app)
    before = contents(app)
    postgresql = in_app(lambda: db.engine.dialect.name == "postgresql")
    replacing = "TRUNCATE {0} CASCADE" if postgresql else "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"
    for change in (*CHANGES, *(replacing.format(table) for table in LOG)):
        with pytest.raises(DatabaseError, match="append-only"):
            in_app(lambda change=change: (db.session.execute(db.text(change)), db.session.commit()))
        assert contents(app) == before, change


# Erasing

ERASE = ("audit", "erase", "--by", "admin", "--reason", "Theo yêu cầu của người được nêu tên.")


def everywhere(app):
    return str(contents(app))


def test_an_erased_note_is_forgotten_everywhere_and_the_chain_still_verifies(app, history, as_):  # noqa: F811
    case = history[0]
    path = f"/incidents/{case['id']}"
    repeated = {"json": {"text": "Bà Lò Thị Mai khai."}, "headers": {"Idempotency-Key": "một-lần"}}
    assert as_(OFFICER).post(f"{path}/notes", **repeated).status_code == 201
    seal_all(app)
    event = events_of(app, case)[-1]
    assert "Lò Thị Mai" in everywhere(app)
    revision = as_(OFFICER).read(case)["revision"]
    said = succeeds(app, *ERASE, "--incident", case["number"], "--event", event.position)
    assert "text" in said and case["number"] in said
    assert "Lò Thị Mai" not in everywhere(app)
    items = as_(OFFICER).get(f"{path}/timeline").json["items"]
    assert items[event.position - 1]["facts"]["text"] is None
    last = items[-1]
    assert (last["kind"], last["actor"]["role"]) == ("incident.erased", "admin")
    assert last["facts"] == {"event": event.position, "erased": ["text"], "reason": ERASE[-1]}
    assert as_(OFFICER).read(case)["revision"] > revision
    assert "1 văn bản đã xóa theo quy định" in intact(app)
    seal_all(app)
    assert "0 sự kiện chưa niêm phong" in intact(app)
    assert as_(OFFICER).post(f"{path}/notes", **repeated).json["text"] is None  # sent again: not written again
    assert len(as_(OFFICER).get(f"{path}/timeline").json["items"]) == len(items)


def test_what_a_step_said_is_forgotten_in_the_case_too(app, history, as_):  # noqa: F811
    case = history[0]
    position = next(e.position for e in events_of(app, case) if e.kind == "incident.answer")
    assert as_(OFFICER).read(case)["handling"]["answer"] == "Có, hai vệt bánh."
    succeeds(app, *ERASE, "--incident", case["number"], "--event", position, "--text", "answer")
    assert "answer" not in as_(OFFICER).read(case)["handling"]
    assert as_(OFFICER).read(case)["handling"]["question"] == "Còn dấu xe không?"
    assert "hai vệt bánh" not in everywhere(app)
    intact(app)


@pytest.mark.parametrize(
    "changed",
    [
        {"--by": "officer.muong-toong"},
        {"--by": "không.ai"},
        {"--incident": "MN-2026-999999"},
        {"--event": 1},
        {"--event": 99},
        {"--text": "reason"},
    ],
)
def test_only_an_admin_erases_and_only_what_is_there(app, history, changed):  # noqa: F811
    note = next(e.position for e in events_of(app, history[0]) if e.kind == "incident.note")
    words = {"--incident": history[0]["number"], "--event": note, "--by": "admin", "--reason": "Yêu cầu."} | changed
    refusal(app, "audit", "erase", *(word for pair in words.items() for word in pair))


def test_a_text_is_erased_once(app, history):  # noqa: F811
    note = next(e.position for e in events_of(app, history[0]) if e.kind == "incident.note")
    words = (*ERASE, "--incident", history[0]["number"], "--event", note)
    succeeds(app, *words)
    refusal(app, *words)
    intact(app)


# Sealing


def places(app):
    """(seal, event number) for every sealed event, in the order of the seals."""
    with app.app_context():
        found, place = [], seals.START
        for seal in db.session.scalars(db.select(Seal).order_by(Seal.number)):
            under = db.select(Event.number).where(feed.after(*place), ~feed.after(*seal.place)).order_by(*feed.ORDER)
            found += [(seal.number, number) for number in db.session.scalars(under)]
            place = seal.place
        return found


@pytest.mark.only_on("postgresql")
def test_what_is_not_settled_waits_for_its_seal_and_so_does_what_came_after_it(app, as_, history, in_app):  # noqa: F811
    seal_all(app)
    sealed = places(app)
    with app.app_context():
        slow = db.engine.connect()
        incident = db.session.get_one(Incident, UUID(history[1]["id"]))
        db.session.expunge_all()
        db.session.rollback()
        with sa.orm.Session(slow) as session:
            db.session.registry.set(session)  # the model's own way of writing, in a transaction that stays open
            Event.record(incident, "slow", None)
            session.flush()
            low = session.scalar(db.select(db.func.max(Event.number)))
            db.session.registry.clear()
            for _ in range(2):
                assert (
                    as_(OFFICER).post(f"/incidents/{history[0]['id']}/notes", json={"text": "Nhanh."}).status_code
                    == 201
                )
            seal_all(app, wait=False)
            assert places(app) == sealed
            session.commit()
        slow.close()
    seal_all(app)
    added = [number for _, number in places(app)[len(sealed) :]]
    assert len(added) == 3 and low in added and added == sorted(added)
    intact(app)


def test_two_workers_sealing_at_once_put_every_event_under_one_seal(app, as_, history, monkeypatch):  # noqa: F811
    monkeypatch.setattr(seals, "AT_ONCE", 2)
    threads = [threading.Thread(target=seal_all, args=(app,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        numbers = list(db.session.scalars(db.select(Event.number).order_by(*feed.ORDER)))
    assert [number for _, number in places(app)] == numbers
    assert "0 sự kiện chưa niêm phong" in intact(app)


def test_nothing_new_makes_no_seal(app, history):  # noqa: F811
    for _ in range(3):
        seal_all(app)
    assert {seal for seal, _ in places(app)} == {1}


@pytest.mark.only_on("postgresql")
def test_a_database_restored_elsewhere_goes_on_behind_what_it_held(app, as_, history, in_app):  # noqa: F811
    insider = Insider(app)
    insider("UPDATE events SET xid = xid + 5000000")  # as if written where the counter stood higher
    seal_all(app, wait=False)
    assert not places(app)

    def note_restored():
        with write_transaction():
            feed.note_restored(db.session.connection())
            db.session.commit()

    in_app(note_restored)
    before = insider("SELECT MAX(xid), MAX(number) FROM events")[0]
    seal_all(app)
    assert as_(OFFICER).post(f"/incidents/{history[0]['id']}/notes", json={"text": "Sau khôi phục."}).status_code == 201
    after = insider("SELECT xid, number FROM events ORDER BY xid DESC, number DESC LIMIT 1")[0]
    assert after > before and after[1] > before[1]
    seal_all(app)
    assert "2 dấu niêm phong; 0 sự kiện chưa niêm phong" in intact(app)
    insider.close()
