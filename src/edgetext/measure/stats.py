"""What samples tell: percentiles, and how much faster one program is than another, with an interval.

Standard library only: readers of results need nothing else.

A round is the unit that repeats: its figure (a median over the round's texts, say) carries what changes between
texts and between single calls, and the spread of the rounds' figures carries what changes between rounds as well.
So the interval comes from the rounds' figures alone, on the logarithmic scale, where a ratio is a difference:

- paired rounds, of one run: Student's t interval of the mean of the rounds' log ratios;
- unpaired rounds, of two runs: Welch's t interval of the difference of the means of the logarithms.

A mean by itself, which is no ratio, has Student's t interval of its rounds' means as they are.

Both hold the true ratio in 95 of 100 cases; ``confidence`` is two-sided wherever another one is asked for. The
ratio that another run finds is off the truth by itself: they hold it in 83 to 88 of 100 cases (Cumming and
Maillardet).

Sources: T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable time", ISMM 2013 (means at the highest level
of repetition carry the variance of all levels below); B. L. Welch, "The generalization of 'Student's' problem when
several different population variances are involved", Biometrika 34 (1947); G. Cumming and R. Maillardet,
"Confidence intervals and replication: where will the next mean fall?", Psychological Methods 11 (2006).

Why not a bootstrap over rounds and the texts in them: with the few rounds of a bench its percentile interval is too
narrow, and the studentized one divides by spreads near zero. ``benchmarks/interval_coverage.py`` simulates all of
them, and says how often each covers the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median, quantiles, variance

CONFIDENCE = 0.95
_STEPS = 200  # of Simpson's rule


@dataclass(frozen=True)
class Percentiles:
    """Half, nine in ten, and ninety-nine in a hundred samples are at or below these, in the samples' unit."""

    p50: float
    p90: float
    p99: float


def percentiles(samples: Sequence[float]) -> Percentiles:
    """Finds the percentiles, interpolated linearly between samples as ``numpy.percentile`` does by default.

    Raises:
        ValueError: There is no sample.
    """
    if not samples:
        raise ValueError("no percentile without samples")
    if len(samples) == 1:  # statistics.quantiles wants two before Python 3.13
        return Percentiles(samples[0], samples[0], samples[0])
    cuts = quantiles(samples, n=100, method="inclusive")
    return Percentiles(cuts[49], cuts[89], cuts[98])


@dataclass(frozen=True)
class Mean:
    """A mean with its interval, in the samples' unit.

    Attributes:
        value: The mean of all samples.
        low: Lower end of the interval, at least 0; 0 where there are too few rounds for one.
        high: Upper end of the interval; infinite where there are too few rounds for one.
    """

    value: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether there were rounds enough for an interval."""
        return math.isfinite(self.high)


def mean_of_rounds(value: float, means: Sequence[float], confidence: float = CONFIDENCE) -> Mean:
    """Adds to a mean of samples Student's t interval, by how far the means of its rounds lie apart.

    Args:
        value: The mean of all samples, none of them negative.
        means: The mean of each round; of fewer than two there is no interval.
        confidence: Two-sided.
    """
    if len(means) < 2:
        return Mean(value, 0.0, math.inf)
    half = two_sided_quantile(confidence, len(means) - 1) * math.sqrt(variance(means) / len(means))
    return Mean(value, max(0.0, value - half), value + half)


@dataclass(frozen=True)
class Ratio:
    """A ratio of two durations, or of two rates, with its interval.

    Attributes:
        value: The geometric mean over the rounds.
        low: Lower end of the interval; 0 where there are too few rounds for one.
        high: Upper end of the interval; infinite where there are too few rounds for one.
        rounds: How many rounds it was computed from; the smaller number where two runs differ.
    """

    value: float
    low: float
    high: float
    rounds: int

    @property
    def bounded(self) -> bool:
        """Whether there were rounds enough for an interval."""
        return math.isfinite(self.high)

    @property
    def shows_difference(self) -> bool:
        """Whether the interval leaves 1 out."""
        return self.low > 1 or self.high < 1


def paired_ratio(over: Sequence[float], under: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """Estimates ``over / under`` of two programs that took turns in the same rounds, on the same texts.

    Each has one positive figure a round, such as its median latency, the rounds in the same order.

    Raises:
        ValueError: The two differ in length or are empty, or a figure is not positive.
    """
    return _mean_ratio(_log_ratios(over, under), confidence)


def mean_ratio(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """Estimates a ratio that was found in each of several rounds: their geometric mean, and its interval.

    Raises:
        ValueError: There is none, or one is not positive.
    """
    return _mean_ratio(_logs(ratios), confidence)


def typical_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Finds the median of the ratios of pairs, such as the times that two programs took for the same texts.

    Pairs that were timed close to each other share their text and the machine's state of that moment, so that this
    spreads less from round to round than the ratio of the two medians does.

    Raises:
        ValueError: The two differ in length or are empty, or a figure is not positive.
    """
    return math.exp(median(_log_ratios(over, under)))


def unpaired_ratio(over: Sequence[float], under: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """Estimates ``over / under`` of two programs that were measured in different runs, maybe of unlike length.

    Raises:
        ValueError: One is empty, or a figure is not positive.
    """
    above, below = _logs(over), _logs(under)
    rounds = min(len(above), len(below))
    if rounds < 2:
        return _ratio(fmean(above) - fmean(below), math.inf, 0, rounds, confidence)
    parts = [variance(logs) / len(logs) for logs in (above, below)]
    weights = sum(part**2 / (len(logs) - 1) for part, logs in zip(parts, (above, below), strict=True))
    freedom = sum(parts) ** 2 / weights if weights else len(above) + len(below) - 2
    return _ratio(fmean(above) - fmean(below), math.sqrt(sum(parts)), freedom, rounds, confidence)


@lru_cache(maxsize=4096)
def two_sided_quantile(confidence: float, freedom: float) -> float:
    """Finds the t that Student's ``|T|`` does not exceed with a given probability.

    With t = sqrt(n) tan(a) the density of n degrees of freedom becomes cos(a)^(n - 1), so that the probability is
    an integral of a smooth function over a short stretch (Abramowitz and Stegun, 26.7, in its trigonometric form).

    Args:
        confidence: Between 0 and 1.
        freedom: Degrees of freedom, at least 1; need not be whole.

    Raises:
        ValueError: One of them is out of range.
    """
    if not 0 < confidence < 1 or freedom < 1:
        raise ValueError(f"expected 0 < confidence < 1 and freedom >= 1, found {confidence} and {freedom}")
    whole = math.sqrt(math.pi) / 2 * math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2))
    low, high = 0.0, math.pi / 2
    for _ in range(50):  # halvings; what is left is less than a float's rounding
        middle = (low + high) / 2
        if _integral(middle, freedom - 1) < confidence * whole:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _integral(end: float, power: float) -> float:
    """Integrates cos^power from 0 to ``end`` by Simpson's rule."""
    width = end / _STEPS
    inner: float = sum((4 if step % 2 else 2) * math.cos(step * width) ** power for step in range(1, _STEPS))
    last: float = max(0.0, math.cos(end)) ** power
    return width / 3 * (1 + inner + last)


def _mean_ratio(logs: Sequence[float], confidence: float) -> Ratio:
    error = math.sqrt(variance(logs) / len(logs)) if len(logs) > 1 else math.inf
    return _ratio(fmean(logs), error, len(logs) - 1, len(logs), confidence)


def _ratio(mean: float, error: float, freedom: float, rounds: int, confidence: float) -> Ratio:
    """Makes a ratio of its logarithm and the standard error of that, infinite where too few rounds tell it."""
    if not math.isfinite(error):
        return Ratio(math.exp(mean), 0.0, math.inf, rounds)
    # Welch's degrees of freedom lie above 1, but for rounding; a tenth less of them is on the safe side.
    half = error * two_sided_quantile(confidence, max(1.0, math.floor(10 * freedom) / 10))
    return Ratio(math.exp(mean), math.exp(mean - half), _exp(mean + half), rounds)


def _exp(value: float) -> float:
    """Two rounds that disagree can give an interval past what a float holds."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _log_ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    if len(over) != len(under):
        raise ValueError(f"expected as many figures of both, found {len(over)} and {len(under)}")
    return [above - below for above, below in zip(_logs(over), _logs(under), strict=True)]


def _logs(figures: Sequence[float]) -> list[float]:
    if not figures or min(figures) <= 0:
        raise ValueError("expected at least one figure, all of them positive")
    return [math.log(figure) for figure in figures]
