"""Names typed for the fonts of before Unicode: recognised, told how they read, refused; right names never are."""

import gzip
import json
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bad_file import BadFile
from services.old_fonts import TCVN3, VNI, old_font, refuse_old_fonts
from tests.test_cli import refusal
from tests.test_units import HEADER, csv_file  # noqa: F401

TO_TCVN3 = {letter: byte for byte, letter in TCVN3.items()}
TO_VNI = {letter: signs for signs, letter in reversed(VNI.items())}
LETTERS = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
# What TCVN3 writes with a letter that a Vietnamese word in Unicode may hold as well; at its start, é and ủ too.
SHARED = set("ẩẫấèềểễếíỏõóốộờỡớũúụừựỳý")
AT_THE_START = SHARED | set("éủ")
RIGHT = [
    *("Xã Mường Nhé", "Tỉnh Đắk Lắk", "Xã Ea H'leo", "Đăk Tô", "Xã Kông Lơng Khơng", "Xã Laêê", "Buôn Ñuê", "Ea Mñang"),
    *("Xã A Lưới", "Bản Tả Lèng", "Noọng Luống", "Xã Nà Boòng", "Chư Pơng", "Thôn «Na»", "Xã Sín Chéng", "Ca Lăng"),
    *("Khu 3½, 15° Bắc, 20 m²", "XÃ MƯỜNG TOONG", "Nà Hỳ – Nậm Pồ", "Ô Quý Hồ", "Pờ Ê", "Ðiện Bàn", "Khoai Ái", ""),
]


def in_tcvn3(text):
    return "".join(TO_TCVN3.get(c, TO_TCVN3.get(c.lower(), c)) for c in text)


words = st.text(LETTERS, min_size=1, max_size=7)
spelled = words.flatmap(lambda word: st.sampled_from([word, word.capitalize(), word.upper()]))
texts = st.lists(spelled, min_size=1, max_size=5).map(" ".join)


@given(texts)
def test_vietnamese_in_unicode_is_never_taken_for_an_old_font(text):
    for written in (text, unicodedata.normalize("NFD", text)):
        assert old_font(written) is None
        refuse_old_fonts(written, "tệp")


@given(words)
def test_a_word_in_tcvn3_is_recognised_and_read_unless_every_letter_of_it_is_shared(word):
    telling = any(c in TO_TCVN3 and c not in (SHARED if n else AT_THE_START) for n, c in enumerate(word))
    found = old_font(in_tcvn3(word))
    if telling and len(set(word)) > 1:  # one sign alone may be just that: "Mường · Toong"
        assert found is not None
    if found and found[0].startswith("TCVN3") and not any(c in word for c in "ờớởỡợ"):
        assert found[1] == word


@given(st.lists(words, min_size=1, max_size=5))
def test_a_sentence_with_one_telling_letter_is_refused_whole(many):
    with pytest.raises(BadFile, match="Unicode"):
        refuse_old_fonts(in_tcvn3(" ".join([*many, "mường"])), "tệp")


@pytest.mark.parametrize("name", RIGHT)
def test_right_names_of_all_peoples_pass(name):
    assert old_font(name) is None
    assert old_font(unicodedata.normalize("NFD", name)) is None


@pytest.mark.parametrize(
    ("typed", "reads", "encoding"),
    [
        ("X· M­êng Toong", "Xã Mường Toong", "TCVN3"),
        ("Mêng NhÐ", "Mường Nhé", "TCVN3"),  # the soft hyphen, its ư, was lost on the way
        ("§iÖn Biªn", "Điện Biên", "TCVN3"),
        ("TÊn Phó", "Tấn Phú", "TCVN3"),
        ("Xaõ Möôøng Toong", "Xã Mường Toong", "VNI"),
        ("Ñieän Bieân", "Điện Biên", "VNI"),
        ("Möôøng Nheù", "Mường Nhé", "VNI"),
        ("XÃ£ MÆ°á»\x9dng", "Xã Mường", "UTF-8"),
    ],
)
def test_the_refusal_says_how_the_name_probably_reads(typed, reads, encoding):
    found = old_font(typed)
    assert found is not None and found[1] == reads and encoding in found[0]
    with pytest.raises(BadFile, match=f"dòng 3, cột “name”: .*“{reads}”.*Unicode"):
        refuse_old_fonts(typed, "tệp dòng 3, cột “name”")


def test_the_table_is_that_of_the_standard():
    iconv = "iconv"
    try:
        said = subprocess.run([iconv, "-l"], capture_output=True, text=True, check=True).stdout
    except OSError:
        pytest.skip("iconv is not here")
    if "TCVN5712-1" not in said:
        pytest.skip("this iconv does not know TCVN 5712")
    letters = "".join(TCVN3).encode("latin-1")
    read = subprocess.run([iconv, "-f", "TCVN5712-1", "-t", "UTF-8"], input=letters, capture_output=True, check=True)
    assert unicodedata.normalize("NFC", read.stdout.decode()) == "".join(TCVN3.values())


def test_units_and_aliases_typed_for_an_old_font_are_refused(app, csv_file, tmp_path):  # noqa: F811
    old = "commune,99903,X· M­êng Toong,district,096,2026-01-01,"
    said = refusal(app, "units", "import", csv_file(old))
    assert "dòng 2, cột “name”" in said and "“Xã Mường Toong”" in said and "Unicode (UTF-8)" in said
    said = refusal(app, "units", "import", csv_file(old, encoding="latin-1"))
    assert "dòng 2" in said and "Xã Mường Toong" in said and "TCVN3" in said
    aliases = tmp_path / "tên khác.csv"
    aliases.write_text("commune_code,name,alias\n03163,Xã Mường Toong,Möôøng Toong\n", "utf-8")
    said = refusal(app, "units", "import", csv_file(), "--aliases", aliases)
    assert "cột “alias”" in said and "VNI" in said and "Mường Toong" in said
    assert HEADER


def test_of_all_communes_of_the_country_none_is_refused_and_each_is_recognised_in_an_old_font(shared_data):
    with gzip.open(shared_data / "boundaries" / "vietnam_communes_all.geojson.gz") as file:
        named = [f["properties"]["name"] for f in json.load(file)["features"]]
    names = [unicodedata.normalize("NFC", n) for n in named if n]
    assert len(names) > 11_000 and not [n for n in names if old_font(n)]
    accented = [n for n in names if not n.isascii()]
    # "Xã", "Phường", "Thị trấn" tell already.
    assert not [n for n in accented if not old_font(in_tcvn3(n))]
    vni = {n: old_font("".join(TO_VNI.get(c, c) for c in n)) for n in accented}
    assert sum(found is not None for found in vni.values()) > 0.98 * len(vni)
