"""/enrolments, /auth/enrol: a patroller's phone signs in with a code that an officer shows."""

from flask import request

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.passwords import keeps_no_answer, slow_down
from api.routes.auth import tokens
from api.schemas.auth import Tokens
from api.schemas.enrolments import Enrol, EnrolmentView, NewEnrolment
from api.security import current_user, public, refresh_keys, signed_in
from api.transaction import writes
from models import Device, Enrolment, Session
from models.administration import enrol as enrol_somebody
from models.sign_in_failures import counter_of_address

enrolments = Blueprint("enrolments", url_prefix="/api/v1", description="Signing in with a code")


@enrolments.post("/enrolments")
@signed_in
@enrolments.arguments(NewEnrolment)
@keeps_no_answer
@enrolments.response(201, EnrolmentView)
@enrolments.alt_response(200, schema=EnrolmentView, description="The same code again")
@writes
def ask_for_code(enrolment):  # type: ignore[no-untyped-def]
    """A code with which a ranger's phone signs in, once, within a day."""
    asked, new = enrol_somebody(current_user, refresh_keys(), content_sha256=content_sha256(body()), **enrolment)
    return asked, 201 if new else 200


@enrolments.post("/auth/enrol")
@public
@enrolments.arguments(Enrol)
@slow_down
@enrolments.response(200, Tokens)
@writes
def enrol(enrolment):  # type: ignore[no-untyped-def]
    """Sign a phone in with a code; the code is used up."""
    facts = enrolment["device"]
    user = Enrolment.redeem(enrolment["code"], facts["id"], counter_of_address(request.remote_addr or ""))
    device = Device.sign_in(user, facts["id"], facts["name"], facts["platform"])
    return tokens(*Session.start(device))
