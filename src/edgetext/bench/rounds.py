"""A row's figures round by round, which is what intervals are made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

from edgetext.bench.disturbance import best_reading, disturbed_rounds, environment_of, usable_rounds
from edgetext.bench.limits import TIMED
from edgetext.bench.results import Results, Row
from edgetext.measure.noise import Reading
from edgetext.measure.percentiles import percentiles
from edgetext.measure.pooled import ratios_together
from edgetext.measure.ratios import CONFIDENCE, Ratio, mean_ratio, typical_ratio

Rounds = Sequence[Sequence[float]]
"""Durations of the same row, one sequence a round, each with at least one."""

FIGURE_CONFIDENCE = 1 - (1 - CONFIDENCE) / len(TIMED)
"""Of each timed figure by itself, for those of a row to be in their intervals together (Bonferroni)."""


def latency_rounds(row: Row) -> Rounds:
    """Gives the samples of each round, in milliseconds; none for a row of a file that does not keep rounds."""
    return _cut(row.latency_ms.samples, row.latency_ms.rounds) if row.latency_ms else []


def latency_figures(row: Row, name: str) -> list[float]:
    """Gives a percentile of each round, in milliseconds.

    Args:
        row: Any row.
        name: ``p50``, ``p90`` or ``p99``.
    """
    return [float(getattr(percentiles(samples), name)) for samples in latency_rounds(row)]


def round_ratios(over: Rounds, under: Rounds) -> list[float]:
    """Gives, for each round that two rows had in common, how many times longer the first one took.

    Where both timed the same texts it is the median of the texts' own ratios; where time cut one short, the ratio
    of the medians.

    Args:
        over: Durations, such as those of ``latency_rounds``.
        under: The other row's, of the same run.
    """
    return [
        typical_ratio(above, below) if len(above) == len(below) else median(above) / median(below)
        for above, below in zip(over, under, strict=False)
    ]


def batch_ratios(row: Row, other: Row) -> list[float]:
    """Gives, for each round that two rows of a run had in common, how many times longer batches took the first one.

    Args:
        row: Any row.
        other: Another of the same run.

    Returns:
        The median of the slices' own ratios, one a round; none where a file keeps no slices, or where the slices of
        the two were not the same texts.
    """
    rates, others = row.throughput_per_s, other.throughput_per_s
    if rates is None or others is None or rates.texts != others.texts:
        return []
    return round_ratios(_cut(others.slices, others.rounds), _cut(rates.slices, rates.rounds))


def speedup(results: Results, row: Row, reference: Row) -> Ratio | None:
    """Gives how many times sooner a row answers the typical text than the reference, by the rounds that both had.

    In each round both were timed on the same texts. Rows of different machines, and those of a file without rounds,
    have no rounds in common: then there is no ratio with an interval. How much ratios spread from round to round is
    judged by all rows of that machine together.

    Args:
        results: Where both are from.
        row: The faster one, as a rule.
        reference: What it is compared with.

    Returns:
        The ratio, with the interval in which two further runs would find theirs.
    """
    environment = environment_of(results, row)
    best = best_reading(results, environment=environment)
    own = _usable_ratios(row, reference, best)
    if not own or environment != environment_of(results, reference):
        return None
    others = [
        _usable_ratios(other, reference, best)
        for other in results.rows
        if other is not row and other is not reference and environment_of(results, other) == environment
    ]
    return ratios_together([own, *filter(None, others)])[0]


def _usable_ratios(row: Row, reference: Row, best: Reading | None) -> list[float]:
    """Gives the ratios of the rounds that were undisturbed for both rows, or of all where too few were."""
    ratios = round_ratios(latency_rounds(reference), latency_rounds(row))
    return _without(ratios, disturbed_rounds(row, best) | disturbed_rounds(reference, best))


def usable_ratio(ratios: Sequence[float], unusable: frozenset[int]) -> Ratio:
    """Gives the ratio that the rounds show, with the interval in which another run would find it.

    All timed figures of a row are in theirs in 95 of 100 cases.

    Args:
        ratios: One a round, at least one.
        unusable: The rounds, counted from 0, that were disturbed for either row; left out where the others suffice.
    """
    return mean_ratio(_without(ratios, unusable), FIGURE_CONFIDENCE).another_run()


def _without(ratios: Sequence[float], unusable: frozenset[int]) -> list[float]:
    """Leaves the disturbed rounds out, where the others suffice."""
    return [ratios[number] for number in usable_rounds(len(ratios), unusable)]


def _cut(samples: Sequence[float], counts: Sequence[int]) -> Rounds:
    """Cuts samples into rounds of so many each; nothing where the counts do not fit."""
    if sum(counts) != len(samples) or not all(counts):
        return []
    return [samples[begin:end] for begin, end in pairwise(accumulate(counts, initial=0))]
