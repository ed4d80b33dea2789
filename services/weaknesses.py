"""What is weak about signing in, in plain sentences: for `flask doctor`, and a reason not to start in production."""

from pathlib import Path

from models.base import db
from models.users import User
from services.demo import PASSWORD, SIGN_INS
from services.keys import weak_keys
from services.passwords import verify_password


def warnings_of_sign_in(folder: Path) -> list[str]:
    """One sentence each: weak or readable keys in the folder, the demo's password in use."""
    return [*weak_keys(folder), *_demo_password()]


def _demo_password() -> list[str]:
    if not (names := users_of_demo_password()):
        return []
    shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    said = f"Mật khẩu mẫu còn dùng được cho {len(names)} tài khoản đang hoạt động ({shown}); "
    return [said + "hãy đặt mật khẩu khác hoặc khóa các tài khoản đó."]


def users_of_demo_password() -> list[str]:
    """The active accounts that open with the demo's password, by user name.

    The rules refuse that password to everybody, so only the demo's own accounts can have it, and copies of their
    rows: each hash among them is verified once.
    """
    active = db.select(User.username, User.password_hash).where(User.disabled_at.is_(None))
    of_demo = {row.password_hash for row in db.session.execute(active.where(User.username.in_(SIGN_INS)))}
    copied = db.select(User.password_hash).group_by(User.password_hash).having(db.func.count() > 1)
    hashes = {hash for hash in (*of_demo, *db.session.scalars(copied)) if hash}
    db.session.rollback()  # nobody reads while passwords are verified
    open_ones = [hash for hash in hashes if verify_password(hash, PASSWORD)]
    return sorted(row.username for row in db.session.execute(active.where(User.password_hash.in_(open_ones))))
