"""How good each row's answers are, label by label too, and how that differs from the baseline on the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgetext.bench.registry import BASELINES
from edgetext.bench.results import MEASURED, Answer, DataInfo, Proportion, Row, each
from edgetext.errors import MissingExtraError
from edgetext.metrics.difference import Difference, metric_difference
from edgetext.metrics.f1 import f1
from edgetext.metrics.paired import count_pairs, mcnemar_exact, wilson_interval
from edgetext.task import Answers, Task


class _Estimate(Protocol):
    """A figure with its interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def scored(row: Row, labels: Sequence[Sequence[str]], data: DataInfo) -> Row:
    """Adds to a row what it answered, and how good that is.

    Args:
        row: The row.
        labels: Those that it gave to each text.
        data: What is right.
    """
    predictions = data.answers(labels)
    return replace(
        row,
        predictions=predictions,
        accuracy=accuracy(predictions, data.expected),
        micro_f1=None if data.decides.one_label else score(predictions, data),
        macro_f1=_proportion(f1(_borne(data.expected, data), _borne(predictions, data), "macro")),
        per_label=per_label(predictions, data.expected, data.labels),
    )


def score(predictions: Sequence[Answer], data: DataInfo) -> Proportion:
    """Estimates the task's metric with its 95 % interval."""
    if data.decides.one_label:
        return accuracy(predictions, data.expected)
    return _proportion(f1(_borne(data.expected, data), _borne(predictions, data), "micro"))


def with_differences(rows: Sequence[Row], data: DataInfo) -> tuple[Row, ...]:
    """Adds to each measured row how its answers differ from the baseline's on the same texts.

    These are the difference in the task's metric with its interval, the p-value of McNemar's exact test, and the
    share of equal answers.
    """
    reference = baseline(rows)
    if reference is None:
        return tuple(rows)
    return tuple(_compared(row, reference, data) if row.predictions else row for row in rows)


def check_differences(task: Task) -> None:
    """Refuses, before minutes are spent on measuring, what could not be compared afterwards.

    Raises:
        MissingExtraError: The differences of the task's metric need scipy, and it is not installed.
    """
    if not task.one_label and find_spec("scipy") is None:
        raise MissingExtraError("bench", "scipy")


def baseline(rows: Sequence[Row]) -> Row | None:
    """Finds the row that the others are compared with, if one was measured."""
    for wanted in BASELINES:
        for row in rows:
            if (row.backend, row.variant) == wanted and row.status == MEASURED:
                return row
    return None


def difference(predictions: Sequence[Answer], reference: Sequence[Answer], data: DataInfo) -> Difference:
    """Compares answers with those of a reference on the same texts, in the task's metric."""
    truth, first, second = (_encoded(answers, data) for answers in (data.expected, reference, predictions))
    return metric_difference(data.decides, truth, first, second)


def accuracy(predictions: Sequence[Answer], expected: Sequence[Answer]) -> Proportion:
    """Estimates the share of right answers with Wilson's 95 % interval."""
    right = sum(right_answers(predictions, expected))
    interval = wilson_interval(right, len(expected))
    return Proportion(right / len(expected), interval.low, interval.high)


def per_label(predictions: Sequence[Answer], expected: Sequence[Answer], labels: Sequence[str]) -> dict[str, Any]:
    """Counts ``rows``, ``recall`` and ``precision`` of each label; ``None`` for one that nothing can be said of.

    Args:
        predictions: What was answered.
        expected: What is right.
        labels: The labels, by index.
    """
    there, given = (Counter(chain.from_iterable(map(each, answers))) for answers in (expected, predictions))
    both = ({*each(guess)} & {*each(true)} for guess, true in zip(predictions, expected, strict=True))
    right = Counter(chain.from_iterable(both))
    return {
        label: {
            "rows": there[index],
            "recall": _share(right[index], there[index]),
            "precision": _share(right[index], given[index]),
        }
        for index, label in enumerate(labels)
    }


def right_answers(predictions: Sequence[Answer], expected: Sequence[Answer]) -> list[bool]:
    """Says of each text whether its labels are the expected ones."""
    return [given == true for given, true in zip(predictions, expected, strict=True)]


def _compared(row: Row, reference: Row, data: DataInfo) -> Row:
    first, second = (right_answers(answered.predictions, data.expected) for answered in (reference, row))
    found = _proportion(difference(row.predictions, reference.predictions, data))
    one_label = data.decides.one_label
    return replace(
        row,
        accuracy_difference=found if one_label else None,
        micro_f1_difference=None if one_label else found,
        mcnemar_p=mcnemar_exact(count_pairs(first, second)),
        agreement=accuracy(row.predictions, reference.predictions),
    )


def _encoded(answers: Sequence[Answer], data: DataInfo) -> Answers:
    """Makes an array of answers, as the task has them."""
    return np.asarray(answers, np.int64) if data.decides.one_label else _borne(answers, data)


def _borne(answers: Sequence[Answer], data: DataInfo) -> NDArray[np.bool_]:
    """Says of each text which labels it bears; the last column is for those that only a model knows."""
    found = np.zeros((len(answers), len(data.labels) + 1), np.bool_)
    for place, answer in enumerate(answers):
        found[place, list(each(answer))] = True  # -1 is the last column
    return found


def _proportion(found: _Estimate) -> Proportion:
    return Proportion(found.value, found.low, found.high)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
