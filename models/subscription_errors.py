"""What can go wrong with a subscription."""

from models.errors import Conflict, DomainError


class ChannelNotAvailable(Conflict):
    code = "channel_not_available"
    vi = "Máy chủ này chưa mở kênh “{channel}”; hãy chọn kênh khác hoặc hỏi quản trị viên."
    en = "This server does not offer the channel “{channel}”; choose another or ask an administrator."


class TooManySubscriptions(Conflict):
    code = "too_many_subscriptions"
    vi = "Đã có quá nhiều đăng ký nhận tin; hãy hủy bớt, hoặc đợi đến ngày mai."
    en = "There are too many subscriptions; end some, or wait until tomorrow."


class SubscriptionOver(Conflict):
    code = "subscription_over"
    vi = "Đăng ký này không ở trạng thái cho phép việc đó."
    en = "This subscription is not in a state that allows it."


class WrongProof(DomainError):
    code = "wrong_proof"
    vi = "Mã xác nhận không đúng, đã hết hạn hoặc đã thử quá nhiều lần; hãy yêu cầu mã mới."
    en = "The code is wrong, too old, or was tried too often; ask for a new one."
    keeps_writes = True  # the try counts
