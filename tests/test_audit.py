"""The log shows whatever was done to it: edited, deleted, inserted, swapped, cut, sealed or not; and never cries wolf."""

import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask_migrate import downgrade, upgrade
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Event, Seal, User, db, seals
from models.base import new_id
from models.database import write_transaction
from services.audit import verify
from tests.insider import Insider
from tests.people import new_report
from tests.phones import settle
from tests.pictures import jpeg
from tests.test_cli import run, succeeds
from tests.test_database import empty  # noqa: F401  a fixture

RANGER, OFFICER, LEADER, PARTNER = (
    "ranger.muong-toong",
    "officer.muong-toong",
    "leader.muong-toong",
    "officer.ta-tong",
)
SECRET = "Ông Sùng A Kín ở bản Nậm Xả đã chỉ chỗ giấu gỗ."


@pytest.fixture
def history(as_):
    """Two cases with all that a log holds: reports, a photo, notes, answers, steps, restricted readings."""
    first = as_(RANGER).post("/incidents", json=new_report(people=[{"name": "Giàng A Tỏ"}])).json
    second = as_("ranger.ta-tong").post("/incidents", json=new_report()).json
    path = f"/incidents/{first['id']}"
    picture = {"data": jpeg(), "content_type": "image/jpeg"}
    assert as_(RANGER).post(f"{path}/photos", **picture).status_code == 201
    assert as_(OFFICER).act(first, "receive").status_code == 200
    assert as_(PARTNER).answer(first, "accept").status_code == 200
    assert as_(OFFICER).post(f"{path}/notes", json={"text": SECRET, "private": True}).status_code == 201
    assert as_(OFFICER).act(first, "ask", question="Còn dấu xe không?").status_code == 200
    assert as_(RANGER).act(first, "answer", answer="Có, hai vệt bánh.").status_code == 200
    assert as_(OFFICER).act(first, "verify").status_code == 200
    for who in (OFFICER, PARTNER):
        assert as_(who).get(f"{path}/restricted").status_code == 200
    assert (
        as_(PARTNER).post(f"/incidents/{second['id']}/notes", json={"text": "Đã gọi tổ tuần rừng."}).status_code == 201
    )
    return first, second


@pytest.fixture
def insider(app, history):
    made = Insider(app)
    made.save()
    yield made
    made.close()


def seal_all(app, wait=True):
    if wait:
        settle(app)
    with app.app_context(), write_transaction():
        while Seal.make():
            pass
        db.session.commit()


def intact(app):
    said = succeeds(app, "audit", "verify")
    assert "Nhật ký nguyên vẹn." in said
    return said


def damage(app):
    """What `flask audit verify` says of a damaged log; None when it notices nothing."""
    done = run(app, "audit", "verify")
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    if done.exit_code == 0:
        assert "Nhật ký nguyên vẹn." in done.stdout
        return None
    assert "KHÔNG còn nguyên vẹn" in done.stderr
    return done.stdout


def events_of(app, incident, kind="incident"):
    with app.app_context():
        own = db.select(Event).where(Event.subject_id == UUID(incident["id"]), Event.subject_kind == kind)
        found = list(db.session.scalars(own.order_by(Event.position).options(db.selectinload(Event.texts))))
        db.session.expunge_all()
        return found


def sealed_or_not(app, insider):
    """The same log before and after its sealing; after each turn of the caller it is as it was."""
    for sealed in (False, True):
        if sealed:
            insider.put_back()
            seal_all(app)
            insider.save()
        intact(app)
        yield sealed


def test_an_untouched_log_is_intact_and_says_how_much_is_not_sealed_yet(app, history):
    with app.app_context():
        number = db.session.scalar(db.select(db.func.count(Event.number)))
        chains = db.session.scalar(db.select(db.func.count()).where(Event.position == 1))
    assert number >= 12 and chains >= 3
    said = intact(app)
    assert f"{number} sự kiện, {chains} chuỗi, 0 dấu niêm phong; {number} sự kiện chưa niêm phong, 0 văn bản" in said
    seal_all(app)
    assert f"{number} sự kiện, {chains} chuỗi, 1 dấu niêm phong; 0 sự kiện chưa niêm phong" in intact(app)


def test_an_empty_database_is_intact_and_one_without_tables_is_no_log(empty):  # noqa: F811
    assert "flask db upgrade" in refusal_without_tables(empty)
    with empty.app_context():
        upgrade()
    assert "0 sự kiện, 0 chuỗi, 0 dấu niêm phong" in intact(empty)


def refusal_without_tables(app):
    done = run(app, "audit", "verify")
    assert done.exit_code == 1
    return done.stderr


def test_a_log_from_before_the_heads_gets_them_and_is_intact(app, history, as_):
    with app.app_context():
        downgrade(revision="0001")
        upgrade()
    intact(app)
    assert as_(OFFICER).post(f"/incidents/{history[0]['id']}/notes", json={"text": "Đi tiếp."}).status_code == 201
    seal_all(app)
    assert "0 sự kiện chưa niêm phong" in intact(app)


# Edits


def edits(insider, event, others):
    """Another value for each column that says something, all of the right kind."""
    other = str(others["user"]) if not insider.sqlite else others["user"].hex
    return {
        "at": (event.at + timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "kind": "incident.close",
        "subject_kind": "photo",
        "subject_id": insider.id(uuid4()),
        "position": event.position + 40,
        "actor_id": other,
        "unit_id": insider.id(others["unit"]),
        "facts": '{"before": "reported", "after": "closed"}',
        "hash": "0" * 64,
    }


@pytest.mark.parametrize("which", [0, 3, -1], ids=["first", "middle", "last"])
def test_any_edited_column_is_found_also_when_all_hashes_were_made_right_again(app, history, insider, which):
    event = events_of(app, history[0])[which]
    with app.app_context():
        user = db.session.scalar(db.select(User).where(User.username == "officer.sa-pa"))
        others = {"user": user.id, "unit": user.unit_id}
    for sealed in sealed_or_not(app, insider):
        for column, value in edits(insider, event, others).items():
            for rehash, move_head in ((False, False), (True, False), (True, True)):
                insider(f"UPDATE events SET {column} = ? WHERE number = ?", value, event.number)
                if rehash and column != "hash":
                    insider.rehash("incident", event.subject_id, move_head)
                elif rehash:
                    continue
                said = damage(app)
                assert said and str(event.subject_id) in said, (column, rehash, move_head, sealed)
                insider.put_back()


def test_an_edited_place_in_the_order_is_found_once_sealed_and_before_when_it_cannot_be(app, history, insider):
    event = events_of(app, history[0])[3]
    for sealed in sealed_or_not(app, insider):
        insider("UPDATE events SET xid = xid + 1000000 WHERE number = ?", event.number)
        assert str(event.subject_id) in (damage(app) or ""), sealed
        insider.put_back()
        insider("UPDATE events SET number = number + 1000000 WHERE number = ?", event.number)
        assert str(event.subject_id) in (damage(app) or ""), sealed
        insider.put_back()
        if sealed:  # the very smallest step, which changes the order of nothing
            insider("UPDATE events SET xid = xid - 1 WHERE number = 1")
            assert "Dấu niêm phong thứ 1" in (damage(app) or "")
            insider.put_back()


UNREADABLE = [
    *[("at", "hôm qua"), ("at", 5), ("kind", b"\xff\xfe"), ("position", "ba"), ("position", 0), ("position", -1)],
    *[("facts", "không phải JSON"), ("facts", "null"), ("facts", "[1]"), ("facts", '{"n": 1e400}'), ("xid", "x")],
    *[("facts", '{"n": 99999999999999999999}'), ("subject_id", "vụ"), ("actor_id", "ai đó"), ("hash", "ngắn")],
]


@pytest.mark.only_on("sqlite")
def test_values_that_sqlite_takes_and_nothing_can_read_are_found_not_a_crash(app, history, insider):
    event = events_of(app, history[0])[3]
    seal_all(app)
    insider.save()
    for column, value in UNREADABLE:
        changed = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
        insider(f"UPDATE events SET {column} = {changed} WHERE number = ?", value, event.number)
        assert str(event.subject_id) in (damage(app) or ""), (column, value)
        insider.put_back()


# Deleted, inserted, swapped, cut


def delete(insider, *events):
    for event in events:
        insider("DELETE FROM event_texts WHERE event_number = ?", event.number)
        insider("DELETE FROM events WHERE number = ?", event.number)


def close_the_gap(insider, events, gone):
    for event in events[gone + 1 :]:
        insider("UPDATE events SET position = ? WHERE number = ?", event.position - 1, event.number)


def insert(insider, event, position, hash="0" * 64):
    """A copy of an event, as a made-up one, at another place of its chain."""
    columns = "at, kind, subject_kind, subject_id, actor_id, unit_id, xid"
    if position != event.position + 1_000:
        later = insider(
            "SELECT number, position FROM events WHERE subject_id = ? AND subject_kind = ? AND position >= ? "
            "ORDER BY position DESC",
            insider.id(event.subject_id),
            event.subject_kind,
            position,
        )
        for number, place in later:
            insider("UPDATE events SET position = ? WHERE number = ?", place + 1, number)
    insider(
        f"INSERT INTO events (number, position, hash, facts, {columns}) SELECT (SELECT MAX(number) + 1 FROM events), "
        f"?, ?, '{{}}', {columns} FROM events WHERE number = ?",
        *(position, hash, event.number),
    )


@pytest.mark.parametrize("which", [0, 3, -1], ids=["first", "middle", "last"])
def test_a_deleted_event_is_found(app, history, insider, which):
    events = events_of(app, history[0])
    gone = which % len(events)
    for sealed in sealed_or_not(app, insider):
        for closing, move_head in ((False, False), (True, False), (True, True)):
            delete(insider, events[gone])
            if closing:
                close_the_gap(insider, events, gone)
                insider.rehash("incident", events[0].subject_id, move_head)
            said = damage(app)
            assert said and str(events[0].subject_id) in said, (sealed, closing, move_head)
            insider.put_back()


@pytest.mark.parametrize("position", [1, 4, None], ids=["first", "middle", "last"])
def test_an_event_that_was_made_up_is_found(app, history, insider, position):
    events = events_of(app, history[0])
    for sealed in sealed_or_not(app, insider):
        for rehash, move_head in ((False, False), (True, False), (True, True)):
            insert(insider, events[2], position or len(events) + 1)
            if rehash:
                insider.rehash("incident", events[0].subject_id, move_head)
            said = damage(app)
            assert said and str(events[0].subject_id) in said, (sealed, rehash, move_head)
            insider.put_back()


def test_an_event_made_up_on_a_chain_of_its_own_is_found(app, history, insider):
    event = events_of(app, history[0])[2]
    for _ in sealed_or_not(app, insider):
        for position in (1, 2):
            insert(insider, event, position + 1_000)
            insider("UPDATE events SET subject_kind = 'access2', position = ? WHERE position > 1000", position)
            insider.rehash("access2", event.subject_id)
            assert f"access2 {event.subject_id}" in (damage(app) or "")
            insider.put_back()


def test_two_swapped_events_are_found(app, history, insider):
    events = events_of(app, history[0])
    for sealed in sealed_or_not(app, insider):
        for first, second in ((0, 1), (2, 5), (-2, -1)):
            for rehash in (False, True):
                one, other = events[first], events[second]
                for number, position in ((one.number, 900), (other.number, one.position), (one.number, other.position)):
                    insider("UPDATE events SET position = ? WHERE number = ?", position, number)
                if rehash:
                    insider.rehash("incident", one.subject_id, move_head=True)
                assert str(one.subject_id) in (damage(app) or ""), (sealed, first, second, rehash)
                insider.put_back()


def test_a_cut_tail_is_found(app, history, insider):
    for kind in ("incident", "access"):
        events = events_of(app, history[0], kind)
        for sealed in sealed_or_not(app, insider):
            for left in range(len(events)):
                delete(insider, *events[left:])
                insider.rehash(kind, events[0].subject_id, move_head=left % 2 == 1)
                assert str(events[0].subject_id) in (damage(app) or ""), (kind, sealed, left)
                insider.put_back()


def test_a_chain_that_is_gone_with_its_head_is_found_by_the_case_or_by_the_seal(app, history, insider):
    """One that is no case's and was not sealed yet leaves no trace: docs/decisions/0007-log-and-outbox.md."""
    for sealed in sealed_or_not(app, insider):
        for kind, case in (("incident", f"Vụ việc {history[0]['number']}"), ("access", None)):
            events = events_of(app, history[0], kind)
            delete(insider, *events)
            insider(
                "DELETE FROM event_heads WHERE subject_kind = ? AND subject_id = ?",
                kind,
                insider.id(events[0].subject_id),
            )
            said = damage(app)
            if sealed:
                assert said and "Dấu niêm phong thứ 1" in said
            if case:
                assert said and case in said
            insider.put_back()


def test_a_head_that_was_deleted_or_edited_is_found(app, history, insider):
    subject = events_of(app, history[0])[0].subject_id
    where = ("incident", insider.id(subject))
    for _ in sealed_or_not(app, insider):
        for change in (
            "count = count + 1",
            "hash = 'x'",
            "mac = 'x'",
            "count = 'x'",
            "count = 0",
            "subject_kind = 'x'",
        ):
            if change == "count = 'x'" and not insider.sqlite:
                continue
            insider(f"UPDATE event_heads SET {change} WHERE subject_kind = ? AND subject_id = ?", *where)
            assert str(subject) in (damage(app) or ""), change
            insider.put_back()
        insider("DELETE FROM event_heads WHERE subject_kind = ? AND subject_id = ?", *where)
        assert str(subject) in (damage(app) or "")
        delete(insider, events_of(app, history[0])[0])  # and its first event with it
        assert str(subject) in (damage(app) or "")
        insider.put_back()


# Texts


def test_a_text_that_was_edited_deleted_added_or_wiped_without_a_word_is_found(app, history, insider):
    event = next(e for e in events_of(app, history[0]) if e.kind == "incident.note")
    own = ("event_number = ?", event.number)
    changes = [
        ("UPDATE event_texts SET value = 'Không có gì.' WHERE {}", own),
        ("UPDATE event_texts SET salt = ? WHERE {}", (own[0], b"\0" * 16, event.number)),
        ("UPDATE event_texts SET name = 'reason' WHERE {}", own),
        ("UPDATE event_texts SET value = NULL WHERE {}", own),
        ("UPDATE event_texts SET salt = NULL WHERE {}", own),
        ("UPDATE event_texts SET value = NULL, salt = NULL WHERE {}", own),
        ("DELETE FROM event_texts WHERE {}", own),
    ]
    added = (
        "INSERT INTO event_texts (id, created_at, event_number, name, value, salt) "
        "SELECT ?, created_at, event_number, {}, 'đã đóng', salt FROM event_texts WHERE event_number = ?"
    )
    changes += [(added.format(name), ("", insider.id(new_id()), event.number)) for name in ("'after'", "'text'")]
    for sealed in sealed_or_not(app, insider):
        for text, (condition, *values) in changes:
            insider(text.format(condition), *values)
            said = damage(app)
            assert said and f"{event.subject_id}: sự kiện thứ {event.position}: " in said, (text, sealed)
            insider.put_back()


# Anything


@settings(max_examples=20)
@given(
    notes=st.lists(st.text("aăâ đ", min_size=1), min_size=1, max_size=4),
    sealed=st.booleans(),
    done=st.sampled_from(["edit", "delete", "insert", "swap", "cut", "text"]),
    which=st.integers(0, 20),
    column=st.sampled_from(["at", "kind", "subject_id", "position", "facts", "hash"]),
    rehashed=st.sampled_from(["not", "hashes", "hashes and head"]),
)
def test_any_single_damage_to_any_history_is_found(app, as_, notes, sealed, done, which, column, rehashed):
    """Each example adds a case to the log, seals it or not, does one thing to it, and undoes that."""
    case = as_(RANGER).post("/incidents", json=new_report()).json
    for text in notes:
        note = as_(OFFICER).post(f"/incidents/{case['id']}/notes", json={"text": f"{text}."})
        assert note.status_code == 201
    if sealed:
        seal_all(app)
    insider = Insider(app)
    insider.save()
    events = events_of(app, case)
    index = which % len(events)
    event = events[index]
    if done == "edit":
        value = edits(insider, event, {"user": uuid4(), "unit": uuid4()})[column]
        insider(f"UPDATE events SET {column} = ? WHERE number = ?", value, event.number)
    elif done == "delete":
        delete(insider, event)
        close_the_gap(insider, events, index)
    elif done == "insert":
        insert(insider, event, which % (len(events) + 1) + 1)
    elif done == "swap":
        other = events[index - 1]
        for number, position in ((event.number, 900), (other.number, event.position), (event.number, other.position)):
            insider("UPDATE events SET position = ? WHERE number = ?", position, number)
    elif done == "cut":
        delete(insider, *events[index:])
    else:
        insider("UPDATE event_texts SET value = 'không' WHERE event_number = ?", events[-1].number)
    if rehashed != "not" and (done, column) != ("edit", "hash"):
        insider.rehash("incident", event.subject_id, move_head=rehashed != "hashes")
    assert str(event.subject_id) in (damage(app) or "")
    insider.put_back()
    insider.close()
    intact(app)


def test_what_is_written_meanwhile_is_never_taken_for_damage(app, as_, history, monkeypatch):
    monkeypatch.setattr("services.chains.PAGE", 3)  # so that much is written between two pages
    monkeypatch.setattr(seals, "AT_ONCE", 5)
    over, failed = threading.Event(), []
    person = as_(OFFICER)

    def write():
        while not over.is_set():
            note = person.post(f"/incidents/{history[0]['id']}/notes", json={"text": "Đang ghi."})
            if note.status_code not in (201, 503):
                failed.append(note.json)
            seal_all(app, wait=False)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        with app.app_context():
            found = [verify() for _ in range(4)]
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert not failed and [f.problems for f in found] == [[]] * 4
    assert found[-1].events > found[0].events
    intact(app)


# Seals


@pytest.fixture
def sealed_in_four(app, history, monkeypatch):
    monkeypatch.setattr(seals, "AT_ONCE", 4)
    seal_all(app)
    insider = Insider(app)
    insider.save()
    assert insider("SELECT number, count FROM seals ORDER BY number")[:2] == [(1, 4), (2, 4)]
    yield insider
    insider.close()


def test_a_seal_that_was_edited_deleted_inserted_or_renumbered_is_found(app, sealed_in_four):
    insider = sealed_in_four
    last = insider("SELECT MAX(number) FROM seals")[0][0]
    for number in (1, 2, last):
        for change in (
            *("count = count + 1", "hash = 'x'", "upto_number = upto_number + 1", "upto_number = upto_number - 1"),
            *("upto_xid = upto_xid + 1", "upto_xid = upto_xid - 1", "at = '2026-01-02 03:04:05.000000'"),
            *("number = number + 100", "number = -number", "number = 0"),
        ):
            insider(f"UPDATE seals SET {change} WHERE number = ?", number)
            assert "ấu niêm phong" in (damage(app) or ""), (number, change)
            insider.put_back()
        insider("DELETE FROM seals WHERE number = ?", number)
        assert "ấu niêm phong" in (damage(app) or ""), number
        insider.put_back()
        for made_up in (0, -5, last + 1, last + 9):
            insider(
                "INSERT INTO seals (number, at, upto_xid, upto_number, count, hash) "
                "SELECT ?, at, upto_xid, upto_number + 1000, 0, 'x' FROM seals WHERE number = ?",
                *(made_up, number),
            )
            assert "ấu niêm phong" in (damage(app) or ""), made_up
            insider.put_back()
    insider("DELETE FROM seals")
    assert "ấu niêm phong" in (damage(app) or "")
    insider.put_back()
    insider("DELETE FROM event_heads WHERE subject_kind = 'seal'")
    assert "ấu niêm phong" in (damage(app) or "")


def test_seals_that_were_all_made_anew_are_found_by_their_head(app, sealed_in_four):
    """Hashes anybody can compute; the head only who has the key."""
    insider = sealed_in_four
    head = insider("SELECT count, hash, mac FROM event_heads WHERE subject_kind = 'seal'")
    insider("DELETE FROM seals")
    insider("DELETE FROM event_heads WHERE subject_kind = 'seal'")
    seal_all(app)
    insider("UPDATE event_heads SET count = ?, hash = ?, mac = ? WHERE subject_kind = 'seal'", *head[0])
    assert "ấu niêm phong" in (damage(app) or "")


def test_sealing_goes_on_over_a_deleted_seal_and_never_covers_it_up(app, sealed_in_four, as_, history):
    last = sealed_in_four("SELECT MAX(number) FROM seals")[0][0]
    sealed_in_four("DELETE FROM seals WHERE number = ?", last)
    note = {"text": "Một chuyến nữa."}
    for number in (last + 1, last + 2):
        assert as_(OFFICER).post(f"/incidents/{history[0]['id']}/notes", json=note).status_code == 201
        seal_all(app)
        assert sealed_in_four("SELECT MAX(number) FROM seals")[0][0] >= number
        assert f"Dấu niêm phong thứ {last} không còn." in (damage(app) or "")
