"""flask units: the tree of units."""

from pathlib import Path

import click
from flask.cli import AppGroup

from api.cli.plain import plain_errors
from api.transaction import committing
from services.units import import_aliases, import_successions, import_units

units = AppGroup("units", help="Đơn vị hành chính: nhập từ CSV. / Units: import from CSV.")


@units.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--aliases", type=click.Path(path_type=Path), help="CSV tên gọi khác: commune_code, name, alias.")
@click.option("--succession", type=click.Path(path_type=Path), help="CSV đơn vị cũ → mới, như old_to_new.csv.")
@plain_errors
def import_file(file: Path, aliases: Path | None, succession: Path | None) -> None:
    """Nhập đơn vị từ FILE (cột: level, code, name, parent_level, parent_code, valid_from, valid_to).

    Đơn vị đã có thì giữ nguyên; tệp sai thì không thay đổi gì.
    """
    with committing():
        done = import_units(file)
        linked = import_successions(succession) if succession else 0
        named = import_aliases(aliases) if aliases else 0
    click.echo(f"Đơn vị mới: {done.created} · đã có: {done.unchanged} · kế thừa: {linked} · tên khác: {named}")
