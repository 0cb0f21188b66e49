"""F1 as an ``evaluate`` module: precision and recall in one figure, for a class or over all."""

from collections.abc import Sequence

import datasets
import evaluate
from sklearn.metrics import f1_score

DESCRIPTION = "The harmonic mean of precision and recall: 1 when both are 1, 0 when either is 0."
INPUTS = (
    "predictions: the class indices that the model gave; references: those that are right; with the configuration "
    "multilabel both are 0 or 1 for each class; labels: the classes to look at; average: 'macro' (every class "
    "counts the same), 'weighted' (by its texts), 'micro' (every text the same), or None for a figure a class. A "
    "class without texts counts as 0."
)


class F1(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """F1 of class indices, or of several labels a text."""

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
        value = f1_score(references, predictions, labels=labels, average=average, zero_division=0.0)
        return {"f1": value.tolist() if average is None else float(value)}
