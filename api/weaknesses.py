"""In production the server does not start while signing in is weak."""

from flask import Flask
from sqlalchemy.exc import OperationalError, ProgrammingError

from api.config import in_production
from models import db
from services.weaknesses import warnings_of_sign_in


class TooWeak(RuntimeError):
    """One plain sentence for each reason."""


def refuse_weakness(app: Flask) -> None:
    if not in_production():
        return
    with app.app_context():
        try:
            reasons = warnings_of_sign_in(app.config["KEY_FOLDER"])
        except (OperationalError, ProgrammingError) as error:
            reason = str(error.orig).splitlines()[0]
            raise TooWeak(f"Không kiểm tra được tài khoản ({reason}). Đã chạy `flask db upgrade` chưa?") from None
        finally:
            db.session.remove()
    if reasons:
        raise TooWeak("\n".join(["PRODUCTION=1: máy chủ không khởi động.", *reasons]))
