"""Answers that a model might have given, with mistakes planted in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from edgetext.data.evaluation import EvaluationRows
from edgetext.data.example import Example
from edgetext.mistakes.answers import Answered
from edgetext.task import MultiLabel, SingleLabel, Task, Text

LABELS = ("card", "cash", "fee", "loan", "rate")
WORDS = {
    "card": "my card was swallowed",
    "cash": "take cash out of a machine",
    "fee": "why am I charged this fee",
    "loan": "borrow money for a house loan",
    "rate": "what exchange rate applies",
}

Row = tuple[Text, tuple[str, ...], tuple[str, ...], float]
"""A text, the labels of the file, the answer, and how sure it is."""


def answered(
    rows: Sequence[Row], task: Task | None = None, *, part: str = "test", training: Mapping[str, Any] | None = None
) -> Answered:
    """Makes answers: what a row is answered has its probability, the other labels share what is left."""
    task = task or SingleLabel(LABELS)
    examples = tuple(Example(text, labels, number) for number, (text, labels, _, _) in enumerate(rows, start=1))
    probabilities = np.empty((len(rows), len(task.labels)), np.float32)
    for place, (_, _, answer, sure) in enumerate(rows):
        rest = (1 - sure) / (len(task.labels) - 1) if task.one_label else 1 - sure
        probabilities[place] = [sure if label in answer else rest for label in task.labels]
    where = EvaluationRows(examples, "planted", "ab" * 32, part)
    return Answered("runs/planted", "checkpoint", where, "Made up", task, probabilities, training or {})


def right(count: int, labels: Sequence[str] = LABELS) -> list[Row]:
    """Makes rows that are answered as their file says, so many of each label."""
    return [(f"{WORDS[label]} {number}", (label,), (label,), 0.9) for label in labels for number in range(count)]


@pytest.fixture
def banking() -> Answered:
    """100 rows right; 8 of card taken for cash, the surest with 0.99; 3 of fee taken for loan."""
    swapped: list[Row] = [(f"swapped {number}", ("card",), ("cash",), 0.99 - number / 50) for number in range(8)]
    others: list[Row] = [(f"other {number}", ("fee",), ("loan",), 0.6) for number in range(3)]
    return answered([*right(20), *others, *swapped])


@pytest.fixture
def topics() -> Answered:
    """Texts with any number of labels: one misses a label, one has an extra one, one bears none and gets none."""
    rows: list[Row] = [
        ("both", ("card", "fee"), ("card", "fee"), 0.9),
        ("missed", ("card", "fee"), ("card",), 0.8),
        ("extra", ("card",), ("card", "loan"), 0.95),
        ("nothing", (), (), 0.9),
        ("all wrong", ("rate",), ("cash",), 0.7),
    ]
    return answered(rows, MultiLabel(LABELS))


@pytest.fixture
def make() -> Callable[..., Answered]:
    """Gives ``answered``."""
    return answered
