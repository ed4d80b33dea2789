"""Queues under trouble: cut, resent, reordered, sent at once, on a full disk: nothing lost, nothing doubled."""

import gzip
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from api import incoming, limits, transaction
from api.bodies import content_sha256
from api.schemas.incidents import IncidentReport
from models import Incident, Note, SyncClock, User, db
from models.base import now
from models.database import write_transaction
from models.numbers import Counter
from models.reporting import Draft
from tests.people import BORDER, new_report
from tests.phones import act, codes, create, note, photos, send, words
from tests.test_cli import succeeds
from tests.test_sync import count, walk_to_question
from tests.test_workflows import OFFICER, REPORTER, SAID, report, state_of


def seen_of(state):
    """A case as people see it, without what may differ: when, in which order, and what was counted on the way."""
    incident, _, timeline = state
    dated = {"number", "received_at", "revision", "version", "next_deadline", "content_sha256", "id"}
    kept = {k: v for k, v in incident.items() if k not in dated}
    kept["photos"] = sorted(p["sha256"] for p in incident["photos"])
    kept["assignments"] = sorted((r["role"], r["state"], r["unit"]["name"]) for r in incident["assignments"])
    texts = sorted((e["kind"], e["facts"].get("text") or "", e["facts"].get("answer") or "") for e in timeline["items"])
    return kept, texts


def test_whatever_is_cut_resent_and_reordered_the_case_ends_as_at_the_live_routes(app, as_):
    """Queues of what commutes, sent in any order and in any pieces, each as often as an answer was lost."""
    ranger, found_at = as_(REPORTER), new_report()["found_at"]
    texts = ["Còn dấu xe máy.", "Gặp hai người lạ.", "Đã chụp thêm."]
    live = ranger.post("/incidents", json=new_report(found_at=found_at, photos=[{"sha256": "ab" * 32}])).json
    for text in texts:
        ranger.post(f"/incidents/{live['id']}/notes", json={"text": text})
    send(ranger, photos(live, "cd" * 32))
    wanted = seen_of(state_of(ranger, live))
    for seed in range(12):
        chance = random.Random(seed)
        made = create(found_at=found_at, photos=[{"sha256": "ab" * 32}])
        left = [made, *(note(made["body"], text) for text in texts), photos(made["body"], "cd" * 32)]
        chance.shuffle(left)
        phones = [ranger, as_(REPORTER, "máy thứ hai")]
        while left:
            piece = [chance.choice(left) for _ in range(chance.randint(1, 6))]
            results = send(chance.choice(phones), *piece)
            if chance.random() < 0.4:
                continue  # the answer was lost
            done = {r["id"] for r in results if r["result"] in ("created", "applied", "replayed")}
            assert {c for c in codes(results) if c} <= {"unknown_subject"}
            left = [o for o in left if o["id"] not in done]
        assert seen_of(state_of(ranger, made["body"])) == wanted, seed
    succeeds(app, "audit", "verify")


def test_of_actions_that_do_not_commute_the_first_to_arrive_wins(as_):
    for order in (("receive", "dismiss"), ("dismiss", "receive")):
        incident = report(as_)
        queue = [act(incident, a, version=1, **SAID.get(a, {})) for a in order]
        assert words(send(as_(OFFICER), *queue)) == ["applied", "conflict"]
        assert words(send(as_(OFFICER), *reversed(queue))) == ["conflict", "replayed"]
        assert as_(OFFICER).read(incident)["status"] == {"receive": "received", "dismiss": "unfounded"}[order[0]]


def test_one_queue_sent_at_the_same_moment_by_several_phones_is_done_once(as_, in_app):
    incident = walk_to_question(as_)
    queue = [create() for _ in range(5)]
    queue += [note(o["body"], "Một lần thôi.") for o in queue] + [act(incident, "answer", **SAID["answer"])]
    phones = [as_(REPORTER, f"máy {number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda phone: send(phone, *queue), phones))
    for results in zip(*answers, strict=True):
        assert sorted(words(results))[1:] == ["replayed"] * 3, results
    assert (count(in_app, Incident), count(in_app, Note)) == (6, 5)


def test_many_batches_that_count_on_the_same_series_in_any_order_are_all_taken(as_):
    """Numbers of two districts, in opposite orders: each would hold what the other waits for."""
    here, there = BORDER | {"lat": 22.19, "lon": 102.575}, {"lat": 22.347, "lon": 103.855, "accuracy_m": 15.0}
    senders = [as_(REPORTER, device=f"máy {n}") for n in range(6)]

    def exchange(number):
        places = (here, there) if number % 2 else (there, here)
        queue = [create(location=dict(places[n % 2])) for n in range(40)]
        reply = senders[number].post("/sync", json={"operations": queue})
        return reply.status_code, {one["result"] for one in reply.json.get("results", [])}

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(exchange, range(6))) == [(200, {"created"})] * 6


@pytest.mark.only_on("postgresql")
def test_a_report_that_another_transaction_writes_meanwhile_is_found_not_doubled(app, as_, in_app):
    """PostgreSQL: the insert waits for the other's commit, loses, and the operation is done again in its savepoint."""
    ranger, made, other = as_(REPORTER), create(), create(location=BORDER | {"lat": 22.19, "lon": 102.575})
    ranger.get("/me")
    sent = json.loads(json.dumps(made["body"]))
    with ThreadPoolExecutor(1) as pool, app.app_context():
        draft = Draft(User.named(REPORTER).person, content_sha256(sent), **IncidentReport().load(sent))
        with write_transaction():
            draft.file()
            answer = pool.submit(send, ranger, made, other)
            time.sleep(0.5)
            assert not answer.done()
            db.session.commit()
        results = answer.result(timeout=20)
    assert words(results) == ["replayed", "created"]
    assert count(in_app, Incident) == 2


def test_a_long_batch_lets_others_write_in_between_and_answers_when_all_is_committed(app, as_, in_app, monkeypatch):
    monkeypatch.setattr(transaction, "TURN_S", 0)
    committed, real = [], transaction.commit_and_remember

    def commit():
        real()
        committed.append(threading.get_ident())

    monkeypatch.setattr(transaction, "commit_and_remember", commit)
    queue = [create() for _ in range(4)]
    as_(REPORTER).get("/me")
    committed.clear()
    assert words(send(as_(REPORTER), *queue)) == ["created"] * 4
    assert len(committed) == 4
    assert count(in_app, SyncClock) == 0


def test_a_transaction_that_lost_is_tried_again_from_where_the_last_one_ended(as_, in_app, monkeypatch):
    monkeypatch.setattr(transaction, "TURN_S", 0)
    real, calls = transaction.commit_and_remember, []

    def commit():
        calls.append(1)
        if len(calls) == 2:
            raise transaction.OperationalError("COMMIT", {}, Exception("deadlock detected"))
        real()

    as_(REPORTER).get("/me")
    monkeypatch.setattr(transaction, "commit_and_remember", commit)
    results = send(as_(REPORTER), *(create() for _ in range(3)), device_time=now().isoformat())
    assert words(results) == ["created"] * 3 and len({r["number"] for r in results}) == 3
    assert (count(in_app, Incident), count(in_app, SyncClock), len(calls)) == (3, 1, 4)
    assert in_app(lambda: db.session.scalar(db.select(Counter.value))) == 3


def test_a_queue_may_be_larger_than_a_report_but_not_without_end(as_):
    texts = [note({"id": str(uuid4())}, "ă" * 10_000) for _ in range(150)]
    assert codes(send(as_(REPORTER), *texts[:100])) == ["unknown_subject"] * 100
    large = [o | {"body": o["body"] | {"text": "ă" * 20_000}} for o in texts]
    assert as_(REPORTER).post("/sync", json={"operations": large}).status_code == 413


def test_a_queue_comes_packed_and_is_unpacked_no_further_than_it_may_be_large(as_, in_app):
    def post(body):
        headers = {"Content-Encoding": "gzip"}
        return as_(REPORTER).post("/sync", data=body, content_type="application/json", headers=headers)

    packed = gzip.compress(json.dumps({"operations": [create(), create()]}).encode())
    cases = {
        packed: (200, None),
        packed[:-9]: (400, "cut_short"),
        b"{}": (400, "not_gzip"),
        gzip.compress(b'{"operations": [' + b" " * (4 << 20)): (413, "too_large"),
    }
    for body, (status, code) in cases.items():
        reply = post(body)
        assert (reply.status_code, reply.json.get("code")) == (status, code)
    assert count(in_app, Incident) == 2


def test_a_long_queue_is_taken_whole_and_counts_for_what_the_phone_sends_after_it(app, as_, in_app, monkeypatch):
    """Two requests a minute for everything, four of them for evidence."""
    ranger = as_(REPORTER)
    monkeypatch.setitem(app.config, "RATE_LIMIT", 2)
    monkeypatch.setitem(app.extensions, "rate_counter", limits.Counter())
    monkeypatch.setattr(limits, "clock", lambda: 1_700_000_010.0)
    one = create()
    assert [words(send(ranger, one)) for _ in range(3)] == [["created"], ["replayed"], ["replayed"]]
    assert words(send(ranger, *[one] * 200)) == ["replayed"] * 200
    reply = ranger.post("/sync", json={"operations": [one]})
    assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (429, "too_many_requests", True)
    account = [as_(REPORTER, f"máy {n}").post("/sync", json={"operations": [one]}).status_code for n in range(2)]
    assert account == [429, 429]
    assert as_(OFFICER).get("/sync").status_code == 200
    assert count(in_app, Incident) == 1


def test_slow_phones_with_queues_do_not_hold_all_threads(as_, monkeypatch):
    monkeypatch.setattr(incoming, "_uploads", threading.BoundedSemaphore(1))
    with incoming.one_upload():
        reply = as_(REPORTER).post("/sync", json={"operations": [create()]})
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (503, "busy", True)
        assert as_(REPORTER).post("/incidents", json=new_report()).status_code == 201
    assert words(send(as_(REPORTER), create())) == ["created"]


@pytest.mark.only_on("sqlite")
def test_a_full_disk_is_told_for_all_and_what_was_committed_before_stays(as_, in_app, monkeypatch):

    def limit(pages):
        def run():
            db.session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            db.session.rollback()

        in_app(lambda: [db.engine.dispose(), run()])

    as_(REPORTER).get("/me")
    monkeypatch.setattr(transaction, "TURN_S", 0)
    used = in_app(lambda: db.session.connection().exec_driver_sql("PRAGMA page_count").scalar())
    queue = [create(description="ă" * 9_000) for _ in range(20)]
    limit(used + 40)
    reply = as_(REPORTER).post("/sync", json={"operations": queue})
    assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (507, "disk_full", True)
    assert 0 < count(in_app, Incident) < 20
    limit(1_000_000_000)
    results = send(as_(REPORTER), *queue)
    assert words(results) == sorted(words(results), reverse=True) and set(words(results)) == {"replayed", "created"}
    assert count(in_app, Incident) == 20
