"""/incidents/{id}/documents: papers of a case, ready to print."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response

from api.blueprint import Blueprint
from api.languages import language
from api.schemas.documents import PaperRequest, PrintableList
from api.security import current_user, signed_in
from api.transaction import writes
from models import Incident
from models.documents import open_for_printing, printable
from models.vocabulary import word
from services.documents import html, papers, pdf

documents = Blueprint("documents", url_prefix="/api/v1/incidents", description="Papers of a case, ready to print")

PDF = {"content_type": "application/pdf", "schema": {"type": "string", "format": "binary"}}
HTML = {"content_type": "text/html", "schema": {"type": "string"}}


def printed(form: Any, content_type: str, **headers: str) -> Callable[..., Any]:
    """The paper set once its event is committed: a typesetter must not hold the database."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            papers.get_ready()
            form.get_ready()
            paper = view(*args, **kwargs)
            ending = content_type.partition(";")[0].rpartition("/")[2]
            named = {"Content-Disposition": f'inline; filename="{paper["file_name"]}.{ending}"'}
            return Response(form.write(paper), content_type=content_type, headers=named | headers)

        return wrapper

    return decorator


@documents.get("/<uuid:id>/documents")
@signed_in
@documents.response(200, PrintableList)
def list_documents(id):  # type: ignore[no-untyped-def]
    """The papers you may print now, with their addresses."""
    found = printable(Incident.find(id, current_user), current_user)
    return {"items": [one | _addresses(id, **one) for one in found], "next": None}


def _addresses(id: Any, kind: str, assignment_id: Any, **_: Any) -> dict[str, str]:
    query = f"?assignment={assignment_id}" if assignment_id else ""
    path = f"/api/v1/incidents/{id}/documents/{kind}"
    return {"name": word(kind, language()), "pdf": f"{path}.pdf{query}", "html": f"{path}.html{query}"}


@documents.get("/<uuid:id>/documents/<kind>.pdf")
@signed_in
@documents.arguments(PaperRequest, location="query")
@documents.response(200, **PDF)
@printed(pdf, "application/pdf")
@writes
def print_as_pdf(asked, id, kind):  # type: ignore[no-untyped-def]
    """A paper of the case as PDF, a draft with blanks where facts are missing. Printing is recorded first."""
    return papers.fill(open_for_printing(Incident.find(id, current_user), current_user, kind, "pdf", **asked))


@documents.get("/<uuid:id>/documents/<kind>.html")
@signed_in
@documents.arguments(PaperRequest, location="query")
@documents.response(200, **HTML)
@printed(html, "text/html; charset=utf-8", **{"Content-Security-Policy": html.policy()})
@writes
def print_as_html(asked, id, kind):  # type: ignore[no-untyped-def]
    """The same as a page to print."""
    return papers.fill(open_for_printing(Incident.find(id, current_user), current_user, kind, "html", **asked))
