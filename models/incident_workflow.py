"""The steps of an incident from report to closure, as one table."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from models import damage, people_units
from models.assignments import CLOSED_WITH_CASE, OPEN, Part, State
from models.base import now
from models.clock import local
from models.deadlines import HOURS_A_DAY, add_working_time, due_for
from models.errors import Incomplete, Invalid, PartnersNotConcluded
from models.incident_types import INCIDENT_TYPES
from models.limits import limit
from models.permissions import any_of, leader_of_lead, officer_of_former_support, officer_of_lead, reporter
from models.workflow import Transition, Workflow


class Status(StrEnum):
    REPORTED = "reported"
    RECEIVED = "received"
    NEED_INFO = "need_info"
    VERIFYING = "verifying"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    REFERRED = "referred"
    RESOLVED = "resolved"
    CLOSED = "closed"
    UNFOUNDED = "unfounded"
    DUPLICATE = "duplicate"


S = Status
NOT_COUNTED = (S.DUPLICATE, S.UNFOUNDED)  # in no figure, closed or not
OVER = (S.CLOSED, S.UNFOUNDED, S.DUPLICATE)  # nobody is asked, answers or decides about a part in what is over
OUTCOMES = (
    "sanctioned",
    "remedy_no_offender",
    "prosecuted",
    "not_prosecuted",
    "no_offence",
    "extinguished",
    "restored",
)
# What must be done next in each status that is not final, and by when (catalogue/limits.json).
NEXT_STEP = {
    S.REPORTED: "receive",
    S.RECEIVED: "verify",
    S.NEED_INFO: "answer",
    S.VERIFYING: "confirm",
    S.CONFIRMED: "process",
    S.PROCESSING: "resolve",
    S.REFERRED: "take_back",
    S.RESOLVED: "close",
    S.UNFOUNDED: "close",
    S.DUPLICATE: "close",
}


def handle(incident: Any, **facts: Any) -> None:
    """Keep what an action said where the case can be read back."""
    incident.handling = incident.handling | {k: v for k, v in facts.items() if v is not None}


def ask(incident: Any, actor: Any, question: str, **_: Any) -> None:
    incident.asked_from = incident.status
    handle(incident, question=question)


def answer(incident: Any, actor: Any, answer: str, **_: Any) -> None:
    handle(incident, answer=answer)


def confirm(incident: Any, actor: Any, findings: dict[str, Any], **_: Any) -> None:
    if INCIDENT_TYPES[incident.type].forest:
        known = {"forest_category": incident.forest_category, "forest_origin": incident.forest_origin}
        missing = [name for name in known if not findings.get(name) and not known[name]]
        if missing:
            raise Incomplete(*missing)
        findings = {name: known[name] for name in known if known[name]} | findings
    if not (findings.get("text") or findings.get("damage")):
        raise Incomplete("findings")
    damage.check(findings.get("damage"), "findings.damage")
    if findings.get("damage"):
        findings = findings | {"damage": damage.complete(findings["damage"])}
    incident.verified = findings
    damage.lie_anew(incident)


def drop_partners(incident: Any, actor: Any, **facts: Any) -> None:
    """Open offers are withdrawn and accepted supports concluded: the case ends here for now."""
    handle(incident, reason=facts.get("reason"))
    for row in incident.assignments:
        if row.role == Part.SUPPORT and row.state in OPEN:
            offered = row.state == State.OFFERED
            row.end(State.WITHDRAWN if offered else State.CONCLUDED, CLOSED_WITH_CASE)


def mark_duplicate(incident: Any, actor: Any, duplicate_of: UUID, **_: Any) -> None:
    original = type(incident).find(duplicate_of, actor, lock=True)
    if original.id == incident.id or original.duplicate_of:
        raise Invalid(
            "duplicate_of", "một vụ khác, không phải tin trùng / another incident that is no duplicate itself"
        )
    drop_partners(incident, actor)
    incident.duplicate_of = original.id
    original.absorb(incident, actor)


def process(incident: Any, actor: Any, record_number: str, record_date: Any, **_: Any) -> None:
    handle(incident, record_number=record_number, record_date=str(record_date))


def refer(incident: Any, actor: Any, agency: str, reason: str, **_: Any) -> None:
    handle(incident, agency=agency, reason=reason)


def resolve(incident: Any, actor: Any, outcome: str, note: str | None = None, **_: Any) -> None:
    if outcome not in OUTCOMES:
        raise Invalid("outcome", ", ".join(OUTCOMES))
    handle(incident, outcome=outcome, outcome_note=note)


def close(incident: Any, actor: Any, reason: str | None = None, **_: Any) -> None:
    if any(r.role == Part.SUPPORT and r.state == State.ACCEPTED for r in incident.assignments):
        if not (reason and leader_of_lead(actor, incident)):
            raise PartnersNotConcluded()
    drop_partners(incident, actor, reason=reason)
    incident.lead.end(State.CONCLUDED)
    incident.lead.arbiter = False  # it has decided: there was nothing more to lead
    incident.closed_from = incident.status


def reopen(incident: Any, actor: Any, reason: str | None, **_: Any) -> None:
    """The lead is back at work, and units that had a part are asked again."""
    handle(incident, reason=reason)
    lead = incident.lead
    if lead.state == State.CONCLUDED:
        lead.state, lead.ended_at = State.ACCEPTED, None
    incident.duplicate_of = incident.closed_from = None
    parts = [r for r in incident.assignments if r.role == Part.LEAD or not r.hand_over]
    latest = {r.unit_id: r for r in sorted(parts, key=lambda r: r.since)}
    for row in latest.values():
        if row.role == Part.SUPPORT and was_at_work(row):
            incident.offer(row.unit, Part.SUPPORT, reason="reopened")


def was_at_work(row: Any) -> bool:
    """Whether a support had done its part, or lost it only because the case ended."""
    return row.state == State.CONCLUDED or (row.state == State.WITHDRAWN and row.reason == CLOSED_WITH_CASE)


def object_to(incident: Any, actor: Any, reason: str, **_: Any) -> None:
    """A former partner disagrees with the end of the case."""
    reopen(incident, actor, reason)


def retract(incident: Any, actor: Any, reason: str, **_: Any) -> None:
    drop_partners(incident, actor, reason=reason)


def correct(incident: Any, actor: Any, changes: dict[str, Any], reason: str, **_: Any) -> None:
    if actor.decides:  # a reporter is not refused for the looks of it
        damage.check(changes.get("damage"), "changes.damage")
    before = incident.people_unit_ids
    incident.change(changes)
    people_units.tell(incident, actor, before)


def keep_reason(incident: Any, actor: Any, reason: str, **_: Any) -> None:
    handle(incident, reason=reason)


FRESH = (S.REPORTED, S.RECEIVED, S.VERIFYING, S.NEED_INFO)
ENDED = (S.RESOLVED, S.CLOSED, S.UNFOUNDED, S.DUPLICATE)
NOT_CLOSED = tuple(s for s in S if s not in (S.CLOSED, S.REPORTED))
LEADS = any_of(officer_of_lead, leader_of_lead)


def partner_in_time(user: Any, incident: Any) -> bool:
    """A former support may object for three working days."""
    if not officer_of_former_support(user, incident):
        return False
    hours = limit("objection_days", local(now()).date()) * HOURS_A_DAY
    return now() <= add_working_time(incident.status_since, hours)


def came_from(incident: Any) -> Status:
    return Status(incident.asked_from or S.RECEIVED)


# A table is read down its columns, so the formatter leaves it alone.
# fmt: off
INCIDENT_WORKFLOW = Workflow(
    #          action           from                                     to            by                                 needs                            then
    Transition("receive",        (S.REPORTED,),                           S.RECEIVED,   officer_of_lead),
    Transition("ask",            (S.RECEIVED, S.VERIFYING),               S.NEED_INFO,  officer_of_lead,                   ["question"],                    ask),
    Transition("answer",         (S.NEED_INFO,),                          came_from,    any_of(reporter, officer_of_lead), ["answer"],                      answer),
    Transition("verify",         (S.RECEIVED,),                           S.VERIFYING,  officer_of_lead),
    Transition("confirm",        (S.RECEIVED, S.VERIFYING),               S.CONFIRMED,  officer_of_lead,                   ["findings"],                    confirm),
    Transition("dismiss",        FRESH,                                   S.UNFOUNDED,  officer_of_lead,                   ["reason"],                      drop_partners),
    Transition("mark_duplicate", FRESH,                                   S.DUPLICATE,  officer_of_lead,                   ["duplicate_of"],                mark_duplicate),
    Transition("process",        (S.CONFIRMED,),                          S.PROCESSING, officer_of_lead,                   ["record_number", "record_date"], process),
    Transition("refer",          (S.CONFIRMED, S.PROCESSING),             S.REFERRED,   officer_of_lead,                   ["agency", "reason"],            refer),
    Transition("take_back",      (S.REFERRED,),                           S.PROCESSING, officer_of_lead,                   ["reason"],                      keep_reason),
    Transition("resolve",        (S.CONFIRMED, S.PROCESSING, S.REFERRED), S.RESOLVED,   officer_of_lead,                   ["outcome"],                     resolve),
    Transition("close",          (S.RESOLVED, S.UNFOUNDED, S.DUPLICATE),  S.CLOSED,     LEADS,                             (),                              close),
    Transition("reopen",         ENDED,                                   S.RECEIVED,   LEADS,                             ["reason"],                      reopen),
    Transition("object",         (S.UNFOUNDED, S.DUPLICATE),              S.RECEIVED,   partner_in_time,                   ["reason"],                      object_to),
    Transition("retract",        (S.REPORTED,),                           S.UNFOUNDED,  reporter,                          ["reason"],                      retract),
    Transition("correct",        (S.REPORTED,),                           None,         any_of(reporter, officer_of_lead), ["changes", "reason"],           correct),
    Transition("correct",        NOT_CLOSED,                              None,         officer_of_lead,                   ["changes", "reason"],           correct),
    initial=S.REPORTED,
    final={S.CLOSED},
)
# fmt: on

# Arguments that people write: kept beside the event, erasable.
TEXTS = ("question", "answer", "reason", "note", "agency")


def set_deadline(incident: Any) -> None:
    """The next step and when it is due, from the moment the status began."""
    step = NEXT_STEP.get(Status(incident.status))
    incident.deadline_step = step
    incident.deadline_at = due_for(incident, step, incident.status_since) if step else None
