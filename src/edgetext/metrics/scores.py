"""Accuracy, precision, recall and F1 as one ``evaluate`` metric; scikit-learn does the arithmetic."""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

DESCRIPTION = (
    "accuracy: the share of texts whose answer is right. precision: of the texts that a label was given, the share "
    "that it is right for. recall: of the texts that it is right for, the share that it was given. f1: their "
    "harmonic mean. A label that nothing can be said of counts as 0."
)
INPUTS = (
    "predictions: the class indices that the model gave; references: those that are right; with the configuration "
    "multilabel both are 0 or 1 for each class; labels: the classes to look at; average: 'macro' (every class "
    "counts the same), 'micro' (every decision the same), or None for a figure a class."
)


class ClassifierScores(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """The four figures of class indices, or of several labels a text."""

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value("int64")
        of_a_text = datasets.Sequence(value) if self.config_name == "multilabel" else value
        features = datasets.Features({"predictions": of_a_text, "references": of_a_text})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation="", inputs_description=INPUTS, features=features
        )

    def _compute(
        self,
        predictions: Sequence[Any],
        references: Sequence[Any],
        labels: Sequence[int] | None = None,
        average: str | None = "macro",
    ) -> dict[str, float | list[float]]:
        found = precision_recall_fscore_support(
            references, predictions, labels=labels, average=average, zero_division=0.0
        )
        figures = dict(zip(("precision", "recall", "f1"), found, strict=False))
        listed = {name: value.tolist() if average is None else float(value) for name, value in figures.items()}
        return {"accuracy": float(accuracy_score(references, predictions)), **listed}
