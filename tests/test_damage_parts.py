"""Parts of damage sum to the whole: a finding in a report, a refusal to officers; and where it lies follows the forest."""

from datetime import UTC, date, datetime
from pathlib import Path
from runpy import run_path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import DamagePart, Incident, Unit, db
from models.damage import MEASURES, complete, divided, faults, lie_anew
from tests.people import BORDER, INSIDE, new_report
from tests.phones import create, send, words
from tests.test_hand_over import act_on, offer, pending
from tests.test_workflows import OFFICER, PARTNER, REPORTER, SAID, report, state_of, step

MT, TT = "03163", "03463"  # Mường Toong and Tà Tổng


@pytest.fixture
def unit(in_app):
    return lambda code, day=None: in_app(lambda: str(Unit.by_code(code, day).id))


@pytest.fixture
def parts(unit):
    """`parts(60, 40)`: so many m² in Mường Toong and in Tà Tổng."""
    return lambda *areas: [{"unit_id": unit(c), "area_m2": a} for c, a in zip((MT, TT), areas, strict=False)]


@pytest.fixture
def lies(in_app):
    """{code: (m², m³)} of a case, as the figures sum it."""

    def read(incident):
        query = db.select(Unit.code, DamagePart.area_dm2, DamagePart.volume_l).join(Unit, Unit.id == DamagePart.unit_id)
        rows = db.session.execute(query.where(DamagePart.incident_id == UUID(incident["id"])))
        return {code: (area / 100, volume / 1000) for code, area, volume in rows}

    return lambda incident: in_app(lambda: read(incident))


# In a report


def test_a_report_says_how_much_lies_in_which_commune(as_, parts, lies):
    said = {"area_m2": 100.0, "trees": 7, "parts": parts(60.0, 40.0)}
    incident = report(as_, damage=said)
    assert (incident["damage"], incident["findings"]) == (said, [])
    assert lies(incident) == {MT: (60, 0), TT: (40, 0)}
    again = as_(REPORTER).post("/incidents", json=(body := new_report(damage=said)))
    assert (again.status_code, as_(REPORTER).post("/incidents", json=body).status_code) == (201, 200)
    carried = create(damage=said)
    assert words(send(as_(REPORTER), carried)) == ["created"] and lies(carried["body"]) == lies(incident)


def test_a_whole_that_nobody_stated_is_the_sum(as_, unit, lies):
    stated = [{"unit_id": unit(MT), "area_m2": 60.5, "volume_m3": 1.2}, {"unit_id": unit(TT), "volume_m3": 2.1}]
    incident = report(as_, damage={"volume_m3": 3.3, "parts": stated})
    assert (incident["damage"]["area_m2"], incident["findings"]) == (60.5, [])
    assert lies(incident) == {MT: (60.5, 1.2), TT: (0, 2.1)}
    assert report(as_, damage={"trees": 3})["damage"] == {"trees": 3}


def test_parts_that_do_not_fit_are_a_finding_and_never_a_refusal(as_, unit, parts, lies):
    """Whatever they say, what is counted is the whole: what no part explains lies at the place."""
    nowhere, district = str(uuid4()), as_("leader.muong-nhe").user["unit"]["id"]
    for damage, finding, counted in (
        ({"area_m2": 100.0, "parts": parts(20.0, 30.0)}, "area_m2 50 ≠ 100", {MT: (70, 0), TT: (30, 0)}),
        ({"area_m2": 100.0, "parts": parts(80.0, 80.0)}, "area_m2 160 ≠ 100", {MT: (100, 0)}),
        ({"parts": [{"unit_id": nowhere, "area_m2": 9.0}]}, f"unit_id {nowhere} ?", {MT: (9, 0)}),
        ({"parts": [{"unit_id": district, "area_m2": 9.0}]}, f"unit_id {district} ?", {MT: (9, 0)}),
        ({"parts": parts(1.0)[:1] * 2}, f"unit_id {unit(MT)} × 2", {MT: (2, 0)}),
    ):
        incident = report(as_, damage=damage)
        assert incident["findings"] == [{"check": "parts", "value": finding}]
        assert lies(incident) == counted, finding


def test_a_part_that_cannot_be_read_is_kept_aside(as_, parts, lies):
    incident = report(as_, damage={"area_m2": 60.0, "parts": [*parts(60.0), {"unit_id": "Tà Tổng", "area_m2": 1.0}]})
    assert [f["check"] for f in incident["findings"]] == ["unreadable_field"]
    assert lies(incident) == {MT: (60, 0)}


@pytest.mark.parametrize("off, fits", [(0.5, True), (-0.5, True), (0.6, False), (-0.6, False)])
@pytest.mark.only_on("sqlite")
def test_half_a_percent_is_rounding(as_, parts, lies, off, fits):
    incident = report(as_, damage={"area_m2": 100.0, "parts": parts(60.0 + off, 40.0)})
    assert (incident["findings"] == []) == fits
    if fits:
        assert lies(incident) == {MT: (60, 0), TT: (40, 0)}, "the largest part takes it"


# By officers


def test_whoever_verifies_states_parts_that_fit(as_, parts, lies):
    incident = step(as_, report(as_, damage={"area_m2": 90.0, "volume_m3": 5.0}), "receive")
    before, findings = state_of(as_(OFFICER), incident), SAID["confirm"]["findings"]
    for wrong in (parts(80.0, 30.0), [{"unit_id": str(uuid4()), "area_m2": 100.0}], parts(50.0) * 2):
        reply = as_(OFFICER).act(
            incident, "confirm", findings=findings | {"damage": {"area_m2": 100.0, "parts": wrong}}
        )
        assert (reply.status_code, list(reply.json["errors"])) == (422, ["findings.damage.parts"])
    assert state_of(as_(OFFICER), incident) == before and lies(incident) == {MT: (90, 5)}
    done = step(as_, incident, "confirm", findings=findings | {"damage": {"parts": parts(70.0, 30.0)}})
    assert (done["verified"]["damage"]["area_m2"], done["damage"]["area_m2"]) == (100, 90), "both are kept"
    assert lies(incident) == {MT: (70, 5), TT: (30, 0)}, "verified where it was stated, else as reported"


def test_an_officers_correction_fits_and_a_reporters_need_not(as_, parts, lies):
    incident = report(as_, damage={"area_m2": 90.0})
    wrong = {"damage": {"area_m2": 100.0, "parts": parts(80.0, 30.0)}}
    mine = step(as_, incident, "correct", by=REPORTER, changes=wrong, reason="Đo lại.")
    assert mine["findings"] == [{"check": "parts", "value": "area_m2 110 ≠ 100"}]
    reply = as_(OFFICER).act(incident, "correct", changes=wrong, reason="Đo lại.")
    assert (reply.status_code, list(reply.json["errors"])) == (422, ["changes.damage.parts"])
    assert "area_m2 110 ≠ 100" in reply.json["detail"]
    step(as_, incident, "correct", changes={"description": "Chín gốc."}, reason="Đếm lại.")
    right = {"damage": {"area_m2": 110.0, "parts": parts(80.0, 30.0)}}
    mended = step(as_, incident, "correct", changes=right, reason="Đo lại.")
    assert mended["findings"] == [] and lies(incident) == {MT: (80, 0), TT: (30, 0)}


def test_damage_stays_where_it_lies_whoever_leads_and_moves_with_a_corrected_place(as_, lies):
    incident = step(as_, report(as_, damage={"area_m2": 90.0}), "receive")
    row = pending(offer(as_, OFFICER, incident, PARTNER, hand_over=True).json)
    assert act_on(as_, PARTNER, incident, row, "accept").json["lead"]["name"] == "Xã Tà Tổng"
    assert lies(incident) == {MT: (90, 0)}
    step(as_, incident, "correct", by=PARTNER, changes={"damage": {"area_m2": 95.0}}, reason="Đo lại.")
    assert lies(incident) == {MT: (95, 0)}, "the lead moved, the forest did not"
    across = BORDER | {"lat": 22.2500}
    moved = step(as_, incident, "correct", by=PARTNER, changes={"location": across}, reason="Đo lại tại chỗ.")
    assert moved["routing"]["lead"]["name"] == "Xã Tà Tổng" and lies(incident) == {TT: (95, 0)}
    step(as_, incident, "correct", by=PARTNER, changes={"damage": {}}, reason="Không thiệt hại.")
    assert lies(incident) == {}
    assert lies(report(as_, location=dict(INSIDE))) == {}, "no damage, no row"


def test_the_migration_makes_the_rows_of_what_was_there_before(as_, in_app, lies, unit):
    """Parts could not be stored then. One case is verified, one found before there was such a commune, one without damage."""
    verified = step(as_, report(as_, damage={"area_m2": 90.0, "volume_m3": 5.25}), "receive")
    findings = SAID["confirm"]["findings"] | {"damage": {"area_m2": 70.5}}
    cases = [step(as_, verified, "confirm", findings=findings), report(as_, damage={"volume_m3": 1.5}), report(as_)]
    [path] = Path(__file__).parent.parent.glob("migrations/versions/*_damage_lies_where.py")

    def rows():
        return sorted(map(tuple, db.session.execute(db.select(DamagePart.__table__))))

    def fill():
        early = db.update(Incident).where(Incident.id == UUID(cases[1]["id"]))
        db.session.execute(
            early.values(
                counted_at=datetime(2025, 6, 1, 5, tzinfo=UTC), unit_at_found_id=UUID(unit("03177", date(2025, 6, 1)))
            )
        )
        lie_anew(db.session.get(Incident, UUID(cases[1]["id"])))
        before = rows()
        db.session.execute(db.delete(DamagePart))
        run_path(str(path))["fill"](db.session.connection(), DamagePart.__table__)
        return before, rows()

    before, after = in_app(fill)
    assert before == after and len(after) == 2 and [row[2] is None for row in after].count(False) == 1
    assert lies(cases[0]) == {MT: (70.5, 5.25)}


# Whatever is said


@pytest.mark.only_on("sqlite")
def test_what_is_divided_is_always_the_whole(in_app, unit):
    known = [UUID(unit(code)) for code in (MT, TT, "03162", "03160")]
    place, others = known[0], [*known, UUID(unit("096")), uuid4()]
    amount = st.one_of(st.none(), st.floats(0, 1e12), st.integers(0, 200).map(lambda n: n / 100))
    part = st.builds(
        lambda id, a, v: {"unit_id": id, "area_m2": a, "volume_m3": v}, st.sampled_from(others), amount, amount
    )

    @given(amount, st.lists(part, max_size=6), st.sampled_from([*MEASURES]))
    def check(whole, said, name):
        damage = {name: whole, "parts": said}
        found, stated = divided(damage, name, place), complete(damage).get(name) or 0
        assert sum(found.values()) == round(stated * MEASURES[name]), "to the last litre"
        assert all(amount > 0 for amount in found.values()) and found.keys() <= {*known}
        if any(part[name] for part in said) and not faults(damage):
            named = {part["unit_id"]: part[name] or 0 for part in said}
            near = max(0.005 * stated, 0.01) + 0.01
            assert all(amount / MEASURES[name] == pytest.approx(named[id], abs=near) for id, amount in found.items())

    in_app(check)
