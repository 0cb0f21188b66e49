"""How often each row is right, label by label too, and how that differs from the baseline on the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgetext.bench.registry import BASELINES
from edgetext.bench.results import MEASURED, Proportion, Row
from edgetext.metrics.paired import count_pairs, mcnemar_exact, score_difference, wilson_interval


def with_differences(rows: Sequence[Row], expected: Sequence[int]) -> tuple[Row, ...]:
    """Adds to each measured row how its answers differ from the baseline's on the same texts.

    These are the difference of the accuracies with its interval, the p-value of McNemar's exact test, and the share
    of equal answers.
    """
    reference = baseline(rows)
    if reference is None:
        return tuple(rows)
    return tuple(_compared(row, reference, expected) if row.predictions else row for row in rows)


def baseline(rows: Sequence[Row]) -> Row | None:
    """Finds the row that the others are compared with, if one was measured."""
    for wanted in BASELINES:
        for row in rows:
            if (row.backend, row.variant) == wanted and row.status == MEASURED:
                return row
    return None


def accuracy(predictions: Sequence[int], expected: Sequence[int]) -> Proportion:
    """Estimates the share of right labels with Wilson's 95 % interval."""
    right = sum(right_answers(predictions, expected))
    interval = wilson_interval(right, len(expected))
    return Proportion(right / len(expected), interval.low, interval.high)


def per_label(predictions: Sequence[int], expected: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Counts ``rows``, ``recall`` and ``precision`` of each label; ``None`` for one that nothing can be said of.

    Args:
        predictions: Label indices, -1 for a label that is not among them.
        expected: The true labels.
        labels: The labels, by index.
    """
    there, given = Counter(expected), Counter(predictions)
    right = Counter(true for guess, true in zip(predictions, expected, strict=True) if guess == true)
    return {
        label: {
            "rows": there[index],
            "recall": _share(right[index], there[index]),
            "precision": _share(right[index], given[index]),
        }
        for index, label in enumerate(labels)
    }


def _compared(row: Row, reference: Row, expected: Sequence[int]) -> Row:
    counts = count_pairs(right_answers(reference.predictions, expected), right_answers(row.predictions, expected))
    found = score_difference(counts)
    return replace(
        row,
        accuracy_difference=Proportion(found.value, found.low, found.high),
        mcnemar_p=mcnemar_exact(counts),
        agreement=accuracy(row.predictions, reference.predictions),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def right_answers(predictions: Sequence[int], expected: Sequence[int]) -> list[bool]:
    """Says of each text whether its label is the expected one."""
    return [given == true for given, true in zip(predictions, expected, strict=True)]
