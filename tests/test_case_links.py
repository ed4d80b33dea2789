"""One-case links: an agency without an account reads the shared part of one case and answers, by a plain page."""

import html
import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine

from api import limits, logs
from models import CaseLink, Incident, Job, db, person
from models.base import now
from models.erasure import erase
from services import worker
from tests.phones import settle
from tests.pictures import jpeg
from tests.tellings import tell
from tests.test_assignments import disable
from tests.test_workflow_versions import at_once
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, state_of, step, walk

AGENCY = {
    "agency": "Đồn Biên phòng Leng Su Sìn",
    "contact": {"name": "Thiếu tá Pờ Gia Lù", "phone": "0215 3 740 116"},
    "reason": "Đề nghị phối hợp tuần tra hướng mốc 17.",
}
GONE = "Liên kết không còn hiệu lực"
WHO = "Trung uý Sừng Sừng Khai, đội vũ trang"


def create(as_, incident, who=OFFICER, **said):
    return as_(who).post(f"/incidents/{incident['id']}/links", json=AGENCY | {"id": str(uuid4())} | said)


def for_unit(as_, incident, unit_id, **said):
    body = {"id": str(uuid4()), "unit_id": unit_id, "reason": "Nhờ phối hợp."} | said
    return as_(OFFICER).post(f"/incidents/{incident['id']}/links", json=body)


def links(as_, incident, who=OFFICER):
    return as_(who).get(f"/incidents/{incident['id']}/links").json["items"]


def timeline(as_, incident, who=OFFICER):
    return as_(who).get(f"/incidents/{incident['id']}/timeline").json["items"]


def told(as_, incident, *kinds):
    return [e for e in timeline(as_, incident) if e["kind"] in {f"incident.{kind}" for kind in kinds}]


def path(link):
    return f"/case/{link['token']}"


def words_of(reply):
    return html.unescape(reply.text)


@pytest.fixture
def browser(app):
    return app.test_client()


@pytest.fixture
def incident(as_):
    return report(as_)


@pytest.fixture
def link(as_, incident):
    reply = create(as_, incident)
    assert reply.status_code == 201
    return reply.json


def form_of(page):
    return re.search(r'name="form" value="([^"]+)"', page.text)[1]


def send(browser, link, answer, form=None, **said):
    """Fill in the form of the page and press the button."""
    form = form or form_of(browser.get(path(link)))
    return browser.post(path(link), data={"form": form, "answer": answer, "name": WHO} | said)


def work(app):
    """All that the worker has to do, what recurs included, however short ago it was done."""
    settle(app)
    worker.prepare(app)
    with app.app_context():
        db.session.execute(db.update(Job).values(due_at=now()))
        db.session.commit()
    while worker.run_once(app):
        pass


# Officers


def test_an_officer_sends_a_link_and_asking_again_gives_the_same_one(as_, incident):
    assert "link" in as_(OFFICER).read(incident)["actions"]
    body = AGENCY | {"id": str(uuid4())}
    address = f"/incidents/{incident['id']}/links"
    first = as_(OFFICER).post(address, json=body)
    made = first.json
    assert (first.status_code, made["id"], made["state"]) == (201, body["id"], "open")
    assert (made["agency"], made["contact"], made["reason"]) == (AGENCY["agency"], AGENCY["contact"], AGENCY["reason"])
    assert made["url"] == f"http://localhost/case/{made['token']}" and made["url"] in made["message"]
    assert made["message"].startswith("Kính gửi Thiếu tá Pờ Gia Lù: Xã Mường Toong đề nghị phối hợp vụ khai thác")
    assert (made["unit"], made["answer"], made["opened"], made["actions"]) == (None, None, 0, ["revoke"])
    again = as_(OFFICER).post(address, json=body)
    assert (again.status_code, again.json) == (200, made)
    other = as_(OFFICER).post(address, json=body | {"agency": "Công an xã"})
    assert (other.status_code, other.json["code"]) == (409, "id_conflict")
    colleague = as_("officer.khu-vuc-muong-nhe").post(address, json=body)
    assert (colleague.status_code, colleague.json["code"]) == (409, "id_conflict"), "another's, and no token with it"
    assert [item["id"] for item in links(as_, incident)] == [made["id"]]
    (event,) = told(as_, incident, "link_created")
    assert event["actor"]["name"] == "Giàng A Sử" and event["facts"]["link"] == made["id"]
    assert event["facts"]["agency"] == AGENCY["agency"] and made["token"] not in str(event)


def test_officers_of_the_lead_and_of_accepted_supports_send_links_and_read_what_came_back(as_, incident):
    for who, status in ((REPORTER, 403), ("leader.dien-bien", 403), (PARTNER, 403), ("officer.nam-ke", 404)):
        assert create(as_, incident, who).status_code == status, who
        assert as_(who).get(f"/incidents/{incident['id']}/links").status_code == status, who
        assert "link" not in as_(who).read(incident).get("actions", [])
    accepts(as_, incident)
    assert create(as_, incident, PARTNER).json["from_unit"]["name"] == "Xã Tà Tổng"
    assert len(links(as_, incident, PARTNER)) == 1
    over = step(as_, report(as_), "dismiss")
    assert create(as_, over).json["code"] == "wrong_status"


@pytest.mark.only_on("sqlite")
def test_a_link_ends_after_a_week_or_when_it_was_said_within_thirty_days(as_, incident, browser):
    def days(reply):
        return round((datetime.fromisoformat(reply.json["expires_at"]) - now()).total_seconds() / 86_400, 2)

    assert days(create(as_, incident)) == 7
    assert days(create(as_, incident, expires_in_days=30)) == 30
    assert days(create(as_, incident, expires_at=(now() + timedelta(days=2)).isoformat())) == 2
    for said in (31, 0, "mai"):
        assert create(as_, incident, expires_in_days=said).status_code == 422
    for later in (timedelta(days=31), timedelta(minutes=-1)):
        reply = create(as_, incident, expires_at=(now() + later).isoformat())
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["expires_at"])


def test_a_link_is_for_an_agency_or_for_a_unit_with_nobody_on_the_system(as_, in_app, incident):
    unit = as_(PARTNER).user["unit"]["id"]
    reply = for_unit(as_, incident, unit)
    assert (reply.status_code, list(reply.json["errors"])) == (422, ["unit_id"]), "it has an officer: invite it"
    assert for_unit(as_, incident, str(uuid4())).json["code"] == "invalid"
    disable(in_app, PARTNER)
    made = for_unit(as_, incident, unit).json
    assert (made["unit"]["name"], made["agency"]) == ("Xã Tà Tổng", None)
    assert made["contact"]["name"] == "Đầu mối phối hợp Tà Tổng", "from its duty list"
    assert for_unit(as_, incident, unit, agency="Công an").json["code"] == "invalid"
    reply = as_(OFFICER).post(f"/incidents/{incident['id']}/links", json={"reason": "Nhờ."})
    assert (reply.status_code, list(reply.json["errors"])) == (422, ["agency"])


def test_the_database_holds_no_token(as_, in_app, incident, browser):
    body, key = AGENCY | {"id": str(uuid4())}, {"Idempotency-Key": "gui-mot-lan"}
    made = as_(OFFICER).post(f"/incidents/{incident['id']}/links", json=body, headers=key).json
    send(browser, made, "accept")

    def everything():
        return [str(row) for t in db.metadata.sorted_tables for row in db.session.execute(db.select(t))]

    rows = in_app(everything)
    assert any(AGENCY["agency"] in row for row in rows)
    assert not [row for row in rows if made["token"] in row]


def test_officers_of_the_lead_revoke_any_link_those_of_a_support_their_own(as_, incident, link, browser):
    accepts(as_, incident)
    theirs = create(as_, incident, PARTNER).json
    address = f"/incidents/{incident['id']}/links"
    assert as_(PARTNER).delete(f"{address}/{link['id']}").status_code == 403
    assert as_(REPORTER).delete(f"{address}/{link['id']}").status_code == 403
    assert as_("officer.nam-ke").delete(f"{address}/{link['id']}").status_code == 404
    assert as_(OFFICER).delete(f"/incidents/{report(as_)['id']}/links/{link['id']}").status_code == 404
    assert as_(OFFICER).delete(f"{address}/{uuid4()}").status_code == 404
    assert [item["actions"] for item in links(as_, incident, PARTNER)] == [[], ["revoke"]]
    assert as_(PARTNER).delete(f"{address}/{theirs['id']}").status_code == 204
    assert as_("leader.dien-bien").delete(f"{address}/{link['id']}").status_code == 403
    assert [as_(OFFICER).delete(f"{address}/{link['id']}").status_code for _ in range(2)] == [204, 204]
    assert browser.get(path(link)).status_code == 404
    assert [(i["state"], i["url"], i["token"], i["message"]) for i in links(as_, incident)] == [
        ("revoked", None, None, None)
    ] * 2
    assert len(told(as_, incident, "link_revoked")) == 2, "once for each"


@pytest.mark.only_on("sqlite")
def test_the_address_is_that_by_which_others_reach_the_server(app, as_, incident, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://giapranh.example")
    assert create(as_, incident).json["url"].startswith("https://giapranh.example/case/")


# The page


@pytest.mark.only_on("sqlite")
def test_the_page_tells_the_shared_part_in_vietnamese_without_javascript_to_an_old_phone(as_, in_app, app, browser):
    incident = report(as_, damage={"trees": 7, "volume_m3": 1234.5, "timber": [{"species": "Nghiến"}]})
    as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=jpeg())
    work(app)
    link = create(as_, incident).json
    page = browser.get(path(link))
    text = words_of(page)
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    told = (
        *(incident["number"], "Khai thác rừng trái pháp luật", "Mới báo", "Bảy gốc nghiến mới chặt", AGENCY["agency"]),
        *("7 cây, 1.234,5 m³ gỗ", "22.24250, 102.60000", "sai số khoảng 20 m", AGENCY["reason"]),
        *("Xã Mường Toong", "Đơn vị chủ trì", "Xã Tà Tổng", "Chờ tiếp nhận", incident["routing"]["explanation"]),
        *('href="geo:22.242500,102.600000', 'href="tel:0215000', "Ảnh 1", "Không thuộc địa bàn", "Nhận phối hợp"),
    )
    assert not [part for part in told if part not in text]
    assert '<html lang="vi">' in text and "<script" not in text and "style=" not in text and "http" not in page.text
    style = browser.get(re.search(r'href="(/case\.css[^"]+)"', page.text)[1])
    assert (style.status_code, style.mimetype) == (200, "text/css") and "max-age=86400" in style.headers[
        "Cache-Control"
    ]
    assert len(page.data) + len(style.data) < 15_000
    headers = page.headers
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert headers["X-Robots-Tag"].startswith("noindex") and "Set-Cookie" not in headers
    policy = headers["Content-Security-Policy"]
    assert "script-src" not in policy and "unsafe" not in policy and policy.startswith("default-src 'none'")
    english = browser.get(path(link), headers={"Accept-Language": "en-GB,en;q=0.9"}).text
    assert "Illegal logging" in english and "We cannot support" in english and '<html lang="en">' in english


@pytest.mark.only_on("sqlite")
def test_no_log_holds_a_token_or_what_was_filled_in(app, link):
    said = {"name": WHO, "text": "Gặp ở khe Nậm Mì."}
    with app.test_request_context(path(link), method="POST", data=said) as context:
        context.request.form.get("name")
        told = logs.scrub(f"duplicate key: {link['token']} {WHO} Gặp ở khe Nậm Mì.")
    assert told == "duplicate key: […] […] […]"


@pytest.mark.only_on("sqlite")
def test_what_people_wrote_stays_text(as_, browser):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    incident = report(as_, description=evil)
    link = create(as_, incident, agency=evil, reason=evil, contact={"name": evil, "phone": evil[:50]}).json
    send(browser, link, "note", name=evil[:60], text=evil)
    kept = browser.post(path(link), data={"form": "x", "answer": "note", "name": evil, "text": evil})
    for page in (browser.get(path(link)), kept):
        assert "<script" not in page.text and "<img" not in page.text
        assert "&lt;script&gt;" in page.text


@pytest.mark.only_on("sqlite")
def test_pictures_come_only_when_touched_and_only_those_of_the_case(app, as_, incident, link, browser):
    pictures = []
    for case in (incident, report(as_)):
        reply = as_(REPORTER).post(f"/incidents/{case['id']}/photos", data=jpeg(Make="ViVu-X7"))
        pictures.append(f"{path(link)}/photos/{reply.json['id']}")
    assert browser.get(pictures[0]).status_code == 404, "before there is a preview"
    assert "Ảnh 1" not in words_of(browser.get(path(link)))
    work(app)
    shown = browser.get(pictures[0])
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg") and b"ViVu-X7" not in shown.data
    assert shown.headers["Cache-Control"] == "no-store"
    assert browser.get(pictures[1]).status_code == 404 and GONE in words_of(browser.get(pictures[1]))
    assert "<img" not in browser.get(path(link)).text and pictures[0] in browser.get(path(link)).text


def test_forged_expired_and_revoked_links_are_one_and_the_same_page(as_, in_app, incident, link, browser):
    revoked, prolonged = create(as_, incident).json, create(as_, incident).json
    as_(OFFICER).delete(f"/incidents/{incident['id']}/links/{revoked['id']}")
    forged = [link["token"][:-2] + "AA", link["token"] + "A", "khong-co", "đ", "A" * 48]
    in_app(lambda: prolong(prolonged["id"]))
    forged.append(prolonged["token"])
    pages = [browser.get(f"/case/{token}") for token in (*forged, revoked["token"])]
    sent = {"form": str(uuid4()), "answer": "accept", "name": WHO}
    pages += [browser.post(f"/case/{token}", data=sent) for token in (*forged, revoked["token"])]
    with time_machine.travel(now() + timedelta(days=8)):
        pages += [browser.get(path(link)), browser.post(path(link), data=sent)]
        pages.append(browser.get(f"{path(link)}/photos/{uuid4()}"))
    assert {page.status_code for page in pages} == {404}
    assert len({page.data for page in pages}) == 1
    assert GONE in words_of(pages[0]) and "Hạt Kiểm lâm" in words_of(pages[0])
    assert browser.get(path(link)).status_code == 200 and links(as_, incident)[0]["answer"] is None


def prolong(id):
    """By somebody who can write the database, and has no key."""
    db.session.get(CaseLink, UUID(id)).expires_at += timedelta(days=300)
    db.session.commit()


# What comes back


def test_an_answer_stays_on_the_link_and_in_the_timeline_and_is_no_assignment(as_, incident, link, browser):
    before = as_(OFFICER).read(incident)
    reply = send(browser, link, "accept", text="Cử 4 người,\r\ncó mặt lúc 14 giờ.")
    assert (reply.status_code, reply.headers["Location"]) == (303, f"{path(link)}?sent")
    page = words_of(browser.get(reply.headers["Location"]))
    assert "Xin cảm ơn" in page and "Đã nhận phối hợp" in page and WHO in page
    (shown,) = links(as_, incident)
    answer = shown["answer"]
    assert (answer["answer"], answer["name"], answer["reason"]) == ("accepted", WHO, None)
    assert answer["text"] == "Cử 4 người,\ncó mặt lúc 14 giờ."
    after = as_(OFFICER).read(incident)
    for part in ("assignments", "joint_status", "status", "version"):
        assert after[part] == before[part], part
    assert after["revision"] > before["revision"]
    for who in (REPORTER, PARTNER, "leader.dien-bien"):
        event = timeline(as_, incident, who)[-1]
        assert (event["kind"], event["actor"], event["facts"]["link"]) == ("incident.link_answered", None, link["id"])
        assert (event["facts"]["answer"], event["facts"]["name"]) == ("accepted", WHO)
    changed = send(browser, link, "decline", reason="no_capacity", text="Quân số đi chữa cháy.")
    assert changed.status_code == 303
    (shown,) = links(as_, incident)
    assert (shown["answer"]["answer"], shown["answer"]["reason"]) == ("declined", "no_capacity")
    assert [m["answer"] for m in shown["messages"]] == ["accepted", "declined"]
    assert [e["facts"]["answer"] for e in told(as_, incident, "link_answered")] == ["accepted", "declined"]


def test_a_note_is_shared_with_all_units_and_leaves_the_answer(as_, incident, link, browser):
    send(browser, link, "accept")
    assert send(browser, link, "note", text="Thấy hai lán trại ở khe Nậm Mì.").status_code == 303
    event = timeline(as_, incident, PARTNER)[-1]
    assert (event["kind"], event["facts"]["text"]) == ("incident.link_note", "Thấy hai lán trại ở khe Nậm Mì.")
    assert links(as_, incident)[0]["answer"]["answer"] == "accepted"


def test_a_second_click_is_one_answer_and_an_old_form_is_never_another(app, as_, incident, link, browser):
    form = form_of(browser.get(path(link)))
    said = {"text": "Sẽ có mặt."}
    assert [send(browser, link, "accept", form, **said).status_code for _ in range(3)] == [303] * 3
    other = send(browser, link, "decline", form, reason="other", text="Nhầm nơi nhận.")
    assert other.status_code == 409 and "Nhầm nơi nhận." in words_of(other) and "bấm Gửi lần nữa" in words_of(other)
    assert form_of(other) != form
    assert send(browser, link, "decline", form_of(other), reason="other", text="Nhầm nơi nhận.").status_code == 303
    elsewhere = create(as_, incident).json
    assert send(browser, elsewhere, "accept", form, **said).status_code == 409, "the form of another link"
    assert [m["answer"] for m in links(as_, incident)[0]["messages"]] == ["accepted", "declined"]
    form = form_of(browser.get(path(link)))
    clicks = [lambda: send(app.test_client(), link, "accept", form) for _ in range(4)]
    assert [reply.status_code for reply in at_once(app, incident, *clicks)] == [303] * 4
    assert len(told(as_, incident, "link_answered")) == 3


@pytest.mark.parametrize(
    "answer, said, missing",
    [
        ("accept", {"name": " "}, "Họ tên"),
        ("decline", {"text": "Vì mưa lũ."}, "Lý do không nhận"),
        ("decline", {"reason": "other"}, "Nội dung, ghi chú"),
        ("decline", {"reason": "lười", "text": "Vì mưa lũ."}, "Chưa đúng"),
        ("note", {"text": " \r\n "}, "Nội dung, ghi chú"),
        ("note", {"text": "Dài. " * 401}, "quá dài"),
        ("note", {"name": "Ơ" * 101, "text": "x"}, "quá dài"),
        ("", {"text": "Vì mưa lũ."}, "Trả lời"),
    ],
)
@pytest.mark.only_on("sqlite")
def test_what_is_missing_is_said_and_what_was_filled_in_is_kept(as_, incident, link, browser, answer, said, missing):
    reply = send(browser, link, answer, **said)
    page = words_of(reply)
    assert reply.status_code == 422 and missing in re.search(r'role="alert">([^<]+)<', page)[1]
    assert said.get("text", "").strip() in page
    if "name" not in said:
        assert WHO in page
    assert reply.headers["Cache-Control"] == "no-store" and len(told(as_, incident, "link_answered", "link_note")) == 0


@pytest.mark.only_on("sqlite")
def test_other_kinds_of_forms_and_large_ones_are_refused_in_words(as_, incident, link, browser):
    for status, data, kind in ((415, "{}", "application/json"), (413, {"text": "x" * 70_000}, None)):
        reply = browser.post(path(link), data=data, content_type=kind)
        assert (reply.status_code, reply.content_type) == (status, "text/html; charset=utf-8")
        assert "Chưa thực hiện được" in words_of(reply)


def test_a_link_takes_many_messages_but_not_any_number(as_, incident, link, browser, monkeypatch):
    monkeypatch.setattr("models.link_messages.limit", lambda *_: 2)
    sent = [send(browser, link, "note", text=f"Lần {n}.").status_code for n in range(3)]
    assert sent == [303, 303, 409]
    assert len(links(as_, incident)[0]["messages"]) == 2


def opened_at_the_same_time(id):
    CaseLink.note_opening(UUID(id))
    db.session.commit()


def test_looking_answers_nothing_and_a_visit_counts_once(as_, in_app, incident, link, browser):
    before = state_of(as_(OFFICER), incident)
    browser.head(path(link))
    for header in ("Purpose", "Sec-Purpose"):
        browser.get(path(link), headers={header: "prefetch"})
    assert links(as_, incident)[0]["opened"] == 0
    for _ in range(3):
        browser.get(path(link))
    (shown,) = links(as_, incident)
    assert (shown["opened"], shown["answer"], shown["messages"]) == (1, None, [])
    assert shown["first_opened_at"] == shown["last_opened_at"] is not None
    in_app(lambda: opened_at_the_same_time(link["id"]))
    assert links(as_, incident)[0]["opened"] == 1
    with time_machine.travel(now() + timedelta(minutes=11)):
        browser.get(path(link))
    (shown,) = links(as_, incident)
    assert shown["opened"] == 2 and shown["first_opened_at"] < shown["last_opened_at"]
    assert state_of(as_(OFFICER), incident) == before


def test_an_answer_that_is_awaited_holds_nothing_up_and_a_closed_case_still_takes_notes(as_, browser):
    incident = walk(as_, "resolved")
    link = create(as_, incident).json
    send(browser, link, "accept")
    closed = step(as_, incident, "close")
    assert closed["status"] == "closed"
    page = browser.get(path(link))
    assert "đã khép lại" in words_of(page) and 'value="accept"' not in page.text
    refused = send(browser, link, "decline", reason="other", text="Thôi.")
    assert refused.status_code == 409 and "Đã kết thúc" in words_of(refused)
    assert send(browser, link, "note", text="Tìm thấy thêm gỗ ở bãi.").status_code == 303
    assert as_(OFFICER).read(incident)["status"] == "closed"
    assert as_(OFFICER).delete(f"/incidents/{incident['id']}/links/{link['id']}").status_code == 204


@pytest.mark.only_on("sqlite")
def test_too_many_requests_are_told_so_in_words_for_a_link_and_for_an_address(app, as_, incident, link, monkeypatch):
    other = create(as_, incident).json
    monkeypatch.setitem(app.config, "RATE_LIMIT", 300)
    monkeypatch.setitem(app.extensions, "rate_counter", limits.Counter())
    monkeypatch.setattr(limits, "clock", lambda: 1_700_000_010.0)
    browser = app.test_client()
    assert [browser.get(path(link)).status_code for _ in range(7)] == [200] * 6 + [429]
    reply = browser.get(path(link))
    assert (reply.content_type, reply.headers["Retry-After"]) == ("text/html; charset=utf-8", "30")
    assert "Quá nhiều yêu cầu" in words_of(reply) and reply.headers["X-Robots-Tag"]
    assert browser.get(path(other)).status_code == 200, "another link of the same valley"
    sent = {"form": str(uuid4()), "answer": "accept", "name": WHO}
    assert [browser.post(path(link), data=sent).status_code for _ in range(2)] == [303, 429]
    guesses = [browser.get(f"/case/{uuid4()}").status_code for _ in range(70)]
    assert set(guesses) == {404, 429} and guesses[-1] == 429
    assert as_(OFFICER).read(incident)["id"] == incident["id"], "nobody else is hindered"


def test_an_erasure_reaches_the_link(as_, in_app, incident, link, browser):
    send(browser, link, "note", text="Gặp Chẻo Văn Xóa trên đường.")
    positions = [e["number"] for e in told(as_, incident, "link_created", "link_note")]
    admin = UUID(as_("admin").user["id"])

    def forget():
        case = db.session.scalars(db.select(Incident)).one()
        for position in positions:
            erase(case, position, person(admin), "Theo yêu cầu.")
        db.session.commit()

    in_app(forget)
    (shown,) = links(as_, incident)
    assert (shown["agency"], shown["contact"], shown["reason"]) == ("", None, None)
    assert (shown["messages"][0]["text"], shown["messages"][0]["name"]) == (None, None)
    page = words_of(browser.get(path(link)))
    assert "Chẻo Văn Xóa" not in page and AGENCY["agency"] not in page


# Units with nobody on the system


def test_a_commune_without_people_gets_one_link_by_itself_and_its_superior_reads_whom_to_send_it(app, as_, in_app):
    disable(in_app, OFFICER)
    incident = report(as_)
    assert incident["lead"]["name"] == "Khu vực Mường Nhé"
    work(app)
    work(app)
    in_app(forget_the_walk)
    work(app)
    (made,) = links(as_, incident, "officer.khu-vuc-muong-nhe")
    assert (made["unit"]["name"], made["created_by"], made["state"]) == ("Xã Mường Toong", None, "open")
    assert made["contact"]["phone"].startswith("0215") and made["url"] in made["message"]
    assert made["from_unit"]["name"] == "Khu vực Mường Nhé"
    (event,) = [e for e in timeline(as_, incident, REPORTER) if e["kind"] == "incident.link_created"]
    assert (event["actor"], event["facts"]["link_unit"]) == (None, made["unit"]["id"])
    tell(app)
    heard = as_("officer.khu-vuc-muong-nhe").get("/notices").json["items"]
    assert f"Cần gửi liên kết: vụ {incident['number']}" in [notice["title"] for notice in heard]
    page = words_of(app.test_client().get(path(made)))
    assert "Khu vực Mường Nhé đề nghị quý cơ quan phối hợp" in page
    assert send(app.test_client(), made, "accept").status_code == 303


def forget_the_walk():
    """As if the worker had died before it noted how far it came."""
    db.session.execute(db.update(Job).where(Job.kind == "link").values(facts={}))
    db.session.commit()


def test_so_does_a_support_and_whoever_is_invited_but_no_unit_that_has_an_officer(app, as_, in_app):
    disable(in_app, PARTNER, "officer.quang-lam")
    incident = step(as_, report(as_), "receive")
    work(app)
    assert [made["unit"]["name"] for made in links(as_, incident)] == ["Xã Tà Tổng"]
    quang_lam = as_(OFFICER).get("/units?q=Quảng Lâm").json["items"][0]["id"]
    for unit_id in (quang_lam, as_("officer.nam-ke").user["unit"]["id"]):
        body = {"unit_id": unit_id, "reason": "Nhờ phối hợp."}
        seen = as_(OFFICER).get(f"/incidents/{incident['id']}").headers["ETag"]
        address = f"/incidents/{incident['id']}/assignments"
        assert as_(OFFICER).post(address, json=body, headers={"If-Match": seen}).status_code == 201
    work(app)
    assert [made["unit"]["name"] for made in links(as_, incident)] == ["Xã Tà Tổng", "Xã Quảng Lâm"]
    assert as_(OFFICER).read(incident)["joint_status"] == "proposed"


def test_no_link_comes_by_itself_where_one_was_sent_or_the_case_is_over_or_long_past(app, as_, in_app):
    ta_tong = as_(PARTNER).user["unit"]["id"]
    disable(in_app, PARTNER)
    sent, revoked = report(as_), report(as_)
    for_unit(as_, sent, ta_tong)
    work(app)
    assert [made["created_by"] is None for made in links(as_, sent)] == [False]
    (made,) = links(as_, revoked)
    as_(OFFICER).delete(f"/incidents/{revoked['id']}/links/{made['id']}")
    in_app(forget_the_walk)
    work(app)
    assert [made["state"] for made in links(as_, revoked)] == ["revoked"]
    disable(in_app, OFFICER)
    superior, over, late = "officer.khu-vuc-muong-nhe", report(as_), report(as_)
    step(as_, over, "dismiss", by=superior)
    with time_machine.travel(now() + timedelta(days=15)):
        work(app)
    assert links(as_, late, superior) == []
    in_app(forget_the_walk)
    work(app)
    assert [made["unit"]["name"] for made in links(as_, late, superior)] == ["Xã Mường Toong"]
    assert links(as_, over, superior) == []
