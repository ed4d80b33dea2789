"""Receipts: the server knows its own, and says so when its log no longer holds what one proves."""

import hashlib

import pytest

from models import Event, Seal, db
from models.receipts import MOST_PHOTOS
from tests.phones import create, note, photos, send, settle
from tests.pictures import jpeg
from tests.test_workflows import REPORTER


def verify(person, receipt):
    reply = person.post("/receipts/verify", json={"receipt": receipt})
    assert reply.status_code == 200, reply.json
    return reply.json


def seal(app, in_app):
    def make():
        Seal.make()
        db.session.commit()

    settle(app)
    in_app(make)


@pytest.fixture
def a_receipt(as_):
    made = create(photos=[{"sha256": f"{n:064x}"} for n in range(1 << 60, (1 << 60) + 40)])
    [result] = send(as_(REPORTER), made)
    return result["receipt"], as_(REPORTER).read(made["body"])


def test_a_receipt_says_what_was_taken_and_anybody_signed_in_may_have_it_checked(app, as_, in_app):
    first = create()
    send(as_(REPORTER), first)
    seal(app, in_app)
    made = create(photos=[{"sha256": "ab" * 32}])
    [result] = send(as_(REPORTER), made)
    incident = as_(REPORTER).read(made["body"])
    latest = as_(REPORTER).get("/sync").json["seal"]
    found = verify(as_("officer.sa-pa"), result["receipt"])
    assert (found["genuine"], found["in_log"], found["problem"]) == (True, True, None)
    facts = found["receipt"]
    assert (facts["incident_id"], facts["number"]) == (incident["id"], incident["number"])
    assert facts["content_sha256"] == incident["content_sha256"]
    assert facts["photos"] == [{"sha256": "ab" * 8, "state": "missing"}]
    assert (facts["seal"], facts["seal_hash"]) == (latest["number"], latest["hash"][:32])
    event = in_app(lambda: db.session.get(Event, facts["event"]))
    assert (event.kind, str(event.subject_id)) == ("incident.report", incident["id"])
    assert event.hash.startswith(facts["event_hash"])


def test_a_receipt_says_of_each_photo_whether_a_phone_may_forget_its_own_copy(as_):
    picture = jpeg()
    here, absent = hashlib.sha256(picture).hexdigest(), "ab" * 32
    made = create(photos=[{"sha256": here}, {"sha256": absent}])

    def states(*queue):
        result = send(as_(REPORTER), *queue)[-1]
        said = {p["sha256"]: p["state"] for p in result["photos"]}
        signed = verify(as_(REPORTER), result["receipt"])["receipt"]["photos"]
        assert {p["sha256"]: p["state"] for p in signed} == {sha256[:16]: state for sha256, state in said.items()}
        return said

    assert states(made) == {here: "missing", absent: "missing"}
    as_(REPORTER).post(f"/incidents/{made['body']['id']}/photos", data=picture)
    assert states(made) == {here: "stored", absent: "missing"} == states(photos(made["body"], absent))


def test_a_receipt_stays_short_with_many_photos(a_receipt, as_):
    receipt, incident = a_receipt
    assert len(incident["photos"]) == 40 and len(receipt) <= 400
    assert len(verify(as_(REPORTER), receipt)["receipt"]["photos"]) == MOST_PHOTOS


def test_no_other_text_is_a_receipt(as_, a_receipt, app):
    receipt, _ = a_receipt
    forged = [
        receipt[:10] + ("A" if receipt[10] != "A" else "B") + receipt[11:],
        receipt[:-1],
        receipt + "AAAA",
        "GR1.",
        "không phải biên nhận",
        as_(REPORTER).get("/sync").json["cursor"],
    ]
    for text in forged:
        found = verify(as_(REPORTER), text)
        assert (found["genuine"], found["in_log"], found["receipt"]) == (False, None, None)
        assert found["problem"]["code"] == "receipt_not_genuine"
    assert verify(as_(REPORTER), f" {receipt} ")["genuine"]


def cut(in_app, *conditions):
    """What somebody with the database's password might do: the triggers are taken away first."""

    def run():
        postgresql = db.engine.dialect.name == "postgresql"
        for table in ("events", "seals", "event_texts", "event_heads"):
            if postgresql:
                db.session.execute(db.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            else:
                named = db.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
                for name in db.session.scalars(named, {"table": table}).all():
                    db.session.execute(db.text(f"DROP TRIGGER {name}"))
        for statement in conditions:
            db.session.execute(statement)
        db.session.commit()

    in_app(run)


def test_a_cut_tail_is_told_by_a_receipt(as_, in_app, a_receipt):
    receipt, incident = a_receipt
    [later] = send(as_(REPORTER), note(incident, "Còn dấu xe máy."))
    number = verify(as_(REPORTER), later["receipt"])["receipt"]["event"]
    statements = (
        f"DELETE FROM event_texts WHERE event_number = {number}",
        f"DELETE FROM events WHERE number = {number}",
        "UPDATE event_heads SET count = 1, hash = (SELECT hash FROM events WHERE subject_id = event_heads.subject_id)",
    )
    cut(in_app, *map(db.text, statements))
    assert verify(as_(REPORTER), receipt)["in_log"] is True
    found = verify(as_(REPORTER), later["receipt"])
    assert (found["genuine"], found["in_log"], found["problem"]["code"]) == (True, False, "log_cut")
    # Another event in its place is not the one that was receipted.
    [other] = send(as_(REPORTER), note(incident, "Không còn dấu gì."))
    assert verify(as_(REPORTER), other["receipt"])["in_log"] is True
    assert verify(as_(REPORTER), later["receipt"])["in_log"] is False


def test_a_seal_that_is_gone_is_told_by_a_receipt(app, as_, in_app):
    send(as_(REPORTER), create())
    seal(app, in_app)
    [result] = send(as_(REPORTER), create())
    assert verify(as_(REPORTER), result["receipt"])["in_log"] is True
    cut(in_app, db.delete(Seal))
    assert verify(as_(REPORTER), result["receipt"])["problem"]["code"] == "log_cut"


def test_another_server_does_not_take_it_for_its_own(as_, a_receipt, app):
    receipt, _ = a_receipt
    with app.app_context():
        engine = db.engine
        options, kept = engine._execution_options, engine._execution_options["audit_key"]
        engine._execution_options = options.union({"audit_key": b"\x07" * 32})
    try:
        assert verify(as_(REPORTER), receipt)["genuine"] is False
    finally:
        engine._execution_options = options.union({"audit_key": kept})
