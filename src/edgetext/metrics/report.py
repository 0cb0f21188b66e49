"""What a classifier did on labelled rows: the task's metric, macro F1, and precision and recall of every label.

``evaluate`` runs the metric, which ships inside the package, and no network is needed.

Nothing is known of a label that no row bears. So there is no macro F1 of a classifier on rows that lack one of its
labels: the mean over the others is given under a name of its own, and the labels that lack are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from edgetext.errors import InputError, needs_extra

if TYPE_CHECKING:
    from edgetext.task import Answers, Task

FIGURES = {"accuracy": "accuracy", "micro_f1": "micro F1"}
"""The tasks' metrics (``Task.metric``): by their keys in a report, as they are called."""


@cache
def load_scores(configuration: str = "default") -> Any:
    """Makes the ``evaluate.Metric`` of ``edgetext.metrics.scores``.

    It is made from the class itself. ``evaluate.load`` would first copy the source into a cache, which a home that
    cannot be written does not have; and a metric wants a folder, even one that computes in memory.

    Args:
        configuration: ``multilabel`` takes 0 or 1 for each class in place of a class index.

    Raises:
        MissingExtraError: ``evaluate`` is not installed.
        InputError: There is no temporary folder that can be written.
    """
    with needs_extra("train"):
        from edgetext.metrics.scores import ClassifierScores
    try:
        with TemporaryDirectory(prefix="edgetext-", ignore_cleanup_errors=True) as folder:
            return ClassifierScores(config_name=configuration, keep_in_memory=True, cache_dir=folder)
    except OSError as error:
        raise InputError(f"a temporary folder is needed, and cannot be written: {error.strerror}") from error


def metric_key(task: Task) -> str:
    """Names the task's metric as reports do."""
    return next(key for key, metric in FIGURES.items() if metric == task.metric)


def overall(task: Task, answers: Answers, truth: Answers) -> dict[str, float | None]:
    """Computes the task's metric, ``macro_f1`` and ``mean_f1_of_labels_with_rows``.

    The last is the mean F1 over the labels that a row bears. It is the macro F1 where all of them do, and where not
    there is none.

    Args:
        task: Of the classifier.
        answers: What it answered, at least one.
        truth: What is right.
    """
    borne = [index for index, rows in enumerate(_rows(truth, task)) if rows]
    mean = _scores(answers, truth, labels=borne, average="macro")["f1"] if borne else None
    whole = _scores(answers, truth, average="micro")
    return {
        metric_key(task): whole["accuracy" if task.one_label else "f1"],
        "macro_f1": mean if len(borne) == len(task.labels) else None,
        "mean_f1_of_labels_with_rows": mean,
    }


def full_report(task: Task, answers: Answers, truth: Answers) -> dict[str, Any]:
    """Computes ``rows``, the figures of ``overall``, ``labels_without_rows``, and ``per_label``.

    The last holds precision, recall and rows of each label. ``None`` stands for the recall of a label without
    rows, and for the precision of one that was never given.
    """
    each = _scores(answers, truth, labels=list(range(len(task.labels))), average=None)
    there, guessed = _rows(truth, task), _rows(answers, task)
    return {
        "rows": len(truth),
        **overall(task, answers, truth),
        "labels_without_rows": [label for label, rows in zip(task.labels, there, strict=True) if not rows],
        "per_label": {
            label: {
                "precision": each["precision"][index] if guessed[index] else None,
                "recall": each["recall"][index] if there[index] else None,
                "rows": there[index],
            }
            for index, label in enumerate(task.labels)
        },
    }


def metric_words(figures: Mapping[str, Any]) -> tuple[str, str]:
    """Names the metric that a report holds up, and gives its value for a table; an empty name where it has none.

    Args:
        figures: What ``full_report`` gave, or what a file says that anybody may have written.
    """
    for key, name in FIGURES.items():
        if isinstance(value := figures.get(key), int | float):
            return name, f"{value:.4f}"
    return "", "none"


def macro_f1_words(figures: Mapping[str, Any]) -> str:
    """Writes the macro F1 of a report for a table; without one, the mean that there is, and how many labels lack.

    Args:
        figures: What ``full_report`` gave, or what a file says that anybody may have written.
    """
    macro, mean = figures.get("macro_f1"), figures.get("mean_f1_of_labels_with_rows")
    lacking, labels = figures.get("labels_without_rows"), figures.get("per_label")
    if isinstance(macro, int | float):
        return f"{macro:.4f}"
    if isinstance(mean, int | float) and isinstance(lacking, list) and isinstance(labels, Mapping):
        return f"none: {mean:.4f} over {len(labels) - len(lacking)} of {len(labels)} labels"
    return "none"


def _scores(answers: Answers, truth: Answers, **how: Any) -> dict[str, Any]:
    """Computes the scores of answers that are class indices, or a row of labels a text."""
    metric = load_scores("multilabel" if truth.ndim == 2 else "default")
    given = {"predictions": answers.astype(int).tolist(), "references": truth.astype(int).tolist()}
    found: dict[str, Any] = metric.compute(**given, **how)
    return found


def _rows(answers: Answers, task: Task) -> list[int]:
    """Counts the texts of each label, by class index."""
    import numpy as np

    counts = answers.sum(axis=0) if answers.ndim == 2 else np.bincount(answers, minlength=len(task.labels))
    return [int(count) for count in counts]
