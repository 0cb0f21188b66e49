"""How the figures of one row differ between two runs, each with its interval.

The timed figures' intervals hold together, so that an equal program is rarely called changed in any of them.

Source: O. J. Dunn, "Multiple comparisons among means", Journal of the American Statistical Association 56 (1961).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edgetext.bench.accuracy import right_answers
from edgetext.bench.limits import METRICS, TIMED
from edgetext.bench.results import Row
from edgetext.bench.rounds import batch_ratios, latency_figures, latency_rounds, round_ratios
from edgetext.measure.ratios import CONFIDENCE, mean_ratio, unpaired_ratio
from edgetext.metrics.paired import paired_difference

FIGURE_CONFIDENCE = 1 - (1 - CONFIDENCE) / len(TIMED)
"""Of each timed figure by itself, for those of a row to be in their intervals together (Bonferroni)."""


@dataclass(frozen=True)
class Change:
    """By how much one figure of one row got worse.

    Attributes:
        metric: One of ``limits.METRICS``.
        worse: Percent of the old figure; for accuracy, percentage points lost. Negative where it got better.
        low: Lower end of the interval; those of a row's timed figures hold all of them at once in 95 of 100 cases,
            that of accuracy by itself.
        high: Upper end of it; the same as ``low`` for the peak memory, which has one value a run and no interval.
    """

    metric: str
    worse: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``worse``, ``better``, or ``no difference shown``."""
        return "worse" if self.low > 0 else "better" if self.high < 0 else "no difference shown"


@dataclass(frozen=True)
class Sides:
    """One row in both runs, and what is needed to compare them.

    Attributes:
        old: A measured row.
        new: The same backend, variant and device in another run, or of another bundle in the same one.
        expected: The true labels.
        same_rounds: Whether both had their turns in the same rounds.
    """

    old: Row
    new: Row
    expected: Sequence[int]
    same_rounds: bool = False


def changes(sides: Sides) -> tuple[Change, ...]:
    """Gives every change that both rows have the figures for."""
    found = (_FINDERS[metric](sides) for metric in METRICS)
    return tuple(change for change in found if change is not None)


def _p50(sides: Sides) -> Change | None:
    typical = round_ratios(latency_rounds(sides.new), latency_rounds(sides.old))
    return _slower("p50", sides, latency_figures(sides.new, "p50"), latency_figures(sides.old, "p50"), typical)


def _tail(name: str, sides: Sides) -> Change | None:
    return _slower(name, sides, latency_figures(sides.new, name), latency_figures(sides.old, name))


def _throughput(sides: Sides) -> Change | None:
    old, new = (row.throughput_per_s.samples if row.throughput_per_s else () for row in (sides.old, sides.new))
    typical = batch_ratios(sides.new, sides.old)
    return _slower("throughput", sides, [1 / rate for rate in new], [1 / rate for rate in old], typical)


def _first(sides: Sides) -> Change | None:
    old, new = (tuple(row.about.get("starts_ms", ())) for row in (sides.old, sides.new))
    return _slower("first", sides, new, old)


def _peak_memory(sides: Sides) -> Change | None:
    if not sides.old.peak_memory_mb or sides.new.peak_memory_mb is None:
        return None
    worse = 100 * (sides.new.peak_memory_mb / sides.old.peak_memory_mb - 1)
    return Change("peak_memory", worse, worse, worse)


def _accuracy(sides: Sides) -> Change | None:
    if not sides.old.predictions or not sides.new.predictions:
        return None
    old, new = (right_answers(row.predictions, sides.expected) for row in (sides.old, sides.new))
    lost = paired_difference(new, old)
    return Change("accuracy", 100 * lost.value, 100 * lost.low, 100 * lost.high)


_FINDERS: dict[str, Callable[[Sides], Change | None]] = {
    "p50": _p50,
    **{name: partial(_tail, name) for name in ("p90", "p99")},
    "throughput": _throughput,
    "first": _first,
    "peak_memory": _peak_memory,
    "accuracy": _accuracy,
}


def _slower(
    metric: str, sides: Sides, new: Sequence[float], old: Sequence[float], in_rounds: Sequence[float] = ()
) -> Change | None:
    """Compares durations: round with round where both had the same rounds, else all with all.

    Args:
        metric: What they are.
        sides: Whose they are.
        new: One a round.
        old: One a round; maybe of other rounds.
        in_rounds: How many times longer the new row took in each common round, where that is known more closely
            than by the two durations.
    """
    if not new or not old:
        return None
    if sides.same_rounds:
        ratios = in_rounds or [above / below for above, below in zip(new, old, strict=False)]
        ratio = mean_ratio(ratios, FIGURE_CONFIDENCE)
    else:
        ratio = unpaired_ratio(new, old, FIGURE_CONFIDENCE)
    return Change(metric, *(100 * (value - 1) for value in (ratio.value, ratio.low, ratio.high)))
