"""A phone's queue through POST /sync: what each operation does, and what its result says."""

import gzip
import json
import unicodedata
from uuid import uuid4

import pytest

from models import Event, Incident, Note, db
from models.base import now
from tests.people import new_report
from tests.phones import act, codes, create, note, operation, photos, send, words
from tests.pictures import jpeg
from tests.test_assignments import recruit
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, state_of, walk

FAR_AWAY = {"lat": 10.0, "lon": 106.0}
# As a ranger writes it down at the place.
IN_FULL = {
    "location": {
        "lat": 22.2424871,
        "lon": 102.6003127,
        "accuracy_m": 7.4,
        "altitude_m": 1184.6,
        "source": "gps",
        "captured_at": "2026-11-21T07:04:41Z",
    },
    "act_from": "2026-11-19T00:00:00+07:00",
    "act_to": "2026-11-20T18:00:00+07:00",
    "severity": "high",
    "forest_category": "protection",
    "forest_origin": "natural",
    "damage": {
        "area_m2": 420,
        "trees": 7,
        "timber": [
            {"species": "Nghiến", "group": "IIA", "volume_m3": 3.214, "pieces": 11},
            {"species": "Trai lý", "group": "IIA", "volume_m3": 0.87, "pieces": 3},
        ],
    },
    "plots": [{"subcompartment": "562A", "compartment": "4", "plot": "b"}],
    "people": [{"name": "Giàng A Páo", "unit": "Bản Nậm Kè"}, {"name": "không rõ", "unit": "xã bên"}],
    "vehicles": [{"plate": "27-B1 234.56", "kind": "Xe máy Win đỏ"}],
    "description": (
        "Lúc 14 giờ 05, tổ tuần tra phát hiện bảy gốc nghiến mới bị cưa hạ cạnh khe Nậm Mì, cách mốc giáp ranh chừng ba "
        "trăm mét về phía Tà Tổng. Nhựa còn ướt, mùn cưa chưa thâm; ước chừng mới cưa trong hai ngày. Mười một thanh xẻ "
        "xếp dưới tán, phủ lá chuối, có vết kéo xuống suối và dấu lốp xe máy đi về bản Nậm Kè. Đã đánh dấu sơn đỏ từng "
        "thanh, đo và ghi biên bản tại chỗ; để lại hai người trông. Đề nghị trạm cho người lên trước tối mai vì sông đang "
        "lên, sợ họ thả bè."
    ),
}


def send_packed(person, *operations, **batch):
    """The results, and the bytes of the request and of the answer."""
    body = gzip.compress(json.dumps({"operations": list(operations)} | batch, ensure_ascii=False).encode())
    headers = {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    reply = person.post("/sync", data=body, content_type="application/json", headers=headers)
    assert reply.status_code == 200
    answer = gzip.decompress(reply.data) if reply.headers.get("Content-Encoding") == "gzip" else reply.data
    return json.loads(answer)["results"], len(body), len(reply.data)


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
    queue = [create(**IN_FULL, details={"note": str(uuid4())}) for _ in range(200)]
    first, *sizes = send_packed(as_(REPORTER), *queue)
    assert max(sizes) <= 200 * 1200
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
    assert stale["problem"]["current"] == {"status": "received", "version": 2, "joint_status": "proposed", "lead": lead}
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


def test_a_text_report_is_small_on_the_wire_both_ways(as_):
    made = create(**IN_FULL) | {"device_time": now().isoformat()}
    results, sent, answered = send_packed(as_(REPORTER), made, device_time=now().isoformat())
    assert (words(results), sent <= 1200, answered <= 1200) == (["created"], True, True), (sent, answered)
    assert as_(REPORTER).read(made["body"])["description"] == IN_FULL["description"]
