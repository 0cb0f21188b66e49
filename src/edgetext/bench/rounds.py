"""A row's figures round by round, which is what intervals are made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import fmean, median

from edgetext.bench.results import Results, Row
from edgetext.measure.stats import Mean, Ratio, mean_of_rounds, mean_ratio, percentiles, typical_ratio

Rounds = Sequence[Sequence[float]]
"""Durations of the same row, one sequence a round, each with at least one."""


def latency_rounds(row: Row) -> Rounds:
    """Lists the samples of each round, in milliseconds; none for a row of a file that does not keep rounds."""
    return _cut(row.latency_ms.samples, row.latency_ms.rounds) if row.latency_ms else []


def latency_figures(row: Row, name: str) -> list[float]:
    """Finds ``mean``, ``p50``, ``p90`` or ``p99`` of each round, in milliseconds."""
    rounds = latency_rounds(row)
    if name == "mean":
        return [fmean(samples) for samples in rounds]
    return [float(getattr(percentiles(samples), name)) for samples in rounds]


def mean_latency(row: Row) -> Mean | None:
    """Estimates the mean latency in milliseconds with its 95 % interval; ``None`` for a row without latencies."""
    found = row.latency_ms
    return mean_of_rounds(found.mean_ms, latency_figures(row, "mean")) if found else None


def round_ratios(over: Rounds, under: Rounds) -> list[float]:
    """Lists, for each round that two rows had in common, how many times longer the first one took.

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
    """Lists, for each round that two rows of a run had in common, how many times longer batches took the first.

    Returns:
        The median of the slices' own ratios, one a round; none where a file keeps no slices, or where the slices of
        the two were not the same texts.
    """
    rates, others = row.throughput_per_s, other.throughput_per_s
    if rates is None or others is None or rates.texts != others.texts:
        return []
    return round_ratios(_cut(others.slices, others.rounds), _cut(rates.slices, rates.rounds))


def speedup(results: Results, row: Row, reference: Row) -> Ratio | None:
    """Estimates how many times sooner a row answers the typical text than the reference, by their common rounds.

    In each round both were timed on the same texts. Rows of different machines, and those of a file without rounds,
    have no rounds in common: then there is no ratio with an interval.

    Returns:
        The ratio with its 95 % interval.
    """
    return _of_common(results, row, reference, round_ratios(latency_rounds(reference), latency_rounds(row)))


def mean_speedup(results: Results, row: Row, reference: Row) -> Ratio | None:
    """Estimates how many times less a row takes for a text on average, by the means of the common rounds.

    Where few texts take most of the time, as behind a first stage, this is what a load of many texts feels.

    Returns:
        The ratio with its 95 % interval; ``None`` as ``speedup``.
    """
    means = latency_figures(reference, "mean"), latency_figures(row, "mean")
    return _of_common(results, row, reference, [over / under for over, under in zip(*means, strict=False)])


def _of_common(results: Results, row: Row, reference: Row, ratios: Sequence[float]) -> Ratio | None:
    """Estimates a ratio from that of each round; ``None`` where there is none, or the machines differ."""
    if not ratios or results.environment_of(row) != results.environment_of(reference):
        return None
    return mean_ratio(ratios)


def _cut(samples: Sequence[float], counts: Sequence[int]) -> Rounds:
    """Cuts samples into rounds of so many each; nothing where the counts do not fit."""
    if sum(counts) != len(samples) or not all(counts):
        return []
    return [samples[begin:end] for begin, end in pairwise(accumulate(counts, initial=0))]
