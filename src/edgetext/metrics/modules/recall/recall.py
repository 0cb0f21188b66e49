"""Recall as an ``evaluate`` module: how much of a label is found, for a class or over all."""

from collections.abc import Sequence

import datasets
import evaluate
from sklearn.metrics import recall_score

DESCRIPTION = "Of the texts that a label is right for, the share that were given it."
INPUTS = (
    "predictions: the class indices that the model gave; references: those that are right; with the configuration "
    "multilabel both are 0 or 1 for each class; labels: the classes to look at; average: 'macro' (every class "
    "counts the same), 'weighted' (by its texts), 'micro' (every text the same), or None for a figure a class. A "
    "class without texts counts as 0."
)


class Recall(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Recall of class indices, or of several labels a text."""

    def _info(self) -> evaluate.MetricInfo:
        values = datasets.Value("int64")
        of_a_text = datasets.Sequence(values) if self.config_name == "multilabel" else values
        indices = datasets.Features({"predictions": of_a_text, "references": of_a_text})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation="", inputs_description=INPUTS, features=indices
        )

    def _compute(
        self,
        predictions: Sequence[int],
        references: Sequence[int],
        labels: Sequence[int] | None = None,
        average: str | None = "macro",
    ) -> dict[str, float | list[float]]:
        value = recall_score(references, predictions, labels=labels, average=average, zero_division=0.0)
        return {"recall": value.tolist() if average is None else float(value)}
