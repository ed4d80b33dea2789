"""flask boundaries: editions of boundaries."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import shapely
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.transaction import committing
from models import Boundary, Edition, Unit, db
from models.clock import today
from services.boundaries import Feature, Report, activate, compare, gaps, overlaps, read_geojson
from services.units import BadFile

boundaries = AppGroup("boundaries", help="Ranh giới: nhập, kiểm tra. / Boundaries: import, check.")
DAY = click.DateTime(["%Y-%m-%d"])
SHOWN = 10


def as_day(value: datetime | None) -> date | None:
    return value.date() if value else None


@boundaries.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--edition", required=True, help="Tên bộ ranh giới, ví dụ “2025”.")
@click.option("--valid-from", required=True, type=DAY, help="Ngày bắt đầu hiệu lực (NNNN-TT-NN).")
@click.option("--valid-to", type=DAY, help="Ngày cuối còn hiệu lực.")
@click.option("--source", help="Nguồn; mặc định là tên tệp.")
@click.option("--licence", default="", help="Giấy phép sử dụng.")
@click.option("--legal-reference", default="", help="Văn bản pháp lý.")
@click.option("--error-m", default=0.0, show_default=True, help="Sai số của bộ ranh giới, mét.")
@click.option("--commit", is_flag=True, help="Ghi và kích hoạt; không có thì chỉ xem trước.")
@plain_errors
def import_file(
    file: Path,
    edition: str,
    valid_from: datetime,
    valid_to: datetime | None,
    commit: bool,
    source: str | None,
    **described: Any,
) -> None:
    """Nhập ranh giới xã từ GeoJSON (thuộc tính: code, name, province_code, province_name).

    Không có --commit thì chỉ cho xem điều sẽ thay đổi. Tệp sai thì không thay đổi gì.
    """
    features = read_geojson(file)
    first, last = valid_from.date(), as_day(valid_to)
    if last and last < first:
        raise BadFile("Ngày hết hiệu lực trước ngày bắt đầu.")
    with committing(commit):
        report = compare(features, edition, first)
        _, report.new_units = activate(features, edition, first, last, source=source or file.name, **described)
    show(report)
    if commit:
        counted = f"{report.polygons} ranh giới, {report.new_units} đơn vị mới"
        click.echo(f"Đã kích hoạt “{edition}” từ {first.isoformat()}: {counted}.")
    else:
        click.echo("Đây là bản xem trước, chưa ghi gì. Thêm --commit để ghi và kích hoạt.")


def show(report: Report) -> None:
    click.echo(f"Bộ “{report.edition}”: {report.polygons} ranh giới")
    for title, names in (("Xuất hiện", report.appears), ("Không còn", report.disappears)):
        click.echo(f"{title}: {len(names)}" + "".join(f"\n  {name}" for name in names[:SHOWN]))
        if len(names) > SHOWN:
            click.echo(f"  … và {len(names) - SHOWN} đơn vị nữa")
    click.echo(f"Đơn vị được tạo mới: {report.new_units}")
    show_areas(report.gaps, report.overlaps)


def show_areas(gap_list: list[tuple[str, float]], overlap_list: list[tuple[str, float]]) -> None:
    for title, found in (("Khoảng trống", gap_list), ("Chồng lấn", overlap_list)):
        click.echo(f"{title}: {len(found)}, tổng {sum(ha for _, ha in found):.4f} ha")
        for where, hectares in found[:SHOWN]:
            click.echo(f"  {where}: {hectares:.4f} ha")


@boundaries.command("check")
@click.option("--at", type=DAY, help="Ngày cần kiểm tra; mặc định hôm nay.")
@plain_errors
def check(at: datetime | None) -> None:
    """Kiểm tra bộ ranh giới đang có hiệu lực: khoảng trống và chồng lấn, tính bằng hecta."""
    edition = Edition.on(as_day(at) or today())
    if edition is None:
        raise BadFile("Chưa có bộ ranh giới nào có hiệu lực vào ngày đó.")
    rows = db.session.execute(
        db.select(Boundary, Unit).join(Unit, Boundary.unit_id == Unit.id).where(Boundary.edition_id == edition.id)
    ).all()
    features = [Feature(u.code, u.name, {}, shapely.from_wkb(b.wkb), b.area_m2) for b, u in rows]
    click.echo(f"Bộ “{edition.name}”: {len(features)} ranh giới, có hiệu lực từ {edition.valid_from.isoformat()}")
    show_areas(gaps(features), overlaps(features))
