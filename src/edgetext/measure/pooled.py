"""Ratios of several programs of one run, whose spreads from round to round are judged together.

A few rounds tell a spread badly: the figures of five lie close together by chance now and then, and an interval
made of them alone is then far too narrow. The programs of a run are measured in the same rounds on the same
machine, so that the spread of the others says what a program's own is likely to be. It counts as so many rounds
more:

    s^2 = (d s_own^2 + d0 s0^2) / (d + d0),  with d + d0 degrees of freedom,

where d is the program's rounds less one, and s0 and d0 follow from how far the spreads of all programs differ,
more than chance explains: d0 falls towards zero where a quiet GPU and a busy processor are in one table. It is
never more than d, since the programs share the reference, whose spread is in every ratio, and so do not speak
independently. An interval holds what it says on the average over the programs; for one that spreads far more than
all others, less.

Source: G. K. Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004), section 6: s0 and d0 from the
mean and the variance of the logarithms of the s^2. The bound on d0 is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from edgetext.measure.ratios import CONFIDENCE, Ratio, ratio_of_logs

LEAST_PROGRAMS = 4
"""From fewer programs the others' spread is not known well enough."""

FURTHER_RUNS = 2
"""How many runs an interval is for: three in all are what a reader tries."""


@dataclass(frozen=True)
class _Spread:
    """Variance of the logarithms of a program's ratios from round to round, and its degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class _Prior:
    """What the programs' spreads have in common.

    Attributes:
        log: Mean of the logarithms of their variances, less what chance takes from it.
        freedom: d0, the rounds that it is worth; infinite where the spreads differ by chance only.
    """

    log: float
    freedom: float

    def variance(self, freedom: float) -> float:
        """Gives s0^2 for a d0 that was bounded."""
        return math.exp(self.log + _digamma_less_log(freedom / 2))


def ratios_together(rounds: Sequence[Sequence[float]]) -> list[Ratio]:
    """Gives each program's ratio to the reference, with the interval in which two further runs find theirs.

    Both of them, of as many rounds, find their ratios in it in 95 of 100 cases (Bonferroni's inequality; the error
    of a difference of two runs is larger than one's by the root of two, as in ``Ratio.another_run``).

    Args:
        rounds: For each program its ratio in every round, at least one, all positive; the programs' numbers of
            rounds may differ.

    Returns:
        A ratio a program; without bounds where it has one round only.

    Raises:
        ValueError: A program has no round, or a ratio is not positive.
    """
    if any(not ratios or min(ratios) <= 0 for ratios in rounds):
        raise ValueError("expected at least one ratio of every program, all of them positive")
    logs = [[math.log(ratio) for ratio in ratios] for ratios in rounds]
    own = [_Spread(variance(each), len(each) - 1) if len(each) > 1 else None for each in logs]
    prior = _prior([spread for spread in own if spread and spread.variance])
    confidence = 1 - (1 - CONFIDENCE) / FURTHER_RUNS
    found = []
    for each, spread in zip(logs, own, strict=True):
        judged = _judged(spread, prior) if spread else _Spread(math.inf, 1)
        error = math.sqrt(2 * judged.variance / len(each))
        found.append(ratio_of_logs(fmean(each), error, judged.freedom, len(each), confidence))
    return found


def _judged(own: _Spread, prior: _Prior | None) -> _Spread:
    if prior is None:
        return own
    worth = min(prior.freedom, own.freedom)
    total = own.freedom + worth
    return _Spread((own.freedom * own.variance + worth * prior.variance(worth)) / total, total)


def _prior(spreads: Sequence[_Spread]) -> _Prior | None:
    if len(spreads) < LEAST_PROGRAMS:
        return None
    logs = [math.log(spread.variance) - _digamma_less_log(spread.freedom / 2) for spread in spreads]
    excess = variance(logs) - fmean(_trigamma(spread.freedom / 2) for spread in spreads)
    # The inverse of the trigamma function at d0 / 2 by two terms of its series; below 1, where d0 hardly counts, it
    # comes out up to a quarter too small.
    freedom = (1 + math.sqrt(1 + 2 * excess)) / excess if excess > 0 else math.inf
    return _Prior(fmean(logs), freedom)


def _digamma_less_log(x: float) -> float:
    """The digamma function less the logarithm (Abramowitz and Stegun, 6.3.5 and 6.3.18)."""
    above = x + _SHIFT
    series = math.log(above) - 1 / (2 * above) - 1 / (12 * above**2) + 1 / (120 * above**4)
    return series - math.log(x) - sum(1 / (x + step) for step in range(_SHIFT))


def _trigamma(x: float) -> float:
    """The derivative of the digamma function (Abramowitz and Stegun, 6.4.6 and 6.4.12)."""
    above = x + _SHIFT
    series = 1 / above + 1 / (2 * above**2) + 1 / (6 * above**3) - 1 / (30 * above**5)
    return series + sum(1 / (x + step) ** 2 for step in range(_SHIFT))


_SHIFT = 6  # from here on the series are exact to six digits
