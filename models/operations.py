"""What can be wrong with one operation of a phone's batch; all else a live route would say, too."""

from models.errors import DomainError, NotFound


class UnknownSubject(NotFound):
    code = "unknown_subject"
    vi = "Chưa có vụ việc này trên máy chủ, hoặc bạn không có quyền xem; hãy gửi lại sau."
    en = "Not here yet, or not yours to see; send it again later."
    retryable = True


class InvalidOperation(DomainError):
    """An item of a batch that cannot be read; `errors` are in the language of whoever sent it."""

    code = "invalid"
    vi = "Dữ liệu chưa đúng; xem từng trường trong “errors”."
    en = "Some data is not right; see “errors” by field."


class UnknownKind(DomainError):
    code = "unknown_kind"
    vi = "Máy chủ chưa biết loại thao tác này; hãy giữ lại và gửi sau khi máy chủ được cập nhật."
    en = "The server does not know this kind of operation yet; keep it, and send it once the server is newer."
    retryable = True


class FailedOperation(DomainError):
    code = "internal_error"
    vi = "Máy chủ gặp lỗi ở thao tác này; dữ liệu của bạn chưa bị mất, hãy gửi lại."
    en = "The server failed at this operation; send it again."
    retryable = True
