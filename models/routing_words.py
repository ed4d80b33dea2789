"""One sentence that explains a routing decision, per language."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.routing import Candidate, Decision


def metres(value: float, language: str) -> str:
    """Rounded as people say it: "31 m", "1,2 km" in Vietnamese, "1.2 km" in English."""
    if value < 1000:
        return f"{value:.0f} m"
    text = f"{value / 1000:.1f} km"
    return text.replace(".", ",") if language == "vi" else text


def percent(share: float, language: str) -> str:
    text = f"{share * 100:.0f}" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{share * 100:.2f}"
    return (text.replace(".", ",") if language == "vi" else text) + " %"


def _others(others: "list[Candidate]", language: str) -> str:
    named = [
        _name(c.territory.facts) + (f" ({metres(c.distance_m, language)})" if c.is_drawn else "") for c in others[:3]
    ]
    more = len(others) - 3
    if more > 0:
        named.append(f"{more} đơn vị khác" if language == "vi" else f"{more} more")
    return ", ".join(named)


def _name(unit: dict[str, Any]) -> str:
    return unit["name"]


def _claimed(decision: "Decision", language: str) -> str:
    """Between whom a recorded ground is disputed that holds the point; empty when none does."""
    lead = decision.lead.territory
    if not (grounds := decision.disputed):
        return ""
    leads = any(claim.is_of(lead.lineage) for ground in grounds for claim in ground.claims)
    named = [_name(t.facts) for t in ([lead] if leads else []) + [c.territory for c in decision.claimants]]
    if language == "vi":
        return f"Điểm nằm trong khu vực đã ghi nhận là chưa thống nhất địa giới giữa {' và '.join(named)}. "
    return f"The point lies in a ground recorded as disputed between {' and '.join(named)}. "


def _by_agreement(decision: "Decision", language: str) -> str:
    """Who counts as near only because an agreement reaches farther than the rules, and which one."""
    text = ""
    for candidate in decision.candidates:
        if candidate.by_agreement and candidate.accord and candidate.buffer_m is not None:
            name, buffer = _name(candidate.territory.facts), metres(candidate.buffer_m, language)
            signed_on = candidate.accord.signed_on
            text += (
                f" {name} thuộc vùng đệm {buffer} theo biên bản hợp tác ký ngày {signed_on:%d/%m/%Y}."
                if language == "vi"
                else f" {name} lies within the {buffer} buffer of the agreement signed on {signed_on}."
            )
    return text


def explain(decision: "Decision") -> dict[str, str]:
    """{"vi": …, "en": …} for a decision; facts only, so the same decision always reads the same."""
    lead, others = decision.lead, decision.candidates[1:]
    name = _name(lead.territory.facts)
    sentences = {}
    for language in ("vi", "en"):
        vi = language == "vi"
        away = metres(lead.distance_m, language)
        share = percent(lead.share, language)
        radius = metres(decision.radius_m, language)
        claimed = _claimed(decision, language)
        if decision.rule == "inside":
            text = (
                f"Điểm nằm trong {name}, cách ranh giới {away}; không có đơn vị nào khác ở gần."
                if vi
                else f"The point lies in {name}, {away} from its boundary; no other unit is near."
            )
        elif decision.rule == "gap":
            text = (
                f"Không đơn vị nào bao phủ điểm này; {name} gần nhất (cách {away}) chủ trì, cấp trên được báo."
                if vi
                else f"No unit covers this point; the nearest, {name} ({away} away), leads; its superior is told."
            )
        else:
            where = {
                ("near_border", True): f"Điểm ở gần ranh giới: {name} chiếm {share} vùng sai số {radius}",
                ("near_border", False): f"The point is near a border: {name} holds {share} of the {radius} error disc",
                ("overlap", True): f"Nhiều đơn vị cùng bao phủ điểm này: {name} chiếm {share} vùng sai số {radius}",
                ("overlap", False): f"Several units claim this point: {name} holds {share} of the {radius} error disc",
                ("disputed", True): f"{name} chiếm {share} vùng sai số {radius}",
                ("disputed", False): f"{name} holds {share} of the {radius} error disc",
            }["disputed" if claimed else decision.rule, vi]
            text = (
                f"{where}, nên chủ trì; lân cận: {_others(others, language)}."
                if vi
                else f"{where}, so it leads; nearby: {_others(others, language)}."
            )
        if asked := decision.supports:
            units = ", ".join(_name(c.territory.facts) for c in asked)
            text += f" Đề nghị phối hợp ngay: {units}." if vi else f" Support is offered at once: {units}."
        sentences[language] = claimed + text + _by_agreement(decision, language)
    return sentences
