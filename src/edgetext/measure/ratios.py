"""How much faster one program is than another, and how sure that is; standard library only.

A round is the unit that repeats: its figure (a median over the round's texts, say) carries what changes between
texts and between single calls, and the spread of the rounds' figures carries what changes between rounds as well.
So the interval comes from the rounds' figures alone, on the logarithmic scale, where a ratio is a difference:

- paired rounds, of one run: Student's t interval of the mean of the rounds' log ratios;
- unpaired rounds, of two runs: Welch's t interval of the difference of the means of the logarithms.

Both hold the true ratio in 95 of 100 cases. The ratio that another run finds is off the truth by itself: they hold
it in 83 to 88 of 100 cases (Cumming and Maillardet).

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
from statistics import fmean, median, variance

from edgetext.measure.student_t import two_sided_quantile

CONFIDENCE = 0.95


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
    """Gives ``over / under`` of two programs that took turns in the same rounds, on the same texts.

    Args:
        over: A positive figure a round, such as the median latency of the reference.
        under: The other program's, of the same rounds in the same order.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: The two differ in length or are empty, or a figure is not positive.
    """
    return _mean_ratio(_log_ratios(over, under), confidence)


def mean_ratio(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """Gives the geometric mean of a ratio that was found in each of several rounds.

    Args:
        ratios: One a round.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: There is none, or one is not positive.
    """
    return _mean_ratio(_logs(ratios), confidence)


def typical_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Gives the median of the ratios of pairs, such as the times that two programs took for the same texts.

    Pairs that were timed close to each other share their text and the machine's state of that moment, so that this
    spreads less from round to round than the ratio of the two medians does.

    Args:
        over: Positive figures.
        under: As many, in the same order.

    Raises:
        ValueError: The two differ in length or are empty, or a figure is not positive.
    """
    return math.exp(median(_log_ratios(over, under)))


def unpaired_ratio(over: Sequence[float], under: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """Gives ``over / under`` of two programs that were measured in different runs.

    Args:
        over: A positive figure a round.
        under: The other run's; their number may differ.
        confidence: Two-sided, such as 0.95.

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


def _mean_ratio(logs: Sequence[float], confidence: float) -> Ratio:
    error = math.sqrt(variance(logs) / len(logs)) if len(logs) > 1 else math.inf
    return _ratio(fmean(logs), error, len(logs) - 1, len(logs), confidence)


def _ratio(mean: float, error: float, freedom: float, rounds: int, confidence: float) -> Ratio:
    """Gives a ratio from its logarithm and the standard error of that, infinite where too few rounds tell it."""
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
