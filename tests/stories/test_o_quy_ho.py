"""The fire at the Ô Quý Hồ pass: it starts in Sa Pa (Lào Cai), crosses to Bình Lư (Lai Châu), and is fought by both."""

from datetime import timedelta

from models.base import now
from tests.people import new_report
from tests.stories.telling import Case

RANGER, SA_PA, BINH_LU = "ranger.sa-pa", "officer.sa-pa", "officer.binh-lu"
START = {"lat": 22.353, "lon": 103.77, "accuracy_m": 20.0}
COMMANDER = {"name": "Phạm Tiến Dũng", "phone": "0214 000 114"}


def minutes_ago(minutes):
    return (now() - timedelta(minutes=minutes)).isoformat()


def test_a_fire_that_crosses_the_pass_brings_the_other_side_in_has_one_commander_in_sight_and_ends_with_both(app, as_):
    burning = new_report(type="forest_fire", location=START, found_at=minutes_ago(170), burning=True)
    case = Case(app, as_, RANGER, burning | {"description": "Cháy thảm khô gần đèo, gió tây."})
    lead = case.now["lead"]["name"]
    near = {"Phường Sa Pa": SA_PA, "Xã Bình Lư": BINH_LU}
    assert lead in near
    leads, helps = near[lead], next(who for name, who in near.items() if name != lead)
    partner = next(name for name in near if name != lead)
    assert case.now["fire_status"] == "reported"
    assert case.part_of(partner)["state"] == "offered", "within the buffer of a fire, under the agreement"
    assert case.heard(helps), "and told at once"

    # The clock of a fire is minutes, not working days.
    assert case.now["next_deadline"]["step"] == "receive"
    case.act(leads, "receive")
    case.answer(helps, "accept")
    assert case.stands[2] == "active"

    # Both send people; whoever stands there says how it is.
    case.post(leads, "fire-updates", status="dispatched", at=minutes_ago(150), commander=COMMANDER)
    case.post(
        leads, "fire-updates", status="fighting", at=minutes_ago(120), point=START, heading="theo gió sang đèo",
        forces=[{"kind": "rangers", "count": 8}, {"kind": "blower", "count": 3}], needs="Nước uống, 20 người",
    )  # fmt: skip
    over = {"lat": 22.348, "lon": 103.755, "accuracy_m": 30.0}
    case.post(
        helps, "fire-updates", status="fighting", at=minutes_ago(90), point=over,
        forces=[{"kind": "militia", "count": 15}, {"kind": "blower", "count": 2}],
    )  # fmt: skip
    fire = case.read(helps)["fire"]
    assert fire["commander"] == COMMANDER, "in sight of the other side"
    assert {f["kind"]: f["count"] for f in fire["forces"]} == {"rangers": 8, "blower": 5, "militia": 15}
    before = len(case.now["assignments"])
    case.post(helps, "fire-updates", status="fighting", at=minutes_ago(80), point=over)
    assert len(case.now["assignments"]) == before, "nobody is asked twice"

    # The national park has no account: it answers by a link.
    link = case.post(leads, "links", agency="Vườn quốc gia Hoàng Liên", reason="Đề nghị chi viện lực lượng chữa cháy.")
    page = as_(RANGER).client.get(f"/case/{link['token']}")
    assert page.status_code == 200 and case.now["number"] in page.text and COMMANDER["phone"] in page.text
    assert "<script" not in page.text

    # An old update from a pocket without signal changes nothing of what is true now.
    case.post(leads, "fire-updates", status="contained", at=minutes_ago(40))
    late = case.post(leads, "fire-updates", status="fighting", at=minutes_ago(100))
    assert late["fire_status"] == "contained"
    case.post(helps, "fire-updates", status="extinguished", at=minutes_ago(20))
    assert case.now["fire_status"] == "extinguished"

    # What burned lies on both sides and adds up.
    ids = {row["unit"]["name"]: row["unit"]["id"] for row in case.now["assignments"]}
    parts = [{"unit_id": ids[lead], "area_m2": 30_000}, {"unit_id": ids[partner], "area_m2": 20_000}]
    findings = {"text": "Cháy rừng tái sinh.", "forest_category": "special_use", "forest_origin": "natural"}
    wrong = {"area_m2": 40_000, "parts": parts}
    refused = as_(leads).act(case.now, "confirm", findings=findings | {"damage": wrong})
    assert (refused.status_code, "parts" in str(refused.json["errors"])) == (422, True)
    case.act(leads, "confirm", findings=findings | {"damage": {"area_m2": 50_000, "parts": parts}})
    case.act(leads, "resolve", outcome="extinguished")
    case.answer(helps, "conclude", text="Đã rút lực lượng.")
    case.act(leads, "close")
    assert case.stands == (lead, "closed", "concluded")

    # Embers: it burns again after the file was closed, and nobody has to ask whether it may be said.
    case.post(leads, "fire-updates", status="reignited", at=minutes_ago(1), point=over)
    assert (case.now["fire_status"], case.now["status"]) == ("fighting", "received")
