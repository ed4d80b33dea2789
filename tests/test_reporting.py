"""A report is made ready before its turn to write: what changes in between is not overlooked, a retry makes no second."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from models import Agreement, Edition, Incident, User, db
from models.clock import today
from models.reporting import Draft
from tests.people import new_report

REPORTER = "ranger.muong-toong"


def drafted(facts):
    return Draft(User.named(REPORTER).person, "0" * 64, **facts)


@pytest.fixture
def facts():
    from api.schemas.incidents import IncidentReport

    return IncidentReport().load(new_report())


def end_agreements():
    for agreement in db.session.scalars(db.select(Agreement)):
        agreement.valid_to = today() - timedelta(days=1)
    db.session.commit()


def test_what_changes_between_reading_and_writing_a_report_counts(app, in_app, facts):
    def write():
        draft = drafted(facts)
        assert [r.role for r in draft.incident.assignments] == ["lead", "support"]
        db.session.rollback()
        with app.app_context():  # somebody else, meanwhile
            end_agreements()
        incident, new = draft.file()
        db.session.commit()
        return new, [r.role for r in incident.assignments]

    assert in_app(write) == (True, ["lead"])


def test_a_draft_whose_writing_was_undone_is_written_once_more(in_app, facts):
    def write():
        draft = drafted(facts)
        first = draft.file()[0].number
        db.session.rollback()
        incident, new = draft.file()
        db.session.commit()
        again, new_again = draft.file()
        return first == incident.number, new, new_again, again.id == incident.id, len(incident.assignments)

    assert in_app(write) == (True, True, False, True, 2)
    assert in_app(lambda: db.session.scalar(db.select(db.func.count()).select_from(Incident))) == 1


def test_of_two_drafts_of_one_report_the_constraint_lets_one_pass(in_app, facts):
    def write():
        one, two = drafted(dict(facts)), drafted(dict(facts))
        one.file()
        with pytest.raises(IntegrityError), db.session.begin_nested():
            two._write()  # as if it had asked before the other wrote
        again, new = two.file()
        db.session.commit()
        return new, again.id == facts["id"]

    assert in_app(write) == (False, True)


def test_a_known_report_comes_back_also_when_no_boundary_is_in_force_any_more(as_, in_app):
    report = new_report()
    known = as_(REPORTER).post("/incidents", json=report)
    assert known.status_code == 201

    def end_editions():
        for edition in db.session.scalars(db.select(Edition)):
            edition.valid_to = today() - timedelta(days=1)
        db.session.commit()

    in_app(end_editions)
    again = as_(REPORTER).post("/incidents", json=report)
    assert (again.status_code, again.json["number"]) == (200, known.json["number"])
    other = as_(REPORTER).post("/incidents", json=new_report())
    assert (other.status_code, other.json["code"], other.json["retryable"]) == (503, "no_boundaries", True)
