"""/agreements: between whom what is agreed, and who signs."""

from api.blueprint import Blueprint
from api.bodies import body, content_sha256
from api.schemas.agreements import AgreementList, AgreementSearch, AgreementView, NewAgreement
from api.security import current_user, signed_in
from api.transaction import writes
from models import signing_agreements

agreements = Blueprint("agreements", url_prefix="/api/v1/agreements", description="Cooperation agreements")


@agreements.get("")
@signed_in
@agreements.arguments(AgreementSearch, location="query")
@agreements.response(200, AgreementList)
def list_agreements(search):  # type: ignore[no-untyped-def]
    """Agreements in force on a day (today) that concern your units, the newest signed first."""
    return {"items": signing_agreements.agreements_of(current_user, search["at"]), "next": None}


@agreements.get("/<uuid:id>")
@signed_in
@agreements.response(200, AgreementView)
def read_agreement(id):  # type: ignore[no-untyped-def]
    """One version of an agreement, also a former one."""
    return signing_agreements.find(id, current_user)


@agreements.post("")
@signed_in
@agreements.arguments(NewAgreement)
@agreements.response(201, AgreementView)
@agreements.alt_response(200, schema=AgreementView, description="The same agreement again")
@writes
def sign_agreement(agreement):  # type: ignore[no-untyped-def]
    """Enter an agreement, or with `replaces` its next version. Nothing is ever edited in place."""
    signed, new = signing_agreements.sign(current_user, content_sha256=content_sha256(body()), **agreement)
    return signed, 201 if new else 200
