"""A state machine that reads as a table: action, from, to, by whom, needing what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.errors import Incomplete, NotAllowed, WrongStatus


@dataclass(frozen=True)
class Transition:
    """One row. `target` is a status, or a function of the thing (an answer goes back to where the question
    came from); None stays. `needs` are the arguments that must be given. `then(thing, actor, **facts)` is
    what else the step changes."""

    action: str
    sources: Sequence[StrEnum]
    target: StrEnum | Callable[[Any], StrEnum] | None
    by: Callable[[Any, Any], bool]
    needs: Sequence[str] = ()
    then: Callable[..., None] | None = None

    def target_of(self, thing: Any) -> Any:
        if self.target is None:
            return thing.status
        return self.target if isinstance(self.target, StrEnum) else self.target(thing)


class Workflow:
    def __init__(self, *transitions: Transition, initial: StrEnum, final: set[StrEnum]):
        self.transitions = transitions
        self.initial = initial
        self.final = final

    @property
    def actions(self) -> list[str]:
        return list(dict.fromkeys(t.action for t in self.transitions))

    def available(self, thing: Any, actor: Any) -> list[str]:
        """The actions this actor may take now; clients build their buttons from it."""
        return list(
            dict.fromkeys(t.action for t in self.transitions if thing.status in t.sources and t.by(actor, thing))
        )

    def choose(self, thing: Any, action: str, actor: Any, facts: dict[str, Any]) -> Transition:
        """The row that applies, or the reason why none does: first the status, then who, then what is missing."""
        starts_here = [t for t in self.transitions if t.action == action and thing.status in t.sources]
        if not starts_here:
            raise WrongStatus(action=action, status=str(thing.status))
        transition = next((t for t in starts_here if t.by(actor, thing)), None)
        if transition is None:
            raise NotAllowed(action=action)
        if missing := [need for need in transition.needs if facts.get(need) in (None, "", {}, [])]:
            raise Incomplete(*missing)
        return transition
