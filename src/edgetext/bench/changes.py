"""How the figures of one row differ between two runs, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edgetext.bench.accuracy import right_answers
from edgetext.bench.disturbance import disturbed_rounds, usable_rounds
from edgetext.bench.limits import METRICS
from edgetext.bench.results import Row
from edgetext.bench.rounds import latency_figures
from edgetext.measure.noise import Reading
from edgetext.measure.ratios import Ratio, unpaired_ratio
from edgetext.metrics.paired import paired_difference


@dataclass(frozen=True)
class Change:
    """By how much one figure of one row got worse.

    Attributes:
        metric: One of ``limits.METRICS``.
        worse: Percent of the old figure; for accuracy, percentage points lost. Negative where it got better.
        low: Lower end of the 95 % interval.
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


def changes(old: Row, new: Row, expected: Sequence[int], best: Reading | None) -> tuple[Change, ...]:
    """Gives every change that both rows have the figures for.

    Args:
        old: A measured row.
        new: The same backend, variant and device in another run.
        expected: The true labels.
        best: The best that the machine gave in either run; ``None`` where no readings were kept.
    """
    found = (_FINDERS[metric](old, new, expected, best) for metric in METRICS)
    return tuple(change for change in found if change is not None)


def _latency(name: str, old: Row, new: Row, _: Sequence[int], best: Reading | None) -> Change | None:
    before, after = (_kept(row, latency_figures(row, name), best) for row in (old, new))
    return _slower(name, after, before)


def _throughput(old: Row, new: Row, _: Sequence[int], best: Reading | None) -> Change | None:
    before, after = (
        _kept(row, row.throughput_per_s.samples if row.throughput_per_s else (), best) for row in (old, new)
    )
    return _slower("throughput", before, after)  # fewer texts a second are worse


def _first(old: Row, new: Row, _: Sequence[int], __: Reading | None) -> Change | None:
    before, after = (list(row.about.get("starts_ms", ())) for row in (old, new))
    return _slower("first", after, before)


def _peak_memory(old: Row, new: Row, _: Sequence[int], __: Reading | None) -> Change | None:
    if not old.peak_memory_mb or new.peak_memory_mb is None:
        return None
    worse = 100 * (new.peak_memory_mb / old.peak_memory_mb - 1)
    return Change("peak_memory", worse, worse, worse)


def _accuracy(old: Row, new: Row, expected: Sequence[int], _: Reading | None) -> Change | None:
    if not old.predictions or not new.predictions:
        return None
    lost = paired_difference(right_answers(new.predictions, expected), right_answers(old.predictions, expected))
    return Change("accuracy", 100 * lost.value, 100 * lost.low, 100 * lost.high)


_FINDERS: dict[str, Callable[[Row, Row, Sequence[int], Reading | None], Change | None]] = {
    **{name: partial(_latency, name) for name in ("p50", "p90", "p99")},
    "throughput": _throughput,
    "first": _first,
    "peak_memory": _peak_memory,
    "accuracy": _accuracy,
}


def _kept(row: Row, figures: Sequence[float], best: Reading | None) -> list[float]:
    return [figures[number] for number in usable_rounds(len(figures), disturbed_rounds(row, best))]


def _slower(metric: str, over: Sequence[float], under: Sequence[float]) -> Change | None:
    if not over or not under:
        return None
    ratio: Ratio = unpaired_ratio(over, under)
    return Change(metric, *(100 * (value - 1) for value in (ratio.value, ratio.low, ratio.high)))
