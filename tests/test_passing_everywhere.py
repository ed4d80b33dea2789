"""Whatever merges and is divided, and whatever is open: each case keeps one lead that exists, nothing is lost, and all of
it can be given back."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Assignment, Boundary, Edition, Incident, Role, Succession, Unit, User, db, passing
from models.assignments import OPEN, Part, State
from models.base import new_id, now
from models.clock import today
from models.errors import NoSuccessor
from models.passing_rows import is_offer_to_take_over
from models.reference import reference
from models.reporting import Draft
from models.units import refresh_names_and_scopes
from tests.damage.conftest import SOAK
from tests.squares import polygon, spot
from tests.test_passing_on import _everything

FATES = ("stays", "renamed", "merged", "merged", "divided", "by way of another")
SIDE, ACROSS, UP = 4000, 3, 2  # metres of a commune; communes


class Reform:
    """Six communes in two districts of two provinces, what becomes of each, and some cases in a mess."""

    def __init__(self, seed):
        self.dice = Random(seed)
        self.before = {}  # commune: its square
        self.after = {}
        for n in range(2):
            above = self.unit("province", f"P{n}")
            self.district = self.unit("district", f"D{n}", above)
            for x in range(ACROSS):
                flat = shapely.box(x * SIDE, n * SIDE, (x + 1) * SIDE, (n + 1) * SIDE)
                self.before[self.unit("commune", f"C{n}{x}", self.district)] = flat
        self.becomes()
        self.staff()
        refresh_names_and_scopes()
        self.former = self.edition("trước", date(2026, 1, 1), self.before, now())
        db.session.flush()
        self.cases = [self.case() for _ in range(self.dice.randint(2, 5))]
        self.edition_now = self.edition("sau", today(), self.after, None)
        db.session.flush()

    def unit(self, level, code, above=None, **dates):
        return Unit.add(level, code, f"Xã {code}", above, **dates)

    def becomes(self):
        """New communes lie in new areas, or in the old ones; a province may change its code."""
        dates = {"valid_from": today()}
        districts = []
        for n, old in enumerate({u.parent_id: u for u in self.before}.values()):
            former, above = db.session.get(Unit, old.parent_id), db.session.get(Unit, old.lineage_ids[0])
            if self.dice.random() < 0.5:
                new = self.unit("province", f"Q{n}", **dates)
                self.follows(above, new)
                above = new
            if above.code.startswith("Q") or self.dice.random() < 0.5:
                new = self.unit("district", f"D{n}", above, **dates)
                self.follows(former, new)
                former = new
            districts.append(former)
        heirs = [self.unit("commune", f"N{n}", districts[n % 2], **dates) for n in range(3)]
        for n, (old, flat) in enumerate(self.before.items()):
            fate = self.dice.choice(FATES)
            if fate == "stays" and old.parent_id in {d.id for d in districts}:
                self.after[old] = flat
            elif fate == "renamed":
                self.give(old, self.unit("commune", f"R{n}", self.dice.choice(districts), **dates), flat)
            elif fate == "divided":
                west, south, east, north = flat.bounds
                middle = west + (east - west) * self.dice.choice((0.3, 0.5))
                one, other = self.dice.sample(heirs, 2)
                self.give(old, one, shapely.box(west, south, middle, north), "divided")
                self.give(old, other, shapely.box(middle, south, east, north), "divided")
            elif fate == "by way of another":
                short = self.unit("commune", f"M{n}", districts[0], valid_from=today() - timedelta(days=9))
                self.follows(old, short)
                self.give(short, self.dice.choice(heirs), flat)
            else:
                self.give(old, self.dice.choice(heirs), flat)

    def follows(self, old, new, relation="merged_whole"):
        db.session.flush()
        db.session.add(Succession(old_unit_id=old.id, new_unit_id=new.id, relation=relation))

    def give(self, old, new, flat, relation="merged_whole"):
        self.follows(old, new, relation)
        self.after[new] = self.after[new].union(flat) if new in self.after else flat

    def staff(self):
        db.session.flush()
        known = User.named("admin")
        for n, unit in enumerate(
            [*self.before, *{db.session.get(Unit, id) for u in self.before for id in u.lineage_ids[:-1]}]
        ):
            role = Role.OFFICER if unit.level == "commune" else Role.LEADER
            facts = {"username": f"r{n}.{unit.code}", "name": "Cán bộ", "role": role, "unit_id": unit.id}
            db.session.add(User(id=new_id(), password_hash=known.password_hash, **facts))
        db.session.flush()

    def edition(self, name, first, grounds, activated_at):
        edition = Edition(id=new_id(), name=f"{name} {new_id()}", valid_from=first, activated_at=activated_at)
        db.session.add(edition)
        db.session.flush()
        for unit, flat in grounds.items():
            drawn = polygon(flat)
            inside = drawn.representative_point()
            facts = {"interior_lat": inside.y, "interior_lon": inside.x, "area_m2": flat.area}
            db.session.add(
                Boundary(id=new_id(), edition_id=edition.id, unit_id=unit.id, wkb=shapely.to_wkb(drawn), **facts)
            )
        return edition

    def case(self):
        east, north = self.dice.uniform(0, ACROSS * SIDE), self.dice.uniform(0, UP * SIDE)
        lat, lon = spot(east, north)
        facts = {"type": "illegal_logging", "found_at": now(), "location": {"lat": lat, "lon": lon, "accuracy_m": 5.0}}
        incident, _ = Draft(User.named("ranger.nam-ke").person, "0" * 64, now(), **facts).file()
        others = [u for u in self.before if u.id != incident.lead_unit_id and not incident.row_at_work(u.id)]
        if self.dice.random() < 0.6:
            incident.lead.accept()
        for unit in self.dice.sample(others, self.dice.randint(0, 3)):
            row = incident.offer(reference().units[unit.id], Part.SUPPORT, from_unit_id=incident.lead_unit_id)
            row.state = self.dice.choice([State.OFFERED, State.ACCEPTED, State.DECLINED, State.CONCLUDED])
            row.accepted_at = now() if row.state in (State.ACCEPTED, State.CONCLUDED) else None
            row.ended_at = now() if row.state in (State.DECLINED, State.CONCLUDED) else None
        if self.dice.random() < 0.4 and incident.lead.state == State.ACCEPTED:
            to = reference().units[self.dice.choice(others).id]
            incident.offer(to, Part.SUPPORT, hand_over=True, from_unit_id=incident.lead_unit_id)
        if self.dice.random() < 0.3:
            incident.lead.asked_unit_id = incident.lead.unit.lineage_ids[-2]
        if self.dice.random() < 0.2:
            incident.guard_unit_id = self.dice.choice(others).id
        incident.assignments_changed()
        return incident.id

    # What must hold

    def check(self):
        admin = User.named("admin").person
        kept, rows = _everything(), self.rows()
        seen = passing.effect_of(passing.ending_of(self.edition_now))
        self.edition_now.activated_at = now()
        if seen.heirless:
            with pytest.raises(NoSuccessor):
                passing.pass_on(self.edition_now, admin)
            return
        done = passing.pass_on(self.edition_now, admin)
        assert seen.moved == done.moved
        after = self.rows()
        assert after.keys() == rows.keys(), "no row comes or goes"
        for id, was in rows.items():
            if was["state"] not in OPEN:
                assert after[id] == was, "what had ended stays"
        for id in self.cases:
            self.check_case(id)
        once = _everything()
        passing.pass_on(self.edition_now, admin)
        assert _everything() == once and not passing.is_anything_left()
        self.check_back(kept, admin)

    def rows(self):
        columns = ("unit_id", "role", "state", "hand_over", "offered_at", "due_at", "ended_at", "reason")
        query = db.select(Assignment).where(Assignment.incident_id.in_(self.cases))
        return {r.id: {name: getattr(r, name) for name in columns} for r in db.session.scalars(query)}

    def check_case(self, id):
        case = db.session.get_one(Incident, id, populate_existing=True)
        drawn = {unit.id for unit in self.after}
        standing = drawn | {above for unit in self.after for above in unit.lineage_ids}
        held = [r for r in case.assignments if r.is_open]
        assert [r.unit_id for r in case.assignments if r.is_lead] == [case.lead_unit_id], "one lead"
        assert case.lead_unit_id in drawn and case.guard_unit_id in drawn
        at_work = Counter(r.unit_id for r in held if not is_offer_to_take_over(r))
        assert not at_work or max(at_work.values()) == 1, "at most one part of each unit"
        for row in held:
            assert {row.unit_id, row.from_unit_id, row.asked_unit_id} - {None} <= standing
            assert not (is_offer_to_take_over(row) and row.unit_id == case.lead_unit_id)
        flat = self.after[db.session.get(Unit, case.lead_unit_id)]
        assert polygon(flat).distance(shapely.Point(case.lon, case.lat)) < 1e-3, "who leads lies there"

    def check_back(self, kept, admin):
        back = passing.effect_of_giving_back(self.edition_now)
        assert passing.give_back(self.edition_now, admin).moved == back.moved
        db.session.flush()
        now_again = _everything()
        differs = {name: [r for r in now_again[name] if r not in rows] for name, rows in kept.items()}
        assert not any(differs.values()), differs


def test_any_reform_passes_on_all_that_is_open_once_and_can_be_given_back(app, times):
    @settings(max_examples=times(200 if SOAK else 6))
    @given(st.integers(0, 2**32))
    def check(seed):
        with app.app_context():
            try:
                Reform(seed).check()
            finally:
                db.session.rollback()
                db.session.remove()

    check()
