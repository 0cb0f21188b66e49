"""The percentiles of latency samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Percentiles:
    """Half, nine in ten, and ninety-nine in a hundred samples are at or below these, in the samples' unit."""

    p50: float
    p90: float
    p99: float


def percentiles(samples: Sequence[float]) -> Percentiles:
    """Gives the percentiles, interpolated linearly between samples as ``numpy.percentile`` does by default.

    Args:
        samples: At least one number.

    Raises:
        ValueError: There is no sample.
    """
    if not samples:
        raise ValueError("no percentile without samples")
    if len(samples) == 1:  # statistics.quantiles wants two before Python 3.13
        return Percentiles(samples[0], samples[0], samples[0])
    cuts = quantiles(samples, n=100, method="inclusive")
    return Percentiles(cuts[49], cuts[89], cuts[98])
