"""What notices say, from catalogue/notices.json: whole sentences in both languages, filled with what was kept of the
event. Only ids, codes and numbers are kept, so nothing that people wrote and no name of a person can stand in one."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from string import Formatter
from typing import Any
from uuid import UUID

from models.clock import local
from models.duty_lists import duty_list
from models.incident_types import INCIDENT_TYPES
from models.reference import reference
from models.vocabulary import CATALOGUE, vocabulary

OUT_OF_SIGHT = "out_of_sight"
UNKNOWN = "told"  # how a kind reads that only another version of the service knows
SOMEBODY = {"vi": "một đơn vị", "en": "a unit"}
UNITS = ("by", "lead", "unit", "former", "routed")  # what a sentence may name, of units
CODES = {
    "reason": "decline_reason",
    "outcome": "outcome",
    "step": "step",
    "channel": "subscription_kind",
}  # and of our codes, by the list they stand in
LISTS = ("from_units",)  # several units
OF_UNITS = ("cases_passed_on", "cases_given_back")  # told of a unit's cases together, not of one
# Units without people on the system: the receiver is told in their place, or is asked to tell them too.
INSTEAD_OF, TELL_TOO = "instead_of", "tell_too"
OF_NO_CASE = ("channel_given_up",)  # told by whoever noticed, not by an event of a case
FOR_LEADERS = ("arbiter_asked", "arbiter_overdue", "arbiter_reminded")  # an officer cannot do what these ask


@cache
def sentences() -> dict[str, dict[str, Any]]:
    """By kind: `vi` and `en`, each with title and text; `alone`: it may be read without sight of the case."""
    return json.loads((CATALOGUE / "notices.json").read_text("utf-8"))


@cache
def needs(kind: str) -> frozenset[str]:
    """What the sentences of a kind are filled with."""
    said = [sentences()[kind][language][part] for language in ("vi", "en") for part in ("title", "text")]
    return frozenset(name for text in said for _, name, _, _ in Formatter().parse(text) if name)


class Values(dict[str, str]):
    """What fills a sentence; a word that is not known must not keep the rest of the inbox from being read."""

    def __init__(self, somebody: str):
        super().__init__()
        self.somebody = somebody

    def __missing__(self, name: str) -> str:
        return self.somebody if name in UNITS else "…"


@dataclass(frozen=True)
class Words:
    """The sentences of one notice, for somebody who may know so much."""

    kind: str
    facts: dict[str, Any]
    incident: Any | None

    @classmethod
    def of(cls, kind: str, facts: dict[str, Any], incident: Any | None, sees: bool) -> "Words":
        """Who has lost sight of the case reads no more than that."""
        kind = kind if kind in sentences() else UNKNOWN
        if incident is not None and not sees and not sentences()[kind].get("alone"):
            return cls(OUT_OF_SIGHT, {}, incident)
        return cls(kind, facts, incident)

    @property
    def type(self) -> str | None:
        """The type of the case, where the sentence names it or the reader sees the case."""
        return None if self.incident is None or self.kind == OUT_OF_SIGHT else self.incident.type

    def title(self, language: str) -> str:
        return self._said("title", language)

    def text(self, language: str) -> str:
        """The sentence, and for whom else the receiver is asked to see to it."""
        said = [self._said("text", language)]
        for fact, place in ((INSTEAD_OF, 0), (TELL_TOO, 1)):
            if absent := self.facts.get(fact):
                units = ", ".join(_name(id) for id in absent)
                said.insert(place, sentences()[fact][language]["text"].format(units=units))
        return " ".join(said)

    @property
    def contacts(self) -> list[dict[str, Any]]:
        """Whom to phone: the duty lists of the units that it names."""
        absent = [*self.facts.get(INSTEAD_OF, ()), *self.facts.get(TELL_TOO, ())]
        named = [self.facts[name] for name in UNITS if name in self.facts]
        fire = self.type is not None and INCIDENT_TYPES[self.type].is_fire
        units = reference().units
        return [c for id in dict.fromkeys([*absent, *named]) for c in duty_list(units[UUID(id)], fire)]

    def _said(self, part: str, language: str) -> str:
        known = {name: fact for name, fact in self.facts.items() if name in needs(self.kind)}
        values = Values(SOMEBODY[language])
        values |= {name: self._value(name, fact, language) for name, fact in known.items()}
        if self.incident is not None:
            values |= {"number": self.incident.number, "type": INCIDENT_TYPES[self.incident.type].labels[language]}
        return str(sentences()[self.kind][language][part]).format_map(values)

    def _value(self, name: str, said: Any, language: str) -> str:
        if name in UNITS:
            return _name(said)
        if name in LISTS:
            return ", ".join(_name(id) for id in said)
        if name in CODES:
            known = next((e[language] for e in vocabulary()[CODES[name]] if e["code"] == said), said)
            return known[:1].lower() + known[1:]
        if name == "due":
            moment = local(datetime.fromisoformat(said))
            return moment.strftime("%H:%M ngày %d/%m/%Y" if language == "vi" else "%H:%M on %d %B %Y")
        return str(said)


def _name(unit_id: str) -> str:
    return reference().units[UUID(unit_id)].name
