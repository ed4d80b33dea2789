"""The pull inbox: who reads which notices, who has taken note, and that none is lost, doubled or says too much."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from models import Event, EventText, Incident, Job, Notice, NoticeViewer, User, db
from models.base import now
from models.database import write_transaction
from models.notices import notice_id
from services import notices, worker
from services.notices import keep
from tests.people import INSIDE
from tests.tellings import Told, tell
from tests.test_assignments import recruit
from tests.test_assignments_of_leads import declines
from tests.test_hand_over import act_on, offer
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, step, walk

AREA, QUANG_LAM = "officer.khu-vuc-muong-nhe", "officer.quang-lam"


def inbox(person, **query):
    reply = person.get("/notices", query_string=query)
    assert reply.status_code == 200, reply.json
    return reply.json["items"]


def kinds(items):
    return [item["kind"] for item in items]


def take_note(person, notice):
    return person.post(f"/notices/{notice['id']}/ack")


def test_whose_scope_holds_the_unit_reads_what_it_is_told_and_nobody_else(app, as_):
    incident = report(as_)
    tell(app)
    for who in (OFFICER, AREA, "leader.muong-nhe", "leader.dien-bien"):
        (notice,) = inbox(as_(who))
        assert (notice["kind"], notice["unit"]["name"]) == ("lead_asked", "Xã Mường Toong"), who
    (notice,) = inbox(as_(PARTNER))
    assert notice["incident"] == {"id": incident["id"], "number": incident["number"], "type": "illegal_logging"}
    assert notice["title"] == f"Đề nghị phối hợp vụ {incident['number']}"
    assert "do Xã Mường Toong chủ trì; đề nghị đơn vị bạn phối hợp. Cần trả lời trước" in notice["text"]
    assert [c["name"] for c in notice["contacts"]] == ["Đầu mối phối hợp Mường Toong", "Trực cháy rừng Mường Toong"]
    assert (notice["urgent"], notice["acked_at"], notice["acked_by"], notice["read_at"]) == (False, None, None, None)
    english = as_(PARTNER).get("/notices", headers={"Accept-Language": "en"}).json["items"][0]
    assert english["id"] == notice["id"] and "Illegal" in english["text"] and "your unit is asked" in english["text"]
    for who in (REPORTER, "ranger.ta-tong", "officer.nam-ke", "leader.lao-cai", "admin"):
        assert inbox(as_(who)) == [], who
        assert take_note(as_(who), notice).status_code == 404, who
    assert take_note(as_(OFFICER), notice).json == as_(OFFICER).get(f"/incidents/{uuid4()}").json
    assert take_note(as_(OFFICER), {"id": str(uuid4())}).status_code == 404


def test_what_an_officer_has_taken_note_of_is_read_for_the_unit_and_says_who_and_when(app, as_, in_app):
    recruit(in_app, "officer.hai", "officer", unit="03163")
    report(as_)
    tell(app)
    (notice,) = inbox(as_(OFFICER), unread=True)
    taken = take_note(as_(OFFICER), notice).json
    assert taken["acked_by"]["name"] == "Giàng A Sử" and taken["acked_at"] == taken["read_at"]
    again = take_note(as_(OFFICER), notice)
    assert (again.status_code, again.json) == (200, taken)
    for who in (OFFICER, "officer.hai", AREA, "leader.dien-bien"):
        assert inbox(as_(who), unread=True) == [], who
        assert [n["acked_at"] for n in inbox(as_(who), unread=False)] == [taken["acked_at"]]
    late = take_note(as_("officer.hai"), notice).json
    assert (late["acked_by"], late["acked_at"]) == (taken["acked_by"], taken["acked_at"])
    assert late["read_at"] > taken["read_at"]


def test_who_looks_on_from_above_takes_nothing_off_the_desk_of_those_who_must_act(app, as_):
    """A fire that nobody has taken note of stays visible as such."""
    report(as_, type="forest_fire", burning=True, location=dict(INSIDE))
    tell(app)
    leader, unit = as_("leader.dien-bien"), as_(OFFICER).user["unit"]["id"]
    (notice,) = inbox(leader, unread=True, unit=unit)
    assert notice["urgent"]
    taken = take_note(leader, notice).json
    assert (taken["acked_at"], taken["acked_by"]) == (None, None) and taken["read_at"]
    assert notice["id"] not in [n["id"] for n in inbox(leader, unread=True)]
    assert inbox(leader, unit=unit)[0]["acked_at"] is None
    assert kinds(inbox(as_(OFFICER), unread=True)) == ["lead_asked"]
    assert take_note(as_(AREA), notice).json["acked_by"]["name"] == "Pờ Dần Sinh", "an officer who may act for it"
    assert inbox(as_(OFFICER), unread=True) == []


def test_what_asks_for_a_leader_is_not_read_for_them_by_an_officer(app, as_, in_app):
    recruit(in_app, "officer.tinh", "officer", unit="11")
    incident = report(as_)
    declines(as_, OFFICER, incident)
    declines(as_, PARTNER, incident)
    tell(app)
    query = {"unit": as_("leader.dien-bien").user["unit"]["id"], "unread": True}
    (notice,) = inbox(as_("officer.tinh"), **query)
    assert notice["kind"] == "arbiter_asked"
    assert take_note(as_("officer.tinh"), notice).json["acked_at"] is None
    assert kinds(inbox(as_("leader.dien-bien"), **query)) == ["arbiter_asked"]
    assert take_note(as_("leader.dien-bien"), notice).json["acked_by"]["role"] == "leader"


def test_two_who_take_note_at_once_are_both_recorded_and_one_is_first(app, as_, in_app):
    recruit(in_app, "officer.hai", "officer", unit="03163")
    incident = report(as_)
    tell(app)
    (notice,) = inbox(as_(OFFICER))
    people = (OFFICER, OFFICER, "officer.hai")
    replies = at_once(app, incident, *(lambda who=who: take_note(as_(who), notice) for who in people))
    assert [r.status_code for r in replies] == [200] * 3
    first = {(r.json["acked_at"], r.json["acked_by"]["name"]) for r in replies if r.json["acked_at"]}
    assert len(first) == 1 and all(n["read_at"] for who in people for n in inbox(as_(who)))


def test_the_newest_come_first_page_by_page_and_a_unit_can_be_asked_for_alone(app, as_):
    incidents = [report(as_) for _ in range(3)]
    step(as_, incidents[0], "dismiss")
    tell(app)
    leader = as_("leader.dien-bien")
    whole = [n["id"] for n in inbox(leader)]
    assert len(whole) == 3 and [n["at"] for n in inbox(leader)] == sorted(
        (n["at"] for n in inbox(leader)), reverse=True
    )
    found, query = [], {"limit": 1}
    while True:
        reply = leader.get("/notices", query_string=query).json
        found += [n["id"] for n in reply["items"]]
        if reply["next"] is None:
            break
        query["cursor"] = reply["next"]
    assert found == whole
    toong = as_(OFFICER).user["unit"]["id"]
    assert len(inbox(leader, unit=toong)) == 3 and inbox(leader, unit=leader.user["unit"]["id"]) == []
    for who, unit in ((PARTNER, toong), (OFFICER, str(uuid4())), (REPORTER, toong)):
        assert as_(who).get("/notices", query_string={"unit": unit}).status_code == 404


def test_a_phone_gets_what_waits_for_its_owner_with_the_last_page_of_each_sync(app, as_):
    incident = walk(as_, "need_info")
    report(as_)
    tell(app)
    first = as_(REPORTER).get("/sync", query_string={"limit": 1}).json
    assert first["more"] and first["notices"] is None
    page = as_(REPORTER).get("/sync").json
    (notice,) = page["notices"]
    assert (notice["kind"], notice["unit"], notice["incident"]["id"]) == ("question", None, incident["id"])
    assert SAID["ask"]["question"] not in str(page["notices"])
    again = as_(REPORTER).get("/sync", query_string={"since": page["cursor"]}).json
    assert (again["items"], again["cursor"], again["notices"]) == ([], page["cursor"], page["notices"])
    assert as_(REPORTER).get("/bootstrap").json["unread"] == 1
    assert take_note(as_(REPORTER), notice).json["acked_by"]["role"] == "ranger"
    after = as_(REPORTER).get("/sync", query_string={"since": page["cursor"]}).json
    assert (after["notices"], after["cursor"]) == ([], page["cursor"])
    assert as_(REPORTER).get("/bootstrap").json["unread"] == 0
    # What a leader only looks on is in the list, and does not wait for them.
    assert as_("leader.dien-bien").get("/sync").json["notices"] == []
    assert kinds(as_(AREA).get("/sync").json["notices"]) == ["lead_asked", "lead_asked"]
    assert len(as_(AREA).get("/sync", query_string={"limit": 2}).json["notices"] or []) <= 2


# What may be said


def test_who_has_lost_sight_of_a_case_reads_that_and_no_more(app, as_):
    incident = step(as_, report(as_), "receive")
    row = offer(as_, OFFICER, incident, QUANG_LAM).json["assignments"][-1]
    tell(app)
    (invited,) = inbox(as_(QUANG_LAM))
    assert invited["kind"] == "invited" and "Khai thác rừng trái pháp luật" in invited["text"]
    act_on(as_, OFFICER, incident, row, "withdraw", reason="Nhầm xã.")
    tell(app)
    withdrawn, invited = inbox(as_(QUANG_LAM))
    assert withdrawn["text"] == f"Xã Mường Toong đã rút đề nghị gửi đơn vị bạn trong vụ {incident['number']}."
    assert invited["text"] == f"Đơn vị bạn không còn tham gia vụ {incident['number']}."
    assert invited["incident"] == {"id": incident["id"], "number": incident["number"], "type": None}
    assert invited["contacts"] == [] and take_note(as_(QUANG_LAM), invited).status_code == 200


def test_no_notice_quotes_or_keeps_what_people_wrote(app, as_, in_app):
    incident = walk(as_, "resolved", partner=True)
    step(as_, incident, "reopen")
    other = report(as_)
    declines(as_, OFFICER, other)
    tell(app)
    kept = in_app(lambda: str([(n.kind, n.facts) for n in db.session.scalars(db.select(Notice))]))
    texts = in_app(lambda: [t for t in db.session.scalars(db.select(EventText.value)) if t])
    assert len(texts) >= 3 and not [text for text in texts if text in kept]
    assert not [who for who in ("Lò Văn Pọm", "Giàng A Sử", "hmac") if who in kept]
    people = (REPORTER, OFFICER, PARTNER, "leader.dien-bien")
    said = str([n["title"] + n["text"] for who in people for n in inbox(as_(who), limit=100)])
    assert "từ chối chủ trì" in said and ": không thuộc địa bàn." in said
    assert not [text for text in texts if text in said]


def test_a_sentence_of_another_version_still_reads(app, as_, in_app):
    report(as_)
    tell(app)

    def change():
        db.session.execute(db.update(Notice).values(kind="của bản mới", facts={}))
        db.session.commit()

    in_app(change)
    (notice,) = inbox(as_(OFFICER))
    assert "do một đơn vị chủ trì" in notice["text"]


# None is lost and none is doubled


def test_what_is_told_again_has_the_same_id_and_is_there_once(app, as_, in_app):
    report(as_)
    tell(app)
    known = inbox(as_(OFFICER))
    take_note(as_(OFFICER), known[0])
    event = in_app(lambda: db.session.scalars(db.select(Event.hash).filter_by(kind="incident.report")).one())
    assert known[0]["id"] == str(notice_id(event, UUID(known[0]["unit"]["id"])))

    def again():
        """Two workers that read from the beginning before either wrote."""
        Job.remember("tell", "tell")
        db.session.commit()
        for write in [notices.tell(app, "tell", {}) for _ in range(2)]:
            with write_transaction():
                Job.remember("tell", "tell")
                write()
                db.session.commit()
        return db.session.scalar(db.select(db.func.count()).select_from(NoticeViewer))

    assert in_app(again) == 6  # two units, their areas and provinces
    assert [n["id"] for n in inbox(as_(OFFICER))] == [known[0]["id"]] and inbox(as_(OFFICER), unread=True) == []


def test_a_worker_that_dies_before_its_commit_has_told_nobody_and_the_next_tells_all(app, as_, monkeypatch):
    """That a kill at this point undoes all of it: tests/test_jobs.py."""
    report(as_)
    with monkeypatch.context() as patch:
        patch.setattr(notices, "keep", lambda made: (keep(made), 1 / 0))
        tell(app)
    assert inbox(as_(OFFICER)) == []
    with app.app_context(), write_transaction():
        db.session.execute(db.update(Job).values(due_at=now()))
        db.session.commit()
    tell(app)
    assert kinds(inbox(as_(OFFICER))) == ["lead_asked"] and kinds(inbox(as_(PARTNER))) == ["support_asked"]


def tell_once(app):
    with app.app_context():
        write = notices.tell(app, "tell", Job.remembered("tell", "tell"))
        with write_transaction():
            write()
            db.session.commit()


@pytest.mark.only_on("postgresql")
def test_what_is_committed_late_is_told_all_the_same(app, as_):
    """A transaction with the lower number is held open while others commit and are walked past."""
    first, second = report(as_), report(as_)
    told = Told(app)
    told.skip()
    with app.app_context():
        actor = User.named(OFFICER).person
        with write_transaction():
            Incident.find(UUID(first["id"]), actor, lock=True).perform("receive", actor)
            db.session.flush()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(lambda: as_(OFFICER).act(second, "receive")).result()
                pool.submit(lambda: tell_once(app)).result()
                (old,) = pool.submit(lambda: inbox(as_(PARTNER), limit=1)).result()
                assert old["kind"] == "support_asked", "not settled: the one before may still come"
            db.session.commit()
    assert told(of=first) == told(of=second) == {"Xã Tà Tổng": "received"}


def test_an_event_that_cannot_be_read_through_keeps_no_other_back(app, as_, in_app, caplog):
    broken, fine = report(as_, location=dict(INSIDE)), report(as_)

    def break_it():
        db.session.get_one(Incident, UUID(broken["id"])).routing = {}
        db.session.commit()

    in_app(break_it)
    tell(app)
    assert [n["incident"]["id"] for n in inbox(as_(OFFICER))] == [fine["id"]]
    assert "tells nobody" in caplog.text


@pytest.mark.only_on("sqlite")
def test_a_worker_with_nothing_to_tell_only_reads_and_one_with_news_does_not_wait_for_its_time(app, as_, in_app):
    report(as_)
    tell(app)
    place = in_app(lambda: db.session.scalars(db.select(Job.facts).where(Job.kind == "tell")).one())
    assert as_(OFFICER).get(f"/incidents/{report(as_)['id']}/restricted").status_code == 200
    assert worker.run_once(app), "the report"
    assert as_(OFFICER).get(f"/incidents/{inbox(as_(OFFICER))[0]['incident']['id']}/restricted").status_code == 200
    assert not in_app(notices.has_news) and not worker.run_once(app), "a reading tells nobody"
    assert in_app(lambda: db.session.scalars(db.select(Job.facts).where(Job.kind == "tell")).one()) != place
    with app.app_context(), write_transaction():
        db.session.execute(db.update(Job).values(attempts=1, due_at=now() + timedelta(hours=1)))
        db.session.commit()
    report(as_)
    assert not worker.run_once(app), "what failed waits"


@pytest.mark.only_on("sqlite")
def test_a_row_of_previews_does_not_keep_a_fire_from_being_told(app, as_, in_app, monkeypatch):
    report(as_)
    tell(app)
    done = []

    def slow(_app, key, _facts):
        done.append(key)
        if len(done) == 2:
            report(as_, type="forest_fire", burning=True)
        return lambda: None

    monkeypatch.setitem(worker.HANDLERS, "slow", slow)
    with app.app_context(), write_transaction():
        for key in "abcdef":
            Job.ask("slow", key)
        db.session.commit()
    assert worker.run_once(app) and done == ["a", "b"] and not [n for n in inbox(as_(OFFICER)) if n["urgent"]]
    assert worker.run_once(app) and [n for n in inbox(as_(OFFICER)) if n["urgent"]]
    while worker.run_once(app):
        pass
    assert done == [*"abcdef"]


@pytest.mark.only_on("sqlite")
def test_what_was_copied_in_is_told_to_nobody(app, as_, in_app):
    report(as_)

    def copied():
        """While a worker has read it and not written yet."""
        Job.ask("tell", "tell", every_s=600)
        db.session.commit()
        write = notices.tell(app, "tell", {})
        notices.pass_over()
        db.session.commit()
        with write_transaction():
            assert write()
            db.session.commit()

    in_app(copied)
    tell(app)
    assert inbox(as_(OFFICER)) == []
    report(as_)
    tell(app)
    assert len(inbox(as_(OFFICER))) == 1
