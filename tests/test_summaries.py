"""The weekly summary: whatever happened, communes, districts and types add up, and a case counts once."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from models import DamagePart, Incident, Unit, User, db
from models.base import new_id
from models.clock import monday_of, week_of
from models.damage import parts_of
from models.incident_types import INCIDENT_TYPES
from models.incident_workflow import Status
from models.reporting import Draft
from services import demo
from services.summaries.csv import harmless
from tests.people import BORDER, INSIDE, new_report

HUOI_LECH = {"lat": 22.184, "lon": 102.717, "accuracy_m": 10.0}
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
REFORM = date(2025, 7, 1)
NEITHER = {"pest_disease", "natural_damage", "boundary_dispute"}
COLUMNS = ("this_week", "last_week", "change", "same_week_last_year", "change_percent", "year_to_date")
AMOUNTS = {"area_ha": 10_000, "volume_m3": 1000}  # of what is drawn below, m² and litres, make one
# Before, across and after the reform; the first and the last week of a year; weeks 53.
WEEKS = ["2025-W20", "2025-W26", "2025-W27", "2025-W28", "2026-W01", "2026-W27", "2026-W47", "2026-W53", "2021-W01"]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.fixture
def unit(in_app):
    """The id of the unit that a code meant on a day."""
    return lambda code, day=date(2026, 11, 1): in_app(lambda: Unit.by_code(code, day).id)


@pytest.fixture
def weekly(as_, unit):
    def read(week, code="11", who="leader.dien-bien", day=date(2026, 11, 1), lang="vi"):
        reply = as_(who).get(f"/summaries/weekly?unit={unit(code, day)}&week={week}&lang={lang}")
        assert reply.status_code == 200, reply.json
        return reply.json

    return read


@pytest.fixture
def reported(in_app):
    """A report as it reached the server at some moment of the past."""

    def report(found_at, received_at=None, type="illegal_logging", location=INSIDE, **more):
        facts = {"type": type, "found_at": at(found_at), "location": dict(location)} | more

        def write():
            received = at(received_at or found_at) + timedelta(minutes=5)
            Draft(User.named("ranger.muong-toong").person, "0" * 64, received, **facts).file()
            db.session.commit()

        in_app(write)

    return report


def rows(summary, section="violations", by="commune", measure=None):
    found = [r for r in summary["sections"][section]["rows"] if (r["by"], r.get("measure")) == (by, measure)]
    return {r["code"]: r for r in found}


def total(summary, section="violations", measure=None):
    of = summary["sections"][section]
    return next(t for t in (of["total"], *of["totals"]) if t.get("measure") == measure)


@cache
def heirs():
    """By code, the commune that came after an old one."""
    with open(Path(demo.__file__).parent / "old_to_new.csv", encoding="utf-8-sig") as file:
        return {row["old_commune_code"]: row["new_commune_code"] for row in csv.DictReader(file)}


def counted_by_hand(cases, week):
    """{section: {(by, code): columns}} of the province, case by case on the calendar of the forest."""
    first, sunday, found = monday_of(week), monday_of(week) + timedelta(days=6), {"violations": {}, "fires": {}}
    year, number = int(week[:4]), int(week[6:])
    for code, type, status, moment in cases:
        day = moment.astimezone(ZONE).date()
        if status in ("duplicate", "unfounded") or type in NEITHER or day > sunday:
            continue
        code = heirs()[code] if day < REFORM <= sunday else code
        wanted = (week, week_of(first - timedelta(days=7)), f"{year - 1}-W{number:02d}")
        counts = [*(week_of(day) == w for w in wanted), week_of(day).startswith(f"{year}-")]
        section = found["fires" if type == "forest_fire" else "violations"]
        for key in (("commune", code), ("type", type), ("total", "11")):
            section[key] = [n + more for n, more in zip(section.get(key, [0] * 4), counts, strict=True)]

    def columns(now, last_week, last_year, to_date):
        known = number <= date(year - 1, 12, 28).isocalendar().week  # the last week of that year
        percent = round((now - last_year) / last_year * 100, 1) if known and last_year else None
        return now, last_week, now - last_week, last_year if known else None, percent, to_date

    return {s: {k: columns(*v) for k, v in figures.items() if any(v)} for s, figures in found.items()}


@st.composite
def weeks_of_cases(draw):
    """A week, and cases in it, before it and a year before it: (which commune, type, status, moment)."""
    week = draw(st.sampled_from(WEEKS))
    starts = [at(monday_of(week).isoformat()) + timedelta(days=d) for d in (0, 0, -7, -364, -371, -200)]
    edges = st.sampled_from([-1, 0, 7 * 1440 - 1, 7 * 1440])
    minutes = st.one_of(edges, st.integers(-20 * 1440, 9 * 1440))
    moments = st.builds(lambda s, m: s + timedelta(minutes=m), st.sampled_from(starts), minutes)
    types, statuses = st.sampled_from(sorted(INCIDENT_TYPES)), st.sampled_from([str(s) for s in Status])
    one = st.tuples(st.integers(0, 99), st.one_of(st.just("forest_fire"), types), statuses, moments)
    return week, draw(st.lists(one, max_size=40))


@pytest.fixture
def fill(in_app, a_felling):
    """Replaces all cases by copies of one real report, each with its own commune, type, status and moment."""

    def communes(day):
        units = db.session.scalars(Unit.search_for(level="commune", at=day).order_by(Unit.code))
        return [(u.code, u.id) for u in units if u.above()[-1].code == "11"]

    old, new = in_app(lambda: communes(date(2025, 6, 30))), in_app(lambda: communes(REFORM))
    table, original = Incident.__table__, UUID(a_felling["id"])

    def write(cases, kept):
        template = db.session.execute(db.select(table).where(table.c.id == original)).one()._asdict()
        db.session.execute(db.delete(table).where(table.c.id != original))
        db.session.execute(db.update(table).values(counted_at=at("1999-01-01")))
        for number, (index, type, status, moment) in enumerate(cases):
            there = new if moment.astimezone(ZONE).date() >= REFORM else old
            code, id = there[index % len(there)]
            kept += [(code, type, status, moment)]
            facts = {"id": new_id(), "number": f"T-{number}", "type": type, "status": status}
            facts |= {"counted_at": moment, "counted_unit_id": id}
            db.session.execute(db.insert(table).values(template | facts))
        db.session.commit()
        return kept

    return lambda cases: in_app(lambda: write(cases, []))


def test_any_week_is_what_counting_by_hand_gives_and_adds_up_at_every_level(weekly, fill):
    @settings(max_examples=25)
    @given(weeks_of_cases(), st.integers(0, 99))
    @example(("2026-W47", []), 0)
    def check(drawn, pick):
        (week, cases), sunday = drawn, monday_of(drawn[0]) + timedelta(days=6)
        kept = fill(cases)
        province, before = weekly(week), weekly(week_of(sunday - timedelta(days=7)))
        districts = [weekly(week, code, day=sunday) for code in ("096", "103")]
        code = sorted(rows(province))[pick % len(rows(province))]
        commune = weekly(week, code, day=sunday)
        for section, figures in counted_by_hand(kept, week).items():
            whole, communes = total(province, section), rows(province, section)
            shown = {(r["by"], r["code"]): r for r in province["sections"][section]["rows"]} | {("total", "11"): whole}
            got = {k: tuple(r[c] for c in COLUMNS) for k, r in shown.items()}
            assert {k: v for k, v in got.items() if any(v)} == figures
            for column in ("this_week", "last_week", "change", "year_to_date"):
                assert whole[column] == sum(r[column] for r in communes.values())
                assert whole[column] == sum(r[column] for r in rows(province, section, "type").values())
                assert whole[column] == sum(total(d, section)[column] for d in districts)
            assert {c: r for d in districts for c, r in rows(d, section).items()} == communes
            assert all(total(commune, section)[c] == communes[code][c] for c in COLUMNS)
            earlier = 0 if week[6:] == "01" else total(before, section)["year_to_date"]
            assert whole["year_to_date"] == earlier + whole["this_week"]

    check()


# Hectares and m³


WHOLES = {"fits": lambda parts: parts, "too little": lambda parts: parts * 2, "too much": lambda parts: parts // 2}


def cases_with_damage(chance):
    """Cases of a week and before it: (place, lead, type, whether it counts, days before, area and volume, parts, how these
    fit the whole); a part is (which commune of two provinces, its area, its volume), in m² and litres."""

    def amount():
        return chance.choice([0, chance.randrange(100, 10**6)])  # beyond what rounding explains

    types = ["illegal_logging", "forest_clearing", "forest_fire", "pest_disease"]
    for _ in range(chance.randrange(15)):
        parts = [(chance.randrange(1000), amount(), amount()) for _ in range(chance.randrange(4))]
        days, fits, both = chance.choice([0, 0, 1, 6, 7, 8, 364, 366]), chance.choice([*WHOLES]), (amount(), amount())
        place, lead, type, counts = *chance.sample(range(100), 2), chance.choice(types), chance.random() < 0.8
        yield place, lead, type, counts, days, both, parts, fits


@pytest.fixture
def fill_with_damage(in_app, a_felling):
    """Replaces all cases by copies of a real one, with damage as their rows should hold it. What should be told of each:
    (code of the commune it lies in, type, day, m² and litres)."""
    table, parts, original = Incident.__table__, DamagePart.__table__, UUID(a_felling["id"])

    def communes(day, *provinces):
        units = db.session.scalars(Unit.search_for(level="commune", at=day).order_by(Unit.code))
        return [(u.code, u.id) for u in units if u.above()[-1].code in provinces]

    days = (date(2025, 6, 30), REFORM)
    places, both = ([in_app(lambda d=d, p=p: communes(d, *p)) for d in days] for p in (("11",), ("11", "12")))

    def write(week, cases):
        sunday, kept = monday_of(week) + timedelta(days=6), []
        template = db.session.execute(db.select(table).where(table.c.id == original)).one()._asdict()
        db.session.execute(db.delete(parts))
        db.session.execute(db.delete(table).where(table.c.id != original))
        db.session.execute(db.update(table).values(counted_at=at("1999-01-01")))
        for number, (place, lead, type, counts, days, wholes, drawn, how) in enumerate(cases):
            day = sunday - timedelta(days=days)
            here, there = places[day >= REFORM], both[sunday >= REFORM]  # parts may name communes that came later
            (code, id), (_, lead_id) = here[place % len(here)], here[lead % len(here)]
            named = {there[which % len(there)]: amounts for which, *amounts in drawn}
            if named:
                wholes = [WHOLES[how](sum(amounts[n] for amounts in named.values())) for n in (0, 1)]
            damage = {"area_m2": wholes[0], "volume_m3": wholes[1] / 1000, "parts": []}
            for (_, unit_id), (area, volume) in named.items():
                damage["parts"] += [{"unit_id": str(unit_id), "area_m2": area, "volume_m3": volume / 1000}]
            facts = {"id": new_id(), "number": f"T-{number}", "type": type, "counted_at": at(f"{day} 12:00")}
            facts |= {"damage": damage, "counted_unit_id": lead_id, "status": "reported" if counts else "duplicate"}
            facts["routing"] = template["routing"] | {"lead": {"id": str(id)}}
            db.session.execute(db.insert(table).values(template | facts))
            for row in parts_of(SimpleNamespace(**template | facts, counts=counts)):
                db.session.execute(db.insert(parts).values({c.key: getattr(row, c.key) for c in parts.columns}))
            lies = [(name, said) for (name, _), said in named.items()] if how != "too much" else []
            told_in = heirs()[code] if day < REFORM <= sunday else code
            lies += [(told_in, [wholes[n] - sum(said[n] for _, said in lies) for n in (0, 1)])]
            kept += [(name, type, day, said) for name, said in lies if counts and type not in NEITHER]
        db.session.commit()
        return kept

    return lambda week, cases: in_app(lambda: write(week, cases))


def test_hectares_and_volume_lie_where_they_lie_and_add_up_at_every_level(weekly, fill_with_damage):
    """Whoever leads, whatever the parts say, in whichever province they lie: parts sum to the whole, communes to
    districts to provinces, types to the total, and last week's year to date and this week to this week's."""
    seen = []

    @settings(max_examples=12, phases=[Phase.generate])
    @given(st.sampled_from(["2025-W26", "2025-W27", "2026-W47"]), st.integers(0, 2**32))
    def check(week, seed):
        sunday, kept = monday_of(week) + timedelta(days=6), fill_with_damage(week, cases_with_damage(Random(seed)))
        provinces = [weekly(week), weekly(week, "12", "leader.lai-chau")]
        before = weekly(week_of(sunday - timedelta(days=7)))
        districts = [weekly(week, code, day=sunday) for code in ("096", "103")]
        for section, (n, (measure, one)) in product(("violations", "fires"), enumerate(AMOUNTS.items())):
            expected = Counter()
            for code, type, day, said in kept:
                if (type == "forest_fire") == (section == "fires") and monday_of(week) <= day:
                    seen.append(said[n])
                    expected[code] += said[n]
            shown = {c: r["this_week"] for p in provinces for c, r in rows(p, section, measure=measure).items()}
            assert {c: round(v * one) for c, v in shown.items() if v} == {c: v for c, v in expected.items() if v}
            of_all = total(provinces[0], section, measure)
            for column in ("this_week", "last_week", "change", "year_to_date"):
                for part in (rows(provinces[0], section, by, measure).values() for by in ("commune", "type")):
                    assert of_all[column] == pytest.approx(sum(r[column] for r in part), abs=1e-7)
                assert of_all[column] == pytest.approx(
                    sum(total(d, section, measure)[column] for d in districts), abs=1e-7
                )
            earlier = 0 if week[6:] == "01" else total(before, section, measure)["year_to_date"]
            assert of_all["year_to_date"] == pytest.approx(earlier + of_all["this_week"], abs=1e-7)

    check()
    assert sum(map(bool, seen)) > 50, "something was there to add up"


def test_rows_of_area_and_volume_carry_their_measure(weekly, reported):
    reported("2026-11-18 09:00", damage={"area_m2": 15_000.0}), reported("2025-11-19 09:00", damage={"area_m2": 7500.0})
    summary = weekly("2026-W47")
    row = rows(summary, measure="area_ha")["03163"]
    assert (row["measure"], [row[c] for c in COLUMNS]) == ("area_ha", [1.5, 0, 1.5, 0.75, 100.0, 1.5])
    assert rows(summary, by="type", measure="area_ha")["illegal_logging"]["this_week"] == 1.5
    assert [t["this_week"] for t in summary["sections"]["violations"]["totals"]] == [1.5, 0]
    assert rows(summary, measure="volume_m3") == {}, "where there was none there is no row"
    assert total(summary)["this_week"] == 1 and "measure" not in total(summary)


def test_damage_found_before_the_reform_and_received_after_it_is_not_lost_to_its_week(weekly, reported, unit):
    parts = [{"unit_id": str(unit(code)), "area_m2": 5000.0} for code in ("03163", "03463")]
    said = {"area_m2": 10_000.0, "parts": parts}
    reported("2025-06-25 09:00", received_at="2025-07-03 09:00", location=HUOI_LECH, damage=said)
    there, later = rows(weekly("2025-W26"), measure="area_ha"), rows(weekly("2025-W27"), measure="area_ha")
    assert {code: row["this_week"] for code, row in there.items()} == {"03177": 0.5}, (
        "what was there of Mường Toong then"
    )
    assert {code: row["last_week"] for code, row in later.items()} == {"03163": 0.5}, "the rest lies in Lai Châu"


# What is counted, and when


def test_a_summary_has_the_shape_of_the_contract(weekly, reported, unit):
    reported("2026-11-18 09:00")
    summary = weekly("2026-W47")
    shown = [summary[name] for name in ("week", "from", "to", "status")]
    assert (summary["unit"]["code"], shown) == ("11", ["2026-W47", "2026-11-16", "2026-11-22", "provisional"])
    assert datetime.fromisoformat(summary["as_of"]).utcoffset() == timedelta(0)
    assert set(row := rows(summary)["03163"]) == {"by", "code", "label", *COLUMNS}
    assert (row["label"], row["this_week"], row["year_to_date"]) == ("Xã Mường Toong", 1, 1)
    assert rows(summary, by="type")["illegal_logging"]["label"] == INCIDENT_TYPES["illegal_logging"].labels["vi"]
    assert total(weekly("2026-W47", lang="en"))["label"] == "Total"


def test_a_week_ends_at_midnight_in_the_forest(weekly, reported):
    reported("2026-11-15 23:30"), reported("2026-11-16 00:00"), reported("2026-11-16 06:59")
    assert [total(weekly(w))["this_week"] for w in ("2026-W45", "2026-W46", "2026-W47", "2026-W48")] == [0, 1, 2, 0]


def test_a_phone_clock_that_cannot_be_right_counts_by_receipt_and_a_late_report_by_its_finding(weekly, reported):
    for phone_says in ("2027-03-01 09:00", "2025-12-01 09:00", "1970-01-01 07:00", "2026-09-16 09:00"):
        reported(phone_says, received_at="2026-11-18 09:00")
    assert (total(weekly("2026-W47"))["this_week"], total(weekly("2026-W38"))["this_week"]) == (3, 1)


def test_every_type_but_four_is_a_violation_and_a_fire_counts_only_as_a_fire(weekly, reported):
    for type in INCIDENT_TYPES:
        reported("2026-11-18 09:00", type=type)
    summary = weekly("2026-W47")
    assert set(rows(summary, "fires", "type")) == {"forest_fire"}
    assert set(rows(summary, by="type")) == set(INCIDENT_TYPES) - NEITHER - {"forest_fire"}
    assert total(summary)["this_week"] == len(INCIDENT_TYPES) - 4


def test_duplicates_and_unfounded_reports_do_not_count_nor_does_what_they_said_was_lost(weekly, as_):
    ranger, officer = as_("ranger.muong-toong"), as_("officer.muong-toong")
    facts = {"location": INSIDE, "damage": {"volume_m3": 2}}
    first, double, empty = (ranger.post("/incidents", json=new_report(**facts)).json for _ in range(3))
    week = week_of(datetime.fromisoformat(first["found_at"]).astimezone(ZONE).date())

    def told():
        summary = weekly(week)
        return [total(summary, measure=m)[p] for m in (None, "volume_m3") for p in ("this_week", "year_to_date")]

    assert told() == [3, 3, 6, 6]
    assert officer.act(double, "mark_duplicate", duplicate_of=first["id"]).status_code == 200
    assert officer.act(empty, "dismiss", reason="Nương cũ.").status_code == 200
    assert told() == [1, 1, 2, 2]
    for closed in (double, empty):  # closing a false alarm does not make it count
        assert officer.act(officer.get(f"/incidents/{closed['id']}").json, "close").status_code == 200
    assert told() == [1, 1, 2, 2]
    assert officer.act(empty, "reopen", reason="Gốc còn tươi.").status_code == 200
    assert told() == [2, 2, 4, 4]


def test_a_case_at_the_border_counts_once_for_its_lead(weekly, reported):
    reported("2026-11-18 09:00", location=BORDER)
    both = weekly("2026-W47"), weekly("2026-W47", "12", "leader.lai-chau")
    assert [total(summary)["this_week"] for summary in both] == [1, 0]


def test_across_the_reform_old_communes_roll_up_to_their_successors_never_down(weekly, reported):
    reported("2025-06-25 09:00", location=HUOI_LECH), reported("2025-06-30 09:00", location=HUOI_LECH)
    before, straddling, after = (rows(weekly(w)) for w in ("2025-W26", "2025-W27", "2025-W28"))
    assert (before["03177"]["label"], before["03177"]["this_week"]) == ("Xã Huổi Lếch", 1)
    assert before["03163"]["this_week"] == 0 and "03177" not in straddling
    assert [straddling["03163"][c] for c in ("this_week", "last_week", "year_to_date")] == [1, 1, 2]
    assert [after["03163"][c] for c in ("this_week", "last_week", "year_to_date")] == [0, 1, 2]
    assert rows(weekly("2026-W27"))["03163"]["same_week_last_year"] == 1
    assert total(weekly("2025-W26", "03177", "officer.muong-toong", day=date(2025, 6, 1)))["this_week"] == 1


def test_a_case_found_before_the_reform_and_received_after_it_is_not_lost_to_its_week(weekly, reported):
    reported("2025-06-25 09:00", received_at="2025-07-03 09:00", location=HUOI_LECH)
    assert total(weekly("2025-W27"))["year_to_date"] == 1
    assert (total(weekly("2025-W26"))["this_week"], total(weekly("2025-W26"))["year_to_date"]) == (1, 1)


def test_the_change_is_against_last_week_and_the_percentage_against_last_year_null_of_nothing(weekly, reported):
    for found_at in ("2026-11-18 09:00", "2026-11-09 09:00", "2026-11-10 09:00", *["2025-11-19 09:00"] * 3):
        reported(found_at)
    shown = {w: total(weekly(f"2026-W{w}")) for w in (45, 47, 53)}
    compared = ("change", "same_week_last_year", "change_percent")
    assert [shown[47][c] for c in compared] == [-1, 3, -66.7]
    assert [shown[45][c] for c in compared] == [0, 0, None]
    assert [shown[53][c] for c in compared] == [0, None, None]  # 2025 had no week 53


def test_the_reporting_year_can_begin_in_december(weekly, reported, monkeypatch):
    monkeypatch.setenv("REPORTING_YEAR_STARTS", "12-15")
    for found_at in ("2025-12-14 23:30", "2025-12-15 00:30", "2026-01-07 09:00"):
        reported(found_at)
    shown = {w: total(weekly(w))["year_to_date"] for w in ("2025-W50", "2025-W51", "2026-W02")}
    assert shown == {"2025-W50": 1, "2025-W51": 1, "2026-W02": 2}


def test_the_csv_says_the_same_as_the_json(weekly, reported, as_, unit):
    reported("2026-11-18 09:00", damage={"area_m2": 600.0, "volume_m3": 4.2})
    reported("2026-11-10 09:00", type="forest_fire"), reported("2026-11-11 09:00")
    for language, counted_in in (("vi", ["ha", "m³", "vụ"]), ("en", ["cases", "ha", "m³"])):
        reply = as_("leader.dien-bien").get(f"/summaries/weekly.csv?unit={unit('11')}&week=2026-W47&lang={language}")
        assert reply.data.startswith(b"\xef\xbb\xbf") and reply.content_type.startswith("text/csv")
        head, *lines = csv.reader(io.StringIO(reply.data.decode("utf-8-sig")))
        sections = weekly("2026-W47", lang=language)["sections"]
        told = [sections[name] for name in ("violations", "fires")]
        told = [r for section in told for r in [*section["rows"], section["total"], *section["totals"]]]
        told = [["" if r[n] is None else str(r[n]) for n in ("code", "label", *COLUMNS)] for r in told]
        assert [line[2:-1] for line in lines] == told
        assert len(head) == len(COLUMNS) + 5 and len({line[0] for line in lines}) == 2
        assert sorted({line[-1] for line in lines}) == counted_in
        assert [line[4] for line in lines if line[-1] == "ha"][:2] == ["0.06"] * 2


def test_what_a_spreadsheet_would_run_stays_text_and_a_number_a_number(app, as_, unit):
    for name in ('=HYPERLINK("http://x")', "+Xã", "-Xã", "@Xã", "\tXã", "\rXã"):
        assert harmless(name) == f"'{name}"
    assert (harmless(-3), harmless("Xã Mường Toong")) == (-3, "Xã Mường Toong")

    with app.app_context(), db.engine.begin() as connection:
        connection.execute(db.update(Unit).where(Unit.code == "03163").values(name="=1+1"))
    reply = as_("leader.dien-bien").get(f"/summaries/weekly.csv?unit={unit('11')}&week=2026-W47")
    assert ",'=1+1," in reply.text and ",=1+1" not in reply.text


def test_nobody_reads_the_week_of_a_unit_they_do_not_answer_for(as_, unit):
    lower = [("ranger.muong-toong", "03163"), ("officer.ta-tong", "03163"), ("officer.muong-toong", "03162")]
    higher = [("leader.muong-nhe", "11"), ("leader.muong-nhe", "103"), ("leader.lai-chau", "11"), ("admin", "11")]
    for who, code in lower + higher:
        for form in ("", ".csv"):
            reply = as_(who).get(f"/summaries/weekly{form}?unit={unit(code)}&week=2026-W47")
            assert (reply.status_code, reply.json["code"]) == (404, "not_found"), who


def refused_fields(as_, **query):
    return list(as_("leader.dien-bien").get("/summaries/weekly", query_string=query).json.get("errors", ()))


def test_a_week_that_does_not_exist_is_refused_by_name(as_, unit):
    for week in ("2026-47", "2026-W7", "2026-W00", "2026-W54", "2027-W53", "9999-W52", "0000-W01", "0001-W01", ""):
        assert refused_fields(as_, unit=unit("11"), week=week) == ["week"], week
    assert refused_fields(as_, unit="Mường Toong", week="2026-W47") == ["unit"]
    assert refused_fields(as_) == ["unit", "week"]


def test_a_week_near_the_beginning_of_the_calendar_is_refused_by_name(as_, unit):
    assert refused_fields(as_, unit=unit("11"), week="0002-W01") == ["week"]
