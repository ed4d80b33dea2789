"""flask doctor: settings, versions and the state of everything on one screen."""

import os
import platform
import sys
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.engine import make_url

from api.cli.plain import plain_errors
from api.config import SETTINGS, home, setting
from services.doctor import GOOD, LOOK, MEND, channels, examine

SECRET_WORDS = ("TOKEN", "PASSWORD", "SECRET", "KEY")
MARKS = {GOOD: "✓", LOOK: "!", MEND: "✗"}
# In Vietnamese; a setting that has no words here yet shows those of api/config.py.
MEANINGS = {
    "GIAP_RANH_HOME": "thư mục của tệp SQLite và các khoá",
    "PORT": "cổng của máy chủ",
    "HOST": "địa chỉ máy chủ lắng nghe",
    "WEB_CONCURRENCY": "số tiến trình; trống: mỗi nhân một, tối đa bốn",
    "DATABASE_URL": "cơ sở dữ liệu; trống: SQLite trong thư mục trên",
    "PHOTO_STORE": "thư mục ảnh hoặc s3://bucket/…; trống: uploads/",
    "DEMO": "1: nạp dữ liệu mẫu khi trống",
    "TZ_LOCAL": "múi giờ để tính ngày và tuần",
    "REPORTING_YEAR_STARTS": "một ngày trong tuần đầu của năm báo cáo",
    "TRUSTED_PROXIES": "số proxy phía trước được tin",
    "PUBLIC_URL": "địa chỉ công khai, để gửi liên kết",
    "CORS_ORIGINS": "trang web khác được gọi API; trống: không",
    "RATE_LIMIT": "số yêu cầu một phút của một máy; 0: không giới hạn",
    "METRICS_TOKEN": "mã để đọc /metrics từ xa",
    "SMTP_URL": "máy chủ gửi thư; trống: không gửi thư",
    "SMTP_FROM": "địa chỉ người gửi thư",
    "TELEGRAM_TOKEN": "mã của bot Telegram; trống: không dùng",
    "ZALO_TOKEN": "mã của bot Zalo; trống: không dùng",
    "VAPID_KEY": "khoá gửi thông báo trình duyệt; trống: không dùng",
    "WEBHOOKS_LOCAL": "1: webhook vào mạng nội bộ (chỉ để thử)",
    "LOG_LEVEL": "mức nhật ký",
    "LOG_FORMAT": "json hoặc text",
}


@click.command("doctor", help="Kiểm tra thiết lập và tình trạng; mã thoát 1 khi có điều phải sửa.")
@with_appcontext
@plain_errors
def doctor() -> None:
    click.echo("Thiết lập (● đặt riêng):")
    for name in SETTINGS:
        click.echo(f"  {'●' if os.environ.get(name) else ' '} {name:<21} {shown(name):<24} {meaning(name)}")
    click.echo(f"\nPython {platform.python_version()}, {platform.system()} {platform.release()}")
    found = examine(current_app.extensions["photo_store"], home(), production=setting("DEMO") == "0")
    found += channels(current_app.config)
    for finding in found:
        click.echo(f"  {MARKS[finding.level]} {finding.subject:<14} {finding.detail}")
    counts: dict[str, Any] = {level: sum(f.level == level for f in found) for level in MARKS}
    click.echo(f"\n{counts[GOOD]} mục tốt, {counts[LOOK]} mục nên xem (!), {counts[MEND]} mục phải sửa (✗).")
    if counts[MEND]:
        sys.exit(1)


def meaning(name: str) -> str:
    return MEANINGS.get(name, SETTINGS[name][1])


def shown(name: str) -> str:
    """The value in force, but no secret: neither a token nor the password inside an address."""
    value = setting(name)
    if not value:
        return "–"
    if any(word in name for word in SECRET_WORDS):
        return "(đã đặt, không hiện)"
    if "://" in value:
        try:
            return make_url(value).render_as_string(hide_password=True)
        except Exception:  # noqa: BLE001  whatever cannot be read may be a secret in the wrong place
            return "(không đọc được)"
    return value
