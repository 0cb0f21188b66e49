"""The floor: TF-IDF and logistic regression, fitted on the rows that the checkpoint was trained on.

What a transformer must beat to be worth its size: the classifier that ``train`` tells beside its own, with
thresholds from the validation rows where a text may bear several labels (see ``metrics.baseline``). The fit is
training, which the other programs did before they were measured: its time is told in ``fit_s`` and taken out of the
first prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from edgetext.bench.backends._shared import BatchedRunner, labels_of, task_of
from edgetext.checkpoint import SplitRecord, read_split
from edgetext.data.held_out import held_out
from edgetext.errors import DataError
from edgetext.measure.processor import cpu_model
from edgetext.measure.runner import CannotMeasureError, Labels
from edgetext.metrics.baseline import fit_baseline
from edgetext.metrics.decisions import fit_task
from edgetext.task import Task, Text


class TfidfRunner(BatchedRunner):
    """A linear classifier over word frequencies.

    Args:
        record: Which rows the checkpoint was trained on.
        task: What is decided.

    Attributes:
        preparation_s: Seconds that reading the training rows and fitting took; no part of a cold start.

    Raises:
        DataError: The rows are no longer where the checkpoint found them.
    """

    def __init__(self, record: SplitRecord, task: Task) -> None:
        begin = perf_counter()
        rows = held_out(record, "train")
        self._model = fit_baseline(task, [row.text for row in rows], [row.labels for row in rows])
        self._task = task
        if not task.one_label:
            judged = held_out(record, "validation")
            logits = self._model.logits([row.text for row in judged])
            self._task = fit_task(task, logits, task.encode([row.labels for row in judged]))
        self.preparation_s = perf_counter() - begin

    def tokenize(self, text: Text) -> Any:
        """Finds one text's words and their weights."""
        return self._model.features([text])

    def about(self) -> dict[str, Any]:
        """Tells device, threads, the size of the arrays and of the vocabulary, and what the fit took."""
        return {
            "device_name": cpu_model(),
            "threads": 1,
            "model_bytes": self._model.size,
            "training_rows": self._model.rows,
            "fit_s": round(self.preparation_s, 2),
            "first_prediction": "without the fit, which is training",
            "batches": "in the order given",
        }

    def forward(self, texts: list[Text]) -> list[Labels]:
        """Labels one batch, in order."""
        return labels_of(self._task, self._model.logits(texts))


def load(spec: Mapping[str, Any]) -> TfidfRunner:
    """Fits the classifier.

    Args:
        spec: ``model`` (the checkpoint's folder), ``task``.

    Raises:
        CannotMeasureError: The checkpoint does not say what it was trained on, or those rows are gone.
    """
    record = read_split(Path(spec["model"]))
    if record is None:
        raise CannotMeasureError("the checkpoint does not say which rows it was trained on")
    try:
        return TfidfRunner(record, task_of(spec))
    except DataError as error:
        raise CannotMeasureError(str(error)) from error
