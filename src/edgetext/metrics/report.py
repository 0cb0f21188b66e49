"""What a classifier did on labelled rows: accuracy, macro F1, and precision and recall of every label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from edgetext.metrics.load import load_metric


def overall(predictions: Sequence[int], references: Sequence[int], labels: Sequence[str]) -> dict[str, float]:
    """Gives ``accuracy`` and ``macro_f1``.

    Args:
        predictions: Class indices that the model gave.
        references: Class indices that are right.
        labels: The labels, by class index.
    """
    given: dict[str, Any] = {"predictions": predictions, "references": references}
    accuracy = load_metric("accuracy").compute(**given)
    f1 = load_metric("f1").compute(**given, labels=_occurring(predictions, references, labels), average="macro")
    return {"accuracy": float(accuracy["accuracy"]), "macro_f1": float(f1["f1"])}


def full_report(predictions: Sequence[int], references: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Gives ``rows``, ``accuracy``, ``macro_f1``, and ``per_label``: precision, recall and rows of each."""
    given: dict[str, Any] = {"predictions": predictions, "references": references}
    each: dict[str, Any] = {"labels": list(range(len(labels))), "average": None}
    precision = load_metric("precision").compute(**given, **each)["precision"]
    recall = load_metric("recall").compute(**given, **each)["recall"]
    counts = Counter(references)
    return {
        "rows": len(references),
        **overall(predictions, references, labels),
        "per_label": {
            label: {"precision": precision[index], "recall": recall[index], "rows": counts[index]}
            for index, label in enumerate(labels)
        },
    }


def _occurring(predictions: Sequence[int], references: Sequence[int], labels: Sequence[str]) -> list[int]:
    """Gives the classes that macro F1 averages: one that is neither there nor given has no F1 to speak of."""
    seen = {*predictions, *references}
    return [index for index in range(len(labels)) if index in seen]
