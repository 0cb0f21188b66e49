"""What a prediction is, and how logits become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetext.errors import InputError

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    Attributes:
        label: The most probable label.
        score: Its probability, 0 to 1.
        scores: Probability by label, the highest first; the ``top_k`` highest where that was asked for.
        labels: Single label: ``(label,)``. Multi label: those that reach their thresholds, possibly none.
        truncated: Whether the text was longer than the model reads, so that its end did not count.
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
        """See the class for the arguments."""
        self._labels = tuple(labels)
        self._thresholds = None if thresholds is None else np.asarray(thresholds, np.float32).tolist()

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Gives probabilities for logits of shape (..., labels): softmax, or a sigmoid each for multi label.

        Both stay finite for any finite logits.
        """
        if self._thresholds is not None:
            # 1 / (1 + exp(-x)), without its overflow
            return np.exp(-np.logaddexp(np.float32(0), -logits))
        powers: FloatArray = np.exp(logits - logits.max(axis=-1, keepdims=True))
        powers /= powers.sum(axis=-1, keepdims=True)
        return powers

    def prediction(self, probabilities: FloatArray, truncated: bool, top_k: int | None = None) -> Prediction:
        """Makes the prediction for one text.

        Args:
            probabilities: Float32, of shape (labels,).
            truncated: Whether the text was cut.
            top_k: How many scores to keep; all by default.
        """
        names = self._labels
        values: list[float] = probabilities.tolist()
        order: list[int] = np.argsort(-probabilities, kind="stable").tolist()
        best = order[0]
        if self._thresholds is None:
            chosen: tuple[str, ...] = (names[best],)
        else:
            limits = self._thresholds
            chosen = tuple(names[index] for index in order if values[index] >= limits[index])
        if top_k is not None:
            order = order[:top_k]
        return Prediction(names[best], values[best], {names[i]: values[i] for i in order}, chosen, truncated)


def check_top_k(top_k: int | None) -> None:
    """Raises unless ``top_k`` is ``None`` or a positive whole number.

    Raises:
        InputError: It is something else.
    """
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise InputError(f"top_k must be a whole number from 1 on, found {top_k!r}")
