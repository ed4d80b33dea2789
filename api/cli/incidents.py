"""flask incidents: what can be asked of all cases from the terminal."""

from datetime import datetime

import click
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from models import Incident, db
from models.replaying import Difference
from services.bad_file import BadFile
from services.replay import Stored, replay_all

incidents = AppGroup("incidents", help="Vụ việc. / Incidents.")


LONGEST = 120  # letters of a value


@incidents.command("replay")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Chỉ vụ việc tiếp nhận từ ngày này.")
@click.option("--number", help="Chỉ một vụ việc, theo số.")
@plain_errors
def replay(since: datetime | None, number: str | None) -> None:
    """Tính lại mọi quyết định phân công đã lưu, từ chính dữ liệu đầu vào đã lưu của nó.

    Tính cả những quyết định mà việc đính chính đã thay. Chỉ đọc, không sửa gì.
    Mã thoát 1 khi có quyết định nào khác.
    """
    if number and db.session.scalar(db.select(Incident.id).where(Incident.number == number)) is None:
        raise BadFile(f"Không có vụ việc số “{number}”.")
    day = since.date() if since else None
    done = replay_all(day, number, tell, lambda count: click.echo(f"\r{count} quyết định …", nl=False, err=True))
    click.echo("", err=True)
    if done.different:
        raise click.ClickException(f"{done.different} trong {done.decisions} quyết định tính lại KHÁC với đã lưu.")
    click.echo(f"{done.decisions} quyết định, tính lại đều như đã lưu.")


def tell(stored: Stored, difference: Difference) -> None:
    replaced = f" (trước đính chính, sự kiện {stored.event})" if stored.event else ""
    was, is_now = (str(value)[:LONGEST] for value in (difference.stored, difference.again))
    click.echo(f"{stored.number}{replaced}: {difference.field}: đã lưu {was}, nay {is_now}")
