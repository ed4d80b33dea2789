"""What is behind a one-case link, in words: the page for an old phone, the address, the text to send with it."""

import json
import re
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import uuid4

from flask import Response, current_app, render_template, request

from api.config import ROOT
from api.languages import label, language
from models.assignments import DECLINE_REASONS
from models.case_links import CaseLink
from models.clock import local
from models.errors import DomainError, IdConflict, Incomplete, Invalid
from models.incident_types import INCIDENT_TYPES, enums
from models.link_messages import ANSWERS, LONGEST_NAME, LONGEST_TEXT, NOTE
from models.shared_part import shared_part

FOLDER = ROOT / "web" / "case"


@cache
def _words(side: int) -> dict[str, str]:
    return {name: both[side] for name, both in json.loads((FOLDER / "words.json").read_text("utf-8")).items()}


def words() -> dict[str, str]:
    """The sentences of the page in the language of the request."""
    return _words(0 if language() == "vi" else 1)


@cache
def style_version() -> str:
    """So that a phone keeps the stylesheet until it is another."""
    return sha256((FOLDER / "case.css").read_bytes()).hexdigest()[:8]


def moment(at: Any) -> str:
    return f"{local(at):%H:%M, %d/%m/%Y}"


def code_in(name: str, code: str) -> str:
    """What a code of one list is called."""
    known = {entry["code"]: entry for entry in enums()[name]}
    return str(known[code][language()]) if code in known else code


def amount(value: float) -> str:
    """As it is written here: "1.250,5" in Vietnamese, "1,250.5" in English."""
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return text.translate(str.maketrans(",.", ".,")) if language() == "vi" else text


# The link


def address_of(link: CaseLink) -> str:
    base = current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")
    return f"{base}/case/{link.token}"


def text_to_send(link: CaseLink) -> str:
    """For an SMS or a messenger, as an officer sends it."""
    incident = link.incident
    return words()["message"].format(
        to=link.contact_name or link.addressee,
        unit=link.from_unit.name,
        type=label(INCIDENT_TYPES[incident.type].labels).lower(),
        number=incident.number,
        place=incident.routing["lead"]["name"],
        url=address_of(link),
        moment=moment(link.expires_at),
    )


# The page


def case_page(link: CaseLink, said: dict[str, str] | None = None, trouble: str | None = None) -> str:
    """`said`: what was filled in and could not be taken, `trouble`: why not."""
    incident, w = link.incident, words()
    case = shared_part(incident)
    is_over = incident.is_over
    answer = link.answer
    return render_template(
        "case.html",
        w=w,
        language=language(),
        style=style_version(),
        link=link,
        case=case,
        type=label(INCIDENT_TYPES[incident.type].labels),
        facts=_facts(case),
        commander=_contact(commander) if (commander := (case["fire"] or {}).get("commander")) else None,
        units=[_unit(unit) for unit in case["units"]],
        explanation=label(case["explanation"]),
        answer=answer and _message(answer),
        messages=[_message(message) for message in reversed(link.messages)],
        answers=[NOTE] if is_over else [*ANSWERS],
        is_over=is_over,
        reasons={code: code_in("decline_reason", code) for code in DECLINE_REASONS},
        said=said or {"name": (link.messages[-1].name or "") if link.messages else ""},
        trouble=trouble,
        sent="sent" in request.args and not trouble,
        until=w["until"].format(moment=moment(link.expires_at)),
        form=uuid4(),
        longest={"name": LONGEST_NAME, "text": LONGEST_TEXT},
    )


def page_of_problem(response: Response) -> None:
    """An error as a page. Forged, expired, revoked: the same words, and nothing that tells which."""
    w = words()
    gone = response.status_code == 404
    title, text = (w["gone_title"], w["gone"]) if gone else (w["trouble_title"], response.get_json()["detail"])
    facts = {"w": w, "language": language(), "style": style_version(), "title": title, "text": text}
    response.set_data(render_template("plain.html", **facts))
    response.content_type = "text/html; charset=utf-8"


def trouble_of(error: DomainError) -> str:
    """Why a form was not taken, by what its fields are called."""
    w, fields = words(), error.errors or {}
    if isinstance(error, IdConflict) or "form" in fields:
        return w["already"]
    if isinstance(error, (Incomplete, Invalid)):
        named = ", ".join(w[name] for name in fields)
        return w["missing" if isinstance(error, Incomplete) else "wrong"].format(fields=named)
    return error.text(language())


def _facts(case: dict[str, Any]) -> list[tuple[str, str]]:
    w = words()
    facts = [(w["status"], code_in("status", case["status"]))]
    if case["fire_status"]:
        facts.append((w["fire"], code_in("fire_status", case["fire_status"])))
        facts += _fire(case["fire"])
    facts += [(w["found"], moment(case["found_at"])), (w["received"], moment(case["received_at"]))]
    if case["damage"]:
        told = [w[name].format(value=amount(value)) for name, value in case["damage"].items()]
        facts.append((w["damage"], ", ".join(told)))
    return facts


def _fire(fire: dict[str, Any]) -> list[tuple[str, str]]:
    w, forces = words(), [f"{force['count']} {code_in('force_kind', force['kind'])}" for force in fire["forces"]]
    told = ((w["forces"], ", ".join(forces)), (w["needs"], fire["needs"] or ""))
    return [(name, value) for name, value in told if value]


def _unit(unit: dict[str, Any]) -> dict[str, Any]:
    role, state = code_in("assignment_role", unit["role"]), code_in("assignment_state", unit["state"])
    if (unit["role"], unit["state"]) == ("lead", "accepted"):  # its word says "accepted to support"
        state = {"vi": "Đã tiếp nhận", "en": "Accepted"}[language()]
    return unit | {"role": role, "state": state, "contacts": [_contact(c) for c in unit["contacts"]]}


def _contact(contact: dict[str, Any]) -> dict[str, Any]:
    return contact | {"dial": re.sub(r"[^\d+]", "", contact.get("phone") or "")}


def _message(message: Any) -> dict[str, Any]:
    said = code_in("assignment_state", message.answer) if message.answer else words()["noted"]
    return {
        "what": said,
        "reason": code_in("decline_reason", message.reason) if message.reason else None,
        "name": message.name,
        "text": message.text,
        "at": moment(message.at),
    }
