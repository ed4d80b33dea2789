"""The course of a fire as one table: what an update may say, from which statuses, and what the fire is then."""

from dataclasses import dataclass
from enum import StrEnum

from models.errors import WrongStatus
from models.incident_types import enums


class FireStatus(StrEnum):
    """What updates say. A fire itself is never `reignited`: it is being fought again."""

    REPORTED = "reported"
    DISPATCHED = "dispatched"
    FIGHTING = "fighting"
    CONTAINED = "contained"
    EXTINGUISHED = "extinguished"
    WATCHING = "watching"
    REIGNITED = "reignited"
    FALSE_ALARM = "false_alarm"


F = FireStatus
BURNS = (F.REPORTED, F.DISPATCHED, F.FIGHTING)
TAMED = (F.CONTAINED, F.EXTINGUISHED, F.WATCHING)


@dataclass(frozen=True)
class Move:
    """From which statuses an update may say this, and what the fire is then."""

    sources: tuple[FireStatus, ...]
    target: FireStatus


# Forward over steps, for many a fire is fought before anybody writes "dispatched"; the same again, for there is more to
# tell than the status. And whoever stands before flames is believed over a false alarm.
# fmt: off
FIRE_WORKFLOW = {
    # says          while the fire is                                                   and then it is
    F.REPORTED:     Move((F.REPORTED,),                                                 F.REPORTED),
    F.DISPATCHED:   Move((F.REPORTED, F.DISPATCHED),                                    F.DISPATCHED),
    F.FIGHTING:     Move((*BURNS, F.FALSE_ALARM),                                       F.FIGHTING),
    F.CONTAINED:    Move((*BURNS, F.CONTAINED),                                         F.CONTAINED),
    F.EXTINGUISHED: Move((*BURNS, F.CONTAINED, F.EXTINGUISHED),                         F.EXTINGUISHED),
    F.WATCHING:     Move((*BURNS, F.CONTAINED, F.EXTINGUISHED, F.WATCHING),             F.WATCHING),
    F.REIGNITED:    Move(TAMED,                                                         F.FIGHTING),
    F.FALSE_ALARM:  Move((*BURNS, F.FALSE_ALARM),                                       F.FALSE_ALARM),
}
# fmt: on


class WrongFireStatus(WrongStatus):
    """What a fire update says does not follow from what the fire is."""

    vi = "Đám cháy đang “{fire}”, không thể chuyển sang “{said}”."
    en = "The fire is “{fire}”; it cannot become “{said}”."


def follow(fire: str, said: str) -> FireStatus:
    """What the fire is after an update. Raises WrongFireStatus."""
    move = FIRE_WORKFLOW[FireStatus(said)]
    if fire not in move.sources:
        raise WrongFireStatus(fire=_words(fire), said=_words(said))
    return move.target


def _words(status: str) -> str:
    entry = next(e for e in enums()["fire_status"] if e["code"] == status)
    return f"{entry['vi']} / {entry['en']}"
