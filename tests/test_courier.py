"""A queue carried by another's phone: done as its owner's, readable by nobody on the way, and never half."""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag

from api import limits, logs
from bench.envelopes import open_answer, seal
from models import Incident, Note, Session, SyncClock, db
from models.base import now
from models.envelopes import STEP
from tests.phones import act, codes, create, note, send, words
from tests.test_receipts import verify
from tests.test_sync import count, walk_to_question
from tests.test_workflows import OFFICER, REPORTER, SAID, report, state_of

COURIER = "ranger.ta-tong"  # of the other side: sees nothing of what it carries


class Sealer:
    """The phone that has no way down: what it seals, and what it reads in the answer."""

    def __init__(self, person):
        self.person = person
        reply = person.get("/sync/key")
        assert reply.status_code == 200
        self.key, self.session_id = reply.json["key"], reply.json["session_id"]

    def seal(self, *operations, **batch):
        return seal(self.key, self.session_id, {"operations": list(operations)} | batch)

    def read(self, envelope, reply):
        assert reply.status_code == 200, reply.json
        assert set(reply.json) == {"answer"}
        return open_answer(self.key, envelope, reply.json["answer"])


@pytest.fixture
def sealer(as_):
    return Sealer(as_(REPORTER, "máy không sóng"))


def carry(person, envelope, **request):
    return person.post("/sync/sealed", json={"envelope": envelope}, **request)


def refused(person, envelope):
    reply = carry(person, envelope)
    return reply.status_code, reply.json["code"]


def raw(text):
    return bytearray(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def text(whole):
    return urlsafe_b64encode(bytes(whole)).decode().rstrip("=")


def test_a_carried_queue_is_done_as_by_its_owner_and_says_who_brought_it(as_, in_app, sealer):
    asked = walk_to_question(as_)
    made = create(photos=[{"sha256": "ab" * 32}])
    queue = [made, note(made["body"], "Còn dấu xe máy."), act(asked, "answer", **SAID["answer"])]
    envelope = sealer.seal(*queue)
    told = sealer.read(envelope, carry(as_(COURIER), envelope))
    assert set(told) == {"server_time", "seal", "results"}
    assert words(told["results"]) == ["created", "created", "applied"]
    assert told["results"][0]["photos"] == [{"sha256": "ab" * 32, "state": "missing"}]
    incident = as_(REPORTER).read(made["body"])
    assert (incident["reporter"]["id"], incident["number"]) == (
        as_(REPORTER).user["id"],
        told["results"][0]["number"],
    )
    courier = as_(COURIER).user["id"]
    for id, brought in ((incident["id"], 2), (asked["id"], 1)):
        events = as_(OFFICER).get(f"/incidents/{id}/timeline").json["items"]
        kept = [(e["actor"]["id"], e["facts"]["carried_by"]) for e in events if "carried_by" in e["facts"]]
        assert kept == [(as_(REPORTER).user["id"], courier)] * brought
    assert as_(COURIER).get(f"/incidents/{incident['id']}").status_code == 404
    found = verify(as_(REPORTER), told["results"][0]["receipt"])
    assert (found["genuine"], found["in_log"]) == (True, True)
    assert found["receipt"]["content_sha256"] == incident["content_sha256"]


def test_the_content_is_what_it_would_be_without_a_courier(as_, sealer):
    made, again = create(), create()
    sealer.read(envelope := sealer.seal(made), carry(as_(COURIER), envelope))
    assert words(send(as_(REPORTER), made, again)) == ["replayed", "created"]
    envelope = sealer.seal(made, again)
    assert words(sealer.read(envelope, carry(as_(COURIER), envelope))["results"]) == ["replayed"] * 2


def test_what_an_action_answers_is_kept_as_its_owner_sees_it(as_):
    officer, incident = Sealer(as_(OFFICER)), report(as_)
    said = act(incident, "receive", version=1)
    envelope = officer.seal(said)
    officer.read(envelope, carry(as_(COURIER), envelope))
    path, headers = f"/incidents/{incident['id']}/actions", {"Idempotency-Key": said["id"]}
    live = as_(OFFICER).post(path, json=said["body"], headers=headers)
    assert (live.status_code, live.headers["Idempotent-Replay"]) == (200, "true")
    assert live.json == state_of(as_(OFFICER), incident)[0] and live.json["actions"]


def test_the_courier_lends_no_rights_and_loses_none(as_, in_app):
    """What the owner may not do stays undone, though the courier might; and the other way round."""
    incident = report(as_)
    ranger, officer = Sealer(as_(REPORTER, "máy một")), Sealer(as_(OFFICER, "máy hai"))
    for mine, courier, wanted in ((ranger, OFFICER, "not_allowed"), (officer, COURIER, None)):
        envelope = mine.seal(act(incident, "receive", version=1))
        assert codes(mine.read(envelope, carry(as_(courier), envelope))["results"]) == [wanted]
    envelope = ranger.seal(create())
    assert words(ranger.read(envelope, carry(as_("admin"), envelope))["results"]) == ["created"]


def test_replays_are_harmless_also_by_several_couriers_at_once(as_, in_app, sealer):
    incident = walk_to_question(as_)
    made = [create() for _ in range(3)]
    queue = [*made, *(note(o["body"], "Một lần thôi.") for o in made), act(incident, "answer", **SAID["answer"])]
    envelope = sealer.seal(*queue)
    couriers = [as_(COURIER), as_(COURIER, "máy thứ hai"), as_(OFFICER), as_(REPORTER)]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda courier: carry(courier, envelope), couriers))
    answers = [sealer.read(envelope, reply)["results"] for reply in replies]
    for results in zip(*answers, strict=True):
        assert sorted(words(results))[1:] == ["replayed"] * 3, results
    assert (count(in_app, Incident), count(in_app, Note)) == (4, 3)
    assert words(send(as_(REPORTER), *queue)) == ["replayed"] * 7


def test_an_envelope_that_was_changed_anywhere_or_cut_or_made_elsewhere_does_nothing(as_, in_app, sealer):
    whole, courier = raw(sealer.seal(create())), as_(COURIER)
    chance = random.Random(4)
    bad = [whole[:n] for n in (0, 3, 4, 20, 31, 32, 47, len(whole) - 1)] + [
        whole + b"\0",
        whole[4:],
        b"GRE2" + whole[4:],
    ]
    for place in [*range(0, 34, 3), *(chance.randrange(len(whole)) for _ in range(12)), len(whole) - 1]:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        bad.append(changed)
    other = Sealer(as_(COURIER))  # a key, but not of that session
    bad.append(raw(seal(other.key, sealer.session_id, {"operations": [create()]})))
    bad.append(raw(seal(sealer.key, str(uuid4()), {"operations": [create()]})))
    bad.append(raw(seal("A" * 43, sealer.session_id, {"operations": [create()]})))
    envelopes = ["", "không phải phong bì", "====", *map(text, bad)]
    assert {refused(courier, e) for e in envelopes} == {(422, "envelope_unreadable")}
    reply = carry(courier, envelopes[-1], headers={"Accept-Language": "en"})
    assert (reply.json["retryable"], reply.json["detail"][:13]) == (False, "This envelope")
    assert count(in_app, Incident) == 0
    assert carry(courier, text(whole)).status_code == 200


def test_an_answer_is_for_its_envelope_and_its_owner_alone(as_, sealer):
    first, second = sealer.seal(create()), sealer.seal(create())
    answers = [carry(as_(COURIER), e).json["answer"] for e in (first, second)]
    with pytest.raises(ValueError, match="another envelope"):
        open_answer(sealer.key, first, answers[1])
    changed = raw(answers[0])
    changed[-1] ^= 1
    for key, answer in ((sealer.key, text(changed)), (Sealer(as_(COURIER)).key, answers[0])):
        with pytest.raises(InvalidTag):
            open_answer(key, first, answer)
    assert open_answer(sealer.key, first, answers[0])["results"]


def test_a_courier_learns_nothing_not_even_what_went_wrong_inside(as_, in_app, sealer):
    """A report, a refused one, no batch at all: the clear part of the answer is the same, up to its size in steps."""
    incident = report(as_)
    inside = {
        "created": {"operations": [create()]},
        "conflict": {"operations": [act(incident, "receive", version=7)]},
        "rejected": {"operations": [note({"id": str(uuid4())}, "Chưa có.")]},
        "invalid": {"operations": "không"},
        "none": [],
        "many": {"operations": [create() for _ in range(201)]},
    }
    sizes, headers = set(), set()
    for what, batch in inside.items():
        envelope = seal(sealer.key, sealer.session_id, batch)
        assert len(raw(envelope)) % STEP == (4 + 16 + 12 + 16) % STEP
        reply = carry(as_(COURIER), envelope)
        told = sealer.read(envelope, reply)
        assert told["problem"]["code"] == "invalid" if "problem" in told else words(told["results"]) == [what]
        sizes.add(len(raw(reply.json["answer"])))
        changing = ("X-Request-Id", "Date", "Content-Length")
        headers.add((reply.status_code, str([h for h in reply.headers if h[0] not in changing])))
        assert incident["number"] not in reply.text
    assert len(headers) == 1
    assert len(sizes) <= 2 and {size % STEP for size in sizes} == {(4 + 16 + 12 + 12 + 16) % STEP}


def test_what_unpacks_to_more_than_a_queue_may_hold_is_told_its_owner(as_, sealer):
    envelope = seal(sealer.key, sealer.session_id, {"operations": [], "x": "a" * (5 << 20)})
    assert sealer.read(envelope, carry(as_(COURIER), envelope))["problem"]["code"] == "too_large"


def shut(how, as_, in_app, sealer):
    owner = as_(REPORTER, "máy không sóng")
    if how == "signed out":
        assert owner.post("/auth/logout").status_code == 204
    elif how == "device revoked":
        device = next(d for d in as_(REPORTER).get("/me/devices").json["items"] if d["client_id"] == "máy không sóng")
        assert as_(REPORTER).delete(f"/me/devices/{device['id']}").status_code == 204
    elif how == "disabled":
        reply = as_("admin").patch(f"/users/{owner.user['id']}", json={"disabled": True})
        assert reply.status_code == 200, reply.json
    else:
        past = now() - timedelta(days=31 if how == "idle" else 181)
        what = {"last_refresh_at": past} if how == "idle" else {"created_at": past}

        def age():
            db.session.execute(db.update(Session).where(Session.id == UUID(sealer.session_id)).values(**what))
            db.session.commit()

        in_app(age)


@pytest.mark.parametrize("how", ["signed out", "device revoked", "disabled", "idle", "too long"])
def test_a_sender_who_may_no_longer_send_sends_nothing_by_others_either(as_, in_app, sealer, how):
    envelope = sealer.seal(create())
    shut(how, as_, in_app, sealer)
    code = "envelope_too_old" if how in ("idle", "too long") else "sender_signed_out"
    assert refused(as_(COURIER), envelope) == (422, code)
    assert count(in_app, Incident) == 0
    if how not in ("disabled",):  # the queue is still the owner's, who signs in and sends it
        assert words(send(as_(REPORTER, "máy khác"), create())) == ["created"]


def test_a_courier_who_is_signed_out_delivers_nothing(as_, in_app, sealer):
    envelope = sealer.seal(create())
    as_(COURIER).post("/auth/logout")
    assert refused(as_(COURIER), envelope) == (401, "unauthenticated")
    assert count(in_app, Incident) == 0


def test_delivering_says_nothing_of_the_senders_own_session(as_, in_app, sealer):
    def kept():
        columns = Session.__table__.c["generation", "in_use", "last_refresh_at"]
        return tuple(db.session.execute(db.select(*columns).where(Session.id == UUID(sealer.session_id))).one())

    before = in_app(kept)
    envelope = sealer.seal(create())
    carry(as_(COURIER), envelope)
    assert in_app(kept) == before
    assert as_(REPORTER, "máy không sóng").get("/me").json["username"] == REPORTER


def test_a_key_is_of_one_session_and_stays(as_):
    keys = [
        as_(who, device).get("/sync/key").json for who, device in ((REPORTER, "a"), (REPORTER, "b"), (COURIER, "a"))
    ]
    assert len({k["key"] for k in keys}) == 3 == len({k["session_id"] for k in keys})
    assert as_(REPORTER, "a").get("/sync/key").json == keys[0]
    assert len(raw(keys[0]["key"])) == 32


def test_couriers_count_for_the_owner_but_never_keep_the_owners_own_phone_out(app, as_, in_app, sealer, monkeypatch):
    """One request a minute, two of evidence; for one owner device so much may be carried, by whomever."""
    as_(OFFICER)
    couriers, envelope = [as_(COURIER, device) for device in ("test", "máy hai", "máy ba")], sealer.seal(create())
    monkeypatch.setitem(app.config, "RATE_LIMIT", 1)
    monkeypatch.setitem(app.extensions, "rate_counter", limits.Counter())
    monkeypatch.setattr(limits, "clock", lambda: 1_700_000_010.0)
    assert [carry(courier, envelope).status_code for courier in couriers] == [200, 200, 429]
    assert [carry(couriers[0], envelope).status_code for _ in range(2)] == [429, 429]
    owner = as_(REPORTER, "máy không sóng")
    assert words(send(owner, create())) == ["created"]
    long = sealer.seal(*[create()] * 200)
    monkeypatch.setitem(app.extensions, "rate_counter", limits.Counter())
    assert [carry(as_(who), long).status_code for who in (COURIER, OFFICER)] == [200, 429]
    assert words(send(owner, create())) == ["created"]


def test_what_is_carried_is_kept_out_of_the_logs_like_a_body(as_, sealer, monkeypatch):
    said = []

    def fail(*_, **facts):
        said.append(logs.scrub(f"không lưu được {facts['description']}"))
        raise RuntimeError

    monkeypatch.setattr("api.schemas.sync.Draft", fail)
    envelope = sealer.seal(create(description="Gặp Vàng A Páo."))
    told = sealer.read(envelope, carry(as_(COURIER), envelope))
    assert (codes(told["results"]), said) == (["internal_error"], ["không lưu được […]"])


def test_a_full_disk_is_the_couriers_to_know_and_try_again(as_, sealer, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    envelope = sealer.seal(create())
    with monkeypatch.context() as patch:
        patch.setattr("services.sync.Batch.begin", full)
        reply = carry(as_(COURIER), envelope)
        assert (reply.status_code, reply.json["code"], reply.json["retryable"]) == (507, "disk_full", True)
    assert words(sealer.read(envelope, carry(as_(COURIER), envelope))["results"]) == ["created"]


# Clocks: how long an envelope was on the way, nobody knows.


def clock_of(as_, made):
    incident = as_(REPORTER).read(made["body"])
    return [f["value"] for f in incident["findings"] if f["check"] == "device_clock"], incident["found_at_corrected"]


def last_measured(in_app, ago):
    def age():
        db.session.execute(db.update(SyncClock).values(created_at=now() - ago))
        db.session.commit()

    in_app(age)


def test_days_on_the_way_do_not_count_as_a_clock_that_is_behind(as_, in_app, sealer):
    made = create(found_at=(now() - timedelta(days=4)).isoformat())
    envelope = sealer.seal(made, device_time=(now() - timedelta(days=3)).isoformat())
    sealer.read(envelope, carry(as_(COURIER), envelope))
    assert clock_of(as_, made) == ([], None)
    assert count(in_app, SyncClock) == 0


@pytest.mark.parametrize("off", [timedelta(days=3653), timedelta(days=-20_000)])
def test_what_the_last_sync_of_its_own_measured_holds_for_what_is_carried(as_, in_app, sealer, off):
    owner = as_(REPORTER, "máy không sóng")
    send(owner, create(), device_time=(now() + off).isoformat())
    last_measured(in_app, timedelta(days=5))
    made = create(found_at=(now() + off - timedelta(days=2)).isoformat())
    envelope = sealer.seal(made, device_time=(now() + off - timedelta(days=1)).isoformat())
    sealer.read(envelope, carry(as_(COURIER), envelope))
    [value], corrected = clock_of(as_, made)
    assert value == pytest.approx(off.total_seconds(), abs=60)
    assert abs(datetime.fromisoformat(corrected) - (now() - timedelta(days=2))) < timedelta(minutes=1)
    assert count(in_app, SyncClock) == 1


@pytest.mark.parametrize("shows", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("measured", [True, False])
def test_a_clock_that_was_set_since_is_flagged_and_corrects_nothing(as_, in_app, sealer, shows, measured):
    if measured:
        send(as_(REPORTER, "máy không sóng"), create(), device_time=now().isoformat())
    made = create(found_at=(shows - timedelta(hours=3)).isoformat())
    envelope = sealer.seal(made, device_time=shows.isoformat())
    assert words(sealer.read(envelope, carry(as_(COURIER), envelope))["results"]) == ["created"]
    checks, corrected = clock_of(as_, made)
    assert (checks, corrected) == (["reset"] if measured or shows > now() else [], None)


@pytest.mark.parametrize("shows", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "hôm qua", 5, None])
def test_no_clock_is_a_reason_not_to_carry(as_, sealer, shows):
    send(as_(REPORTER, "máy không sóng"), device_time="9999-12-31T23:59:59Z")
    envelope = sealer.seal(create(), device_time=shows)
    assert words(sealer.read(envelope, carry(as_(COURIER), envelope))["results"]) == ["created"]
