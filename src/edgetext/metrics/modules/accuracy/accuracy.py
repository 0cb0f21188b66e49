"""Accuracy as an ``evaluate`` module: the share of texts that get their own label."""

from collections.abc import Sequence

import datasets
import evaluate
from sklearn.metrics import accuracy_score

DESCRIPTION = "The share of texts that were given their own label: 1 when all were, 0 when none was."
INPUTS = "predictions: the class indices that the model gave; references: those that are right."


class Accuracy(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Accuracy of class indices."""

    def _info(self) -> evaluate.MetricInfo:
        indices = datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation="", inputs_description=INPUTS, features=indices
        )

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"accuracy": float(accuracy_score(references, predictions))}
