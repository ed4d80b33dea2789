"""flask boundaries: editions of boundaries."""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import shapely
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.transaction import committing, stop_reading
from models import Boundary, Edition, Unit, db
from models.clock import today
from models.edition_drafts import status_of
from models.passing import Effect
from models.units import KnownUnit
from models.vocabulary import word_in
from services.activation import load, take_back
from services.bad_file import BadFile
from services.boundaries import check_new, gaps, overlaps
from services.boundary_changes import PIECE_M2, PIECE_WIDTH_M, Change
from services.boundary_features import Feature, features_of, fields_of
from services.boundary_files import read_layer
from services.editions import Reform, Tried, place_on_earth, try_out
from services.units import NEEDED, SUCCESSION, rows_of

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
@click.option("--units", "unit_file", type=click.Path(path_type=Path), help="CSV đơn vị bắt đầu, kết thúc.")
@click.option("--succession", "succession_file", type=click.Path(path_type=Path), help="CSV đơn vị cũ → mới.")
@click.option("--epsg", type=int, help="Hệ tọa độ khi tệp không ghi, ví dụ 9205.")
@click.option("--layer", help="Lớp cần đọc khi tệp có nhiều lớp.")
@click.option("--fields", default="", help="Tên cột khác, ví dụ code=maxa,name=tenxa.")
@click.option("--source", help="Nguồn; mặc định là tên tệp.")
@click.option("--licence", default="", help="Giấy phép sử dụng.")
@click.option("--legal-reference", default="", help="Văn bản pháp lý.")
@click.option("--error-m", default=0.0, help="Sai số của bộ ranh giới, mét.")
@click.option("--full", is_flag=True, help="In mọi dòng, không chỉ mười dòng đầu.")
@click.option("--commit", is_flag=True, help="Ghi và kích hoạt; không có thì chỉ xem trước.")
@plain_errors
def import_file(
    file: Path,
    edition: str,
    valid_from: datetime,
    valid_to: datetime | None,
    unit_file: Path | None,
    succession_file: Path | None,
    epsg: int | None,
    layer: str | None,
    fields: str,
    source: str | None,
    full: bool,
    commit: bool,
    **described: Any,
) -> None:
    """Nhập ranh giới xã từ GeoJSON, GeoPackage hay shapefile (.shp, .zip).

    Cột: code, name, province_code, province_name. Tệp sai thì không thay đổi gì.
    """
    check_new(edition, valid_from.date(), as_day(valid_to))
    stop_reading()
    content = read_layer(file, layer)
    reform = Reform(edition, valid_from.date(), as_day(valid_to), features_of(content, fields_of(fields)))
    reform.described = {"source": source or file.name} | described
    reform.units = rows_of(unit_file, NEEDED) if unit_file else []
    reform.successions = rows_of(succession_file, SUCCESSION) if succession_file else []
    click.echo(f"Đã đọc {len(reform.features)} đối tượng, lớp “{content.name}”.")
    system = place_on_earth(reform, file.name, epsg, content.epsg)
    click.echo(f"Hệ tọa độ: {system}.")
    click.echo("Đang so sánh với bộ đang có hiệu lực, tìm khoảng trống và chồng lấn …")
    tried = try_out(reform)
    show(tried, None if full else SHOWN)
    show_effect(tried.effect, None if full else SHOWN)
    if commit:
        click.echo("Đang ghi …")
        with committing():
            load(reform)
        counted = f"{tried.report.polygons} ranh giới, {tried.units_created} đơn vị mới"
        click.echo(f"Đã kích hoạt “{edition}” từ {reform.valid_from.isoformat()}: {counted}.")
    else:
        click.echo("Đây là bản xem trước, chưa ghi gì. Thêm --commit để ghi và kích hoạt.")


def show(tried: Tried, most: int | None) -> None:
    report = tried.report
    click.echo(f"Bộ “{report.edition}”: {report.polygons} ranh giới")
    for title, names in (("Xuất hiện", report.appears), ("Không còn", report.disappears)):
        listed(f"{title}: {len(names)}", names, most)
    click.echo(f"Đơn vị được tạo mới: {tried.units_created} · kết thúc: {tried.units_ending}")
    click.echo(f"Tổng diện tích: trước {report.before_ha:.2f} ha, sau {report.after_ha:.2f} ha")
    moved = [c for c in report.changes if c.moved_ha]
    listed(
        f"Thay đổi diện tích: {len(moved)} trong {len(report.changes)} đơn vị tiếp nối "
        f"(bỏ qua mảnh dưới {PIECE_M2:.0f} m² hoặc hẹp hơn {PIECE_WIDTH_M:.0f} m)",
        [change_line(c) for c in moved],
        most,
    )
    show_areas(report.gaps, report.overlaps, most)


def show_effect(effect: Effect, most: int | None) -> None:
    """What is open and would pass on, or go back."""
    listed(
        f"Đơn vị có việc phải chuyển: {len(effect.units)}", [f"{u.name} → {named(b)}" for u, b in effect.units], most
    )
    if effect.heirless:
        listed(
            f"KHÔNG CÓ đơn vị kế thừa, trong khi còn việc chưa xong: {len(effect.heirless)}",
            [named([unit]) for unit in effect.heirless],
            most,
        )
    if effect.stranded:
        lines = [f"{thing.name}: {thing.was.name}" for thing in effect.stranded]
        listed(
            f"Người dùng, đầu mối trực ở lại đơn vị không còn, vì không rõ đơn vị kế thừa: {len(lines)}", lines, most
        )
    for kind, things in effect.moved.items():
        lines = [f"{thing.name}: {thing.was.name} → {named(thing.becomes)}" for thing in things]
        listed(f"{word_in('passed_on', kind)}: {len(things)}", lines, most)
    if effect.merged:
        click.echo(f"Phần việc gộp lại: {effect.merged}")


def named(units: Iterable[KnownUnit]) -> str:
    return ", ".join(f"{unit.name} ({unit.code})" for unit in units)


def change_line(change: Change) -> str:
    former = f" (từ {', '.join(change.from_names)})" if change.from_names else ""
    return (
        f"{change.named}{former}: trước {change.before_ha:.2f} ha, sau {change.after_ha:.2f} ha, "
        f"thêm {change.gained_ha:.2f} ha, bớt {change.lost_ha:.2f} ha"
    )


def show_areas(
    gap_list: list[tuple[str, float]], overlap_list: list[tuple[str, float]], most: int | None = SHOWN
) -> None:
    for title, found in (("Khoảng trống", gap_list), ("Chồng lấn", overlap_list)):
        total = f"{title}: {len(found)}, tổng {sum(ha for _, ha in found):.4f} ha"
        listed(total, [f"{where}: {hectares:.4f} ha" for where, hectares in found], most)


def listed(title: str, lines: list[str], most: int | None) -> None:
    click.echo(title)
    for line in lines[:most]:
        click.echo(f"  {line}")
    if most is not None and len(lines) > most:
        click.echo(f"  … và {len(lines) - most} dòng nữa (--full để xem hết)")


@boundaries.command("list")
@plain_errors
def list_editions() -> None:
    """Liệt kê các bộ ranh giới: tên, thời gian hiệu lực, trạng thái."""
    for edition in db.session.scalars(db.select(Edition).order_by(Edition.valid_from, Edition.created_at)):
        last = f" đến {edition.valid_to.isoformat()}" if edition.valid_to else ""
        status = word_in("edition_status", status_of(edition))
        click.echo(f"{edition.name}: {status}, từ {edition.valid_from.isoformat()}{last}")


@boundaries.command("deactivate")
@click.argument("name")
@click.option("--full", is_flag=True, help="In mọi dòng, không chỉ mười dòng đầu.")
@click.option("--commit", is_flag=True, help="Thực hiện; không có thì chỉ xem trước.")
@plain_errors
def deactivate(name: str, full: bool, commit: bool) -> None:
    """Hủy kích hoạt bộ ranh giới NAME ngay trong ngày đã kích hoạt: mọi việc trở về như trước.

    Cho xem trước những gì sẽ chuyển trở lại.
    """
    with committing(commit):
        edition = db.session.scalar(db.select(Edition).where(Edition.name == name).with_for_update())
        if edition is None:
            raise BadFile(f"Không có bộ ranh giới tên “{name}”.")
        show_effect(take_back(edition, None), None if full else SHOWN)
    click.echo(f"Đã hủy kích hoạt “{name}”." if commit else "Đây là bản xem trước. Thêm --commit để thực hiện.")


@boundaries.command("check")
@click.option("--at", type=DAY, help="Ngày cần kiểm tra; mặc định hôm nay.")
@plain_errors
def check(at: datetime | None) -> None:
    """Kiểm tra bộ ranh giới đang có hiệu lực: khoảng trống và chồng lấn, tính bằng hecta."""
    edition = Edition.on(as_day(at) or today())
    if edition is None:
        raise BadFile("Chưa có bộ ranh giới nào có hiệu lực vào ngày đó.")
    rows = db.session.execute(
        db.select(Unit.code, Unit.name, Boundary.wkb, Boundary.area_m2)
        .join(Unit, Boundary.unit_id == Unit.id)
        .where(Boundary.edition_id == edition.id)
    ).all()
    shown = f"Bộ “{edition.name}”: {len(rows)} ranh giới, có hiệu lực từ {edition.valid_from.isoformat()}"
    stop_reading()
    features = [Feature(r.code, r.name, {}, shapely.from_wkb(r.wkb), r.area_m2) for r in rows]
    click.echo(shown)
    show_areas(gaps(features), overlaps(features))
