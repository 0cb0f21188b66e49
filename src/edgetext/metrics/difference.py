"""How much better or worse one model's answers are than another's on the same texts, in the task's own metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgetext.metrics.paired import CONFIDENCE, count_pairs, score_difference
from edgetext.task import Answers, Task


@dataclass(frozen=True)
class Difference:
    """The metric of the candidate minus that of the reference, with its interval.

    Attributes:
        metric: ``accuracy`` or ``micro F1``.
        reference: The metric of the reference, 0 to 1.
        candidate: The metric of the candidate, 0 to 1.
        value: ``candidate - reference``; negative where the candidate is worse.
        low: Lower end of the interval of the difference.
        high: Upper end of the interval of the difference.
        low_at: Where the interval would begin with so many texts at the same rates.
    """

    metric: str
    reference: float
    candidate: float
    value: float
    low: float
    high: float
    low_at: Callable[[int], float]


def metric_difference(
    task: Task, truth: Answers, reference: Answers, candidate: Answers, confidence: float = CONFIDENCE
) -> Difference:
    """Compares the answers of two models: accuracies by Tango's score interval, F1 by a bootstrap.

    Args:
        task: Whose answers they are.
        truth: What is right, as ``task.encode`` has it.
        reference: What the one model answered, as ``task.answers`` has it.
        candidate: What the other one answered.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: The shapes differ, there are no texts, or no text bears any label.
    """
    if task.one_label:
        counts = count_pairs(task.same(reference, truth).tolist(), task.same(candidate, truth).tolist())
        found = score_difference(counts, confidence)
        right = counts.both + counts.only_reference, counts.both + counts.only_candidate
        return Difference(
            task.metric,
            right[0] / counts.n,
            right[1] / counts.n,
            found.value,
            found.low,
            found.high,
            lambda rows: score_difference(counts.scaled(rows), confidence).low,
        )
    from edgetext.metrics.f1 import f1_difference  # scipy takes a second to load, and accuracies do without it

    f1 = f1_difference(truth.astype(bool), reference.astype(bool), candidate.astype(bool), "micro", confidence)
    return Difference(
        task.metric,
        f1.reference,
        f1.candidate,
        f1.value,
        f1.low,
        f1.high,
        lambda rows: f1.scaled(rows / len(truth)).low,
    )


def compared(task: Task, truth: Answers, teacher: Answers, student: Answers) -> dict[str, Any]:
    """Compares a student's answers with its teacher's, as JSON values.

    Returns:
        ``rows``, the metric of both (``teacher``, ``student``), their ``difference``, negative where the student is
        worse, with its 95 % interval (``low``, ``high``), and ``same_answers``, the share of texts that both answer
        alike.
    """
    figures: dict[str, Any] = {"rows": len(truth), "same_answers": float(task.same(teacher, student).mean())}
    if task.one_label or truth.any():  # else there is no F1
        found = metric_difference(task, truth, teacher, student)
        figures |= {"teacher": found.reference, "student": found.candidate, "difference": found.value}
        figures |= {"low": found.low, "high": found.high}
    return figures
