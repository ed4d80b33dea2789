"""From what a phone sends to an incident: made ready from memory first, then written in one short turn."""

from typing import Any
from uuid import UUID

from models import damage, deciding, people_units
from models.assignments import Part, joint_status
from models.base import db, insert_new, new_id, now
from models.errors import DomainError, IdConflict, NoBoundaries, NotAllowed, NotReady, OutsideTerritory
from models.events import Event, EventHead
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import INCIDENT_WORKFLOW
from models.incidents import Incident
from models.numbers import next_number
from models.photos import Photo
from models.reference import TOKEN, reference, take_token
from models.routing import Decision
from models.uploads import Upload
from models.users import Person, Role
from models.visibility import Viewer

# Both in one statement, because everybody who writes waits for it.
KNOWN = db.select(
    db.select(Incident.__table__.c.id).where(Incident.__table__.c.id == db.bindparam("id")).scalar_subquery(),
    TOKEN.scalar_subquery(),
)


class Draft:
    """A report that was read, checked and routed, and waits to be written.

    It is made before the transaction begins. Boundaries, agreements or people may change until then: the token of
    the reference data tells, and the report is routed again.
    """

    def __init__(self, reporter: Person, content_sha256: str, received_at: Any = None, **facts: Any):
        if reporter.role is Role.ADMIN:
            raise NotAllowed(action="report")
        self.reporter = reporter
        self.content_sha256 = content_sha256
        self.received_at = received_at or now()
        self.id: UUID = facts.pop("id", None) or new_id()
        self.photos: list[dict[str, Any]] = facts.pop("photos", None) or []
        self.facts = facts
        self._prepare()

    def _prepare(self) -> None:
        self.refusal: DomainError | None = None
        self.token = reference().token
        self.incident: Incident | None = None
        try:
            decision = deciding.route_at(self.facts["location"], self.facts["type"], self.received_at)
            self._compose(decision)
        except NoBoundaries:
            self.refusal = NotReady()
        except OutsideTerritory as refusal:  # unless it is known from a time when this was nobody's mistake
            self.refusal = refusal

    def file(self) -> tuple[Incident, bool]:
        """Write it. The same id and content again is the same incident.

        Returns the incident and whether it is new. Raises IdConflict, OutsideTerritory, NotReady; and
        IntegrityError when another transaction wrote this id meanwhile: the constraint decides, never a check
        before. Whoever holds the transaction (or the savepoint) tries again, and finds it.
        """
        known, token = db.session.connection().execute(KNOWN, {"id": self.id}).one()
        take_token(token)
        if known:
            return self._again(), False
        if self.token != (token or "") or not (self.incident or self.refusal):
            self._prepare()
        if self.refusal:
            raise self.refusal
        return self._write(), True

    def _compose(self, decision: Decision) -> None:
        lead, supports, above = deciding.units_for(decision)
        self.series = (lead, above, self.received_at)
        incident = Incident(
            id=self.id,
            status=INCIDENT_WORKFLOW.initial,
            status_since=self.received_at,
            received_at=self.received_at,
            reporter_id=self.reporter.id,
            content_sha256=self.content_sha256,
            routing=decision.facts,
            lead_unit_id=lead.id,
            guard_unit_id=lead.id,
            counted_unit_id=deciding.counted_unit(lead, decision.facts),
            fire_status="reported" if INCIDENT_TYPES[self.facts["type"]].is_fire else None,
            handling={},
            version=1,
            revision=1,
            assignments=[],
            co_reporters=[],
            photos=[
                Photo(id=new_id(), incident_id=self.id, **p) for p in {p["sha256"]: p for p in self.photos}.values()
            ],
        )
        incident.take_facts(self.facts)
        incident.unit_at_found_id = deciding.unit_at_found(incident, decision)
        incident.offer(lead, Part.LEAD)
        for unit in supports:
            incident.offer(unit, Part.SUPPORT, reason=decision.rule)
        incident.joint_status = joint_status(incident)
        incident.watch()
        self.damage = damage.parts_of(incident)
        self.event = Event.following(
            None,
            incident.kind,
            incident,
            "report",
            self.reporter,
            content_sha256=self.content_sha256,
            rule=decision.rule,
            lead_unit=str(lead.id),
            offered=[str(u.id) for u in supports],
            told=people_units.to_tell(incident) or None,
        )
        self.incident = incident

    def _write(self) -> Incident:
        incident, self.incident = self.incident, None  # if all this is undone, the next try makes another
        assert incident is not None
        # Others who want a number of this series wait from here to the commit.
        incident.number = next_number(*self.series)
        apart = [*([incident.restricted] if incident.restricted else []), *self.damage]
        insert_new(incident, *incident.assignments, *incident.photos, *apart, self.event, EventHead.after(self.event))
        Viewer.show(incident, incident.viewers)
        if self.photos:
            Upload.meet(incident, self.reporter)
        return incident

    def _again(self) -> Incident:
        known = db.session.get_one(Incident, self.id)
        if known.reporter_id != self.reporter.id:
            raise IdConflict()
        if known.content_sha256 != self.content_sha256:
            raise IdConflict(content_sha256=known.content_sha256)
        Photo.unite(known, self.photos)
        return known
