"""Who is told of what: one table, to be read down by a duty officer. The worker reads the log through it.

Rows of one event are asked from the top; who is reached by several is told once, by the first. Units whose own officers
or leaders did it are not told. Where nobody of a unit is on the system, what it is asked goes to the nearest unit above
it with people, in its place, to phone. In what other ways somebody is told is a matter of who reads `notices`, not of
this table.
"""

from collections.abc import Callable
from dataclasses import dataclass

from models.assignments import Part, State
from models.happenings import (
    Happening,
    Whom,
    above,
    all_concerned,
    all_with_a_part,
    asked_again,
    asked_superior,
    candidates_not_asked,
    each,
    former_leads,
    helpers,
    inviter,
    lead,
    of_voided_offers,
    offered,
    other_provinces,
    partners,
    reporter,
    reporters,
    row_unit,
    superior_of_lead,
    told,
)
from models.incident_types import INCIDENT_TYPES

OBJECT = "object"  # may be done, need not
LATE = "late"  # the step that the event names, and that should have been done
# Urgent in a fire though no answer is waited for.
PRESSING = ("fire_near", "fire_update", "people_of_yours", "unacked_below")
MORE_THAN_NEWS = ("told",)  # not urgent, but somebody must hear of it


# When


def always(_h: Happening) -> bool:
    return True


def nobody_serves_at_the_place(h: Happening) -> bool:
    return h.lead_unit.id != h.routed.id


def in_a_gap(h: Happening) -> bool:
    return h.incident.routing["rule"] == "gap"


def a_fire(h: Happening) -> bool:
    return INCIDENT_TYPES[h.incident.type].is_fire


def shared(h: Happening) -> bool:
    return not h.facts.get("private")


def accepts_lead(h: Happening) -> bool:
    return h.facts["row_unit"] == h.facts["lead_unit"] and not h.facts.get("hand_over")


def accepts_hand_over(h: Happening) -> bool:
    return bool(h.facts.get("hand_over"))


def declines(h: Happening) -> bool:
    return h.facts["after"] == State.DECLINED


def declines_lead(h: Happening) -> bool:
    return declines(h) and h.row is not None and h.row.role == Part.LEAD


def declines_hand_over(h: Happening) -> bool:
    return declines(h) and bool(h.facts.get("hand_over"))


def goes_to_arbiter(h: Happening) -> bool:
    """The lead was declined by the last candidate, or its hand-over refused twice."""
    moved = declines_lead(h) or (declines_hand_over(h) and h.facts["lead_unit"] not in map(str, inviter(h)))
    return moved and bool(h.facts.get("arbiter_unit"))


def made_by_itself(h: Happening) -> bool:
    """For a unit with nobody on the system: somebody must send it."""
    return h.event.actor_id is None


def has_no_capacity(h: Happening) -> bool:
    return h.facts["after"] == State.OFFERED


def arbitrates(h: Happening) -> bool:
    return h.facts["step"] == "arbitrate"


def decides_late(h: Happening) -> bool:
    return arbitrates(h) and works_late(h)


def concludes_late(h: Happening) -> bool:
    return h.facts["step"] == "conclude" and works_late(h)


def works_late(h: Happening) -> bool:
    """The late unit hears it with the deadline; of an offer that ran out, by the event that says so."""
    return h.facts["level"] == 1 and h.facts["step"] not in ("partner_answer", "hand_over")


@dataclass(frozen=True)
class Tell:
    """`event` of a case happened: `whom` are told what `says` (catalogue/notices.json), if `when`. `asks` is the step
    that is waited for, by its deadline."""

    event: str
    whom: Whom
    says: str
    when: Callable[[Happening], bool] = always
    asks: str | None = None

    @property
    def presses(self) -> bool:
        """Whether it cannot wait, if the case cannot."""
        return self.asks not in (None, OBJECT) or self.says in PRESSING

    @property
    def needs_somebody(self) -> bool:
        """Whether it must reach a unit where nobody is on the system, too: news alone can wait for its people."""
        return self.presses or self.says in MORE_THAN_NEWS


# fmt: off
TOLD = (
    #    event                  whom                                  says                  when                         asks
    Tell("report",              lead,                                 "lead_stands_in",     nobody_serves_at_the_place,  "receive"),
    Tell("report",              lead,                                 "lead_asked",         always,                      "receive"),
    Tell("report",              offered,                              "support_asked",      always,                      "partner_answer"),
    Tell("report",              superior_of_lead,                     "gap",                in_a_gap),
    Tell("report",              candidates_not_asked,                 "fire_near",          a_fire),
    Tell("report",              told,                                 "people_of_yours"),

    Tell("assignment_accept",   of_voided_offers,                     "hand_over_void"),
    Tell("assignment_accept",   all_with_a_part,                      "hand_over_accepted", accepts_hand_over),
    Tell("assignment_accept",   each(lead, partners, former_leads),   "lead_accepted",      accepts_lead),
    Tell("assignment_accept",   each(lead, inviter, row_unit),        "support_accepted"),
    Tell("assignment_decline",  asked_superior,                       "superior_asked",     has_no_capacity,             "assign"),
    Tell("assignment_decline",  lead,                                 "arbiter_asked",      goes_to_arbiter,             "arbitrate"),
    Tell("assignment_decline",  each(all_concerned, other_provinces), "with_arbiter",       goes_to_arbiter),
    Tell("assignment_decline",  lead,                                 "lead_asked_next",    declines_lead,               "receive"),
    Tell("assignment_decline",  each(partners, former_leads),         "lead_declined",      declines_lead),
    Tell("assignment_decline",  each(lead, row_unit),                 "hand_over_declined", declines_hand_over),
    Tell("assignment_decline",  each(lead, inviter, row_unit),        "support_declined",   declines),
    Tell("assignment_conclude", each(lead, inviter, row_unit),        "support_concluded"),
    Tell("assignment_withdraw", row_unit,                             "offer_withdrawn"),
    Tell("assignment_withdraw", each(lead, inviter),                  "offer_taken_back"),
    Tell("assignment_expire",   row_unit,                             "offer_expired"),
    Tell("assignment_expire",   each(lead, inviter),                  "no_answer"),
    Tell("invite",              row_unit,                             "invited",            always,                      "partner_answer"),
    Tell("invite",              lead,                                 "partner_invites"),
    Tell("hand_over",           row_unit,                             "hand_over_asked",    always,                      "hand_over"),
    Tell("hand_over",           lead,                                 "hand_over_offered"),
    Tell("assign",              lead,                                 "assigned",           always,                      "receive"),
    Tell("assign",              each(partners, former_leads),         "lead_changed"),
    Tell("arbitrate",           lead,                                 "arbitration_yours",  always,                      "receive"),
    Tell("arbitrate",           of_voided_offers,                     "hand_over_void"),
    Tell("arbitrate",           each(all_concerned, other_provinces), "arbitration"),

    Tell("receive",             each(lead, partners, former_leads),   "received"),
    Tell("ask",                 reporter,                             "question",           always,                      "answer"),
    Tell("answer",              lead,                                 "answered"),
    Tell("confirm",             all_with_a_part,                      "confirmed"),
    Tell("confirm",             reporters,                            "yours_confirmed"),
    Tell("dismiss",             of_voided_offers,                     "offer_void"),
    Tell("dismiss",             helpers,                              "dismissed",          always,                      OBJECT),
    Tell("dismiss",             each(lead, former_leads),             "ended_unfounded"),
    Tell("dismiss",             reporters,                            "yours_dismissed"),
    Tell("mark_duplicate",      of_voided_offers,                     "offer_void"),
    Tell("mark_duplicate",      helpers,                              "marked_duplicate",   always,                      OBJECT),
    Tell("mark_duplicate",      each(lead, former_leads),             "ended_duplicate"),
    Tell("mark_duplicate",      reporters,                            "yours_duplicate"),
    Tell("absorb",              each(lead, partners),                 "absorbed"),
    Tell("refer",               all_with_a_part,                      "referred"),
    Tell("resolve",             all_with_a_part,                      "resolved"),
    Tell("resolve",             reporters,                            "yours_resolved"),
    Tell("close",               of_voided_offers,                     "offer_void"),
    Tell("close",               all_with_a_part,                      "closed"),
    Tell("close",               reporters,                            "yours_closed"),
    Tell("reopen",              asked_again,                          "asked_again",        always,                      "partner_answer"),
    Tell("reopen",              all_with_a_part,                      "reopened"),
    Tell("reopen",              reporters,                            "yours_reopened"),
    Tell("object",              lead,                                 "objected",           always,                      "verify"),
    Tell("object",              asked_again,                          "asked_again",        always,                      "partner_answer"),
    Tell("object",              all_with_a_part,                      "reopened"),
    Tell("object",              reporters,                            "yours_reopened"),
    Tell("retract",             of_voided_offers,                     "offer_void"),
    Tell("retract",             all_with_a_part,                      "retracted"),
    Tell("note",                each(lead, partners),                 "noted",              shared),

    Tell("fire_update",         offered,                              "support_asked",      always,                      "partner_answer"),
    Tell("fire_update",         all_with_a_part,                      "fire_update"),
    Tell("fire_update",         told,                                 "fire_near"),
    Tell("joint_verification",  all_with_a_part,                      "joint_verification"),
    Tell("link_created",        lead,                                 "link_to_send",       made_by_itself),
    Tell("link_answered",       each(lead, partners),                 "link_answered"),
    Tell("link_note",           each(lead, partners),                 "noted"),
    Tell("people_unit",         told,                                 "people_of_yours"),

    Tell("overdue",             row_unit,                             "arbiter_overdue",    decides_late,                LATE),
    Tell("overdue",             row_unit,                             "overdue",            works_late,                  LATE),
    Tell("overdue",             above,                                "overdue_below",      always,                      LATE),
    Tell("overdue",             lead,                                 "partner_overdue",    concludes_late,              LATE),
    Tell("overdue_reminder",    row_unit,                             "arbiter_reminded",   arbitrates,                  LATE),
    Tell("overdue_reminder",    row_unit,                             "reminded",           always,                      LATE),
    Tell("overdue_reminder",    above,                                "reminded_below",     always,                      LATE),
    Tell("unacked",             above,                                "unacked_below"),
)
# fmt: on

# Whatever else says whom it asked or told: those units hear at least that, and whom to phone.
ELSE = (
    Tell("", offered, "support_asked", asks="partner_answer"),
    Tell("", told, "told"),
)
