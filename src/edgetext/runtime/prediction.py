"""What a prediction is, and how logits become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from edgetext.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FloatArray: TypeAlias = "NDArray[np.float32]"


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
    """

    label: str
    score: float
    scores: Mapping[str, float]
    labels: tuple[str, ...]
    truncated: bool = False


class Scoring:
    """Turns logits into probabilities and predictions.

    Args:
        labels: By class index.
        thresholds: Multi label: the probability from which on a label is given; ``None`` for single label.
    """

    def __init__(self, labels: Sequence[str], thresholds: Sequence[float] | None = None) -> None:
        self._labels = tuple(labels)
        self._thresholds = None if thresholds is None else np.asarray(thresholds, np.float32)

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Returns probabilities for logits of shape (..., labels): softmax, or a sigmoid each for multi label.

        Both stay finite for any logits below 2^126 in size.
        """
        if self._thresholds is not None:
            # 1 / (1 + exp(-x)), without its overflow
            return np.exp(-np.logaddexp(np.float32(0), -logits))
        powers: FloatArray = np.exp(logits - logits.max(axis=-1, keepdims=True))
        powers /= powers.sum(axis=-1, keepdims=True)
        return powers

    def average(self, logits: FloatArray) -> FloatArray:
        """Makes the answers for the windows of one text one, whose probabilities are the mean of the windows'.

        Probabilities are averaged, and not logits: each window then has the same say, while one window with very
        large logits would outvote all others.

        Args:
            logits: Float32, of shape (windows, labels).

        Returns:
            Float32, of shape (labels,): log-probabilities for softmax, log-odds for sigmoids; the logits themselves
            where there is one window.
        """
        if len(logits) == 1:
            only: FloatArray = logits[0]
            return only
        if self._thresholds is not None:
            zero = np.float32(0)
            yes, no = -np.logaddexp(zero, -logits), -np.logaddexp(zero, logits)  # logs of p and of 1 - p
            odds: FloatArray = np.logaddexp.reduce(yes, axis=0) - np.logaddexp.reduce(no, axis=0)
            return odds
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        mean: FloatArray = np.logaddexp.reduce(logs, axis=0) - np.float32(np.log(len(logits)))
        return mean

    def prediction(self, probabilities: FloatArray, truncated: bool, top_k: int | None = None) -> Prediction:
        """Makes the prediction for one text.

        Args:
            probabilities: Float32, of shape (labels,).
            truncated: Whether the text was cut.
            top_k: How many scores to keep; all by default.
        """
        scores = Scores(self._labels, probabilities, top_k)
        best = int(probabilities.argmax())
        label = self._labels[best]
        chosen = (label,) if self._thresholds is None else self._chosen(probabilities)
        return Prediction(label, float(probabilities[best]), scores, chosen, truncated)

    def _chosen(self, probabilities: FloatArray) -> tuple[str, ...]:
        """Returns the labels that reach their thresholds, the most probable first."""
        order = np.argsort(-probabilities, kind="stable")
        assert self._thresholds is not None
        return tuple(self._labels[index] for index in order if probabilities[index] >= self._thresholds[index])


def check_top_k(top_k: int | None) -> None:
    """Raises unless ``top_k`` is ``None`` or a positive whole number.

    Raises:
        InputError: It is something else.
    """
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise InputError(f"top_k must be a whole number from 1 on, found {top_k!r}")
