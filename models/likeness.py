"""What pictures look like, so that one that comes again is known, also when it was saved anew.

64 bits of a picture (services/preview.py) are kept as four numbers of 16. Pictures that differ in few bits differ in
fewer still in one of the four: each is looked up by index, with its neighbours, however many pictures there are.
"""

from functools import cache, reduce
from itertools import combinations
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.base import BigNumber, db, upsert

SIDE, BANDS, BAND_BITS = 8, 4, 16
MOST_CANDIDATES = 20_000  # of one band: a look that very many pictures share says little
LOCK = 7201965


class Likeness(db.Model):  # type: ignore[name-defined]
    """Of a picture that is not too flat, by the hash of its original."""

    __tablename__ = "likenesses"

    number: Mapped[int] = mapped_column(BigNumber, primary_key=True)  # in the order of commits, by the lock below
    sha256: Mapped[str] = mapped_column(unique=True)
    band_0: Mapped[int] = mapped_column(index=True)
    band_1: Mapped[int] = mapped_column(index=True)
    band_2: Mapped[int] = mapped_column(index=True)
    band_3: Mapped[int] = mapped_column(index=True)


COLUMNS = [getattr(Likeness, f"band_{n}") for n in range(BANDS)]


class Search:
    """For pictures like one. Most of it is done before the transaction; in it, only what came meanwhile is looked at."""

    def __init__(self, bits: str | None, most_bits: int):
        self.bands = bands_of(bits) if bits else None
        self.most_bits = most_bits
        self.upto = db.session.scalar(db.select(db.func.max(Likeness.number))) or 0
        self.near: dict[str, int] = {}
        for column, value in zip(COLUMNS, self.bands or (), strict=False):
            alike = column.in_(neighbours(value, most_bits // BANDS))
            self._take(db.select(Likeness.sha256, *COLUMNS).where(alike).limit(MOST_CANDIDATES))

    def finish(self, sha256: str) -> dict[str, int]:
        """Note what this picture looks like; the others within the distance: {hash: bits}, nearest first.

        One after the other until the commit: of two pictures that come at once, the second finds the first.
        """
        if db.engine.dialect.name == "postgresql":
            db.session.execute(db.select(db.func.pg_advisory_xact_lock(LOCK)))
        if self.bands:
            self._take(db.select(Likeness.sha256, *COLUMNS).where(Likeness.number > self.upto))
            bands = {f"band_{n}": value for n, value in enumerate(self.bands)}
            made = upsert(Likeness.__table__).values(sha256=sha256, **bands)
            db.session.execute(made.on_conflict_do_update(index_elements=["sha256"], set_=bands))
        nearest = sorted((bits, other) for other, bits in self.near.items() if other != sha256)
        return {other: bits for bits, other in nearest}

    def _take(self, candidates: Any) -> None:
        for sha256, *bands in db.session.execute(candidates):
            bits = sum((a ^ b).bit_count() for a, b in zip(self.bands or (), bands, strict=True))
            if bits <= self.most_bits:
                self.near[sha256] = bits


def bands_of(bits: str) -> list[int]:
    """16 hexadecimal digits as four numbers, each from spots all over the picture: sky is not a look of its own."""
    whole, bands = int(bits, 16), [0] * BANDS
    for at in range(SIDE * SIDE):
        row, column = divmod(at, SIDE)
        band = (row + column) % BANDS
        bands[band] = bands[band] << 1 | whole >> at & 1
    return bands


def neighbours(value: int, most_bits: int) -> list[int]:
    """All numbers of a band that differ from this one in so many bits at most."""
    return [value ^ mask for mask in _masks(most_bits)]


@cache
def _masks(most_bits: int) -> tuple[int, ...]:
    single = [1 << at for at in range(BAND_BITS)]
    chosen: Any = (bits for count in range(most_bits + 1) for bits in combinations(single, count))
    return tuple(reduce(int.__or__, bits, 0) for bits in chosen)
