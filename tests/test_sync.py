"""A phone's queue: nothing lost, nothing doubled, whatever is resent, cut or reordered; and wrong clocks."""

import gzip
import json
import random
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api import transaction
from models import Event, Incident, Note, SyncClock, User, db
from models.base import now
from models.clocks import PhoneClock
from models.database import write_transaction
from models.numbers import Counter
from models.reporting import Draft
from tests.people import BORDER, new_report
from tests.phones import act, codes, create, note, operation, photos, send, words
from tests.pictures import jpeg
from tests.test_assignments import recruit
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, state_of, walk

FAR_AWAY = {"lat": 10.0, "lon": 106.0}


def count(in_app, model, **where):
    return in_app(lambda: db.session.scalar(db.select(db.func.count()).select_from(model).filter_by(**where)))


def test_a_queue_is_done_in_its_order_as_the_live_routes_would(as_):
    made = create(photos=[{"sha256": "ab" * 32}])
    incident = made["body"]
    results = send(
        as_(REPORTER), made, note(incident, "Còn dấu xe máy."), act(incident, "retract", reason="Báo nhầm chỗ.")
    )
    assert words(results) == ["created", "created", "applied"]
    assert codes(results) == [None] * 3
    live = as_(REPORTER).read(incident)
    assert (live["status"], live["version"]) == ("unfounded", results[-1]["version"])
    assert {r["number"] for r in results} == {live["number"]}
    assert results[0]["photos"] == [{"sha256": "ab" * 32, "state": "missing"}]
    assert all(r["receipt"].startswith("GR1.") and len(r["receipt"]) <= 400 for r in results)
    assert set(results[0]) == {"id", "result", "number", "version", "photos", "receipt", "problem"}
    kinds = [e["kind"] for e in as_(REPORTER).get(f"/incidents/{incident['id']}/timeline").json["items"]]
    assert kinds == ["incident.report", "incident.note", "incident.retract"]


def test_two_hundred_reports_go_in_one_round_trip_and_once_more_double_nothing(as_, in_app):
    queue = [create() for _ in range(200)]
    first = send(as_(REPORTER), *queue)
    assert words(first) == ["created"] * 200
    assert [r["id"] for r in first] == [o["id"] for o in queue]
    numbers = [r["number"] for r in first]
    assert numbers == sorted(numbers) and len(set(numbers)) == 200
    again = send(as_(REPORTER), *queue)
    assert words(again) == ["replayed"] * 200
    assert [r["number"] for r in again] == numbers
    assert count(in_app, Incident) == 200
    assert count(in_app, Event, kind="incident.report") == 200


@pytest.mark.parametrize(
    "batch",
    [
        [],
        {},
        {"operations": None},
        {"operations": {"id": "1"}},
        {"operations": [create() for _ in range(201)]},
        {"operations": [create(), {"kind": "incident.create", "body": {}}]},
        {"operations": [{"id": 7, "kind": "incident.create", "body": {}}]},
        {"operations": [{"id": "", "kind": "incident.create", "body": {}}]},
    ],
)
def test_a_batch_that_is_none_is_refused_whole(as_, in_app, batch):
    reply = as_(REPORTER).post("/sync", json=batch)
    assert (reply.status_code, reply.json["code"]) == (422, "invalid")
    assert count(in_app, Incident) == 0


def test_one_bad_item_never_blocks_another(as_):
    good = [create(), create()]
    bad = [
        *[7, None, "chữ", [create()]],
        operation("patrol.teleport", {}),
        operation(None, {}),
        operation("incident.create", None),
        operation("incident.create", {"type": "illegal_logging"}),
        create(location=FAR_AWAY),
        note({"id": str(uuid4())}, "Chưa có vụ này."),
        operation("incident.note", {"text": ""}, subject=str(uuid4())),
        operation("incident.note", {"text": "Không có chủ thể."}),
        act(good[0]["body"], "fly_away"),
        act(good[0]["body"], "answer"),
        act(good[0]["body"], "receive"),
        act(good[0]["body"], "retract", version=[3], reason="Nhầm."),
        operation("incident.photos", {"photos": [{"sha256": "x"}]}, subject=good[0]["body"]["id"]),
    ]
    results = send(as_(REPORTER), good[0], *bad, good[1], device_time="hôm qua")
    assert words(results) == ["created"] + ["rejected"] * 9 + ["rejected"] * 4 + ["conflict"] + ["rejected"] * 3 + [
        "created"
    ]
    found = codes(results)[1:-1]
    assert found == [
        *["invalid"] * 4,
        *["unknown_kind"] * 2,
        *["invalid"] * 2,
        "outside_territory",
        "unknown_subject",
        *["invalid"] * 3,
        "wrong_status",
        "not_allowed",
        *["invalid"] * 2,
    ]
    retryable = {r["problem"]["code"] for r in results if r["problem"] and r["problem"]["retryable"]}
    assert retryable == {"unknown_kind", "unknown_subject"}


def test_what_fails_for_no_reason_of_its_own_is_undone_and_kept_by_the_phone(as_, monkeypatch):
    real = Note.write

    def write(incident, author, text, **more):
        if text == "hỏng":
            incident.description = "đã bị sửa"
            db.session.flush()
            raise ZeroDivisionError
        return real(incident, author, text=text, **more)

    monkeypatch.setattr(Note, "write", write)
    made = create()
    before, after = create(), create()
    results = send(as_(REPORTER), made, before, note(made["body"], "hỏng"), note(made["body"], "lành"), after)
    assert words(results) == ["created", "created", "rejected", "created", "created"]
    assert (results[2]["problem"]["code"], results[2]["problem"]["retryable"]) == ("internal_error", True)
    assert as_(REPORTER).read(made["body"])["description"] == made["body"]["description"]


def test_problems_speak_the_language_of_the_phone(as_):
    for language, sentence in (("vi", "Chưa có vụ việc này"), ("en", "Not here yet")):
        reply = as_(REPORTER).post(
            "/sync",
            json={"operations": [note({"id": str(uuid4())}, "A")]},
            headers={"Accept-Language": language},
        )
        assert reply.json["results"][0]["problem"]["detail"].startswith(sentence)


def test_a_report_by_either_door_is_the_same_report(as_, in_app):
    ranger, spelled = as_(REPORTER), "Bảy gốc nghiến mới chặt"
    live_first, sync_first = create(description=spelled), create(description=spelled)
    decomposed = [
        o | {"body": o["body"] | {"description": unicodedata.normalize("NFD", spelled)}}
        for o in (live_first, sync_first)
    ]
    number = ranger.post("/incidents", json=live_first["body"]).json["number"]
    [result] = send(ranger, decomposed[0])
    assert (result["result"], result["number"]) == ("replayed", number)
    [result] = send(ranger, decomposed[1])
    again = ranger.post("/incidents", json=sync_first["body"])
    assert (result["result"], again.status_code, again.json["number"]) == ("created", 200, result["number"])
    assert count(in_app, Incident) == 2


def test_an_id_with_another_content_is_a_conflict_that_tells_only_its_author_of_the_content(as_, in_app):
    recruit(in_app, "ranger.hai", "ranger", unit="03163")
    made = create()
    send(as_(REPORTER), made)
    other = made | {"id": str(uuid4()), "body": made["body"] | {"description": "Khác."}}
    mine, theirs = send(as_(REPORTER), other)[0], send(as_("ranger.hai"), other)[0]
    assert (mine["result"], mine["problem"]["code"]) == ("conflict", "id_conflict")
    assert mine["problem"]["content_sha256"] == as_(REPORTER).read(made["body"])["content_sha256"]
    assert mine["problem"]["current"]["status"] == "reported"
    assert (theirs["result"], theirs["problem"]["code"]) == ("conflict", "id_conflict")
    assert not {"content_sha256", "current"} & theirs["problem"].keys()


def test_what_names_no_id_of_its_own_is_still_not_doubled(as_, in_app):
    body = new_report()
    body.pop("id")
    made = operation("incident.create", body)
    [first], [again] = send(as_(REPORTER), made), send(as_(REPORTER), made)
    assert (first["result"], again["result"], again["number"]) == ("created", "replayed", first["number"])
    incident = as_(REPORTER).get("/incidents").json["items"][0]
    said = operation("incident.note", {"text": "Một lần thôi."}, subject=incident["id"])
    assert words(send(as_(REPORTER), said, said) + send(as_(REPORTER), said)) == ["created", "replayed", "replayed"]
    assert count(in_app, Note) == 1


def test_the_id_of_an_operation_is_the_key_of_an_action_at_both_doors(as_):
    ranger, incident = as_(REPORTER), walk_to_question(as_)
    said = {"action": "answer"} | SAID["answer"]
    path = f"/incidents/{incident['id']}/actions"
    live = ranger.post(path, json=said, headers={"Idempotency-Key": "k-1"})
    state = state_of(ranger, incident)
    [replayed] = send(ranger, operation("incident.action", said, subject=incident["id"]) | {"id": "k-1"})
    assert (replayed["result"], replayed["version"]) == ("replayed", live.json["version"])
    incident = report(as_)
    said = {"action": "retract", "reason": "Nhầm."}
    sent = operation("incident.action", said, subject=incident["id"]) | {"id": "k-2"}
    results = send(ranger, sent, sent)
    assert words(results) == ["applied", "replayed"] and results[0]["receipt"] == results[1]["receipt"]
    state = state_of(ranger, incident)
    again = ranger.post(f"/incidents/{incident['id']}/actions", json=said, headers={"Idempotency-Key": "k-2"})
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert (again.json, again.headers["ETag"], again.headers["Receipt"]) == (*state[:2], results[0]["receipt"])
    other = sent | {"body": said | {"reason": "Khác."}}
    assert codes(send(ranger, other)) == ["idempotency_key_conflict"]
    assert state_of(ranger, incident) == state


def test_a_step_that_could_be_taken_again_is_taken_once(as_):
    incident = report(as_)
    right = act(incident, "correct", changes={"description": "Tám gốc."}, reason="Đếm lại.")
    assert words(send(as_(REPORTER), right, right) + send(as_(REPORTER), right)) == ["applied", "replayed", "replayed"]
    assert as_(REPORTER).read(incident)["version"] == 2
    assert codes(send(as_(REPORTER), right | {"body": right["body"] | {"reason": "Khác."}})) == [
        "idempotency_key_conflict"
    ]


def walk_to_question(as_):
    return walk(as_, "need_info")


def test_officers_say_on_which_version_they_decided_and_a_conflict_tells_what_is_true_now(as_):
    incident, officer = report(as_), as_(OFFICER)
    assert codes(send(officer, act(incident, "receive"))) == ["version_missing"]
    assert words(send(officer, act(incident, "receive", version=1))) == ["applied"]
    [stale] = send(officer, act(incident, "verify", version=1))
    assert (stale["result"], stale["problem"]["code"]) == ("conflict", "stale_version")
    lead = {k: incident["lead"][k] for k in ("id", "name")}
    assert stale["problem"]["current"] == {"status": "received", "version": 2, "lead": lead}
    assert words(send(officer, act(incident, "verify", version="2-9"))) == ["applied"]
    [late] = send(officer, act(incident, "receive", version=3))
    assert (late["result"], late["problem"]["code"]) == ("conflict", "wrong_status")


def test_a_partner_accepts_offline(as_):
    incident = report(as_)
    row = next(r for r in incident["assignments"] if r["role"] == "support")
    accept = operation("assignment.action", {"action": "accept"}, subject=row["id"], version=1)
    assert words(send(as_(PARTNER), accept, accept)) == ["applied", "replayed"]
    assert as_(OFFICER).read(incident)["joint_status"] == "active"
    path = f"/incidents/{incident['id']}/assignments/{row['id']}/actions"
    again = as_(PARTNER).post(path, json={"action": "accept"}, headers={"Idempotency-Key": accept["id"]})
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")


def test_what_is_not_yours_to_see_and_what_is_not_there_are_one_answer(as_, in_app):
    incident = report(as_)
    row = incident["assignments"][0]["id"]
    recruit(in_app, "ranger.hai", "ranger", unit="03163")
    for who in ("ranger.hai", "officer.sa-pa", "admin"):
        for id, other in ((incident["id"], str(uuid4())), (row, str(uuid4()))):
            kinds = ["assignment.action"] if id == row else ["incident.action", "incident.note", "incident.photos"]
            for kind in kinds:
                body = {
                    "incident.action": {"action": "answer", "answer": "A"},
                    "incident.note": {"text": "A"},
                    "incident.photos": {"photos": [{"sha256": "ab" * 32}]},
                    "assignment.action": {"action": "accept"},
                }[kind]
                seen, absent = send(
                    as_(who),
                    *({"id": "k", "kind": kind, "body": body, "subject": s, "version": 1} for s in (id, other)),
                )
                assert seen == absent
                assert (seen["result"], seen["problem"]["code"]) == ("rejected", "unknown_subject")
                assert seen["problem"]["retryable"] and "current" not in seen["problem"]


def test_an_admin_files_nothing(as_, in_app):
    assert codes(send(as_("admin"), create())) == ["not_allowed"]
    assert count(in_app, Incident) == 0


def test_an_answer_that_comes_too_late_is_kept_as_a_note(as_):
    incident = walk_to_question(as_)
    as_(OFFICER).act(incident, "answer", answer="Đã hỏi trưởng bản.")
    late = act(incident, "answer", **SAID["answer"])
    assert words(send(as_(REPORTER), late) + send(as_(REPORTER), late)) == ["applied", "replayed"]
    events = as_(OFFICER).get(f"/incidents/{incident['id']}/timeline").json["items"]
    assert events[-1]["facts"]["text"] == SAID["answer"]["answer"]
    assert as_(OFFICER).read(incident)["status"] == "received"
    assert codes(send(as_(REPORTER), act(report(as_), "answer", **SAID["answer"]))) == ["wrong_status"]


def test_photos_are_united_never_removed_and_told_as_they_are(as_):
    picture, made = jpeg(), create(photos=[{"sha256": "ab" * 32}])
    incident = made["body"]
    send(as_(REPORTER), made)
    sha256 = as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=picture).json["sha256"]
    results = send(
        as_(REPORTER),
        photos(incident, "cd" * 32, "ab" * 32),
        photos(incident, "cd" * 32),
        made | {"body": incident | {"photos": [{"sha256": "ef" * 32}]}},
    )
    assert words(results) == ["applied", "replayed", "replayed"]
    assert {p["sha256"]: p["state"] for p in results[-1]["photos"]} == {
        **dict.fromkeys(("ab" * 32, "cd" * 32, "ef" * 32), "missing"),
        sha256: "stored",
    }


def seen_of(state):
    """A case as people see it, without what may differ: when, in which order, and what was counted on the way."""
    incident, _, timeline = state
    dated = {"number", "received_at", "revision", "version", "next_deadline", "content_sha256", "id"}
    kept = {k: v for k, v in incident.items() if k not in dated}
    kept["photos"] = sorted(p["sha256"] for p in incident["photos"])
    kept["assignments"] = sorted((r["role"], r["state"], r["unit"]["name"]) for r in incident["assignments"])
    texts = sorted((e["kind"], e["facts"].get("text") or "", e["facts"].get("answer") or "") for e in timeline["items"])
    return kept, texts


def test_whatever_is_cut_resent_and_reordered_the_case_ends_as_at_the_live_routes(as_, in_app):
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


def test_a_report_that_another_transaction_writes_meanwhile_is_found_not_doubled(app, as_, in_app):
    """PostgreSQL: the insert waits for the other's commit, loses, and the operation is done again in its savepoint."""
    if in_app(lambda: db.engine.dialect.name) == "sqlite":
        pytest.skip("SQLite has one writer")
    ranger, made, other = as_(REPORTER), create(), create(location=BORDER | {"lat": 22.19, "lon": 102.575})
    ranger.get("/me")
    sent = json.loads(json.dumps(made["body"]))
    from api.bodies import content_sha256
    from api.schemas.incidents import IncidentReport

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


def test_a_text_report_is_small_on_the_wire(as_):
    made = create(
        severity="high",
        forest_category="protection",
        forest_origin="natural",
        damage={"trees": 7, "timber": [{"species": "Nghiến", "volume_m3": 3.2, "pieces": 7}]},
        plots=[{"subcompartment": "562A", "compartment": "4", "plot": "b"}],
        people=[{"name": "Giàng A Páo", "unit": "Bản Nậm Kè"}],
    )
    body = json.dumps({"device_time": now().isoformat(), "operations": [made]}, ensure_ascii=False).encode()
    assert len(gzip.compress(body)) <= 1200
    reply = as_(REPORTER).post("/sync", data=body, content_type="application/json")
    assert len(reply.data) <= 1200


# Clocks


def found(phone_shows, hours_ago=5):
    return (phone_shows - timedelta(hours=hours_ago)).isoformat()


def check_of(incident):
    return [f["value"] for f in incident["findings"] if f["check"] == "device_clock"]


def counted_at(in_app, id):
    return in_app(lambda: db.session.get(Incident, UUID(id)).counted_at)


@pytest.mark.parametrize("off", [timedelta(hours=3), timedelta(hours=-3), timedelta(days=-3653), timedelta(days=3653)])
def test_a_wrong_clock_is_corrected_by_the_offset_of_the_sync_and_flagged(as_, in_app, off):
    shows = now() + off
    made = create(found_at=found(shows))
    assert words(send(as_(REPORTER), made, device_time=shows.isoformat())) == ["created"]
    incident = as_(REPORTER).read(made["body"])
    assert datetime.fromisoformat(incident["found_at"]) == datetime.fromisoformat(made["body"]["found_at"])
    assert check_of(incident) == [pytest.approx(off.total_seconds(), abs=60)]
    true = now() - timedelta(hours=5)
    assert abs(datetime.fromisoformat(incident["found_at_corrected"]) - true) < timedelta(minutes=1)
    assert abs(counted_at(in_app, incident["id"]) - true) < timedelta(minutes=1)
    kept = in_app(lambda: db.session.scalars(db.select(SyncClock)).one().offset_s)
    assert kept == pytest.approx(off.total_seconds(), abs=60)


def test_a_clock_that_is_right_enough_is_left_alone(as_):
    made = create()
    send(as_(REPORTER), made, device_time=(now() + timedelta(seconds=90)).isoformat())
    incident = as_(REPORTER).read(made["body"])
    assert (check_of(incident), incident["found_at_corrected"]) == ([], None)


def test_a_clock_of_1970_that_the_network_set_right_counts_by_the_satellite_else_by_receipt(as_, in_app):
    gps = now() - timedelta(hours=7)
    with_gps = create(found_at="1970-01-01T00:10:00Z", location=BORDER | {"captured_at": gps.isoformat()})
    without = create(found_at="1970-01-01T00:20:00Z")
    assert words(send(as_(REPORTER), with_gps, without, device_time=now().isoformat())) == ["created"] * 2
    first, second = (as_(REPORTER).read(o["body"]) for o in (with_gps, without))
    assert {f["check"] for f in first["findings"]} == {"clock"} == {f["check"] for f in second["findings"]}
    assert counted_at(in_app, first["id"]) == gps == datetime.fromisoformat(first["found_at_corrected"])
    assert second["found_at_corrected"] is None
    assert counted_at(in_app, second["id"]) == datetime.fromisoformat(second["received_at"])


def test_a_reboot_in_mid_patrol_leaves_what_came_before_uncorrected_and_flagged(as_):
    ahead, behind = now() + timedelta(days=40), now() - timedelta(days=2)
    before = create(found_at=found(behind, 9)) | {"device_time": (ahead - timedelta(hours=5)).isoformat()}
    after = create(found_at=found(behind)) | {"device_time": (behind - timedelta(hours=5)).isoformat()}
    assert words(send(as_(REPORTER), before, after, device_time=behind.isoformat())) == ["created"] * 2
    first, second = (as_(REPORTER).read(o["body"]) for o in (before, after))
    assert (check_of(first), first["found_at_corrected"]) == (["reset"], None)
    assert check_of(second) == [pytest.approx(-2 * 86_400, abs=60)]
    assert abs(datetime.fromisoformat(second["found_at_corrected"]) - (now() - timedelta(hours=5))) < timedelta(
        minutes=1
    )


def test_a_time_later_than_the_clock_shows_was_not_written_by_that_clock(as_):
    shows = now() - timedelta(days=1)
    made = create(found_at=(now() - timedelta(hours=1)).isoformat())
    send(as_(REPORTER), made, device_time=shows.isoformat())
    incident = as_(REPORTER).read(made["body"])
    assert (check_of(incident), incident["found_at_corrected"]) == (["reset"], None)


@pytest.mark.parametrize(
    "shows", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00+07:00", 5, None]
)
@pytest.mark.parametrize("found_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T08:00:00+07:00"])
def test_no_clock_is_a_reason_to_refuse(as_, in_app, shows, found_at):
    assert words(send(as_(REPORTER), create(found_at=found_at), device_time=shows)) == ["created"]
    in_app(lambda: db.session.scalars(db.select(Incident)).one().urgent)


def test_a_fire_found_by_a_phone_of_1970_is_as_urgent_as_any_fire(as_):
    shows = datetime(1970, 1, 1, 6, tzinfo=UTC)
    fire = create(type="forest_fire", found_at="1970-01-01T05:30:00Z")
    send(as_(REPORTER), fire, device_time=shows.isoformat())
    incident = as_(REPORTER).read(fire["body"])
    due = datetime.fromisoformat(incident["next_deadline"]["at"]) - datetime.fromisoformat(incident["received_at"])
    assert due == timedelta(minutes=30)


def test_a_time_that_people_put_right_is_no_longer_corrected(as_):
    shows = now() + timedelta(days=30)
    made = create(found_at=found(shows))
    send(as_(REPORTER), made, device_time=shows.isoformat())
    right = (now() - timedelta(hours=4)).isoformat()
    as_(REPORTER).act(made["body"], "correct", changes={"found_at": right}, reason="Đồng hồ máy sai.")
    incident = as_(REPORTER).read(made["body"])
    assert incident["found_at_corrected"] is None
    assert check_of(incident) == [pytest.approx(30 * 86_400, abs=60)]


def test_a_clock_runs_on_until_it_shows_less_than_before():
    day = datetime(2026, 11, 20, tzinfo=UTC)
    hours = [None if h is None else day + timedelta(hours=h) for h in (1, 2, 90, 91, None, 3, 4)]
    assert PhoneClock(day + timedelta(hours=5), day).ran_on(hours) == [False] * 4 + [True] * 3
    assert PhoneClock(day + timedelta(hours=2), day).ran_on(hours) == [False] * 7
    assert PhoneClock(None, day).ran_on([]) == []


def test_a_queue_may_be_larger_than_a_report_but_not_without_end(as_):
    texts = [note({"id": str(uuid4())}, "ă" * 10_000) for _ in range(150)]
    assert codes(send(as_(REPORTER), *texts[:100])) == ["unknown_subject"] * 100
    large = [o | {"body": o["body"] | {"text": "ă" * 20_000}} for o in texts]
    assert as_(REPORTER).post("/sync", json={"operations": large}).status_code == 413


def test_a_full_disk_is_told_for_all_and_what_was_committed_before_stays(as_, in_app, monkeypatch):
    if in_app(lambda: db.engine.dialect.name) != "sqlite":
        pytest.skip("about SQLite")

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
