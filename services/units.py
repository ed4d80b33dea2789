"""Units from a CSV file with the columns of the published list, and their aliases and successions."""

import csv
import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from models.base import db
from models.units import LEVELS, Unit, UnitAlias, fold, refresh_names_and_scopes
from services.bad_file import BadFile, tidy
from services.old_fonts import refuse_old_fonts
from services.unit_tree import UnitTree

NEEDED = ("level", "code", "name", "parent_level", "parent_code", "valid_from", "valid_to")
SUCCESSION = ("old_commune_code", "new_commune_code", "relation", "valid_to_old", "valid_from_new")
NAMES = ("name", "alias")  # columns of names, kept in one way of writing


@dataclass
class Imported:
    created: int = 0
    unchanged: int = 0


@dataclass
class Ends:
    """Units that were thought to last and end by what is entered: only a reform may end them, and it can be undone."""

    units: list[Unit] = field(default_factory=list)

    def end(self, unit: Unit, last: date) -> None:
        unit.valid_to = last
        self.units.append(unit)


def rows_of(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """The lines of a CSV file as dicts. Raises BadFile in plain words."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(unicodedata.normalize("NFC", line) for line in file)
            missing = [c for c in needed if c not in (reader.fieldnames or [])]
            if missing:
                raise BadFile(f"{path.name}: thiếu cột {', '.join(missing)}.")
            rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    except FileNotFoundError:
        raise BadFile(f"{path}: không có tệp này.") from None
    except UnicodeDecodeError:
        for number, line in enumerate(path.read_bytes().decode("latin-1").splitlines(), 1):
            refuse_old_fonts(line, f"{path.name} dòng {number}")
        raise BadFile(f"{path.name}: không phải UTF-8; hãy lưu lại tệp với bảng mã UTF-8.") from None
    except (csv.Error, OSError) as error:
        raise BadFile(f"{path.name}: không đọc được ({error}).") from None
    return checked(rows, needed, path.name)


def checked(rows: list[dict[str, str]], needed: tuple[str, ...], source: str) -> list[dict[str, str]]:
    """Rows wherever they came from, their names tidied. Raises BadFile."""
    for number, row in enumerate(rows, 2):
        if missing := [c for c in needed if c not in row]:
            raise BadFile(f"{source} dòng {number}: thiếu cột {', '.join(missing)}.")
        if any("\x00" in value for value in row.values()):
            raise BadFile(f"{source} dòng {number}: có ký tự NUL, không cơ sở dữ liệu nào giữ được.")
        for column, value in row.items():
            refuse_old_fonts(value, f"{source} dòng {number}, cột “{column}”")
            if column in NAMES:
                row[column] = tidy(value)
    return rows


def day(text: str, where: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadFile(f"{where}: ngày “{text}” không đúng dạng NNNN-TT-NN.") from None


def import_units(path: Path) -> Imported:
    """Add the units of a file, parents before children; those already there stay as they are."""
    done = enter_units(rows_of(path, NEEDED), path.name, UnitTree())
    refresh_names_and_scopes()
    return done


def enter_units(rows: list[dict[str, str]], source: str, tree: UnitTree, ends: Ends | None = None) -> Imported:
    """As `import_units`, of rows already read; what is derived from the tree is left to the caller.

    With `ends`, a unit that lasts ends where a row says so, or the day before another begins to bear its code.
    """
    done = Imported()
    seen: set[tuple[str, str, str]] = set()
    for number, row in enumerate(rows, 2):
        where = f"{source} dòng {number}"
        if row["level"] not in LEVELS:
            raise BadFile(f"{where}: cấp “{row['level']}” không có trong {', '.join(LEVELS)}.")
        if not row["code"] or not row["name"]:
            raise BadFile(f"{where}: thiếu mã hoặc tên.")
        if row["level"] != LEVELS[0] and not row["parent_code"]:
            raise BadFile(f"{where}: thiếu đơn vị cấp trên.")
        if (key := (row["level"], row["code"], row["valid_from"])) in seen:
            raise BadFile(f"{where}: mã {row['code']} xuất hiện hai lần với cùng ngày bắt đầu.")
        seen.add(key)
    for number, row in sorted(enumerate(rows, 2), key=lambda r: LEVELS.index(r[1]["level"])):
        where = f"{source} dòng {number}"
        if _import_one(row, where, tree, ends):
            done.created += 1
        else:
            done.unchanged += 1
    db.session.flush()
    return done


def _import_one(row: dict[str, str], where: str, tree: UnitTree, ends: Ends | None) -> bool:
    valid_from, valid_to = day(row["valid_from"], where), day(row["valid_to"], where)
    if valid_from and valid_to and valid_to < valid_from:
        raise BadFile(f"{where}: ngày kết thúc trước ngày bắt đầu.")
    existing = tree.between(row["level"], row["code"], valid_from, valid_to)
    if same := [u for u in existing if u.valid_from == valid_from and fold(u.name) == fold(row["name"])]:
        if ends and valid_to and same[0].valid_to is None:
            ends.end(same[0], valid_to)
        return False
    if ends and valid_from and existing and existing[-1].valid_to is None:
        if (existing[-1].valid_from or date.min) < valid_from:
            ends.end(existing.pop(), valid_from - timedelta(days=1))
    if existing:
        raise BadFile(f"{where}: mã {row['code']} đã thuộc về {existing[0].name} trong thời gian đó.")
    parent = None
    if row["parent_code"]:
        # The parent as it stood while the unit did: on its first day, or before its last when that is all we know.
        on = valid_from or valid_to
        found = tree.between(row["parent_level"], row["parent_code"], valid_from or on, valid_to or on)
        parent = found[-1] if found else None
        if parent is None:
            raise BadFile(f"{where}: không có đơn vị cấp trên {row['parent_level']} {row['parent_code']}.")
    tree.add(row["level"], row["code"], row["name"], parent, valid_from=valid_from, valid_to=valid_to)
    return True


def import_aliases(path: Path) -> int:
    """Other spellings: commune_code, name, alias, source. A code counts for whichever unit bears the name."""
    added = 0
    for row in rows_of(path, ("commune_code", "name", "alias")):
        for unit in db.session.scalars(db.select(Unit).where(Unit.code == row["commune_code"])):
            if fold(unit.name) == fold(row["name"]) and row["alias"] not in {a.name for a in unit.aliases}:
                unit.aliases.append(UnitAlias(name=row["alias"], source=row.get("source", "")))
                added += 1
    refresh_names_and_scopes()
    return added


def import_successions(path: Path) -> int:
    """What became of old communes, and through them of their districts and provinces by code."""
    added = enter_successions(rows_of(path, SUCCESSION), path.name, UnitTree())
    refresh_names_and_scopes()
    return added


def enter_successions(rows: list[dict[str, str]], source: str, tree: UnitTree) -> int:
    """As `import_successions`, of rows already read; what is derived from the tree is left to the caller."""
    added = 0
    for number, row in enumerate(rows, 2):
        where = f"{source} dòng {number}"
        ended, began = day(row["valid_to_old"], where), day(row["valid_from_new"], where)
        old = tree.on("commune", row["old_commune_code"], ended)
        new = tree.on("commune", row["new_commune_code"], began)
        if old is None or new is None or old is new:
            continue  # a neighbouring district that this installation does not hold
        resolution = row.get("resolution", "")
        added += tree.link(old, new, row["relation"], resolution)
        for above in tree.above(old):
            heir = tree.heir(above, new, began)
            if heir and above.valid_to and heir is not above:
                added += tree.link(above, heir, "unchanged", resolution)
    db.session.flush()
    return added


def end_predecessors(rows: list[dict[str, str]], source: str, tree: UnitTree, ends: Ends) -> None:
    """Old communes that were thought to last end on the day that the rows say."""
    for number, row in enumerate(rows, 2):
        ended = day(row["valid_to_old"], f"{source} dòng {number}")
        old = tree.on("commune", row["old_commune_code"], ended)
        if ended and old and old.valid_to is None:
            ends.end(old, ended)
