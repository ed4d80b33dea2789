"""Công văn đề nghị phối hợp: a unit asks a neighbour to help with a case."""

from typing import Any
from uuid import UUID

from models.agreements import Agreement
from models.assignments import State
from models.base import db
from models.documents import Opened
from models.incident_types import INCIDENT_TYPES
from models.reference import reference
from services.documents.blocks import Block, field, item, signature, text
from services.documents.bodies import Body, full_name, with_province
from services.documents.case import forest, found_at, place, type_of
from services.documents.damage import damage_in_words, damage_of
from services.documents.wording import BLANK, moment_in_words, plain

FIRE = (
    "Cử lực lượng, phương tiện phối hợp chữa cháy; thống nhất người chỉ huy và cách liên lạc tại hiện trường.",
    "Theo dõi, chuẩn bị lực lượng ngăn cháy lan sang phần rừng thuộc địa bàn quản lý.",
    "Phối hợp xác định nguyên nhân, diện tích thiệt hại phần thuộc mỗi địa bàn.",
)
OTHER = (
    "Cử người tham gia kiểm tra hiện trường; cùng xác định vị trí, diện tích, khối lượng thiệt hại phần thuộc mỗi địa bàn.",
    "Giữ nguyên hiện trường, tang vật, phương tiện phần thuộc địa bàn quản lý cho đến khi kiểm tra xong.",
    "Cung cấp thông tin, tài liệu liên quan: chủ rừng, hiện trạng rừng, hồ sơ địa giới, người và phương tiện có liên quan.",
)


def fill(paper: Opened, issuer: Body) -> dict[str, Any]:
    incident, to = paper.incident, paper.to
    copies = ["Như trên", *([f"{issuer.above} (để báo cáo)"] if issuer.above else []), "Lưu: VT, hồ sơ vụ việc"]
    return {
        "subject": f"V/v đề nghị phối hợp xử lý vụ việc số {incident.number}",
        "date": None,
        "addressee": full_name(to) if to else BLANK * 3,
        "blocks": [*_basis(paper), *_opening(paper, issuer), *_known(paper), *_asked(paper, issuer)],
        "recipients": copies,
        "signatures": [signature(*issuer.signs, how="Ký, ghi rõ họ tên, đóng dấu")],
    }


def _basis(paper: Opened) -> list[Block]:
    """The agreement under which the other side is asked."""
    id = paper.incident.routing.get("agreement_id")
    agreement = db.session.get(Agreement, UUID(id)) if id else None
    if agreement is None:
        return []
    numbered = f" số {agreement.number}" if agreement.number else ""
    return [text(f"Căn cứ {agreement.name}{numbered}, ký ngày {agreement.signed_on:%d/%m/%Y};")]


def _opening(paper: Opened, issuer: Body) -> list[Block]:
    near = [reference().units[UUID(c["unit"]["id"])] for c in paper.incident.routing["candidates"]][:2]
    between = f"khu vực giáp ranh giữa {' và '.join(with_province(unit) for unit in near)}"
    where = between if len(near) > 1 else f"địa bàn {with_province(near[0])}"
    received = moment_in_words(paper.incident.received_at)
    return [
        text(
            f"{issuer.name} nhận được tin báo vụ việc {type_of(paper)} tại {where}; tin báo được tiếp nhận lúc "
            f"{received}, số hiệu vụ việc {paper.incident.number}. Thông tin ban đầu như sau:"
        )
    ]


def _known(paper: Opened) -> list[Block]:
    damage, source = damage_of(paper)
    said = damage_in_words(damage)
    return [
        field("Thời gian phát hiện", found_at(paper)),
        *place(paper)[1:],  # the commune was named just before
        *forest(paper),
        field("Diễn biến, hiện trạng", plain(paper.incident.description)),
        field("Thiệt hại", said and f"{said} ({source})"),
        field("Đơn vị đang giữ hiện trường", with_province(paper.incident.guard_unit)),
    ]


def _asked(paper: Opened, issuer: Body) -> list[Block]:
    to, row = paper.to, paper.row
    asked = full_name(to) if to else "quý cơ quan"
    # A reason somebody wrote; what routing offered by itself has none.
    reason = plain(row.reason) if row and row.from_unit_id else None
    done = row is not None and row.state == State.ACCEPTED
    duty = "fire_duty" if INCIDENT_TYPES[paper.incident.type].is_fire else "coordination"
    contact = next((c for c in reference().contacts.get(paper.unit.id, []) if c["role"] == duty), None)
    return [
        *([field("Lý do đề nghị", reason)] if reason else []),
        text(f"Để việc xác minh, xử lý kịp thời, đúng thẩm quyền, {issuer.name} đề nghị {asked} phối hợp:"),
        *(item(line) for line in (FIRE if duty == "fire_duty" else OTHER)),
        field("Thời gian, địa điểm gặp tại hiện trường", None),
        field("Đề nghị hoàn thành trước" if done else "Đề nghị trả lời trước", moment_in_words(row and row.due_at)),
        field("Đầu mối liên hệ", f"{contact['name']}, điện thoại {contact['phone']}" if contact else None),
        text(f"{issuer.name} rất mong nhận được sự phối hợp của quý cơ quan./."),
    ]
