"""Texts typed for the fonts of before Unicode, TCVN3 (ABC, .VnTime) and VNI: recognised and refused with the remedy.

Such bytes, read as Western European, show other letters: "Mường Nhé" stands there as "M­êng NhÐ" or "Möôøng Nheù".
Only what cannot stand in Vietnamese written in Unicode counts as evidence. Letters that both share ("Cã" is "Có" in
TCVN3, but a word in Unicode) do not: a whole file always holds better evidence than one word, and a right name must
never be refused.
"""

import re
import unicodedata

from services.bad_file import BadFile, tidy

# TCVN 5712:1993, character set VN3; its accented capitals are the small letters in a font of capitals.
TCVN3 = dict(
    zip(
        "¡¢£¤¥¦§¨©ª«¬\xad®µ¶·¸¹»¼½¾ÆÇÈÉÊËÌÎÏÐÑÒÓÔÕÖ×ØÜÝÞßáâãäåæçèéêëìíîïñòóôõö÷øùúûüýþ",
        "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
        strict=True,
    )
)
# VNI writes the mark behind the vowel, a sign of its own; these are the vowels and what they become with each mark.
_VNI_MARKED = (
    ("a", "ùøûõïâáàåãäêéèúüë", "áàảãạâấầẩẫậăắằẳẵặ"),
    ("e", "ùøûõïâáàåãä", "éèẻẽẹêếềểễệ"),
    ("o", "ùøûõïâáàåãä", "óòỏõọôốồổỗộ"),
    ("ô", "ùøûõï", "ớờởỡợ"),
    ("u", "ùøûõï", "úùủũụ"),
    ("ö", "ùøûõï", "ứừửữự"),
    ("y", "ùøûõ", "ýỳỷỹ"),
)
_VNI_SMALL = {
    v + mark: letter for v, marks, letters in _VNI_MARKED for mark, letter in zip(marks, letters, strict=True)
}
_VNI_SMALL |= {"ô": "ơ", "ö": "ư", "ñ": "đ", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ"}
VNI = (
    {key.upper(): letter.upper() for key, letter in _VNI_SMALL.items()}
    | {key[0].upper() + key[1:]: letter.upper() for key, letter in _VNI_SMALL.items()}
    | _VNI_SMALL
)
_VNI_KEY = re.compile("|".join(sorted(VNI, key=len, reverse=True)))

LETTER = r"[^\W\d_]"
SIGN = r"[¡¢£¤¥¦§¨©ª«¬\xad®µ¶·¸¹»¼½¾×÷]"
EVIDENCE = re.compile(
    "|".join(
        (
            f"(?<={LETTER}){SIGN}|{SIGN}(?={LETTER})",  # a sign that is none: it stands in a word
            f"(?P<sign>{SIGN})(?!(?P=sign)){SIGN}",  # or two of them make one: "đã"
            "[ÄÅÆÇËÎÏÖØÛÜÞßäåæçëîïöøûüþ]",  # letters of other languages
            f"(?<={LETTER})Ð",  # at the start of a word it is Đ, badly typed
            f"(?<=(?![kKmM]){LETTER})[Ññ]",  # Ê Đê and Gia Rai write Ñ, where a syllable begins
            f"(?<=[a-z])[ÈÉÊÌÒÓÔÕÝ]|(?<={LETTER})[ÈÉÊÌÒÓÔÕÝ](?=[a-z])",  # a capital inside a word
            "[aAeE][âùõÂÙÕ]|[oO][âùÂÙ]|[uUyY][ùõÙÕ]",  # a marked vowel behind a vowel, as VNI writes; "Laêê" is a name
        )
    )
)
QUOTED = re.compile(r"(?<!\w)«([^«»]*)»(?!\w)")
MARKS_OF_TONE = "\u0300\u0301\u0303\u0309\u0323"
# A soft hyphen, which is ư in TCVN3, gets lost on the way; Vietnamese has no ờng, ớc or ợu without it.
LOST_U_HORN = re.compile(r"(?<![ưƯ])(?=[ờớởỡợ](?:ng|c|u))")
# A syllable without its tone: which vowels may stand together tells the two fonts apart.
SYLLABLE = re.compile(
    "(?:ngh|ng|nh|gh|gi|kh|ch|th|tr|ph|qu|[bcdđghklmnpqrstvx])?"
    "(?:a[oiuy]|â[uy]|eo|[êiư]u|[oôơuư]i|uôi|uya|[iuư]a|iêu|oa[iy]|uây|ươ[iu]|yêu|"
    "(?:[aeoiyuêôơưâă]|iê|o[aăeo]|u[âêôơy]|uyê|ươ|yê)(?:ng|nh|ch|[cmnpt])?)"
)


def old_font(text: str) -> tuple[str, str] | None:
    """The name of the encoding a text was typed for and what it probably reads, or None for Unicode."""
    text = unicodedata.normalize("NFC", text)
    if any("Ạ" <= c <= "ỹ" for c in text):
        return None  # letters that no Western reading of old bytes can show
    if not EVIDENCE.search(QUOTED.sub(r"\1", text)):
        return None
    if (right := _misread_utf8(text)) is not None:
        return "UTF-8 bị đọc nhầm thành Windows-1252", right
    as_tcvn3 = LOST_U_HORN.sub("ư", "".join(TCVN3.get(c, c) for c in text))
    as_vni = _VNI_KEY.sub(lambda key: VNI[key[0]], text)
    if _words(as_vni) > _words(as_tcvn3):
        return "VNI", as_vni
    return "TCVN3 (phông ABC, .VnTime)", as_tcvn3


def refuse_old_fonts(text: str, where: str) -> None:
    """Raises BadFile with the remedy when a text was typed for an old font. `where` names file, line and column."""
    if (found := old_font(text)) is not None:
        encoding, right = found
        raise BadFile(
            f"{where}: “{tidy(text)}” viết bằng bảng mã cũ {encoding}, có lẽ là “{tidy(right)}”; "
            "hãy chuyển sang Unicode (UTF-8), ví dụ bằng công cụ chuyển mã của UniKey, rồi nhập lại."
        )


def _misread_utf8(text: str) -> str | None:
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return None


def _words(text: str) -> int:
    """How many words could be Vietnamese, less those that could not: one syllable with at most one tone."""
    score = 0
    for word in re.findall(r"[^\s.,;:()–/-]+", text.casefold()):
        decomposed = unicodedata.normalize("NFD", word)
        tones = sum(decomposed.count(mark) for mark in MARKS_OF_TONE)
        syllable = unicodedata.normalize("NFC", "".join(c for c in decomposed if c not in MARKS_OF_TONE))
        score += 1 if tones <= 1 and SYLLABLE.fullmatch(syllable) else -1
    return score
