"""A row's figures round by round, which is what intervals are made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from edgetext.bench.disturbance import best_reading, disturbed_rounds, environment_of, usable_rounds
from edgetext.bench.results import Results, Row
from edgetext.measure.percentiles import percentiles
from edgetext.measure.ratios import Ratio, paired_ratio


def latency_rounds(row: Row) -> list[Sequence[float]]:
    """Gives the samples of each round, in milliseconds; none for a row of a file that does not keep rounds."""
    latency = row.latency_ms
    if latency is None or sum(latency.rounds) != len(latency.samples) or not all(latency.rounds):
        return []
    ends = accumulate(latency.rounds, initial=0)
    return [latency.samples[begin:end] for begin, end in pairwise(ends)]


def latency_figures(row: Row, name: str) -> list[float]:
    """Gives a percentile of each round, in milliseconds.

    Args:
        row: Any row.
        name: ``p50``, ``p90`` or ``p99``.
    """
    return [float(getattr(percentiles(samples), name)) for samples in latency_rounds(row)]


def speedup(results: Results, row: Row, reference: Row) -> Ratio | None:
    """Gives how many times lower a row's median latency is than the reference's, by the rounds that both had.

    In each round both were timed on the same texts. Rows of different machines, and those of a file without rounds,
    have no rounds in common: then there is no ratio with an interval.

    Args:
        results: Where both are from.
        row: The faster one, as a rule.
        reference: What it is compared with.
    """
    environment = environment_of(results, row)
    if environment != environment_of(results, reference):
        return None
    over, under = latency_figures(reference, "p50"), latency_figures(row, "p50")
    count = min(len(over), len(under))
    if not count:
        return None
    best = best_reading(results, environment=environment)
    rounds = usable_rounds(count, disturbed_rounds(row, best) | disturbed_rounds(reference, best))
    return paired_ratio([over[number] for number in rounds], [under[number] for number in rounds])
