"""What can go wrong, in the language of the domain. Only api/errors.py knows HTTP.

DomainError
├── NotFound            no such thing, or not yours to see
├── NotAllowed          you may see it, but not do this to it
├── Conflict            true when you asked, no longer true now
│   ├── WrongStatus     the action does not start from this status
│   ├── IdConflict      the same id with another content
│   └── Stale           you decided on a version that is gone
├── VersionMissing      say which version you decided on
├── Incomplete          the action needs facts you did not give
├── Invalid             a fact you gave cannot be
├── NotSignedIn         nobody, or nobody any more
├── TooManyAttempts     to sign in; WeakPassword, WrongOldPassword
├── TooLarge, NotAPicture
└── Busy, DiskFull, NotReady   try again later
"""

from typing import Any

from models.vocabulary import word


class DomainError(Exception):
    code = "domain_error"  # stable: phones branch on it
    vi = "Có lỗi xảy ra."
    en = "Something went wrong."
    retryable = False
    keeps_writes = False  # a refusal that still has something to keep, such as a revoked session

    def __init__(self, *, errors: dict[str, list[str]] | None = None, **facts: Any):
        self.errors = errors
        self.facts = facts
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """The sentence for people, codes of ours in their words."""
        side = 0 if language == "vi" else -1
        facts = {n: v.split(" / ")[side] if isinstance(v, str) else v for n, v in self.facts.items()}
        facts |= {n: word(self.facts[n], language) for n in ("action", "status") if n in self.facts}
        return (self.vi if language == "vi" else self.en).format(**facts)


class NotFound(DomainError):
    # Says nothing of what was asked for: "not there" and "not yours to see" must be one and the same answer.
    code = "not_found"
    vi = "Không tìm thấy, hoặc bạn không có quyền xem."
    en = "Not found, or not yours to see."


class NotAllowed(DomainError):
    code = "not_allowed"
    vi = "Bạn không được thực hiện việc này: {action}."
    en = "You may not do this: {action}."


class Conflict(DomainError):
    code = "conflict"
    vi = "Dữ liệu đã thay đổi, hãy tải lại."
    en = "This has changed meanwhile; load it again."


class NoSuccessor(Conflict):
    code = "no_successor"
    vi = "Những đơn vị này kết thúc mà không có đơn vị kế thừa, trong khi còn việc chưa xong: {units}."
    en = "These units end without a successor while work is open there: {units}."


class TooLate(Conflict):
    code = "too_late"
    vi = "Chỉ huỷ được trong ngày đã chuyển giao, và khi có bộ ranh giới trước đó: {edition}."
    en = "This can be undone only on the day it was done, and with an edition before it: {edition}."


class WrongStatus(Conflict):
    code = "wrong_status"
    vi = "Không thể thực hiện “{action}” khi đang ở trạng thái “{status}”."
    en = "Cannot {action} while {status}."


class IdConflict(Conflict):
    code = "id_conflict"
    vi = "Mã này đã được dùng cho một nội dung khác."
    en = "This id is already used for another content."


class KeyConflict(Conflict):
    code = "idempotency_key_conflict"
    vi = "Khóa chống gửi trùng này đã được dùng cho một yêu cầu khác."
    en = "This idempotency key was already used for another request."


class PartnersNotConcluded(Conflict):
    code = "partners_not_concluded"
    vi = "Đơn vị phối hợp chưa hoàn thành phần việc; lãnh đạo có thể kết thúc kèm lý do."
    en = "A supporting unit has not concluded; a leader may close it with a reason."


class AlreadyAssigned(Conflict):
    code = "already_assigned"
    vi = "Đơn vị này đã có phần việc trong vụ việc."
    en = "This unit already has a part in the case."


class LinkFull(Conflict):
    code = "link_full"
    vi = "Liên kết này đã gửi rất nhiều nội dung; hãy gọi điện cho đơn vị chủ trì."
    en = "Very much was sent over this link already; phone the lead unit."


class NoArbiter(Conflict):
    code = "no_arbiter"
    vi = "Không có cấp trên để phân công, nên đơn vị này không thể từ chối."
    en = "There is no superior who could decide, so this unit cannot decline."


class Stale(DomainError):
    code = "stale_version"
    vi = "Vụ việc đã thay đổi sau lần bạn xem. Hãy tải lại rồi quyết định."
    en = "The incident has changed since you saw it. Load it again, then decide."


class VersionMissing(DomainError):
    code = "version_missing"
    vi = "Thiếu If-Match: hãy cho biết bạn quyết định trên phiên bản nào."
    en = "If-Match is missing: say which version you decided on."


class Incomplete(DomainError):
    code = "incomplete"
    vi = "Còn thiếu thông tin: {missing}."
    en = "Also give: {missing}."

    def __init__(self, *missing: str, **facts: Any):
        super().__init__(
            errors={name: ["Bắt buộc. / Required."] for name in missing}, missing=", ".join(missing), **facts
        )


class Invalid(DomainError):
    code = "invalid"
    vi = "Giá trị không hợp lệ ở “{field}”; cần: {wanted}."
    en = "Not a valid value of “{field}”; wanted: {wanted}."

    def __init__(self, field: str, wanted: str, **facts: Any):
        """`wanted` says what would be right: an example, the codes to choose from, or "vi / en"."""
        super().__init__(errors={field: [wanted]}, field=field, wanted=wanted, **facts)


class OutsideTerritory(DomainError):
    code = "outside_territory"
    vi = "Vị trí cách mọi đơn vị hơn 20 km. Báo cáo vẫn được giữ trong máy của bạn."
    en = "The place is more than 20 km from every unit. Your phone keeps the report."


class NoBoundaries(DomainError):
    code = "no_boundaries"
    vi = "Không có bộ ranh giới nào có hiệu lực vào ngày này."
    en = "No boundaries are in force on this day."


class NotReady(DomainError):
    code = "no_boundaries"
    vi = "Máy chủ chưa có ranh giới nào được kích hoạt; báo cáo vẫn ở trong máy của bạn, hãy gửi lại sau."
    en = "The server has no boundaries yet; your phone keeps the report, send it again later."
    retryable = True


class ReasonNotAllowed(DomainError):
    code = "reason_not_allowed"
    vi = "Không thể từ chối với lý do này: {why}"
    en = "Cannot decline for this reason: {why_en}"


class LastAdmin(Conflict):
    code = "last_admin"
    vi = "Đây là quản trị viên cuối cùng đang hoạt động; hãy chỉ định một người khác trước."
    en = "This is the last active administrator; appoint another one first."


class UsernameTaken(Conflict):
    code = "username_taken"
    vi = "Tên đăng nhập này đã có người dùng."
    en = "This user name is taken."


class WeakPassword(DomainError):
    code = "weak_password"
    vi = "Mật khẩu quá yếu. {why}"
    en = "The password is too weak. {why}"

    def __init__(self, why: str):
        """`why` in both languages: "vi / en"."""
        super().__init__(errors={"password": [why]}, why=why)


class TooManyAttempts(DomainError):
    code = "too_many_attempts"
    vi = "Sai quá nhiều lần; hãy thử lại sau {minutes} phút."
    en = "Too many wrong attempts; try again in {minutes} min."
    retryable = True

    def __init__(self, retry_after_s: int):
        super().__init__(retry_after_s=retry_after_s, minutes=-(-retry_after_s // 60))


class NotSignedIn(DomainError):
    code = "unauthenticated"
    vi = "Hãy đăng nhập."
    en = "Sign in first."


class WrongPassword(NotSignedIn):
    code = "wrong_credentials"
    vi = "Tên đăng nhập hoặc mật khẩu không đúng."
    en = "Wrong user name or password."
    keeps_writes = True  # the failure counts


class WrongCode(NotSignedIn):
    code = "wrong_code"
    vi = "Mã ghi danh không đúng, đã dùng hoặc đã hết hạn."
    en = "This enrolment code is wrong, used, or too old."
    keeps_writes = True


class WrongOldPassword(DomainError):
    code = "wrong_password"
    vi = "Mật khẩu hiện tại không đúng."
    en = "The present password is wrong."
    keeps_writes = True


class RefreshReused(NotSignedIn):
    code = "refresh_reused"
    vi = "Mã gia hạn đã được dùng; thiết bị này bị đăng xuất. Hãy đăng nhập lại."
    en = "This refresh token was already used; the device is signed out. Sign in again."
    keeps_writes = True


class TooLarge(DomainError):
    code = "too_large"
    vi = "Quá lớn: tối đa {limit}."
    en = "Too large: at most {limit}."


class NotAPicture(DomainError):
    code = "unsupported_media_type"
    vi = "Chỉ nhận ảnh JPEG, PNG, WebP, HEIC và ghi âm m4a, ogg, webm, 3gp."
    en = "Only JPEG, PNG, WebP, HEIC pictures and m4a, ogg, webm, 3gp voice notes are taken."


class HashMismatch(DomainError):
    code = "hash_mismatch"
    vi = "Ảnh nhận được không khớp mã băm đã khai; hãy gửi lại."
    en = "The photo received does not match its declared hash; send it again."
    retryable = True


class CutShort(DomainError):
    code = "cut_short"
    vi = "Dữ liệu bị ngắt giữa chừng; hãy gửi lại."
    en = "The upload was cut short; send it again."
    retryable = True


class NotGzip(CutShort):
    code = "not_gzip"
    vi = "Nội dung khai là gzip nhưng không giải nén được."
    en = "The content says it is gzip but cannot be unpacked."
    retryable = False


class PreviewPending(NotFound):
    code = "preview_pending"
    vi = "Ảnh xem trước đang được tạo."
    en = "The preview is being made."
    retryable = True


class PreviewUnavailable(NotFound):
    code = "preview_unavailable"
    vi = "Không tạo được ảnh xem trước; ảnh gốc vẫn được giữ."
    en = "No preview can be made; the original is kept."


class Busy(DomainError):
    code = "busy"
    vi = "Máy chủ đang bận, hãy gửi lại sau ít giây."
    en = "The server is busy; send it again in a few seconds."
    retryable = True


class DiskFull(DomainError):
    code = "disk_full"
    vi = "Máy chủ hết chỗ lưu, hãy gửi lại sau."
    en = "The server is out of space; send it again later."
    retryable = True
