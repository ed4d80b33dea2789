"""The language of an answer: Vietnamese unless the request prefers English."""

from typing import Any

from flask import has_request_context, request

LANGUAGES = ("vi", "en")


def language() -> str:
    if not has_request_context():
        return "vi"
    return request.accept_languages.best_match(LANGUAGES, default="vi") or "vi"


def label(labels: dict[str, str]) -> str:
    return labels[language()]


# marshmallow and webargs speak English; these are all the sentences that our schemas can make them say.
_VI = {
    "Missing data for required field.": "Bắt buộc.",
    "Field may not be null.": "Không được để trống.",
    "Not a valid string.": "Phải là chuỗi ký tự.",
    "Not a valid number.": "Phải là số.",
    "Not a valid integer.": "Phải là số nguyên.",
    "Not a valid boolean.": "Phải là true hoặc false.",
    "Not a valid list.": "Phải là danh sách.",
    "Not a valid mapping type.": "Phải là đối tượng.",
    "Not a valid UUID.": "Không phải UUID hợp lệ.",
    "Not a valid datetime.": "Không phải thời điểm hợp lệ (RFC 3339).",
    "Not a valid aware datetime.": "Thời điểm phải có múi giờ.",
    "Not a valid date.": "Không phải ngày hợp lệ (NNNN-TT-NN).",
    "Unknown field.": "Trường không được biết đến.",
    "Invalid input type.": "Dữ liệu phải là một đối tượng JSON.",
    "Easting and northing seem to be swapped.": "Có vẻ đã đổi chỗ toạ độ đông (easting) và bắc (northing).",
    "Not a place in Vietnam's grid of this zone.": "Không phải điểm trong lưới VN-2000 của múi này.",
    "Invalid JSON body.": "Nội dung không phải JSON hợp lệ.",
    "Special numeric values (nan or infinity) are not permitted.": "Không nhận NaN hay vô cực.",
}
_VI_STARTS = {
    "Must be one of:": "Phải là một trong:",
    "Must be greater than or equal to": "Phải lớn hơn hoặc bằng",
    "Must be less than or equal to": "Phải nhỏ hơn hoặc bằng",
    "Longer than maximum length": "Quá dài, tối đa",
    "Shorter than minimum length": "Quá ngắn, tối thiểu",
    "Length must be between": "Độ dài phải trong khoảng",
    "String does not match expected pattern.": "Không đúng dạng.",
}


def translate(message: Any) -> Any:
    """Validation messages, nested as marshmallow nests them, in the language of the request."""
    if isinstance(message, dict):
        return {str(key): translate(value) for key, value in message.items()}
    if isinstance(message, list):
        return [translate(value) for value in message]
    if language() != "vi" or not isinstance(message, str):
        return message
    for start, vi in _VI_STARTS.items():
        if message.startswith(start):
            return (vi + message.removeprefix(start)).replace(" and less than or equal to ", " và nhỏ hơn hoặc bằng ")
    return _VI.get(message, message)
