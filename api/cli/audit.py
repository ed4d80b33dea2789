"""flask audit: whether the log is still what was written."""

import click
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from services.audit import verify

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
