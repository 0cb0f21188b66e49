"""What a classifier did on labelled rows: accuracy, macro F1, and precision and recall of every label.

The metrics are modules that ship inside the package; ``evaluate`` runs them, and no network is needed.

Nothing is known of a label that no row bears. So there is no macro F1 of a classifier on rows that lack one of its
labels: the mean over the others is given under a name of its own, and the labels that lack are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

from edgetext.errors import InputError, needs_extra


@cache
def load_metric(name: str) -> Any:
    """Makes an ``evaluate.Metric``: ``accuracy``, ``f1``, ``precision`` or ``recall``.

    It is made from the class itself. ``evaluate.load`` would first copy the source into a cache, which a home that
    cannot be written does not have; and a metric wants a folder, even one that computes in memory.

    Raises:
        MissingExtraError: ``evaluate`` is not installed.
        InputError: There is no temporary folder that can be written.
    """
    with needs_extra("train"):
        module = import_module(f"edgetext.metrics.modules.{name}.{name}")
    try:
        with TemporaryDirectory(prefix="edgetext-", ignore_cleanup_errors=True) as folder:
            return getattr(module, name.capitalize())(keep_in_memory=True, cache_dir=folder)
    except OSError as error:
        raise InputError(f"a temporary folder is needed, and cannot be written: {error.strerror}") from error


def overall(
    predictions: Sequence[int], references: Sequence[int], labels: Sequence[str]
) -> dict[str, float | None]:
    """Computes ``accuracy``, ``macro_f1`` and ``mean_f1_of_labels_with_rows``.

    The last is the mean F1 over the labels that a row bears. It is the macro F1 where all of them do, and where not
    there is none.

    Args:
        predictions: Class indices that the model gave.
        references: Class indices that are right, at least one.
        labels: The labels, by class index.
    """
    given: dict[str, Any] = {"predictions": predictions, "references": references}
    accuracy = load_metric("accuracy").compute(**given)
    borne = sorted(set(references))
    mean = float(load_metric("f1").compute(**given, labels=borne, average="macro")["f1"])
    return {
        "accuracy": float(accuracy["accuracy"]),
        "macro_f1": mean if len(borne) == len(labels) else None,
        "mean_f1_of_labels_with_rows": mean,
    }


def full_report(predictions: Sequence[int], references: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Computes ``rows``, the figures of ``overall``, ``labels_without_rows``, and ``per_label``.

    The last holds precision, recall and rows of each label. ``None`` stands for the recall of a label without
    rows, and for the precision of one that was never given.
    """
    given: dict[str, Any] = {"predictions": predictions, "references": references}
    each: dict[str, Any] = {"labels": list(range(len(labels))), "average": None}
    precision = load_metric("precision").compute(**given, **each)["precision"]
    recall = load_metric("recall").compute(**given, **each)["recall"]
    there, guessed = Counter(references), Counter(predictions)
    return {
        "rows": len(references),
        **overall(predictions, references, labels),
        "labels_without_rows": [label for index, label in enumerate(labels) if not there[index]],
        "per_label": {
            label: {
                "precision": precision[index] if guessed[index] else None,
                "recall": recall[index] if there[index] else None,
                "rows": there[index],
            }
            for index, label in enumerate(labels)
        },
    }


def macro_f1_words(figures: Mapping[str, Any]) -> str:
    """Words the macro F1 of a report for a table; without one, the mean that there is, and how many labels lack.

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
