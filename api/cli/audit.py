"""flask audit: whether the log is still what was written, and erasing what it may no longer keep."""

import click
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.transaction import committing
from models import Incident, User, db
from models.erasure import erase
from services.audit import verify
from services.bad_file import BadFile

audit = AppGroup("audit", help="Nhật ký. / The log.")


@audit.command("verify")
@plain_errors
def verify_log() -> None:
    """Kiểm tra toàn bộ nhật ký: chuỗi băm, đầu chuỗi và dấu niêm phong. Không cần máy chủ đang chạy.

    Tìm ra sự kiện bị sửa, xóa, chèn, đổi chỗ hoặc cắt đuôi. Mã thoát 1 khi có gì sai.
    """
    found = verify(lambda count: click.echo(f"\r{count} sự kiện …", nl=False, err=True))
    click.echo("", err=True)
    for problem in found.problems:
        click.echo(problem)
    if found.found > len(found.problems):
        click.echo(f"… và {found.found - len(found.problems)} điều khác.")
    click.echo(
        f"{found.events} sự kiện, {found.chains} chuỗi, {found.seals} dấu niêm phong; "
        f"{found.unsealed} sự kiện chưa niêm phong, {found.erased} văn bản đã xóa theo quy định."
    )
    if found.found:
        raise click.ClickException(f"Nhật ký KHÔNG còn nguyên vẹn: {found.found} điều sai.")
    click.echo("Nhật ký nguyên vẹn.")


@audit.command("erase")
@click.option("--incident", "number", required=True, help="Số vụ việc, như trên dòng thời gian.")
@click.option("--event", "position", required=True, type=click.IntRange(1), help="Số sự kiện trên dòng thời gian.")
@click.option("--text", "names", multiple=True, help="Tên văn bản (reason, text …); mặc định: mọi văn bản của sự kiện.")
@click.option("--reason", required=True, help="Vì sao xóa; được ghi vào nhật ký, đừng nhắc lại điều bị xóa.")
@click.option("--by", "username", required=True, help="Quản trị viên chịu trách nhiệm.")
@plain_errors
def erase_texts(number: str, position: int, names: tuple[str, ...], reason: str, username: str) -> None:
    """Xóa vĩnh viễn văn bản của một sự kiện (dữ liệu cá nhân); chuỗi băm vẫn kiểm tra được.

    Dữ kiện và mã băm ở lại, và một sự kiện “erased” ghi ai xóa, khi nào, vì sao.
    """
    with committing():
        user = User.named(username)
        if user is None:
            raise BadFile(f"Không có người dùng “{username}”.")
        incident = db.session.scalar(db.select(Incident).where(Incident.number == number).with_for_update())
        if incident is None:
            raise BadFile(f"Không có vụ việc số “{number}”.")
        said = erase(incident, position, user.person, reason, names)
    click.echo(f"Đã xóa {', '.join(said.facts['erased'])} của sự kiện {position}, vụ việc {number}.")
