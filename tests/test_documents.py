"""Printable drafts: filled from the case, dots where facts are missing, names for few, and never a word as markup."""

import html
import io
import re
from datetime import date
from uuid import UUID, uuid4

import pytest
from pypdf import PdfReader

from models import Event, db
from models.base import now
from models.clock import local, today
from services.documents import pdf
from services.documents.wording import code_in_words, day_in_words, degrees, grid, number, plain
from tests.people import INSIDE
from tests.pictures import jpeg
from tests.secret_words import leaks
from tests.test_assignments import recruit
from tests.test_hand_over import WHY, offer, pending
from tests.test_joint_verifications import minutes, record
from tests.test_workflows import OFFICER, PARTNER, REPORTER, accepts, report, step

# A page's number and mark, and the note at its foot.
RUNNING = re.compile(r"^\s*\d+\s+DỰ THẢO|^\s*DỰ THẢO\s+\d+|Ghi chú: ranh giới.*?phân định địa giới\.", re.DOTALL)
VISIT = "2026-03-06"
KINDS = ("coordination_request", "scene_minutes", "hand_over_minutes")
HOSTILE = 'Dòng #1: *đậm* $x^2$ `mã` <b onclick="x()">&amp;</b> {{ 7*7 }} {% raw %} #read("/etc/passwd") \\u{41} @ref ~ -- "…"'
pytestmark = pytest.mark.only_on("sqlite")  # what is printed has nothing to do with the database


def printed(as_, who, incident, kind, form="html", **query):
    return as_(who).get(f"/incidents/{incident['id']}/documents/{kind}.{form}", query_string=query)


def words(reply):
    """What a reader sees, whichever the form: one line, dots drawn together; what stands on every page once."""
    assert reply.status_code == 200, reply.json
    if reply.data.startswith(b"%PDF"):
        first, *others = pages_of(reply)
        text = "\n".join([first, *(RUNNING.sub("", page) for page in others)])
    else:
        text = html.unescape(
            re.sub(r"<[^>]+>", " ", re.sub(r"<(style|title)>.*?</\1>", "", reply.text, flags=re.DOTALL))
        )
    return re.sub(r"\s+", " ", re.sub("…+", "…", text.replace("\u200b", "")))


def pages_of(reply):
    return [page.extract_text() for page in PdfReader(io.BytesIO(reply.data)).pages]


@pytest.fixture
def rich(as_):
    """A felling of which much is known, verified by both sides."""
    incident = report(
        as_,
        plots=[{"tieu_khu": "562A", "khoanh": "3", "lo": "2"}],
        forest_owner={"name": "Cộng đồng bản Nậm Ngà"},
        people=[{"name": "Sùng A Kín", "birth_year": 1988}],
        vehicles=[{"plate": "27-B1 234.56"}],
        exhibits=[{"kind": "chainsaw", "quantity": 1, "note": "Husqvarna, hỏng bình xăng"}],
    )
    accepts(as_, incident)
    as_(REPORTER).post(f"/incidents/{incident['id']}/photos", data=jpeg())
    times = {"begun_at": f"{VISIT}T08:30:00+07:00", "ended_at": f"{VISIT}T11:05:00+07:00", "held_on": VISIT}
    assert record(as_, OFFICER, incident, **times).status_code == 201
    return as_(OFFICER).read(incident)


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_scene_minutes_are_filled_from_the_case(as_, rich, form):
    text = words(printed(as_, OFFICER, rich, "scene_minutes", form))
    for said in (
        *("ỦY BAN NHÂN DÂN TỈNH ĐIỆN BIÊN", "ỦY BAN NHÂN DÂN XÃ MƯỜNG TOONG", "Số: 07/BB-KTHT", "DỰ THẢO"),
        *("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc"),
        "Mường Toong, ngày 06 tháng 3 năm 2026",
        f"khai thác rừng trái pháp luật (số hiệu {rich['number']})",
        "vào hồi 08 giờ 30 phút, ngày 06 tháng 3 năm 2026, tại xã Mường Toong, tỉnh Điện Biên",
        *("Đơn vị chủ trì: Ủy ban nhân dân xã Mường Toong, tỉnh Điện Biên", "Ông (bà): Giàng A Sử"),
        *("Đơn vị phối hợp: Ủy ban nhân dân xã Tà Tổng, tỉnh Lai Châu", "Ông (bà): Hờ A Thầm", "Công an xã"),
        *("Ông (bà): Vàng Thị Mỷ Chức vụ: …", "Ông (bà): Lò Văn Giữ Chức vụ: Đồn Biên phòng Leng Su Sìn"),
        *("22,242500° B; 102,600000° Đ", "X (Đông) = 458.573,7 m; Y (Bắc) = 2.460.566,2 m", "kinh tuyến trục 103°00′"),
        *("± 20 m", "tiểu khu 562A, khoảnh 3, lô 2", "Rừng phòng hộ; Rừng tự nhiên", "Cộng đồng bản Nậm Ngà"),
        *(rich["routing"]["explanation"], "Bảy gốc nghiến mới chặt gần mốc giáp ranh.", "11.415 m²"),
        *(
            "7 cây; khối lượng 4,4 m³",
            "xã Mường Toong, tỉnh Điện Biên 3,1",
            "xã Tà Tổng, tỉnh Lai Châu 1,3",
            "Cộng 4,4",
        ),
        *("Sùng A Kín; năm sinh: 1988", "27-B1 234.56", "Cưa xăng 1", "Husqvarna, hỏng bình xăng"),
        *(
            rich["photos"][0]["sha256"][:16],
            "đã lưu",
            minutes(as_)["text"],
            "11 giờ 05 phút cùng ngày, đã đọc lại cho mọi người",
        ),
        *("không phải bản đồ địa giới hành chính", "ĐẠI DIỆN XÃ TÀ TỔNG", "NGƯỜI GHI BIÊN BẢN"),
    ):
        assert re.sub(r"\s+", " ", said) in text, said
    assert not re.search(r"\b(None|null|NaN|undefined)\b", text)


def both(as_, incident, kind):
    """The words of both forms, which must be the same."""
    as_pdf, as_page = (words(printed(as_, OFFICER, incident, kind, form)) for form in ("pdf", "html"))
    assert sorted(re.findall(r"\w+", as_pdf)) == sorted(re.findall(r"\w+", as_page)), kind
    return as_pdf, as_page


def test_a_request_goes_to_whom_it_is_meant_for_and_says_by_when(as_):
    incident = step(as_, report(as_), "receive")
    row = next(r for r in incident["assignments"] if r["role"] == "support")
    text = words(printed(as_, OFFICER, incident, "coordination_request"))
    due_at = local(now().fromisoformat(row["due_at"]))
    for said in (
        *("Kính gửi: Ủy ban nhân dân xã Tà Tổng, tỉnh Lai Châu", "Căn cứ Biên bản hợp tác bảo vệ rừng giáp ranh"),
        f"V/v đề nghị phối hợp xử lý vụ việc số {incident['number']}",
        f"Đề nghị trả lời trước: {due_at:%H} giờ {due_at:%M} phút, ngày {due_at:%d/%m/%Y}",
        *("Đầu mối phối hợp Mường Toong, điện thoại 0215 000", "Nơi nhận: - Như trên;", "TM. ỦY BAN NHÂN DÂN CHỦ TỊCH"),
    ):
        assert said in text, said
    other = as_("officer.quang-lam").user["unit"]["id"]
    assert "Kính gửi: Ủy ban nhân dân xã Quảng Lâm" in words(
        printed(as_, OFFICER, incident, "coordination_request", to=other)
    )
    asked = offer(as_, OFFICER, incident, "officer.quang-lam", reason="Nhờ đo đếm #gỗ *ngay*.").json
    third = next(r for r in asked["assignments"] if r["unit"]["id"] == other)["id"]
    text = words(printed(as_, OFFICER, incident, "coordination_request", assignment=third))
    assert "Lý do đề nghị: Nhờ đo đếm #gỗ *ngay*." in text
    assert "Kính gửi: …" in words(printed(as_, OFFICER, incident, "coordination_request")), "asked of two: to neither"


def test_a_fire_asks_for_other_things(as_):
    fire = step(as_, report(as_, type="forest_fire", burning=True), "receive")
    assert "phối hợp chữa cháy" in words(printed(as_, OFFICER, fire, "coordination_request"))


def test_hand_over_minutes_list_what_changes_hands_for_both_sides(as_):
    incident = step(as_, report(as_), "receive")
    things = [f"Lóng gỗ nghiến số {n}, ễ ự ợ Đ" for n in range(1, 31)]
    documents = ["Biên bản kiểm tra 07/BB", {"name": "Bản ảnh", "sheets": 12}]
    offered = offer(as_, OFFICER, incident, PARTNER, hand_over=True, documents=documents, exhibits=things).json
    texts = [words(printed(as_, OFFICER, incident, "hand_over_minutes", form)) for form in ("pdf", "html")]
    for text in texts:
        for said in ("1 Biên bản kiểm tra 07/BB", "2 Bản ảnh 12 tờ", f"30 {things[-1]}", f"Lý do bàn giao: {WHY}"):
            assert said in text, said
        assert "ĐẠI DIỆN BÊN NHẬN XÃ TÀ TỔNG" in text and "ĐẠI DIỆN BÊN GIAO XÃ MƯỜNG TOONG" in text
    done = as_(PARTNER).post(
        f"/incidents/{incident['id']}/assignments/{pending(offered)['id']}/actions",
        json={"action": "accept"},
        headers={"If-Match": "*"},
    )
    assert done.status_code == 200
    for who in (OFFICER, PARTNER):
        text = words(printed(as_, who, incident, "hand_over_minutes"))
        assert re.search(rf"vào hồi \d\d giờ \d\d phút, ngày {today():%d} tháng \d+ năm {today():%Y}, tại …", text)
        assert "I. BÊN GIAO - Đơn vị: Ủy ban nhân dân xã Mường Toong" in text, who


def test_of_a_case_of_which_nothing_is_known_all_else_is_dots(as_):
    bare = report(as_, description=None, location={"lat": INSIDE["lat"], "lon": INSIDE["lon"]})
    for kind in KINDS:
        for text in both(as_, bare, kind):
            for blank in ("Tiểu khu, khoảnh, lô: …", "Sai số định vị: …", "ngày … tháng … năm 20…"):
                assert blank in text, (kind, blank)
            assert not re.search(r"\b(None|null|NaN|undefined)\b", text)


def test_what_people_wrote_stands_there_as_they_wrote_it(as_):
    people, exhibits = [{"name": HOSTILE}], [{"name": HOSTILE, HOSTILE[:30]: HOSTILE}]
    incident = report(as_, description=f"{HOSTILE}\nDòng hai.", exhibits=exhibits, people=people, plots=[HOSTILE[:40]])
    record(as_, OFFICER, incident, text=HOSTILE, minutes_number=HOSTILE, people=[{"name": HOSTILE, "title": HOSTILE}])
    wanted = re.sub(r"\s", "", re.sub("…+", "…", HOSTILE))
    for form in ("pdf", "html"):
        reply = printed(as_, OFFICER, incident, "scene_minutes", form)
        assert re.sub(r"\s", "", words(reply)).count(wanted) >= 7, form
    assert "<b onclick" not in reply.text and "&lt;b onclick" in reply.text


def test_a_long_paper_goes_on_for_pages_and_ends_with_who_signs(as_):
    long = "Đoạn dài không dứt. " * 250
    incident = report(as_, description="x" * 500 + long, exhibits=[{"name": f"Lóng gỗ {n}"} for n in range(30)])
    reply = printed(as_, OFFICER, incident, "scene_minutes", "pdf")
    pages = pages_of(reply)
    assert len(pages) >= 4 and all("DỰ THẢO" in page for page in pages)
    assert "Biên bản kết thúc" in pages[-1] and "NGƯỜI CHỨNG KIẾN" in pages[-1]
    assert "x" * 500 in re.sub("[\u200b\\s]", "", "".join(pages))


def test_pdf_and_page_say_the_same_words_and_the_same_facts_are_the_same_bytes(as_, rich):
    for kind in KINDS:
        both(as_, rich, kind)
    first, again = (printed(as_, OFFICER, rich, "scene_minutes", "pdf").data for _ in range(2))
    assert first == again and first.startswith(b"%PDF")
    assert not {"/CreationDate", "/ModDate"} & PdfReader(io.BytesIO(first)).metadata.keys(), "another day, other bytes"


def test_the_page_may_apply_its_own_style_and_nothing_else(as_, rich):
    reply = printed(as_, OFFICER, rich, "scene_minutes")
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert not re.search(r"<script|<link|\bsrc=|\bstyle=|url\(|@import", reply.text)
    assert reply.headers["Content-Disposition"] == f'inline; filename="bien-ban-hien-truong-{rich["number"]}.html"'
    assert reply.headers["Cache-Control"] == "no-store"


def test_each_printing_is_recorded_and_what_is_not_recorded_is_not_printed(as_, in_app, rich, monkeypatch):
    printed(as_, PARTNER, rich, "hand_over_minutes", "pdf")
    events = db.select(Event.kind, Event.facts).where(
        Event.subject_kind == "access", Event.subject_id == UUID(rich["id"])
    )
    assert in_app(lambda: [tuple(row) for row in db.session.execute(events)]) == [
        ("incident.print_document", {"document": "hand_over_minutes", "form": "pdf"})
    ]
    before = as_(OFFICER).get(f"/incidents/{rich['id']}").headers["ETag"]
    monkeypatch.setattr(Event, "record", lambda *_, **__: 1 / 0)
    for form in ("pdf", "html"):
        reply = printed(as_, OFFICER, rich, "scene_minutes", form)
        assert reply.status_code == 500 and not leaks(reply.text, ("Sùng A Kín", "Hờ A Thầm"))
    assert as_(OFFICER).get(f"/incidents/{rich['id']}").headers["ETag"] == before


def test_who_may_print_is_told_which_papers_there_are_and_others_that_there_are_none(as_):
    incident = step(as_, report(as_), "receive")
    offer(as_, OFFICER, incident, "officer.quang-lam", hand_over=True)

    def papers(who):
        items = as_(who).get(f"/incidents/{incident['id']}/documents").json["items"]
        return [(item["kind"], item["to"] and item["to"]["name"]) for item in items]

    assert papers(OFFICER) == [
        ("coordination_request", "Xã Tà Tổng"),
        ("scene_minutes", None),
        ("hand_over_minutes", "Xã Quảng Lâm"),
    ]
    assert papers(REPORTER) == papers(PARTNER) == []
    accepts(as_, incident)
    assert papers(PARTNER) == papers(OFFICER)
    for item in as_(OFFICER).get(f"/incidents/{incident['id']}/documents").json["items"]:
        replies = [as_(OFFICER).get(item[form].removeprefix("/api/v1")) for form in ("pdf", "html")]
        assert [reply.mimetype for reply in replies] == ["application/pdf", "text/html"]
        assert item["name"].startswith(("Công văn", "Biên bản"))


def test_a_paper_or_a_row_that_is_not_there_is_not_found(as_, rich):
    assert printed(as_, OFFICER, rich, "giay_moi").status_code == 404
    assert printed(as_, OFFICER, rich, "coordination_request", assignment=str(uuid4())).status_code == 404
    unknown = printed(as_, OFFICER, rich, "coordination_request", to=str(uuid4()))
    assert (unknown.status_code, list(unknown.json["errors"])) == (422, ["to"])


def test_a_station_signs_for_itself(as_, in_app, rich):
    recruit(in_app, "officer.hat", "officer", organisation="Hạt Kiểm lâm khu vực Mường Nhé")
    text = words(printed(as_, "officer.hat", rich, "coordination_request"))
    assert "CHI CỤC KIỂM LÂM TỈNH ĐIỆN BIÊN HẠT KIỂM LÂM KHU VỰC MƯỜNG NHÉ" in text
    assert "HẠT TRƯỞNG" in text


def test_numbers_dates_and_places_are_written_as_in_vietnam():
    assert [day_in_words(date(2026, month, 3)) for month in (2, 9, 12)] == [
        "ngày 03 tháng 02 năm 2026",
        "ngày 03 tháng 9 năm 2026",
        "ngày 03 tháng 12 năm 2026",
    ]
    assert [number(v) for v in (0, 7, 1234567.8916, 0.0004)] == ["0", "7", "1.234.567,892", "0"]
    assert degrees(22.2425, 102.6) == "22,242500° B; 102,600000° Đ (22°14′33,0″ B; 102°36′00,0″ Đ)"
    assert grid(21.99, 102.6, "Tỉnh Lào Cai").startswith("X (Đông) = 277.760,4 m; Y (Bắc) = 2.434.117,7 m")
    assert grid(21.99, 102.6, "Tỉnh Nào Đó") is None
    assert plain(" Nghiê\u0303n\u202e \x00đỏ \n\n") == "Nghiễn  đỏ"
    assert [plain(v) for v in (None, "", "  ", {}, True, 3)] == [None, None, None, None, "có", "3"]
    assert code_in_words("forest_category", "protection") == "Rừng phòng hộ"
    assert code_in_words("forest_category", "lạ") == "lạ"


def test_nothing_of_the_machine_s_own_fonts_is_used():
    assert {info.family for info in pdf._fonts().fonts() if info.path} == {"Be Vietnam Pro"}
