"""What changed that a person may see: nothing skipped, nothing that is not theirs, whatever happens meanwhile."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from api import transaction
from models import Change, Incident, Unit, User, changes, db
from models.base import new_id, now
from models.changes import Cursor, Place
from models.database import write_transaction
from models.feed import note_restored
from models.users import Role
from services import worker
from tests.people import INSIDE
from tests.phones import Copy, create, note, photos, send
from tests.pictures import jpeg
from tests.test_cli import succeeds
from tests.test_receipts import cut
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, step, walk


def same(copy, person):
    """The phone holds exactly what its owner may see, as it is now."""
    items = person.get("/incidents", query_string={"limit": 100}).json["items"]
    assert copy.incidents == {i["id"]: i for i in items}


def test_the_first_time_everything_comes_oldest_first_then_only_what_changed(as_):
    made = [report(as_)["id"] for _ in range(7)]
    for limit in (2, 3, 7, 50):
        copy = Copy(as_(OFFICER), limit)
        assert copy.update() == made
        assert copy.resets == 0
        same(copy, as_(OFFICER))
        assert copy.update() == []
    step(as_, {"id": made[3]}, "receive")
    made.append(report(as_)["id"])
    assert copy.update() == [made[3], made[7]]
    same(copy, as_(OFFICER))
    assert Copy(as_("officer.sa-pa")).update() == [] == Copy(as_("admin")).update()


def test_an_answer_is_case_data(as_):
    reply = as_(REPORTER).get("/sync")
    assert set(reply.json) == {"items", "cursor", "more", "reset", "seal", "notices"}
    assert reply.headers["Cache-Control"] == "no-store"
    assert {"Authorization", "Accept-Language"} <= {v.strip() for v in reply.headers["Vary"].split(",")}


def test_questions_outcomes_and_assignments_reach_the_reporter(as_):
    ranger = Copy(as_(REPORTER))
    incident = walk(as_, "need_info")
    ranger.update()
    assert ranger.incidents[incident["id"]]["handling"]["question"] == SAID["ask"]["question"]
    assert "answer" in ranger.incidents[incident["id"]]["actions"]
    as_(PARTNER).answer(incident, "accept")
    ranger.update()
    assert ranger.incidents[incident["id"]]["joint_status"] == "active"
    as_(OFFICER).act(incident, "answer", **SAID["answer"])
    for action in ("confirm", "resolve"):
        as_(OFFICER).act(incident, action, **SAID[action])
    assert ranger.update() == [incident["id"]]  # once, however often it changed
    assert ranger.incidents[incident["id"]]["handling"]["outcome"] == SAID["resolve"]["outcome"]


def test_a_case_that_changed_often_is_sent_once_at_its_newest_change_also_over_many_pages(as_):
    first, second = report(as_), report(as_)
    copy = Copy(as_(OFFICER), 1)
    copy.update()
    for incident in (first, second, first, second, first):
        as_(REPORTER).post(f"/incidents/{incident['id']}/notes", json={"text": "Còn dấu xe máy."})
    assert copy.update() == [second["id"], first["id"]]
    same(copy, as_(OFFICER))


def test_what_was_erased_is_taken_from_phones_too(app, as_):
    incident = walk(as_, "need_info")
    ranger = Copy(as_(REPORTER))
    ranger.update()
    assert ranger.incidents[incident["id"]]["handling"]["question"]
    position = next(
        e["number"]
        for e in as_(OFFICER).get(f"/incidents/{incident['id']}/timeline").json["items"]
        if e["kind"] == "incident.ask"
    )
    where = ("--incident", incident["number"], "--event", str(position))
    succeeds(app, "audit", "erase", *where, "--by", "admin", "--reason", "Theo yêu cầu.")
    assert ranger.update() == [incident["id"]]
    assert SAID["ask"]["question"] not in str(ranger.incidents)
    same(ranger, as_(REPORTER))


def test_a_phone_that_was_away_for_ever_gets_all_that_happened_meanwhile(as_, monkeypatch):
    """More changes than one page or one request holds; a cursor knows no age."""
    monkeypatch.setattr(changes, "AT_ONCE", 20)
    monkeypatch.setattr(changes, "MOST_WALKED", 40)
    away = Copy(as_(OFFICER), 9)
    first = report(as_)
    away.update()
    queue = [create() for _ in range(40)]
    for part in range(2):
        send(as_(REPORTER), *queue, *(note(o["body"], f"Lần {part}.") for o in queue))
    as_(OFFICER).act(first, "dismiss", **SAID["dismiss"])
    sent = away.update()
    assert len(sent) == len(set(sent)) == 41 and away.resets == 0
    assert away.incidents[first["id"]]["status"] == "unfounded"
    assert set(away.incidents) == {first["id"], *(o["body"]["id"] for o in queue)}


def test_what_no_event_tells_comes_too_and_reading_is_no_change(app, as_):
    incident = report(as_)
    officer = Copy(as_(OFFICER))
    officer.update()
    send(as_(REPORTER), photos(incident, "ab" * 32))
    assert officer.update() == [incident["id"]]
    as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=jpeg())
    assert officer.update() == [incident["id"]]
    while worker.run_once(app):
        pass
    assert officer.update() == [incident["id"]]
    assert "ready" in [p["preview"] for p in officer.incidents[incident["id"]]["photos"]]
    same(officer, as_(OFFICER))
    assert as_(OFFICER).get(f"/incidents/{incident['id']}/restricted").status_code == 200
    assert officer.update() == []


def test_a_case_whose_offer_is_withdrawn_is_gone_and_comes_back_with_a_new_one(as_):
    incident = report(as_)
    partner, leader, officer = Copy(as_(PARTNER)), Copy(as_("leader.lai-chau")), Copy(as_(OFFICER))
    for copy in (partner, leader, officer):
        assert copy.update() == [incident["id"]]
    as_(OFFICER).act(incident, "dismiss", **SAID["dismiss"])
    newcomer = Copy(as_("officer.ta-tong", "máy mới"))
    assert newcomer.update() == []
    for copy, person in ((partner, PARTNER), (leader, "leader.lai-chau"), (officer, OFFICER)):
        assert copy.update() == [incident["id"]]
        same(copy, as_(person))
    assert not partner.incidents and not leader.incidents and officer.incidents
    as_(OFFICER).act(incident, "reopen", **SAID["reopen"])
    for copy, person in ((partner, PARTNER), (leader, "leader.lai-chau"), (newcomer, PARTNER)):
        copy.update()
        same(copy, as_(person))
    assert partner.incidents


def test_what_changes_while_the_first_pages_are_fetched_is_not_missed(as_):
    incidents = [report(as_) for _ in range(6)]
    officer, partner = Copy(as_(OFFICER), 2), Copy(as_(PARTNER), 2)
    for copy in (officer, partner):
        assert copy.page()["more"]
    as_(OFFICER).act(incidents[0], "receive")  # sent before
    as_(OFFICER).act(incidents[5], "receive")  # not sent yet
    as_(OFFICER).act(incidents[1], "dismiss", **SAID["dismiss"])
    as_(OFFICER).act(incidents[4], "dismiss", **SAID["dismiss"])
    late = report(as_)
    for copy, person in ((officer, OFFICER), (partner, PARTNER)):
        copy.update()
        same(copy, as_(person))
        assert late["id"] in copy.incidents


def test_any_interleaving_of_changes_and_syncs_ends_with_what_is_there(as_):
    people = (REPORTER, OFFICER, PARTNER, "leader.muong-nhe", "leader.lai-chau")
    for seed in range(3):
        chance = random.Random(seed)
        copies = {who: Copy(as_(who), chance.choice((1, 2, 3))) for who in people}
        incidents = []
        for _ in range(25):
            what = chance.random()
            if what < 0.25 or not incidents:
                incidents.append(report(as_, **({"location": INSIDE} if chance.random() < 0.3 else {})))
            elif what < 0.6:
                incident = chance.choice(incidents)
                action = chance.choice(as_(OFFICER).read(incident)["actions"] or ["receive"])
                as_(OFFICER).act(incident, action, **SAID.get(action, {}))
            elif what < 0.7:
                send(as_(REPORTER), photos(chance.choice(incidents), f"{chance.getrandbits(256):064x}"))
            else:
                copies[chance.choice(people)].page()
        for who, copy in copies.items():
            copy.update()
            same(copy, as_(who))


@pytest.mark.parametrize("change", ["unit", "role"])
def test_whose_scope_changed_starts_again_with_everything(as_, in_app, change):
    copy = Copy(as_(OFFICER))
    report(as_)
    copy.update()

    def move():
        user = User.named(OFFICER)
        if change == "unit":
            user.unit_id = Unit.by_code("03331").id if Unit.by_code("03331") else User.named("officer.sa-pa").unit_id
        else:
            user.role = Role.RANGER
        db.session.commit()

    in_app(move)
    copy.update()
    assert (copy.resets, copy.incidents) == (1, {})
    copy.update()
    assert copy.resets == 1


def test_a_cursor_that_this_log_does_not_know_starts_again(as_, in_app):
    incident = report(as_)
    copy = Copy(as_(OFFICER))
    copy.update()
    other = Copy(as_(PARTNER))
    other.update()
    good = copy.cursor
    for cursor in ("x", "không phải", good[:-2], good + "AAAA", other.cursor, "A" * 400):
        copy.cursor = cursor
        assert copy.update() == [incident["id"]]
        same(copy, as_(OFFICER))
    assert copy.resets == 6
    as_(OFFICER).act(incident, "receive")
    copy.update()
    ahead = copy.cursor
    texts = "DELETE FROM event_texts WHERE event_number IN (SELECT number FROM events WHERE position = 2)"
    heads = "DELETE FROM event_heads WHERE count = 2"
    cut(in_app, *(db.text(s) for s in (texts, heads, "DELETE FROM events WHERE position = 2")))
    page = as_(OFFICER).get("/sync", query_string={"since": ahead}).json
    assert page["reset"] and [i["incident"]["id"] for i in page["items"]] == [incident["id"]]
    report(as_)  # takes the number of what was cut
    assert as_(OFFICER).get("/sync", query_string={"since": ahead}).json["reset"]


def test_a_cursor_ahead_of_changes_that_were_lost_starts_again(as_, in_app):
    incident = report(as_)
    send(as_(REPORTER), photos(incident, "ab" * 32))
    copy = Copy(as_(OFFICER))
    copy.update()
    cut(in_app, db.delete(Change))
    copy.page()
    assert copy.resets == 1


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "nhiều"}])
def test_a_page_has_a_size(as_, query):
    assert as_(REPORTER).get("/sync", query_string=query).status_code == 422


def test_who_sees_little_and_was_away_for_long_comes_through_in_short_requests(as_, monkeypatch):
    mine = report(as_, location=INSIDE)
    copy = Copy(as_("officer.ta-tong"))
    copy.update()
    for _ in range(6):
        report(as_, location=INSIDE)
    wanted = report(as_)["id"]
    monkeypatch.setattr(changes, "AT_ONCE", 2)
    monkeypatch.setattr(changes, "MOST_WALKED", 4)
    first = copy.page()
    assert (first["items"], first["more"]) == ([], True)
    assert copy.update() == [wanted]
    assert mine["id"] not in copy.incidents


# PostgreSQL numbers events before they are committed.


@pytest.mark.only_on("postgresql")
def test_what_is_committed_late_is_not_skipped(app, as_, in_app):
    """A transaction with the lower number is held open while others commit; also one that takes an id early."""
    first, second = report(as_), report(as_)
    copy = Copy(as_(OFFICER))
    copy.update()
    with app.app_context():
        actor = User.named(OFFICER).person
        with write_transaction():
            Incident.find(UUID(first["id"]), actor, lock=True).perform("receive", actor)
            db.session.flush()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(lambda: as_(OFFICER).act(second, "receive")).result()
                assert pool.submit(copy.update, False).result() == []  # not settled: the one before may still come
            db.session.commit()
    assert copy.update() == [first["id"], second["id"]]
    same(copy, as_(OFFICER))
    with app.app_context(), write_transaction():
        db.session.execute(db.text("SELECT pg_current_xact_id()"))  # an old id, a new number
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: as_(OFFICER).act(second, "verify")).result()
            assert pool.submit(copy.update, False).result() == []
        actor = User.named(OFFICER).person
        Incident.find(UUID(second["id"]), actor, lock=True).perform("ask", actor, question="Ở đâu?")
        db.session.commit()
    assert copy.update() == [second["id"]]
    same(copy, as_(OFFICER))


@pytest.mark.only_on("postgresql")
def test_a_first_sync_while_others_have_not_committed_misses_nothing(app, as_, in_app):
    first, second = report(as_), report(as_)
    copy = Copy(as_(OFFICER), 1)
    with app.app_context():
        actor = User.named(OFFICER).person
        with write_transaction():
            Incident.find(UUID(first["id"]), actor, lock=True).perform("receive", actor)
            db.session.flush()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(lambda: as_(OFFICER).act(second, "receive")).result()
                assert {first["id"], second["id"]} == set(pool.submit(copy.update, False).result())
            db.session.commit()
    assert copy.update()[0] == first["id"]
    same(copy, as_(OFFICER))


@pytest.mark.only_on("postgresql")
def test_a_view_lost_in_a_transaction_held_open_is_told_once_it_is_settled(app, as_, in_app):
    incident = report(as_)
    partner = Copy(as_(PARTNER))
    partner.update()
    with app.app_context():
        actor = User.named(OFFICER).person
        with write_transaction():
            Incident.find(UUID(incident["id"]), actor, lock=True).perform("dismiss", actor, reason="Nhầm.")
            db.session.flush()
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(partner.update, False).result() == []
            db.session.commit()
    assert partner.update() == [incident["id"]]
    assert partner.incidents == {}


@pytest.mark.parametrize("held_s", [0, pytest.param(0.25, marks=pytest.mark.only_on("postgresql"))])
def test_while_many_write_at_once_a_phone_that_syncs_all_the_time_misses_nothing(as_, in_app, monkeypatch, held_s):
    """On PostgreSQL, with some transactions held open, numbers are committed out of their order."""
    chance, real = random.Random(7), transaction.commit_and_remember

    def commit():
        time.sleep(held_s if chance.random() < 0.3 else 0)
        real()

    monkeypatch.setattr(transaction, "commit_and_remember", commit)
    officer = Copy(as_(OFFICER), 3)
    rangers = [as_(REPORTER, f"máy {n}") for n in range(4)]
    known = [create() for _ in range(24)]  # each is changed once, so that one missed is missed for good
    send(as_(REPORTER), *known)
    officer.update()

    def write(n):
        for k in range(6):
            rangers[n].post(f"/incidents/{known[6 * n + k]['body']['id']}/notes", json={"text": f"{n} {k}"})
            if k % 3 == 0:
                report(lambda _: rangers[n])
        return True

    with ThreadPoolExecutor(5) as pool:
        writing = [pool.submit(write, n) for n in range(4)]
        while not all(w.done() for w in writing):
            officer.page(wait=False)
            time.sleep(0.01)
        assert all(w.result() for w in writing)
    officer.update()
    same(officer, as_(OFFICER))


@pytest.mark.only_on("postgresql")
def test_after_a_restore_elsewhere_changes_still_come_behind_what_was_restored(as_, in_app):
    incident = report(as_)
    copy = Copy(as_(OFFICER))
    copy.update()
    cut(
        in_app, db.text("UPDATE events SET xid = xid + 1000000"), db.text("UPDATE feed_changes SET xid = xid + 1000000")
    )

    def restored():
        db.session.execute(db.text("ALTER TABLE events ENABLE TRIGGER stamp"))
        note_restored(db.session.connection())
        db.session.commit()

    in_app(restored)
    assert copy.update() == [incident["id"]] and copy.resets == 1
    as_(OFFICER).act(incident, "receive")
    assert copy.update() == [incident["id"]] and copy.resets == 1
    same(copy, as_(OFFICER))


def test_a_cursor_reads_as_it_was_written(in_app):
    place = (now(), new_id())
    for cursor in (
        Cursor("ab", Place(3, 4, "cd"), Place(), place, True),
        Cursor("ab", Place(), Place(5, 6, "ef"), None, False),
    ):
        assert in_app(lambda cursor=cursor: Cursor.read(cursor.text)) == cursor
        assert in_app(lambda cursor=cursor: Cursor.read(cursor.text[:-4])) is None
