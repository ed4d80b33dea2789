"""How much is measured: enough for steady medians, or just enough to try the tool."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    runs: int = 3  # each figure is the median of so many
    clients: tuple[int, ...] = (1, 8, 32)
    reports: int = 600  # in one run
    photos: int = 200  # in one run
    incidents: tuple[int, ...] = (10_000, 100_000)  # in the database while lists are read
    reads: int = 60  # in one run, one after the other
    points: int = 5_000
    batches: int = 16  # of 200 reports, in one run
    changes: int = 1_000  # in a feed
    previews: int = 9  # of one photo


FULL = Sizes()
QUICK = Sizes(
    runs=1,
    clients=(1, 8),
    reports=60,
    photos=16,
    incidents=(2_000, 4_000),
    reads=20,
    points=500,
    batches=8,
    changes=200,
    previews=3,
)
