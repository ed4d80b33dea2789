"""Loads the demo into an empty database: units, boundaries, agreements, hotspots, people, contacts, then the cases."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import shapely

from models.agreements import Agreement, Party
from models.base import db, new_id
from models.contacts import Contact
from models.hotspots import Hotspot
from models.organisations import RANGER_STATION, Coverage, Organisation
from models.units import Unit, split_kind
from models.users import Person, Role, User, people
from services.boundaries import activate
from services.boundary_features import placed_features
from services.demo.cases import load_cases
from services.demo.schematic import cells, merged
from services.passwords import hash_password
from services.storage import Store
from services.units import import_aliases, import_successions, import_units

HERE = Path(__file__).parent
# Public by nature: `flask doctor` warns while it is in use, production refuses it.
PASSWORD = "rung-xanh-giap-ranh"
REFORM = date(2025, 7, 1)
LAST_OF_OLD = date(2025, 6, 30)

# user name: role, level, code of the unit since the reform, name of the person
SIGN_INS = {
    "ranger.muong-toong": ("ranger", "03163", "Lò Văn Pọm"),
    "officer.muong-toong": ("officer", "03163", "Giàng A Sử"),
    "ranger.ta-tong": ("ranger", "03463", "Lỳ Xá Xuy"),
    "officer.ta-tong": ("officer", "03463", "Vàng Thị Mỷ"),
    "ranger.quang-lam": ("ranger", "03164", "Thào A Dế"),
    "officer.quang-lam": ("officer", "03164", "Lường Văn Hặc"),
    "ranger.nam-ke": ("ranger", "03162", "Mùa A Chính"),
    "officer.nam-ke": ("officer", "03162", "Sùng Thị Dợ"),
    "ranger.sa-pa": ("ranger", "03006", "Má A Phử"),
    "officer.sa-pa": ("officer", "03006", "Nguyễn Thị Hạnh"),
    "ranger.binh-lu": ("ranger", "03390", "Tẩn Phù Quang"),
    "officer.binh-lu": ("officer", "03390", "Hoàng Văn Thức"),
    "officer.khu-vuc-muong-nhe": ("officer", "096", "Pờ Dần Sinh"),
    "leader.muong-nhe": ("leader", "096", "Nguyễn Quang Hưng"),
    "leader.muong-te": ("leader", "107", "Lý Mỹ Ly"),
    "leader.tam-duong": ("leader", "106", "Tẩn Thị Quế"),
    "leader.sa-pa": ("leader", "088", "Phạm Tiến Dũng"),
    "leader.dien-bien": ("leader", "11", "Trần Thị Thu Hà"),
    "leader.lai-chau": ("leader", "12", "Đỗ Ngọc An"),
    "leader.lao-cai": ("leader", "15", "Bùi Đức Thịnh"),
    "admin": ("admin", "11", "Quản trị hệ thống"),
}

# Seven fields of cooperation, as such minutes list them.
FIELDS = (
    "Trao đổi thông tin về tình hình rừng giáp ranh",
    "Tuyên truyền, vận động nhân dân",
    "Tuần tra, kiểm tra chung",
    "Phòng cháy, chữa cháy rừng",
    "Ngăn chặn, xử lý vi phạm",
    "Giải quyết tranh chấp, khu vực chưa thống nhất địa giới",
    "Giao ban, sơ kết, tổng kết",
)
AGREEMENTS = (
    (
        "Biên bản hợp tác bảo vệ rừng giáp ranh Mường Nhé – Nậm Pồ – Mường Tè – Nậm Nhùn (2023)",
        date(2023, 4, 14),
        ("096", "103", "107", "112"),
    ),
    (
        "Quy chế phối hợp quản lý, bảo vệ rừng giáp ranh Tân Uyên – Tam Đường – Sa Pa",
        date(2022, 12, 20),
        ("111", "106", "088"),
    ),
)


def is_empty() -> bool:
    return db.session.scalar(db.select(Unit.id).limit(1)) is None


def load_demo(store: Store) -> int:
    """Everything of the demo; how many incidents it holds. The caller commits."""
    return load_cases(load_world(), store)


def load_world() -> dict[str, Person]:
    """Units, boundaries, agreements, people and contacts, without any case; the people by user name."""
    import_units(HERE / "demo_units.csv")
    import_successions(HERE / "old_to_new.csv")
    import_aliases(HERE / "commune_aliases.csv")
    load_boundaries()
    load_agreements()
    load_hotspots()
    load_contacts()
    return load_people()


def load_boundaries() -> None:
    with open(HERE / "demo_units.csv", encoding="utf-8-sig") as file:
        centres = {
            row["code"]: (float(row["centre_lat"]), float(row["centre_lon"]))
            for row in csv.DictReader(file)
            if row["level"] == "commune" and row["valid_to"]
        }
    old = cells(centres)
    _edition("Sơ đồ 2024 (giản lược, không phải ranh giới thật)", old, date(2010, 1, 1), LAST_OF_OLD)
    parts: dict[str, list[Any]] = {}
    with open(HERE / "old_to_new.csv", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["old_commune_code"] in old and row["old_in_seed_districts"] == "Y":
                parts.setdefault(row["new_commune_code"], []).append(old[row["old_commune_code"]])
    new = {code: merged(cells_of) for code, cells_of in parts.items()}
    _edition("Sơ đồ 2025 (giản lược, không phải ranh giới thật)", new, REFORM, None)


def _edition(name: str, polygons: dict[str, Any], first: date, last: date | None) -> None:
    raw = []
    for code, polygon in polygons.items():
        unit = Unit.by_code(code, last or first, "commune")
        assert unit is not None, code
        province = unit.above()[-1]
        properties = {"code": code, "name": unit.name, "province_code": province.code, "province_name": province.name}
        raw.append({"properties": properties, "geometry": shapely.geometry.mapping(polygon)})
    activate(placed_features(raw, name), name, first, last, source="schematic")


def load_agreements() -> None:
    for name, signed_on, codes in AGREEMENTS:
        said = {"fields": list(FIELDS), "briefing_every_months": 6}
        agreement = Agreement(id=new_id(), name=name, signed_on=signed_on, valid_from=signed_on, **said)
        for position, code in enumerate(codes):
            party = Unit.by_code(code, signed_on, "district")
            assert party is not None, code
            agreement.parties.append(Party(unit_id=party.id, position=position))
        db.session.add(agreement)
    db.session.flush()


def load_hotspots() -> None:
    """The three of the minutes of 2023, on borders of the schematic cells of 2024: their sides were communes of then."""
    minutes, since, _ = AGREEMENTS[0]
    agreement = db.session.scalars(db.select(Agreement.id).where(Agreement.name == minutes)).one()
    with open(HERE / "hotspots.csv", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            one, other = (Unit.by_code(row[side], LAST_OF_OLD, "commune") for side in ("old_a_code", "old_b_code"))
            assert one is not None and other is not None, row["name"]
            line = [[float(degrees) for degrees in point.split()] for point in filter(None, row["stretch"].split(";"))]
            hotspot = Hotspot(
                id=new_id(),
                name=row["name"],
                side_a_id=one.id,
                side_b_id=other.id,
                stretch={"type": "LineString", "coordinates": line} if line else None,
                agreement_id=agreement,
                note=row["note"] or None,
                valid_from=since,
                **{name: float(row[name]) for name in ("lat", "lon", "radius_m", "corridor_m") if row[name]},
            )
            db.session.add(hotspot)
    db.session.flush()


def load_people() -> dict[str, Person]:
    password_hash = hash_password(PASSWORD)  # one password, so one hash is enough
    users = {}
    for username, (role, code, name) in SIGN_INS.items():
        unit = Unit.by_code(code)
        assert unit is not None, code
        users[username] = User(
            id=new_id(),
            username=username,
            name=name,
            role=Role(role),
            unit_id=unit.id,
            password_hash=password_hash,
        )
    db.session.add_all(users.values())
    db.session.flush()
    known = people(u.id for u in users.values())
    return {name: known[u.id] for name, u in users.items()}


def load_contacts() -> None:
    """A duty list for each unit that signs in, and a ranger station across two areas."""
    codes = sorted({code for _, code, _ in SIGN_INS.values()})
    for number, code in enumerate(codes):
        unit = Unit.by_code(code)
        assert unit is not None, code
        place = split_kind(unit.name)[1]
        for role, label in (("fire_duty", "Trực cháy rừng"), ("coordination", "Đầu mối phối hợp")):
            phone = f"0215 000 {number:02d}{1 if role == 'fire_duty' else 2}"
            db.session.add(Contact(unit_id=unit.id, name=f"{label} {place}", phone=phone, role=role))
    station = Organisation(id=new_id(), name="Hạt Kiểm lâm khu vực Mường Nhé", kind=RANGER_STATION)
    for code in ("096", "103"):
        if (unit := Unit.by_code(code)) is not None:
            station.coverage.append(Coverage(unit_id=unit.id, valid_from=REFORM))
    db.session.add(station)
    db.session.flush()
    for role, label, phone in (("fire_duty", "Trực ban", "0215 000 901"), ("coordination", "Văn thư", "0215 000 902")):
        place = f"{label} {station.name}"
        db.session.add(Contact(organisation_id=station.id, name=place, phone=phone, role=role))
    db.session.flush()
