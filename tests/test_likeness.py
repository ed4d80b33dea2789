"""A picture is known again after it was saved anew, and found among however many others without reading them all."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from models import Likeness, db
from models.clock import today
from models.likeness import Search, bands_of, neighbours
from models.limits import limit
from services.preview import likeness
from tests.pictures import jpeg, jpeg_of, scene

MOST = int(limit("similar_photo_bits", today()))
SCENES = range(12)


def bits_apart(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def again(picture, side, quality):
    """As a messenger passes a picture on."""
    small = picture.copy()
    small.thumbnail((side, side))
    return Image.open(io.BytesIO(jpeg_of(small, quality)))


COPIES = {
    "saved anew": lambda p: again(p, 640, 40),
    "made smaller": lambda p: again(p, 200, 85),
    "by two messengers": lambda p: again(again(p, 500, 40), 320, 50),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.15),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.6),
    "without colour": lambda p: p.convert("L").convert("RGB"),
    "cut a little": lambda p: p.crop((6, 5, p.width - 6, p.height - 5)),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_looks_like_its_original(way):
    for seed in SCENES:
        picture = scene(seed)
        assert bits_apart(likeness(picture), likeness(COPIES[way](picture))) <= MOST, seed


def test_other_pictures_look_otherwise():
    looks = [likeness(scene(seed)) for seed in range(100)]
    least = min(bits_apart(a, b) for i, a in enumerate(looks) for b in looks[:i])
    assert least > MOST


@pytest.mark.parametrize("picture", [jpeg(), jpeg((0, 0, 0)), jpeg_of(Image.new("L", (500, 300), 200))])
def test_a_picture_that_is_flat_looks_like_nothing(picture):
    assert likeness(Image.open(io.BytesIO(picture))) is None


@given(bits=st.integers(0, 2**64 - 1), flipped=st.sets(st.integers(0, 63), max_size=MOST))
def test_whatever_differs_in_few_bits_is_a_neighbour_in_one_of_the_bands(bits, flipped):
    other = bits
    for at in flipped:
        other ^= 1 << at
    pairs = list(zip(bands_of(f"{bits:016x}"), bands_of(f"{other:016x}"), strict=True))
    assert sum((a ^ b).bit_count() for a, b in pairs) == len(flipped)
    assert any(b in neighbours(a, MOST // 4) for a, b in pairs)


def test_all_that_are_near_are_found_and_nothing_else_is(in_app):
    dice = random.Random(7)
    mine = dice.getrandbits(64)
    known = {"mine": mine}
    for number in range(60):
        bits = mine
        for at in dice.sample(range(64), dice.randint(0, 2 * MOST)):
            bits ^= 1 << at
        known[f"{number}"] = bits

    def run():
        for name, bits in list(known.items())[:40]:
            Search(f"{bits:016x}", MOST).finish(name)
        search = Search(f"{mine:016x}", MOST)
        for name, bits in list(known.items())[40:]:  # what comes between is not missed
            Search(f"{bits:016x}", MOST).finish(name)
        return search.finish("mine"), Search(None, MOST).finish("flat")

    found, of_flat = in_app(run)
    wanted = {name: (bits ^ mine).bit_count() for name, bits in known.items() if name != "mine"}
    assert found == {name: bits for name, bits in wanted.items() if bits <= MOST}
    assert list(found.values()) == sorted(found.values()) and 10 < len(found) < 50
    assert of_flat == {}


def test_no_search_reads_all_pictures(app, in_app):
    """Each band is looked up by its index, on both databases."""

    def plans():
        for n in range(4):
            column = getattr(Likeness, f"band_{n}")
            query = db.select(Likeness.sha256).where(column.in_(neighbours(77, 1)))
            text = query.compile(db.engine, compile_kwargs={"literal_binds": True}).string
            if db.engine.dialect.name == "postgresql":
                db.session.execute(db.text("SET LOCAL enable_seqscan = off"))
                yield str(db.session.execute(db.text(f"EXPLAIN {text}")).all())
            else:
                yield str(db.session.execute(db.text(f"EXPLAIN QUERY PLAN {text}")).all())

    found = in_app(lambda: list(plans()))
    assert all(f"ix_likenesses_band_{n}" in plan for n, plan in enumerate(found)), found
