"""/incidents/{id}/joint-verifications: what both sides found at the scene."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.schemas.joint_verifications import JointVerificationPage, JointVerificationView, NewJointVerification
from api.security import current_user, signed_in
from api.transaction import writes
from models import Incident, JointVerification
from models.joint_verifications import read

joint_verifications = Blueprint(
    "joint_verifications", url_prefix="/api/v1/incidents", description="What both sides of a border found together"
)


@joint_verifications.post("/<uuid:id>/joint-verifications")
@signed_in
@joint_verifications.arguments(NewJointVerification)
@joint_verifications.response(201, JointVerificationView)
@joint_verifications.alt_response(200, schema=JointVerificationView, description="The same verification again")
@writes
def record_joint_verification(found, id):  # type: ignore[no-untyped-def]
    """Record what both sides found. It fills in what `confirm` is not told, and starts the supports' clock."""
    incident = Incident.find(id, current_user, lock=True)
    sha256 = content_sha256(body())
    recorded, new = JointVerification.record(incident, current_user, content_sha256=sha256, **found)
    return recorded.facts, 201 if new else 200


@joint_verifications.get("/<uuid:id>/joint-verifications")
@signed_in
@joint_verifications.response(200, JointVerificationPage)
@writes
def list_joint_verifications(id):  # type: ignore[no-untyped-def]
    """All of a case, the newest first. Reading who was there is recorded first."""
    return {"items": read(Incident.find(id, current_user), current_user), "next": None}
