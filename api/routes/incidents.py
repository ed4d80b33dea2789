"""/incidents: report, list, read, act."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.etags import reply, require_version, unchanged
from api.schemas.assignments import Arbitration, AssignmentAction, NewAssignment
from api.schemas.common import cursor_text
from api.schemas.disputes import CallView, NewCall
from api.schemas.incidents import (
    IncidentAction,
    IncidentPage,
    IncidentReport,
    IncidentSearch,
    IncidentView,
    NewNote,
    NoteView,
    PrivateNotes,
    RestrictedView,
    Timeline,
)
from api.schemas.possible_duplicates import PossibleDuplicates
from api.security import current_user, signed_in
from api.sessions import open_session
from api.transaction import stop_reading, writes
from models import Call, Incident, Note, answers, leading
from models.incident_facts import read_restricted
from models.incident_lists import Filters, page
from models.possible_duplicates import possible_duplicates
from models.reporting import Draft
from models.timeline import timeline_of

incidents = Blueprint("incidents", url_prefix="/api/v1/incidents", description="What happened, and where")


def drafted(view: Callable[..., Any]) -> Callable[..., Any]:
    """The report read and routed before the transaction begins: everybody who writes waits for that."""

    @wraps(view)
    def wrapper(report: dict[str, Any]) -> Any:
        open_session()
        stop_reading()
        return view(Draft(current_user, content_sha256(body()), **report))

    return wrapper


@incidents.post("")
@signed_in
@incidents.arguments(IncidentReport)
@drafted
@incidents.response(201, IncidentView)
@incidents.alt_response(200, schema=IncidentView, description="The same report again")
@writes
def report_incident(draft):  # type: ignore[no-untyped-def]
    """Report an incident. Sent again, the stored one comes back."""
    incident, new = draft.file()
    return reply(incident, 201 if new else 200, Location=f"/api/v1/incidents/{incident.id}")


@incidents.get("")
@signed_in
@incidents.arguments(IncidentSearch, location="query")
@incidents.response(200, IncidentPage)
def list_incidents(search):  # type: ignore[no-untyped-def]
    """The incidents you may see, newest first."""
    limit, after = search.pop("limit"), search.pop("cursor")
    items, following = page(current_user, Filters(**search), limit, after)
    return {"items": items, "next": cursor_text(following)}


@incidents.get("/<uuid:id>")
@signed_in
@incidents.response(200, IncidentView)
@incidents.alt_response(304, description="As you know it")
def read_incident(id):  # type: ignore[no-untyped-def]
    """One incident, with the actions you may take now."""
    incident = Incident.find(id, current_user)
    if unchanged(incident):
        return Response(status=304, headers=reply(incident)[2])
    return reply(incident)


@incidents.get("/<uuid:id>/restricted")
@signed_in
@incidents.response(200, RestrictedView)
@writes
def read_restricted_facts(id):  # type: ignore[no-untyped-def]
    """People, vehicles, informant. Reading is recorded first."""
    return read_restricted(Incident.find(id, current_user), current_user)


@incidents.post("/<uuid:id>/actions")
@signed_in
@incidents.arguments(IncidentAction)
@incidents.response(200, IncidentView)
@writes
def act_on_incident(request, id):  # type: ignore[no-untyped-def]
    """Receive, verify, confirm … an incident."""
    incident = Incident.find(id, current_user, lock=True, other=request.get("duplicate_of"))
    require_version(incident, current_user)
    incident.perform(actor=current_user, **request)
    return reply(incident)


@incidents.post("/<uuid:id>/assignments")
@signed_in
@incidents.arguments(NewAssignment)
@incidents.response(201, IncidentView)
@incidents.alt_response(200, schema=IncidentView, description="The same offer again")
@writes
def offer_assignment(offer, id):  # type: ignore[no-untyped-def]
    """Invite a unit to support, or offer to hand the case over to it."""
    incident = Incident.find(id, current_user, lock=True)
    if not leading.is_known(offer.get("id")):
        require_version(incident, current_user)
    _, new = leading.offer(incident, current_user, content_sha256=content_sha256(body()), **offer)
    return reply(incident, 201 if new else 200)


@incidents.post("/<uuid:id>/arbitration")
@signed_in
@incidents.arguments(Arbitration)
@incidents.response(200, IncidentView)
@writes
def arbitrate(decision, id):  # type: ignore[no-untyped-def]
    """Decide who leads, where the units at the border do not agree."""
    incident = Incident.find(id, current_user, lock=True)
    require_version(incident, current_user)
    leading.arbitrate(incident, current_user, **decision)
    return reply(incident)


@incidents.post("/<uuid:id>/assignments/<uuid:assignment_id>/actions")
@signed_in
@incidents.arguments(AssignmentAction)
@incidents.response(200, IncidentView)
@writes
def answer_assignment(request, id, assignment_id):  # type: ignore[no-untyped-def]
    """Accept, decline or conclude your unit's part; withdraw what you offered."""
    incident = Incident.find(id, current_user, lock=True)
    require_version(incident, current_user)
    answers.act(incident, assignment_id, user=current_user, **request)
    return reply(incident)


@incidents.post("/<uuid:id>/calls")
@signed_in
@incidents.arguments(NewCall)
@incidents.response(201, CallView)
@incidents.alt_response(200, schema=CallView, description="The same call again")
@writes
def record_call(call, id):  # type: ignore[no-untyped-def]
    """Record whom you phoned about a case, and what they said."""
    incident = Incident.find(id, current_user, lock=True)
    recorded, new = Call.record(incident, current_user, content_sha256=content_sha256(body()), **call)
    return recorded, 201 if new else 200


@incidents.get("/<uuid:id>/possible-duplicates")
@signed_in
@incidents.response(200, PossibleDuplicates)
def list_possible_duplicates(id):  # type: ignore[no-untyped-def]
    """Cases that may be the same: near in place and time, of the same kind; of a neighbour's only number, unit, distance."""
    return {"items": possible_duplicates(Incident.find(id, current_user), current_user), "next": None}


@incidents.post("/<uuid:id>/notes")
@signed_in
@incidents.arguments(NewNote)
@incidents.response(201, NoteView)
@incidents.alt_response(200, schema=NoteView, description="The same note again")
@writes
def write_note(note, id):  # type: ignore[no-untyped-def]
    """Add a note for all units of the incident, or a private one for your own."""
    written, new = Note.write(Incident.find(id, current_user, lock=True), current_user, **note)
    return written, 201 if new else 200


@incidents.get("/<uuid:id>/private-notes")
@signed_in
@incidents.response(200, PrivateNotes)
@writes
def read_private_notes(id):  # type: ignore[no-untyped-def]
    """What your unit noted for itself. Reading is recorded first."""
    return {"items": Note.read_private(Incident.find(id, current_user), current_user)}


@incidents.get("/<uuid:id>/timeline")
@signed_in
@incidents.response(200, Timeline)
def read_timeline(id):  # type: ignore[no-untyped-def]
    """Every event you may read, oldest first."""
    return {"items": timeline_of(Incident.find(id, current_user), current_user), "next": None}
