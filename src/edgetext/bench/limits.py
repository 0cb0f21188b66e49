"""What ``--fail-if`` says: a metric, and by how much it may get worse."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from edgetext.errors import InputError

TIMED = ("p50", "p90", "p99", "throughput", "first")
"""Figures that change from round to round, and that have an interval for it."""

METRICS = (*TIMED, "peak_memory", "accuracy")
_FORM = re.compile(r"\s*(\w+)\s*>\s*([0-9]*\.?[0-9]+)\s*%\s*")


@dataclass(frozen=True)
class Limit:
    """By how much a metric may get worse.

    Attributes:
        metric: One of ``METRICS``.
        percent: Percent of the old figure; for accuracy, percentage points.
    """

    metric: str
    percent: float

    def __str__(self) -> str:
        return f"{self.metric}>{self.percent:g}%"


def read_limit(text: str) -> Limit:
    """Reads a limit such as ``p50>10%``.

    Raises:
        InputError: It has another form, or names no metric.
    """
    found = _FORM.fullmatch(text)
    if found is None or not math.isfinite(float(found[2])):
        raise InputError(f'--fail-if {text!r} is not of the form "METRIC>NUMBER%", such as "p50>10%"')
    if found[1] not in METRICS:
        raise InputError(f"--fail-if {text!r}: there is no metric {found[1]!r}: choose from {', '.join(METRICS)}")
    return Limit(found[1], float(found[2]))
