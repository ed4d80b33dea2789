"""The catalogue is whole: every type, code and rule has its words, and the documentation names them."""

import re
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from models.answers import ACTIONS as ROW_ACTIONS
from models.assignments import DECLINE_REASONS, Joint, Part, State
from models.contacts import ROLES
from models.disputed_grounds import STATUSES
from models.hotspots import BORDER_KINDS
from models.incident_types import INCIDENT_TYPES, enums
from models.incident_workflow import INCIDENT_WORKFLOW, NEXT_STEP, OUTCOMES, Status
from models.leading import RIGHTS
from models.limits import deadline_rule
from models.passing_rows import MERGED, WAYS
from models.users import Role
from models.vocabulary import vocabulary
from tests.people import new_report

ROOT = Path(__file__).parent.parent
PUBLISHED = """
illegal_logging forest_clearing encroachment forest_fire fire_safety_violation illegal_transport
illegal_possession_trade_processing product_dossier wildlife general_protection protection_works_damage
forest_env_misuse pest_disease boundary_dispute resisting_officers natural_damage other
""".split()


@pytest.mark.parametrize("kind", INCIDENT_TYPES.values(), ids=lambda k: k.code)
def test_every_type_is_labelled_and_its_schema_is_one(kind):
    assert all(kind.labels[language] for language in ("vi", "en"))
    Draft202012Validator.check_schema(kind.details)
    assert all(p["title"] and p["x-title-en"] for p in kind.details["properties"].values())


def test_the_published_types_are_all_there_and_six_are_for_the_field():
    assert set(INCIDENT_TYPES) == set(PUBLISHED)
    assert sum(kind.field for kind in INCIDENT_TYPES.values()) == 6


@pytest.mark.parametrize("code", INCIDENT_TYPES)
def test_every_type_can_be_reported(as_, code):
    reply = as_("ranger.muong-toong").post("/incidents", json=new_report(type=code))
    assert (reply.status_code, reply.json["findings"]) == (201, [])


def test_articles_go_by_the_date_of_the_act():
    logging = INCIDENT_TYPES["illegal_logging"]
    assert logging.article_on(date(2026, 6, 24))["decree"] == "35/2019/NĐ-CP"
    assert logging.article_on(date(2026, 6, 25))["decree"] == "146/2026/NĐ-CP"


@pytest.mark.parametrize(
    "name, codes",
    [
        ("status", Status),
        ("role", Role),
        ("assignment_role", Part),
        ("assignment_state", State),
        ("joint_status", Joint),
        ("decline_reason", DECLINE_REASONS),
        ("outcome", OUTCOMES),
        ("contact_role", ROLES),
        ("border_kind", BORDER_KINDS),
        ("ground_status", STATUSES),
        ("passing_way", (*WAYS, MERGED)),
        ("action", {*INCIDENT_WORKFLOW.actions, *ROW_ACTIONS, *RIGHTS, "fire_update"}),
    ],
)
def test_every_code_of_ours_has_its_words(name, codes):
    known = {entry["code"] for entry in vocabulary()[name] if entry["vi"] and entry["en"]}
    assert {str(code) for code in codes} <= known


def test_every_step_has_a_deadline_for_fires_and_for_all_else():
    for step in {*NEXT_STEP.values(), "partner_answer"}:
        for fire in (True, False):
            assert deadline_rule(step, fire, date(2026, 11, 23))


def test_phones_get_the_catalogue_in_one_call(as_):
    reply = as_("ranger.muong-toong").get("/incident-types")
    assert {t["code"] for t in reply.json["items"]} == set(INCIDENT_TYPES)
    assert {"forest_category", "severity", "status", "joint_status"} <= reply.json["enums"].keys()
    vi = {t["code"]: t["label"] for t in reply.json["items"]}["forest_fire"]
    english = as_("ranger.muong-toong").get("/incident-types", headers={"Accept-Language": "en"})
    en = {t["code"]: t["label"] for t in english.json["items"]}["forest_fire"]
    assert (vi, en) == ("Cháy rừng", "Forest fire")


def test_the_glossary_names_every_code():
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    for entries in enums().values():
        for entry in entries:
            assert f"| `{entry['code']}` | {entry['vi']} | {entry['en']} |" in page
    for code in INCIDENT_TYPES:
        assert f"`{code}`" in page


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_the_documentation_points_at_files_that_exist(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target
    for path in re.findall(r"`((?:models|services|api|tests|docs|bench|migrations|web)/[\w./-]*\w)`", text):
        assert (ROOT / path).exists(), path
