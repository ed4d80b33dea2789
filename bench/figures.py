"""From times to figures: rates, percentiles, medians of runs."""

import math
import statistics
from collections.abc import Sequence

from bench.clients import Run

Figures = dict[str, float]


def percentile(times: Sequence[float], share: float) -> float:
    """The smallest time that at least this share of all times do not exceed (nearest rank)."""
    if not times:
        return 0.0
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


def of_run(run: Run) -> Figures:
    return {
        "per_s": run.done / run.seconds if run.seconds else 0.0,
        "p50_ms": percentile(run.tasks_ms, 0.50),
        "p99_ms": percentile(run.tasks_ms, 0.99),
    }


def median(runs: Sequence[Figures]) -> Figures:
    """Of each figure by itself, rounded to one decimal."""
    return {name: round(statistics.median(r[name] for r in runs), 1) for name in runs[0]}
