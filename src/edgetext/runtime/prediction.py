"""What a prediction is, and how logits become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgetext.errors import InputError
from edgetext.task import FloatArray, Task

MODEL, FIRST = "model", "first"


class Scores(Mapping[str, float]):
    """Probability by label, the highest first.

    Sorting 77 labels and making a dictionary of them takes longer than all else that follows the model, and most
    callers want the label alone: both happen when the scores are first looked at.

    Args:
        labels: All labels, by class index.
        probabilities: Float32, of shape (labels,); kept, not copied.
        top_k: How many to keep; all if not given.
    """

    __slots__ = ("_labels", "_probabilities", "_sorted", "_top_k")

    def __init__(self, labels: tuple[str, ...], probabilities: FloatArray, top_k: int | None = None) -> None:
        self._labels = labels
        self._probabilities = probabilities
        self._top_k = top_k
        self._sorted: dict[str, float] | None = None

    def __getitem__(self, label: str) -> float:
        """Returns the probability of a label."""
        return self._all()[label]

    def __iter__(self) -> Iterator[str]:
        """Goes through the labels, the most probable first."""
        return iter(self._all())

    def __len__(self) -> int:
        """Returns the number of labels kept."""
        return len(self._labels) if self._top_k is None else min(self._top_k, len(self._labels))

    def __repr__(self) -> str:
        """Looks like the dictionary that it stands for."""
        return repr(self._all())

    def _all(self) -> dict[str, float]:
        if self._sorted is None:
            order = np.argsort(-self._probabilities, kind="stable")[: self._top_k].tolist()
            values = self._probabilities.tolist()
            self._sorted = {self._labels[index]: values[index] for index in order}
        return self._sorted


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    Attributes:
        label: The most probable label.
        score: Its probability, 0 to 1.
        scores: Probability by label, the highest first; the ``top_k`` highest where that was asked for.
        labels: Single label: ``(label,)``. Multi label: those that reach their thresholds, possibly none.
        truncated: Whether something of the text was left out, since it is longer than what is read.
        sure: Whether its confidence reaches the least that was asked for; see ``Predictor``.
        stage: Who answered: ``first`` where the first stage did, else ``model``.
    """

    label: str
    score: float
    scores: Mapping[str, float]
    labels: tuple[str, ...]
    truncated: bool = False
    sure: bool = True
    stage: str = MODEL


class Scoring:
    """Turns logits into probabilities and predictions.

    Args:
        task: What is decided.
        min_confidence: The confidence from which on an answer is sure; all are where ``None``.

    Attributes:
        labels: How many labels there are.
        probabilities: See ``Task.probabilities``.
    """

    def __init__(self, task: Task, min_confidence: float | None = None) -> None:
        self._task = task
        self.labels = len(task.labels)
        self._labels = task.labels
        self._one_label = task.one_label
        self._min_confidence = min_confidence
        self.probabilities = task.probabilities

    def join(self, logits: FloatArray) -> FloatArray:
        """Makes the logits of one text, shape (labels,), of those of its windows, shape (windows, labels)."""
        return logits[0] if len(logits) == 1 else self._task.average(logits)

    def prediction(
        self, probabilities: FloatArray, truncated: bool, top_k: int | None = None, *, by_first: bool = False
    ) -> Prediction:
        """Makes the prediction for one text.

        Args:
            probabilities: Float32, of shape (labels,).
            truncated: Whether the text was cut.
            top_k: How many scores to keep; all by default.
            by_first: Whether the first stage answered.
        """
        scores = Scores(self._labels, probabilities, top_k)
        best = int(probabilities.argmax())
        label = self._labels[best]
        chosen = (label,) if self._one_label else self._task.chosen(probabilities)
        least = self._min_confidence
        sure = least is None or float(self._task.confidence(probabilities)) >= least
        stage = FIRST if by_first else MODEL
        return Prediction(label, float(probabilities[best]), scores, chosen, truncated, sure, stage)


def check_top_k(top_k: int | None) -> None:
    """Raises unless ``top_k`` is ``None`` or a positive whole number.

    Raises:
        InputError: It is something else.
    """
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise InputError(f"top_k must be a whole number from 1 on, found {top_k!r}")


def check_confidence(confidence: float | None) -> None:
    """Raises unless a least confidence is ``None`` or a number from 0 to 1.

    Raises:
        InputError: It is something else.
    """
    if confidence is not None and not (isinstance(confidence, int | float) and 0 <= confidence <= 1):
        raise InputError(f"min_confidence must be a number from 0 to 1, found {confidence!r:.40}")
