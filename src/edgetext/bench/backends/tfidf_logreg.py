"""The floor: TF-IDF and logistic regression by scikit-learn, fitted on the rows that the checkpoint was trained on.

What a transformer must beat to be worth its size. Both run with scikit-learn's defaults (only ``max_iter`` is more,
so that the fit converges); nothing is tuned. Where a text may bear several labels there is one classifier a label,
which gives it from a half on; of a pair both texts count as one. The fit is training, which the other programs did
before they were measured: its time is told in ``fit_s`` and taken out of the first prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from edgetext.bench.backends._shared import BatchedRunner, task_of
from edgetext.checkpoint import SplitRecord, read_split
from edgetext.data.held_out import held_out
from edgetext.errors import DataError
from edgetext.measure.processor import cpu_model
from edgetext.measure.runner import CannotMeasureError, Labels
from edgetext.task import Answers, Task, Text


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
        self._rows = len(rows)
        self._task = task
        self._words = TfidfVectorizer()
        linear = LogisticRegression(max_iter=1000)
        self._classifier = linear if task.one_label else OneVsRestClassifier(linear)
        features = self._words.fit_transform([_joined(row.text) for row in rows])
        self._classifier.fit(features, task.encode([row.labels for row in rows]).astype(np.int64))
        self.preparation_s = perf_counter() - begin

    def tokenize(self, text: Text) -> Any:
        """Finds one text's words and their weights."""
        return self._words.transform([_joined(text)])

    def about(self) -> dict[str, Any]:
        """Tells device, threads, the size of the arrays and of the vocabulary, and what the fit took."""
        each = [self._classifier] if self._task.one_label else self._classifier.estimators_
        arrays = [self._words.idf_]
        for linear in each:  # for a label that all rows bear or none a constant stands in
            arrays += [getattr(linear, name) for name in ("coef_", "intercept_") if hasattr(linear, name)]
        vocabulary = sum(len(word.encode("utf-8")) for word in self._words.vocabulary_)
        return {
            "device_name": cpu_model(),
            "threads": 1,
            "model_bytes": sum(array.nbytes for array in arrays) + vocabulary,
            "training_rows": self._rows,
            "fit_s": round(self.preparation_s, 2),
            "first_prediction": "without the fit, which is training",
            "batches": "in the order given",
        }

    def forward(self, texts: list[Text]) -> list[Labels]:
        """Labels one batch, in order."""
        found: Answers = self._classifier.predict(self._words.transform([_joined(text) for text in texts]))
        return self._task.names(found)


def _joined(text: Text) -> str:
    return text if isinstance(text, str) else " ".join(text)


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
