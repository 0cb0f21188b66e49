"""Whether there were rounds enough: how wide the intervals of the ratios still are.

Rounds are added until the widest interval is narrow enough, as BenchmarkDotNet and Google's benchmark add
iterations. The interval at that point still holds what it says it holds, since the mean of normal figures does not
depend on their spread, by which alone the end is chosen; a first stage of ten rounds keeps a few that agree by
chance from ending it (the tests simulate it).

Source: Y. S. Chow and H. Robbins, "On the asymptotic theory of fixed-width sequential confidence intervals for the
mean", Annals of Mathematical Statistics 36 (1965).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from edgetext.bench.measuring import Measurement
from edgetext.bench.rounds import round_ratios
from edgetext.measure.ratios import mean_ratio


@dataclass(frozen=True)
class Width:
    """How far an interval reaches.

    Attributes:
        percent: Of the ratio, to its further side.
        name: Whose interval it is, such as ``p50 of edgetext int8``.
    """

    percent: float
    name: str

    def rounds_for(self, percent: float, rounds: int) -> int:
        """Gives how many rounds will make it as narrow as asked, by what ``rounds`` of them have shown."""
        if self.percent <= percent:
            return rounds
        return max(rounds + 1, math.ceil(rounds * min(1e6, self.percent / percent) ** 2))


def widest(rows: Sequence[Measurement]) -> Width | None:
    """Gives the widest of the intervals of ratios, of latency and of throughput; ``None`` without two rows.

    Each row of a bundle beside is compared with its like; where there is none, every row with the first.

    Args:
        rows: What was measured so far, in whole rounds; rows that were given up are passed over.
    """
    had = [one for one in rows if not one.error and one.rates_per_s]
    if len(had) < 2:
        return None
    widths = (width for one, other in _pairs(had) for width in _widths(one, other))
    return max(widths, key=lambda width: width.percent)


def _pairs(rows: Sequence[Measurement]) -> Iterator[tuple[Measurement, Measurement]]:
    alike = [pair for pair in combinations(rows, 2) if _identity(pair[0]) == _identity(pair[1])]
    yield from alike or ((rows[0], other) for other in rows[1:])


def _identity(row: Measurement) -> tuple[str, str, str]:
    return row.plan.backend.name, row.plan.variant, row.plan.backend.device


def _widths(one: Measurement, other: Measurement) -> Iterator[Width]:
    figures = {
        "p50": round_ratios(one.latencies_ms, other.latencies_ms),
        "throughput": round_ratios(one.rates_per_s, other.rates_per_s),
    }
    for metric, ratios in figures.items():
        ratio = mean_ratio(ratios)
        yield Width(100 * (ratio.high / ratio.value - 1), f"{metric} of {other.plan.name}")
