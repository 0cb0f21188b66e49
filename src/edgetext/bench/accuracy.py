"""How often each row is right, and how that differs from the baseline on the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgetext.bench.registry import BASELINES
from edgetext.bench.results import MEASURED, Estimate, Row
from edgetext.metrics.paired import paired_difference, wilson_interval


def with_differences(rows: Sequence[Row], expected: Sequence[int]) -> tuple[Row, ...]:
    """Adds to each measured row how its accuracy differs from the baseline's on the same texts.

    Args:
        rows: Rows with predictions.
        expected: The true labels.
    """
    reference = baseline(rows)
    if reference is None:
        return tuple(rows)
    right = _right(reference.predictions, expected)
    return tuple(
        replace(row, accuracy_difference=_difference(right, _right(row.predictions, expected)))
        if row.status == MEASURED
        else row
        for row in rows
    )


def baseline(rows: Sequence[Row]) -> Row | None:
    """Gives the row that the others are compared with, if one was measured."""
    for wanted in BASELINES:
        for row in rows:
            if (row.backend, row.variant) == wanted and row.status == MEASURED:
                return row
    return None


def accuracy(predictions: Sequence[int], expected: Sequence[int]) -> Estimate:
    """Gives the share of right labels with Wilson's 95 % interval."""
    right = sum(_right(predictions, expected))
    interval = wilson_interval(right, len(expected))
    return Estimate(right / len(expected), interval.low, interval.high)


def _difference(reference: Sequence[bool], candidate: Sequence[bool]) -> Estimate:
    found = paired_difference(reference, candidate)
    return Estimate(found.value, found.low, found.high)


def _right(predictions: Sequence[int], expected: Sequence[int]) -> list[bool]:
    return [given == true for given, true in zip(predictions, expected, strict=True)]
