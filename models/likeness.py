"""What pictures look like, so that one that comes again is known, also when it was saved anew.

64 bits of a picture (services/preview.py) are kept as four numbers of 16. Pictures that differ in few bits differ in
fewer still in one of the four: each is looked up by index, with its neighbours, however many pictures there are.
"""

from functools import cache, reduce
from itertools import combinations
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.base import db, upsert

SIDE, BANDS, BAND_BITS = 8, 4, 16
MOST_CANDIDATES = 20_000  # of one band: a look that very many pictures share says little


class Likeness(db.Model):  # type: ignore[name-defined]
    """Of a picture that is not too flat, by the hash of its original."""

    __tablename__ = "likenesses"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    band_0: Mapped[int] = mapped_column(index=True)
    band_1: Mapped[int] = mapped_column(index=True)
    band_2: Mapped[int] = mapped_column(index=True)
    band_3: Mapped[int] = mapped_column(index=True)

    @classmethod
    def note(cls, sha256: str, bits: str) -> None:
        bands = {f"band_{n}": value for n, value in enumerate(bands_of(bits))}
        made = upsert(cls.__table__).values(sha256=sha256, **bands)
        db.session.execute(made.on_conflict_do_update(index_elements=["sha256"], set_=bands))

    @classmethod
    def near(cls, sha256: str, most_bits: int) -> dict[str, int]:
        """Pictures that differ from this one in so many bits at most: {hash: bits}, the nearest first."""
        columns = [getattr(cls, f"band_{n}") for n in range(BANDS)]
        mine = db.session.execute(db.select(*columns).where(cls.sha256 == sha256)).first()
        if mine is None:
            return {}
        found: dict[str, int] = {}
        for column, value in zip(columns, mine, strict=True):
            alike = db.select(cls.sha256, *columns).where(column.in_(neighbours(value, most_bits // BANDS)))
            for other, *bands in db.session.execute(alike.limit(MOST_CANDIDATES)):
                found[other] = sum((a ^ b).bit_count() for a, b in zip(mine, bands, strict=True))
        near = sorted((bits, other) for other, bits in found.items() if bits <= most_bits and other != sha256)
        return {other: bits for bits, other in near}


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
