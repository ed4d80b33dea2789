"""/case/{token}: the page behind a one-case link. It needs no account, no JavaScript and no cookie.

The token in the address is all there is to know, and no browser adds it by itself: a page of somebody else cannot
have a form sent here that it could not have sent itself. Looking answers nothing: messengers open links, too.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, send_from_directory
from werkzeug.exceptions import UnsupportedMediaType

from api.bodies import clean
from api.case_page import FOLDER, case_page, page_of_problem, trouble_of
from api.errors import handle_domain_error, problem_of
from api.routes.photos import preview_of
from api.security import public
from api.transaction import note_if_free, writes
from models import db
from models.case_links import CaseLink, id_in
from models.errors import DomainError, Incomplete, Invalid, NotFound
from models.link_messages import ANSWERS, LinkMessage
from models.shared_part import shown_photos

case = Blueprint("case", __name__, template_folder=str(FOLDER))

LARGEST_FORM = 64 << 10  # bytes: two thousand letters with diacritics are eighteen thousand characters in a form
ONE_DAY_S = 86_400
FILLED_IN = ("answer", "name", "reason", "text")
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")  # said by browsers that fetch what nobody asked for yet


@case.get("/case/<token>")
@public
def read_case(token: str) -> Response:
    """The shared part of the case, and the form to answer with."""
    link = CaseLink.opened_with(token)
    page, id, anew = case_page(link), link.id, link.is_opened_anew
    db.session.rollback()
    if anew and request.method == "GET" and not any(name in request.headers for name in AHEAD):
        note_if_free(lambda: CaseLink.note_opening(id))
    return Response(page)


def reads_form(view: Callable[..., Any]) -> Callable[..., Any]:
    """What was filled in, read before the transaction begins: a slow phone must not hold the database."""

    @wraps(view)
    def wrapper(token: str) -> Any:
        if id_in(token) is None:
            raise NotFound()
        if request.mimetype != "application/x-www-form-urlencoded":
            raise UnsupportedMediaType()
        request.max_content_length = LARGEST_FORM
        form = filled_in()
        if form["answer"] not in ANSWERS:
            raise Incomplete("answer")
        try:
            id = UUID(request.form.get("form", ""))
        except ValueError:
            raise Invalid("form", "UUID") from None
        return view(token, id, form)

    return wrapper


def filled_in() -> dict[str, str]:
    """Forms end lines with two characters, where people see one."""
    return {name: clean(request.form.get(name, "")).replace("\r\n", "\n") for name in FILLED_IN}


@case.post("/case/<token>")
@public
@reads_form
@writes
def answer_case(token: str, id: UUID, form: dict[str, str]) -> Any:
    """Accept, decline with a reason, or only add a note; then the page anew, so that loading it again sends nothing."""
    LinkMessage.write(CaseLink.opened_with(token, lock=True), id, **form)
    return redirect(f"/case/{token}?sent", 303)


@case.get("/case/<token>/photos/<uuid:photo_id>")
@public
def read_picture(token: str, photo_id: UUID) -> Any:
    """256 pixels, without metadata: fetched only by whoever touches it."""
    shown = shown_photos(CaseLink.opened_with(token).incident)
    photo = next((photo for photo in shown if photo.id == photo_id), None)
    if photo is None:
        raise NotFound()
    return preview_of(photo, "thumb")


@case.get("/case.css")
@public
def style() -> Response:
    return send_from_directory(FOLDER, "case.css", max_age=ONE_DAY_S)


@case.errorhandler(DomainError)
def show_again(error: DomainError) -> Any:
    """What was filled in is not lost because something in it is missing."""
    if request.method != "POST" or isinstance(error, NotFound):
        return handle_domain_error(error)
    token = (request.view_args or {})["token"]
    return case_page(CaseLink.opened_with(token), filled_in(), trouble_of(error)), problem_of(error)["status"]


@case.after_request
def protect(response: Response) -> Response:
    """Problems in words; nothing kept, nothing found by search engines, nothing loaded from elsewhere."""
    if response.mimetype == "application/problem+json":
        page_of_problem(response)
    headers = response.headers
    headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.vary.add("Accept-Language")
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = PAGE_POLICY
        headers["Permissions-Policy"] = "geolocation=(), camera=(), microphone=(), payment=(), usb=()"
    if request.endpoint != "case.style":
        headers["Cache-Control"] = "no-store"
    return response
