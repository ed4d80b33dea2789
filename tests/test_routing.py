"""Who leads, who stands near and who is asked: on small worlds made of squares and of random cells."""

import json
import math
from uuid import UUID

import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.errors import OutsideTerritory
from models.routing import Place, route
from tests.squares import (
    ACCORDS,
    BETWEEN_DISTRICTS,
    DAY,
    MUONG_NHE,
    MUONG_TE,
    SA_PA,
    SITUATIONS,
    UNDRAWN,
    accord,
    border_corners,
    claimed,
    decide,
    distance_between,
    expected_shares,
    flat_world,
    ground,
    known_unit,
    numbers,
    offered,
    place,
    places,
    radius_of,
    square,
    territory,
    two_communes,
    world,
    worlds,
)

HERE = shapely.Point(0, 0)


@settings(max_examples=150)
@given(worlds(), places(st.integers(-28_000, 28_000)), ACCORDS)
def test_every_report_has_a_lead_or_lies_beyond_20_km_of_every_unit(index, where, accords):
    away_m = min(flat.distance(HERE) for flat in flat_world(where, index))
    assume(abs(away_m - 20_000) > 0.1)
    if away_m > 20_000:
        with pytest.raises(OutsideTerritory):
            route(where, index, accords)
    else:
        assert decide(where, index, accords).lead


@settings(max_examples=150)
@given(SITUATIONS, ACCORDS)
def test_shares_are_those_of_the_error_disc_and_sum_to_one(situation, accords):
    index, where = situation
    decision = decide(where, index, accords)
    expected = expected_shares(where, index, radius_of(where, index))
    shares = {c.id: c.share for c in decision.candidates}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-9) or not any(shares.values())
    for id, share in expected.items():
        assert shares.get(id, 0.0) == pytest.approx(share, abs=1e-6)


@settings(max_examples=150)
@given(SITUATIONS, ACCORDS)
def test_the_largest_share_leads_and_in_a_gap_the_nearest(situation, accords):
    index, where = situation
    decision = decide(where, index, accords)
    expected = expected_shares(where, index, radius_of(where, index))
    if decision.rule == "gap":
        nearest_m = min(flat.distance(HERE) for flat in flat_world(where, index))
        assert decision.lead.distance_m == pytest.approx(nearest_m, abs=0.002)
    else:
        assert expected[decision.lead.id] >= max(expected.values()) - 2e-6


@settings(max_examples=150)
@given(SITUATIONS)
def test_a_gap_is_where_no_unit_covers_the_ground(situation):
    index, where = situation
    covered = shapely.union_all([flat.buffer(0.001) for flat in flat_world(where, index)])
    if covered.contains(HERE.buffer(0.003)):
        assert decide(where, index).rule != "gap"
    elif not covered.intersects(HERE):
        assert decide(where, index).rule == "gap"


@settings(max_examples=40)
@given(worlds(changes=st.just(0)))
def test_no_gap_opens_on_the_corners_where_cells_meet(index):
    """Two or more units end there to the last bit, so the ground is covered: the share decides, not the distance."""
    for lat, lon in border_corners(index):
        decision = decide(Place(lat, lon, 20, False, DAY), index)
        assert decision.rule == "near_border"
        assert decision.lead.share >= max(c.share for c in decision.candidates) - 1e-6


@settings(max_examples=40)
@given(worlds(changes=st.just(0)))
def test_where_cells_meet_the_nearest_interior_point_of_the_largest_leads(index):
    for lat, lon in border_corners(index)[:6]:
        where = Place(lat, lon, 20, False, DAY)
        lead = decide(where, index).lead
        expected = expected_shares(where, index, radius_of(where, index))
        interior_m = {t.id: distance_between(where, t.interior) for t in index.territories}
        equal = [id for id, share in expected.items() if max(expected.values()) - share < 1e-7]
        assert expected[lead.id] >= max(expected.values()) - 2e-6
        # Less than a metre apart the sphere and the ellipsoid may differ on which is the nearer.
        assert interior_m[lead.id] <= min(interior_m[id] for id in equal) + 1 or len(equal) == 1


def facts(where, index, accords):
    return json.dumps(decide(where, index, accords).facts, ensure_ascii=False)


@settings(max_examples=100)
@given(SITUATIONS, ACCORDS)
def test_the_same_inputs_give_the_same_bytes(situation, accords):
    index, where = situation
    fresh = world(*(territory_again(t) for t in index.territories), error_m=index.error_m)
    stored = facts(where, index, accords)
    assert facts(where, index, accords) == facts(where, fresh, accords) == stored


def territory_again(one):
    return type(one)(one.id, one.lineage, one.facts, shapely.from_wkb(shapely.to_wkb(one.polygon)), one.interior)


@settings(max_examples=150)
@given(SITUATIONS, ACCORDS, st.randoms(use_true_random=False))
def test_the_order_in_which_units_are_read_does_not_matter(situation, accords, chance):
    index, where = situation
    shuffled = list(index.territories)
    chance.shuffle(shuffled)
    assert facts(where, world(*shuffled, error_m=index.error_m), accords) == facts(where, index, accords)


@settings(max_examples=100)
@given(claimed(), ACCORDS)
def test_on_a_disputed_ground_every_claimant_is_asked_and_nothing_else_changes(situation, accords):
    index, where, grounds = situation
    without, decision = decide(where, index, accords), decide(where, index, accords, grounds)
    lead = decision.lead.territory.lineage
    holding = [g for g in grounds if g.polygon.intersects(shapely.Point(where.lon, where.lat))]
    others = [claim for g in holding for claim in g.claims if not claim.is_of(lead)]
    assert all(any(claim.is_of(c.territory.lineage) for c in decision.supports) for claim in others)
    assert decision.lead.id == without.lead.id
    assert decision.rule == ("overlap" if others and without.rule != "gap" else without.rule)
    before, after = ({c.id: c.facts for c in made.candidates} for made in (without, decision))
    asked = {c.id for c in decision.supports} - {c.id for c in without.supports}
    assert after.keys() - before.keys() <= asked
    assert all(any(claim.is_of(c.territory.lineage) for claim in others) for c in decision.supports if c.id in asked)
    assert {id: after[id] | {"support_offered": id in asked or before[id]["support_offered"]} for id in before} == {
        id: after[id] for id in before
    }
    assert all(after[id] | {"support_offered": None} == before[id] | {"support_offered": None} for id in before)


@settings(max_examples=60)
@given(claimed(), ACCORDS)
def test_the_grounds_that_hold_the_place_are_enough_to_decide_again(situation, accords):
    index, where, grounds = situation
    stored = decide(where, index, accords, grounds).facts
    held = [g for g in grounds if str(g.id) in stored["inputs"]["disputed_grounds"]]
    assert decide(where, index, accords, held).facts == stored
    json.dumps(stored, allow_nan=False)


def test_a_claimant_far_away_is_asked_with_its_distance_and_one_that_is_drawn_nowhere_without():
    index, here = two_communes(), shapely.Point(-4000, 0).buffer(500)
    sides = [[known_unit(UUID(int=n))] for n in (1, 2)]
    decision = decide(place(-4000, 0), index, grounds=[ground(1, here, *sides, [known_unit(UNDRAWN)])])
    assert (decision.rule, numbers(decision), offered(decision)) == ("overlap", [1, 2, UNDRAWN.int], [2, UNDRAWN.int])
    far, undrawn = decision.facts["candidates"][1:]
    assert far["distance_m"] == pytest.approx(4000, abs=1) and (far["share"], far["inside"]) == (0, False)
    assert (undrawn["distance_m"], undrawn["share"]) == (None, 0)


def test_of_a_district_that_claims_the_ground_its_nearest_commune_is_asked():
    near, far = square(2, 0, -5000, 5000, 0, district=MUONG_TE), square(3, 0, 0, 5000, 5000, district=MUONG_TE)
    index = world(square(1, -10_000, -5000, 0, 5000, district=MUONG_NHE), near, far)
    here = ground(1, shapely.Point(-2000, -2000).buffer(500), [known_unit(MUONG_NHE)], [known_unit(MUONG_TE)])
    decision = decide(place(-2000, -2000), index, grounds=[here])
    assert (numbers(decision), offered(decision)) == ([1, 2], [2])


def test_in_a_gap_that_two_claim_the_nearest_leads_and_the_other_is_asked():
    here = ground(1, shapely.Point(50, 0).buffer(100), *([known_unit(UUID(int=n))] for n in (1, 2)))
    decision = decide(place(50, 0), two_communes(gap_m=400), grounds=[here])
    assert (decision.rule, numbers(decision), offered(decision)) == ("gap", [2, 1], [1])
    assert decision.facts["disputed_ground_ids"] == [str(here.id)]


def test_a_decision_can_be_made_again_from_what_was_stored():
    index, accords = two_communes(error_m=25), [accord(*BETWEEN_DISTRICTS)]
    stored = decide(place(-391, 0), index, accords).facts
    kept = stored["inputs"]
    assert kept["agreements"] == [str(a.id) for a in accords] and kept["radius_m"] == 45
    again = Place(kept["lat"], kept["lon"], kept["accuracy_m"], kept["fire"], DAY.fromisoformat(kept["on"]))
    assert decide(again, index, accords).facts == stored


def test_far_from_every_border_a_commune_stands_alone():
    decision = decide(place(-4000, 0), two_communes())
    assert (decision.rule, numbers(decision)) == ("inside", [1])
    assert decision.lead.distance_m == pytest.approx(4000, abs=1)


def test_near_a_border_the_neighbour_is_listed():
    decision = decide(place(-391, 0), two_communes())
    assert (decision.rule, numbers(decision), offered(decision)) == ("near_border", [1, 2], [])
    assert [round(c.distance_m) for c in decision.candidates] == [391, 391]
    assert [c.share for c in decision.candidates] == [1, 0]


def test_a_doubtful_fix_is_shared_between_both_sides():
    """50 m from the line with an accuracy of 100 m: the far side holds the cap of the disc beyond the line."""
    cap = (math.acos(0.5) - 0.5 * math.sqrt(0.75)) / math.pi
    decision = decide(place(-50, 0, accuracy_m=100), two_communes())
    assert [c.share for c in decision.candidates] == pytest.approx([1 - cap, cap], abs=1e-5)


def test_where_two_communes_claim_the_ground_the_other_is_asked_even_without_an_agreement():
    decision = decide(place(-100, 0), two_communes(gap_m=-400))
    assert (decision.rule, offered(decision)) == ("overlap", numbers(decision)[1:])
    assert [c.share for c in decision.candidates] == [0.5, 0.5]


def test_both_claimants_are_asked_when_a_third_holds_most_of_the_disc():
    """The strip that 1 and 2 both claim ends 2 m from here; most of the disc lies in 3, beyond its end."""
    line = [(-5000, 2), (-10, 2), (10, 2), (5000, 2)]  # all corners on it in each, or slivers would open
    west = territory(1, shapely.Polygon([*line[:3], (10, -5000), (-5000, -5000)]))
    east = territory(2, shapely.Polygon([*line[1:], (5000, -5000), (-10, -5000)]))
    north = territory(3, shapely.Polygon([*line, (5000, 5000), (-5000, 5000)]))
    decision = decide(place(0, 0, accuracy_m=100), world(west, east, north))
    assert (decision.lead.id.int, decision.rule, sorted(offered(decision))) == (3, "overlap", [1, 2])


def test_an_overlap_elsewhere_does_not_make_this_place_claimed_twice():
    """2 holds the point alone. The lead, beside it, also claims a corner of 2, but 4 km away."""
    small = square(2, -60, -4500, 60, 2)
    here = shapely.Polygon([(-5000, 2), (-60, 2), (60, 2), (5000, 2), (5000, 5000), (-5000, 5000)])
    lead = territory(1, shapely.MultiPolygon([here, shapely.box(-5000, -4500, 0, -4000)]))
    decision = decide(place(0, 0, accuracy_m=300), world(lead, small))
    assert (decision.lead.id.int, decision.rule, offered(decision)) == (1, "near_border", [])


def test_in_a_gap_the_nearest_leads_and_its_partner_is_asked():
    index = two_communes(gap_m=400)
    decision = decide(place(50, 0, accuracy_m=600), index, [accord(*BETWEEN_DISTRICTS)])
    assert (decision.rule, numbers(decision), offered(decision)) == ("gap", [2, 1], [1])
    assert decision.lead.distance_m == pytest.approx(150, abs=0.1)


def test_far_outside_the_nearest_leads_alone_with_no_share():
    decision = decide(place(0, 12_000), two_communes())
    assert (decision.rule, len(decision.candidates), decision.lead.share) == ("gap", 1, 0)


@pytest.mark.parametrize("away_m, fire", [(19_990, False), (19_990, True)])
def test_up_to_20_km_there_is_a_lead(away_m, fire):
    assert decide(place(10_000 + away_m, 0, fire=fire), two_communes()).rule == "gap"


@pytest.mark.parametrize("accuracy_m", [20, None, 25_000])
def test_beyond_20_km_there_is_none_however_poor_the_fix(accuracy_m):
    with pytest.raises(OutsideTerritory):
        route(place(10_000 + 20_050, 0, accuracy_m), two_communes(), [])


@pytest.mark.parametrize(
    "accuracy_m, error_m, radius_m", [(None, 0, 50), (2, 0, 5), (5, 0, 5), (30, 0, 30), (30, 100, 130), (None, 25, 75)]
)
def test_the_error_disc_is_the_accuracy_and_the_error_of_the_edition(accuracy_m, error_m, radius_m):
    assert decide(place(-391, 0, accuracy_m), two_communes(error_m=error_m)).radius_m == radius_m


@pytest.mark.parametrize(
    "away_m, fire, listed",
    [(990, False, True), (1010, False, False), (2990, False, False), (2990, True, True), (3010, True, False)],
)
def test_neighbours_are_listed_within_1_km_and_for_fires_within_3_km(away_m, fire, listed):
    assert numbers(decide(place(-away_m, 0, fire=fire), two_communes())) == ([1, 2] if listed else [1])


@pytest.mark.parametrize(
    "away_m, fire, buffers, listed",
    [
        (1990, False, [{"buffer_m": 2000}], True),
        (2010, False, [{"buffer_m": 2000}], False),
        (290, False, [{"buffer_m": 300}], True),
        (310, False, [{"buffer_m": 300}], False),
        (2500, True, [{"buffer_m": 300}], True),  # for fires it says nothing
        (4990, True, [{"fire_buffer_m": 5000}], True),
        (1500, True, [{"fire_buffer_m": 1000}], False),
        (1990, False, [{"buffer_m": 500}, {"buffer_m": 2000}], True),  # of two the widest
        (700, False, [{"buffer_m": 500}, {}], True),  # one that names none has the default of 1 km
        (1010, False, [{"buffer_m": 500}, {}], False),
    ],
)
def test_the_buffer_of_an_agreement_replaces_the_default(away_m, fire, buffers, listed):
    accords = [accord(*BETWEEN_DISTRICTS, number=n, **b) for n, b in enumerate(buffers)]
    decision = decide(place(-away_m, 0, fire=fire), two_communes(), accords)
    assert offered(decision) == numbers(decision)[1:] == ([2] if listed else [])


def test_a_narrow_buffer_never_hides_a_unit_within_the_error_disc():
    decision = decide(place(-400, 0, accuracy_m=500), two_communes(), [accord(*BETWEEN_DISTRICTS, buffer_m=300)])
    assert numbers(decision) == [1, 2]


def test_a_wide_agreement_does_not_list_neighbours_that_are_no_party():
    stranger = square(3, -10_000, 1500, 0, 5000, district=SA_PA)
    home, other = square(1, -10_000, -5000, 0, 1500, district=MUONG_NHE), two_communes().territories[1]
    decision = decide(place(-1500, 0), world(home, other, stranger), [accord(*BETWEEN_DISTRICTS, buffer_m=4000)])
    assert numbers(decision) == [1, 2]


@pytest.mark.parametrize(
    "parties, asked",
    [(BETWEEN_DISTRICTS, [2]), (([MUONG_NHE, MUONG_TE], [SA_PA]), []), (([MUONG_NHE], [SA_PA]), [])],
)
def test_support_is_offered_only_between_different_parties_of_an_agreement(parties, asked):
    decision = decide(place(-391, 0), two_communes(), [accord(*parties)])
    assert (numbers(decision), offered(decision)) == ([1, 2], asked)
    assert (decision.facts["agreement_id"] is not None) == bool(asked)


def four_communes(*interiors):
    """Four squares that meet at the origin, numbered from the south-west against the clock."""
    around = [(-5000, -5000, 0, 0), (0, -5000, 5000, 0), (0, 0, 5000, 5000), (-5000, 0, 0, 5000)]
    return world(*(square(n, *box, interior=i) for n, (box, i) in enumerate(zip(around, interiors, strict=True), 1)))


@pytest.mark.parametrize("nearest", [1, 2, 3, 4])
def test_where_four_communes_meet_the_nearest_interior_point_leads(nearest):
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    far = [(x * (900 if n == nearest else 2000), y * 900) for n, (x, y) in enumerate(signs, 1)]
    decision = decide(place(0, 0), four_communes(*far))
    assert (decision.lead.id.int, decision.rule, len(decision.candidates)) == (nearest, "near_border", 4)
    assert [c.share for c in decision.candidates] == pytest.approx([0.25] * 4, abs=1e-6)


def test_between_equally_near_interior_points_the_smaller_id_leads():
    """They share one here, so that no rounding decides."""
    index = four_communes(*[(700, 700)] * 4)
    assert decide(place(0, 0), world(*reversed(index.territories))).lead.id.int == 1


@pytest.mark.parametrize("language, word", [("vi", "Đề nghị phối hợp ngay: Xã Quảng Lâm 2"), ("en", "offered at once")])
def test_the_explanation_says_who_is_asked(language, word):
    decision = decide(place(-391, 0), two_communes(), [accord(*BETWEEN_DISTRICTS)])
    assert word in decision.facts["explanation"][language]
